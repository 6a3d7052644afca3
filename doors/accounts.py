"""Accounts: users with their passwords and e-mail addresses, and the keys of their programs, in tables beside the library's.

A password is kept as its scrypt hash, with the parameters that it was made with. A key is 256 bits by chance, which nobody can guess
however quick the hash is: its SHA-256 is kept. Guessing is slowed by attempts.py. Who may read what is the library's (access.py).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import delete, func, insert, select, update

from assistant.access import OWNER
from assistant.database import Database
from assistant.errors import AccountError
from doors.account_tables import emails, keys, metadata, users
from doors.attempts import Attempts

KEY_PREFIX = "fn_"
LEAST_CHARACTERS = 10
_MOST_CHARACTERS = 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}")
# Each takes the memory of `Cost`: a crowd that logs in at once must not take all there is.
_AT_ONCE = threading.Semaphore(2)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at a password costs: 128 * n * r bytes, p times. The default, 64 MiB twice, is one of OWASP's equals."""

    n: int = 2**16
    r: int = 8
    p: int = 2


@dataclass(frozen=True, slots=True)
class User:
    name: str
    emails: Sequence[str]
    created_at: str
    disabled: bool
    keys: int


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is listed; what it opens with is shown once, when it is made. `id` names it for revoking."""

    id: str
    user: str
    name: str
    created_at: str
    used_at: str | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A user whose password was right, and the hash that it was held against: with another hash it is to be verified anew."""

    user: str
    password_hash: str


class Accounts:
    """The accounts of one library. Raises AccountError for what cannot be made or is not there, LibraryError where the database
    fails. Safe to call from several threads, and while other processes change accounts."""

    def __init__(self, database: Database, cost: Cost | None = None) -> None:
        database.add_tables(metadata)
        self._database, self._cost = database, cost or Cost()
        self.attempts = Attempts(database)

    def exist(self) -> bool:
        """Whether there is any user, disabled ones too."""
        with self._database.reading() as connection:
            return connection.execute(select(users.c.name).limit(1)).first() is not None

    # Users

    def add_user(self, name: str, password: str, *, addresses: Sequence[str] = ()) -> User:
        """A new user. Names are kept in small letters."""
        name = _checked_name(name)
        wrong = [address for address in addresses if not _EMAIL.fullmatch(address)]
        if wrong:
            raise AccountError(f"'{wrong[0]}' is no e-mail address. Write it as name@example.org.")
        hashed = self._hashed(_checked_password(password))
        with self._database.writing() as connection:
            if connection.execute(select(users.c.name).where(users.c.name == name)).first():
                raise AccountError(f"There is a user '{name}' already. `footnote users password {name}` gives another password.")
            known = select(emails.c.address, emails.c.user).where(emails.c.address.in_([a.lower() for a in addresses]))
            if taken := connection.execute(known).first():
                raise AccountError(f"The address {taken.address} is {taken.user}'s. An address belongs to one user.")
            connection.execute(insert(users).values(name=name, password_hash=hashed, disabled=False, created_at=_now()))
            for address in dict.fromkeys(a.lower() for a in addresses):
                connection.execute(insert(emails).values(address=address, user=name))
        return self.user(name)

    def users(self) -> list[User]:
        """All users, by name."""
        count = select(func.count()).where(keys.c.user == users.c.name).scalar_subquery()
        query = select(users.c.name, users.c.created_at, users.c.disabled, count.label("keys")).order_by(users.c.name)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            named = connection.execute(select(emails).order_by(emails.c.address)).all()
        return [
            User(r.name, tuple(e.address for e in named if e.user == r.name), r.created_at, bool(r.disabled), r.keys)
            for r in rows
        ]

    def user(self, name: str) -> User:
        found = next((user for user in self.users() if user.name == name.lower()), None)
        if found is None:
            raise _no_user(name)
        return found

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; the one before, and what was remembered of it, opens nothing from then on."""
        self._set(name, password_hash=self._hashed(_checked_password(password)))
        self.attempts.forgive_name(name)

    def disable(self, name: str, *, disabled: bool = True) -> None:
        """Let a user and their keys in no more, or again. What they have stays."""
        self._set(name, disabled=disabled)

    def remove_user(self, name: str) -> None:
        """Take out a user with their addresses and keys. Their collections are for the caller to hand over (Library.hand_over),
        and before this, since a user may be made again under this name."""
        with self._database.writing() as connection:
            if not connection.execute(delete(users).where(users.c.name == name.lower())).rowcount:
                raise _no_user(name)
            for table in (keys, emails):
                connection.execute(delete(table).where(table.c.user == name.lower()))

    def user_of_email(self, address: str) -> str | None:
        """Who has this address; None for nobody, and for a user who is disabled."""
        query = select(users.c.name).join(emails, emails.c.user == users.c.name)
        with self._database.reading() as connection:
            return connection.scalar(query.where(emails.c.address == address.lower(), users.c.disabled.is_(False)))

    # Logging in

    def verify(self, name: str, password: str) -> Verified | None:
        """The user, where the password is theirs; None where it is not, where there is no such user, and where they are disabled. All
        of these take the same time."""
        stands, nobodys = self.password_hash(name), self._nobodys
        with _AT_ONCE:
            right = _matches(password, stands or nobodys)
        return Verified(name.lower(), stands) if right and stands else None

    def password_hash(self, name: str) -> str | None:
        """The hash that a user's password must have now; None where there is no such user, or they are disabled."""
        query = select(users.c.password_hash).where(users.c.name == name.lower(), users.c.disabled.is_(False))
        with self._database.reading() as connection:
            return connection.scalar(query)

    def user_of_key(self, key: str) -> str | None:
        """Whose key this is; None for nobody's, and for a user who is disabled. Its last use is noted, to the hour."""
        query = select(keys.c.id, keys.c.used_at, users.c.name).join(users, users.c.name == keys.c.user)
        with self._database.reading() as connection:
            found = connection.execute(query.where(keys.c.digest == _digest(key), users.c.disabled.is_(False))).one_or_none()
        if found is None:
            return None
        if (found.used_at or "")[:13] != _now()[:13]:
            with self._database.writing() as connection:
                connection.execute(update(keys).where(keys.c.id == found.id).values(used_at=_now()))
        name: str = found.name
        return name

    # Keys

    def add_key(self, user: str, name: str) -> str:
        """A new key for a user's program, to be shown this once."""
        if not name.strip() or len(name) > 200:
            raise AccountError("A key needs a name of 1 to 200 characters that says what it is for.")
        key = f"{KEY_PREFIX}{secrets.token_urlsafe(32)}"
        owner = self.user(user).name
        row = {"id": secrets.token_hex(4), "user": owner, "name": name.strip(), "digest": _digest(key), "created_at": _now()}
        with self._database.writing() as connection:
            if connection.execute(select(keys.c.id).where(keys.c.user == owner, keys.c.name == row["name"])).first():
                raise AccountError(f"{owner} has a key '{row['name']}' already. Revoke it first, or give another name.")
            connection.execute(insert(keys).values(**row))
        return key

    def keys(self, user: str = "") -> list[Key]:
        """The keys of a user, of all where none is named, by user and name."""
        query = select(keys.c.id, keys.c.user, keys.c.name, keys.c.created_at, keys.c.used_at).order_by(keys.c.user, keys.c.name)
        if user:
            query = query.where(keys.c.user == self.user(user).name)
        with self._database.reading() as connection:
            return [Key(*row) for row in connection.execute(query)]

    def revoke_key(self, key_id: str) -> Key:
        """Take out a key by its id; it opens nothing from then on."""
        found = next((key for key in self.keys() if key.id == key_id), None)
        if found is None:
            raise AccountError(f"There is no key with the id '{key_id}'. `footnote keys list` shows their ids.")
        with self._database.writing() as connection:
            connection.execute(delete(keys).where(keys.c.id == key_id))
        return found

    @cached_property
    def _nobodys(self) -> str:
        """What the password of nobody is held against, so that it takes as long as somebody's."""
        return self._hashed(secrets.token_urlsafe())

    def _set(self, name: str, **values: object) -> None:
        with self._database.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name.lower()).values(**values)).rowcount:
                raise _no_user(name)

    def _hashed(self, password: str) -> str:
        cost, salt = self._cost, secrets.token_bytes(16)
        return f"scrypt${cost.n}${cost.r}${cost.p}${salt.hex()}${_scrypt(password, salt, cost).hex()}"


def _matches(password: str, hashed: str) -> bool:
    _, n, r, p, salt, digest = hashed.split("$")
    made = _scrypt(password, bytes.fromhex(salt), Cost(int(n), int(r), int(p)))
    return hmac.compare_digest(made, bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    """Percival, RFC 7914. A password is the same however its letters were put together (NFKC)."""
    said = unicodedata.normalize("NFKC", password[:_MOST_CHARACTERS]).encode("utf-8", "surrogatepass")
    memory = 128 * cost.r * (cost.n + cost.p + 2)
    return hashlib.scrypt(said, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=memory, dklen=32)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _checked_name(name: str) -> str:
    lower = name.lower()
    if not _NAME.fullmatch(lower) or lower == OWNER:
        raise AccountError(
            f"'{name[:80]}' cannot be a user's name. Take up to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit; "
            f"'{OWNER}' is whoever runs Footnote."
        )
    return lower


def _checked_password(password: str) -> str:
    if not LEAST_CHARACTERS <= len(password) <= _MOST_CHARACTERS:
        raise AccountError(f"The password has {len(password)} characters. Take {LEAST_CHARACTERS} to {_MOST_CHARACTERS}.")
    if password.startswith(KEY_PREFIX):
        raise AccountError(f"A password may not begin with {KEY_PREFIX}, as keys do.")
    return password


def _no_user(name: str) -> AccountError:
    return AccountError(f"There is no user '{name[:80]}'. `footnote users list` shows them.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
