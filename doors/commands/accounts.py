"""Accounts: users, the keys of their programs, and with whom a collection is shared."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from assistant.errors import InvalidRequest
from doors.commands.command import as_json_option, command, open_assistant, text
from doors.completion import collections
from doors.terminal import name, print_json, say

if TYPE_CHECKING:
    from assistant.library import Library
    from doors.accounts import Accounts

_stdin_option = click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from the first line of stdin.")


@click.group("users")
def users_command() -> None:
    """Those who may log in. With the first one, the server asks everybody for a login."""


@click.group("keys")
def keys_command() -> None:
    """Keys with which the programs of a user log in."""


@command("list")
@as_json_option
def _list_users(as_json: bool) -> None:
    """List the users."""
    with _opened() as (_, accounts):
        found = accounts.users()
    if as_json:
        print_json({"users": [{**asdict(user), "emails": list(user.emails)} for user in found]})
        return
    for user in found:
        addresses = "".join(f", {name(address)}" for address in user.emails)
        off = ", disabled" if user.disabled else ""
        say(f"{user.name}{addresses}, since {user.created_at[:10]}, {user.keys} key{'s' * (user.keys != 1)}{off}")
    if not found:
        say("No users yet. Add one: footnote users add NAME")


@command("add")
@click.argument("user", metavar="NAME", type=text)
@click.option(
    "--email", "addresses", type=text, multiple=True, help="An e-mail address of theirs; it can be given several times."
)
@_stdin_option
@as_json_option
def _add_user(user: str, addresses: tuple[str, ...], from_stdin: bool, as_json: bool) -> None:
    """Add a user. Their password is asked for twice."""
    with _opened() as (library, accounts):
        if all(known.name != user.lower() for known in accounts.users()):
            library.hand_over(user.lower())  # what an upload under way has given to a removed user of this name
        added = accounts.add_user(user, _password(from_stdin), addresses=addresses)
    if as_json:
        print_json({"added": added.name})
    else:
        say(f"Added: {added.name}. `footnote share COLLECTION --with {added.name}` lets them read what is yours.")


@command("password")
@click.argument("user", metavar="NAME", type=text)
@_stdin_option
@as_json_option
def _set_password(user: str, from_stdin: bool, as_json: bool) -> None:
    """Give a user another password, which is asked for twice. The one before opens nothing from then on; keys still do."""
    with _opened() as (_, accounts):
        found = accounts.user(user)
        accounts.set_password(found.name, _password(from_stdin))
    _done(as_json, "password", found.name, f"{found.name} has another password.")


@command("disable")
@click.argument("user", metavar="NAME", type=text)
@as_json_option
def _disable_user(user: str, as_json: bool) -> None:
    """Let a user and their keys in no more. What they have stays."""
    with _opened() as (_, accounts):
        accounts.disable(user)
    _done(as_json, "disabled", user.lower(), f"{user.lower()} is let in no more.")


@command("enable")
@click.argument("user", metavar="NAME", type=text)
@as_json_option
def _enable_user(user: str, as_json: bool) -> None:
    """Let a user in again."""
    with _opened() as (_, accounts):
        accounts.disable(user, disabled=False)
    _done(as_json, "enabled", user.lower(), f"{user.lower()} is let in again.")


@command("remove")
@click.argument("user", metavar="NAME", type=text)
@as_json_option
def _remove_user(user: str, as_json: bool) -> None:
    """Take a user out, with their keys. Their collections become yours, and keep their names."""
    with _opened() as (library, accounts):
        found = accounts.user(user).name
        accounts.disable(found)
        handed = library.hand_over(found)
        accounts.remove_user(found)
        left = accounts.exist()
    if as_json:
        print_json({"removed": found, "collections": handed})
    else:
        if not left:
            say("No user is left: a server on loopback now asks nobody for a login, any other lets nobody in.", to_stderr=True)
        say(f"Removed: {found}." + (f" Yours are now: {', '.join(map(name, handed))}." if handed else ""))


@command("list")
@click.option("--user", type=text, default="", help="Only this user's.")
@as_json_option
def _list_keys(user: str, as_json: bool) -> None:
    """List the keys, each with its id, its user and when it was used last."""
    with _opened() as (_, accounts):
        found = accounts.keys(user)
    if as_json:
        print_json({"keys": [asdict(key) for key in found]})
        return
    for key in found:
        used = f"used {key.used_at[:10]}" if key.used_at else "never used"
        say(f"{key.id}  {key.user}  {name(key.name)}, since {key.created_at[:10]}, {used}")
    if not found:
        say("No keys yet. Add one: footnote keys add NAME --user USER")


@command("add")
@click.argument("called", metavar="NAME", type=text)
@click.option("--user", type=text, required=True, help="Whose key it is.")
@as_json_option
def _add_key(called: str, user: str, as_json: bool) -> None:
    """Make a key for a program of a user. It is shown this once."""
    with _opened() as (_, accounts):
        key = accounts.add_key(user, called)
    if as_json:
        print_json({"key": key, "name": called, "user": user.lower()})
    else:
        say(key)
        say("Keep it: it is not shown again. Programs send it as `Authorization: Bearer KEY`.", to_stderr=True)


@command("revoke")
@click.argument("key_id", metavar="ID", type=text)
@as_json_option
def _revoke_key(key_id: str, as_json: bool) -> None:
    """Take out a key by its id. It opens nothing from then on."""
    with _opened() as (_, accounts):
        revoked = accounts.revoke_key(key_id)
    _done(as_json, "revoked", revoked.id, f"Revoked: {revoked.user}'s key {name(revoked.name)}.")


@command("share")
@click.argument("collection", type=text, shell_complete=collections)
@click.option(
    "--with", "readers", type=text, multiple=True, metavar="NAME", help="With these users (repeat it, or part by commas)."
)
@click.option("--all", "with_all", is_flag=True, help="With every user, those to come too.")
@click.option("--private", is_flag=True, help="With nobody.")
@as_json_option
def share_command(collection: str, readers: tuple[str, ...], with_all: bool, private: bool, as_json: bool) -> None:
    """Say who may read a collection, in place of who might before; without an option, show it. Only its owner changes it."""
    from assistant.access import EVERYONE, OWNER
    from doors.slack.channels import is_channel_reader

    named = [part.strip().lower() for given in readers for part in given.split(",") if part.strip()]
    if readers and not named:
        raise InvalidRequest("--with names nobody. Give the names of users, or --private.")
    if bool(readers) + with_all + private > 1:
        raise InvalidRequest("Give one of --with, --all and --private.")
    with _opened() as (library, accounts):
        if readers or with_all or private:
            for reader in named:
                if not is_channel_reader(reader):
                    accounts.user(reader)
            library.share(collection, [EVERYONE] if with_all else named, owner=OWNER)
        (found,) = library.readable(OWNER, [collection])
    if as_json:
        print_json({"collection": found.name, "owner": found.owner, "readers": list(found.readers)})
        return
    whom = "every user" if EVERYONE in found.readers else ", ".join(found.readers)
    whose = "yours" if found.owner == OWNER else f"{found.owner}'s"
    say(f"{name(found.name)} is {whose}, {f'and is shared with {whom}' if whom else 'and private'}.")


for _command in (_list_users, _add_user, _set_password, _disable_user, _enable_user, _remove_user):
    users_command.add_command(_command)
for _command in (_list_keys, _add_key, _revoke_key):
    keys_command.add_command(_command)


@contextmanager
def _opened() -> Iterator[tuple[Library, Accounts]]:
    """The library and its accounts; neither index nor models, so that a running server is not in the way."""
    from doors.accounts import Accounts

    with open_assistant() as assistant:
        yield assistant.library, Accounts(assistant.library.database)


def _password(from_stdin: bool) -> str:
    """From the terminal, hidden and twice, or from stdin. Never from the command line, which other users of the machine can see."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidRequest("There is no terminal to ask for the password at. Give --stdin, and the password on its first line.")
    said: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return said


def _done(as_json: bool, what: str, whom: str, words: str) -> None:
    if as_json:
        print_json({what: whom})
    else:
        say(words)
