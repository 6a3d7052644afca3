"""Accounts: passwords and keys open what they should and nothing else, and guessing is slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import AccountError, CollectionNotFound, NotPermitted
from assistant.library import Library
from doors.accounts import KEY_PREFIX, Accounts, Cost
from doors.attempts import FREE, LONGEST_SECONDS, Attempts, TooManyAttempts
from doors.authentication import Authentication, Refused
from ingestion import ingest
from ingestion.purging import purge
from tests.conftest import WriteFile
from tests.login import basic, bearer

PASSWORD = "correct horse"
QUICK = Cost(n=2**10, r=8, p=1)
ROOT = Path(__file__).parent.parent


@pytest.fixture
def accounts(assistant: Assistant) -> Accounts:
    return Accounts(assistant.library.database, QUICK)


@pytest.fixture
def ann(accounts: Accounts) -> str:
    return accounts.add_user("Ann", PASSWORD, addresses=["Ann@Example.org"]).name


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("library.sqlite3"))


def test_a_password_opens_its_own_account_only_and_is_kept_as_a_memory_hard_hash(
    accounts: Accounts, ann: str, tmp_path: Path
) -> None:
    accounts.add_user("bob", "another password")
    verified = accounts.verify("ANN", PASSWORD)
    assert verified is not None
    assert verified.user == "ann"
    assert verified.password_hash.startswith("scrypt$1024$8$1$")
    assert accounts.verify("bob", PASSWORD) is None
    assert accounts.verify("ann", PASSWORD + "!") is None
    assert PASSWORD.encode() not in stored_bytes(tmp_path / "data")
    assert 128 * Cost().n * Cost().r == 64 * 2**20


def test_the_same_password_is_hashed_with_another_salt(accounts: Accounts, ann: str) -> None:
    accounts.add_user("bob", PASSWORD)
    assert accounts.password_hash("ann") != accounts.password_hash("bob")


def test_a_hash_is_verified_with_the_parameters_it_was_made_with(assistant: Assistant, ann: str) -> None:
    assert Accounts(assistant.library.database, Cost(n=2**11, r=4, p=2)).verify("ann", PASSWORD)


def test_an_unknown_name_takes_as_long_as_a_known_one(assistant: Assistant) -> None:
    accounts = Accounts(assistant.library.database, Cost(n=2**14, r=8, p=1))
    accounts.add_user("ann", PASSWORD)
    accounts.add_user("gone", PASSWORD)
    accounts.disable("gone")

    def seconds(name: str) -> float:
        times = []
        for _ in range(7):
            started = time.thread_time()  # scrypt is computed in this thread, and others' load does not count
            accounts.verify(name, "a wrong one")
            times.append(time.thread_time() - started)
        return median(times)

    known = seconds("ann")
    assert known > 0.005
    assert 0.6 < seconds("nobody") / known < 1.6
    assert 0.6 < seconds("gone") / known < 1.6


@pytest.mark.parametrize("name", ["", "owner", "Owner", "*", "a:b", "a/b", "-a", "ännchen", "a" * 65, "a b"])
def test_what_would_be_taken_for_something_else_is_no_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="cannot be a user's name"):
        accounts.add_user(name, PASSWORD)


def test_users_addresses_and_passwords_that_cannot_be_are_refused(accounts: Accounts, ann: str) -> None:
    with pytest.raises(AccountError, match="already"):
        accounts.add_user("ANN", PASSWORD)
    with pytest.raises(AccountError, match=r"is ann's"):
        accounts.add_user("bob", PASSWORD, addresses=["ann@example.ORG"])
    with pytest.raises(AccountError, match="no e-mail address"):
        accounts.add_user("bob", PASSWORD, addresses=["bob"])
    for password in ("short", "x" * 1025, KEY_PREFIX + PASSWORD):
        with pytest.raises(AccountError):
            accounts.add_user("bob", password)
    assert [user.name for user in accounts.users()] == ["ann"]
    assert accounts.user_of_email("ANN@example.org") == "ann"


def test_a_key_opens_its_users_account_until_it_is_revoked_and_is_not_kept(accounts: Accounts, ann: str, tmp_path: Path) -> None:
    key = accounts.add_key("ann", "laptop")
    assert key.startswith("fn_")
    assert len(key) == 3 + 43  # 256 bits in base64
    (listed,) = accounts.keys("ann")
    assert listed.used_at is None
    assert accounts.user_of_key(key) == "ann"
    assert accounts.keys("ann")[0].used_at is not None
    assert accounts.user_of_key(key[:-1]) is None
    assert key.encode() not in stored_bytes(tmp_path / "data")
    accounts.revoke_key(listed.id)
    assert accounts.user_of_key(key) is None


def test_a_disabled_user_is_let_in_by_nothing_until_they_are_enabled(accounts: Accounts, ann: str) -> None:
    key = accounts.add_key("ann", "laptop")
    accounts.disable("ann")
    assert accounts.verify("ann", PASSWORD) is None
    assert accounts.user_of_key(key) is None
    assert accounts.user_of_email("ann@example.org") is None
    assert accounts.exist()
    accounts.disable("ann", disabled=False)
    assert accounts.user_of_key(key) == "ann"


def test_who_comes_later_under_a_removed_users_name_inherits_nothing(
    assistant: Assistant, accounts: Accounts, ann: str, write: WriteFile
) -> None:
    key = accounts.add_key("ann", "laptop")
    ingest(assistant, [write("a.txt", "Ann's pears.")], collection="papers", reader="ann")
    ingest(assistant, [write("b.txt", "The owner's plums.")], collection="plums")
    assistant.library.share("plums", ["ann"])
    assert assistant.library.hand_over("ann") == ["ann/papers"]
    accounts.remove_user("ann")
    accounts.add_user("ann", "a new password")
    assert accounts.user_of_key(key) is None
    assert accounts.user_of_email("ann@example.org") is None
    assert assistant.library.readable("ann") == []
    assert [c.owner for c in assistant.library.readable(OWNER)] == [OWNER, OWNER]
    with pytest.raises(CollectionNotFound):
        ingest(assistant, [write("c.txt", "More pears.")], collection="papers", reader="ann")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def wrong(attempts: Attempts, name: str, address: str = "10.0.0.1") -> None:
    with attempts.one(name, address):
        pass


def test_each_wrong_guess_at_a_name_waits_twice_as_long_and_a_new_start_forgets_nothing(assistant: Assistant) -> None:
    clock = Clock()
    Accounts(assistant.library.database, QUICK)
    waits = []
    for guess in range(FREE["name"] + 12):
        wrong(Attempts(assistant.library.database, clock=clock), "ann", f"10.0.0.{guess}")
        try:
            wrong(Attempts(assistant.library.database, clock=clock), "Ann", f"10.0.1.{guess}")
        except TooManyAttempts as error:
            waits.append(error.seconds)
            clock.now += error.seconds
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-2:] == [LONGEST_SECONDS] * 2


def test_guesses_from_one_address_at_many_names_wait_too(assistant: Assistant) -> None:
    Accounts(assistant.library.database, QUICK)
    attempts = Attempts(assistant.library.database, clock=Clock())
    for guess in range(FREE["address"]):
        wrong(attempts, f"user{guess}")
    with pytest.raises(TooManyAttempts):
        wrong(attempts, "another")
    wrong(attempts, "another", "10.0.0.2")


def test_a_right_login_forgives_the_guesses_at_its_name_and_not_those_of_its_address(assistant: Assistant) -> None:
    Accounts(assistant.library.database, QUICK)
    attempts = Attempts(assistant.library.database, clock=Clock())
    for guess in range(FREE["address"] - 1):
        wrong(attempts, f"user{guess}")
        with attempts.one("mallory", "10.0.0.1") as attempt:
            attempt.right = True
    wrong(attempts, "user")
    with pytest.raises(TooManyAttempts):
        wrong(attempts, "user")


def test_guesses_made_at_once_are_not_all_free(accounts: Accounts, ann: str) -> None:
    login = Authentication(accounts)
    said = list[str | Refused]()
    guesses = [
        threading.Thread(target=lambda n=n: said.append(login.reader(basic("ann", f"guess number {n}"), f"10.0.0.{n}")))
        for n in range(30)
    ]
    for guess in guesses:
        guess.start()
    for guess in guesses:
        guess.join()
    statuses = [answer.status for answer in said if isinstance(answer, Refused)]
    assert len(statuses) == 30
    assert statuses.count(401) <= FREE["name"] + 1  # a second may pass meanwhile
    assert statuses.count(429) >= 24


def test_one_who_is_logged_in_stays_so_while_others_guess(accounts: Accounts, ann: str) -> None:
    login = Authentication(accounts)
    assert login.reader(basic("ann", PASSWORD), "10.0.0.1") == "ann"
    for n in range(FREE["name"] + 1):
        login.reader(basic("ann", f"guess number {n}"), "10.0.0.2")
    refused = login.reader(basic("ann", f"{PASSWORD}?"), "10.0.0.2")
    assert isinstance(refused, Refused)
    assert refused.status == 429
    assert refused.wait_seconds >= 1
    assert login.reader(basic("ann", PASSWORD), "10.0.0.1") == "ann"


def test_a_page_with_an_old_password_makes_one_guess_however_often_it_asks(accounts: Accounts, ann: str) -> None:
    login = Authentication(accounts)
    for _ in range(10 * FREE["name"]):
        refused = login.reader(basic("ann", "the old password"), "10.0.0.1")
        assert isinstance(refused, Refused)
        assert refused.status == 401
    assert login.reader(basic("ann", PASSWORD), "10.0.0.1") == "ann"


def test_what_was_remembered_of_a_login_ends_with_the_password_and_with_the_account(
    assistant: Assistant, accounts: Accounts, ann: str
) -> None:
    login = Authentication(accounts)
    elsewhere = Accounts(assistant.library.database, QUICK)  # as `footnote users` beside a running server
    assert login.reader(basic("ann", PASSWORD), "") == "ann"
    elsewhere.disable("ann")
    assert isinstance(login.reader(basic("ann", PASSWORD), ""), Refused)
    elsewhere.disable("ann", disabled=False)
    assert login.reader(basic("ann", PASSWORD), "") == "ann"
    elsewhere.set_password("ann", "another password")
    assert isinstance(login.reader(basic("ann", PASSWORD), ""), Refused)
    assert login.reader(basic("ann", "another password"), "") == "ann"
    elsewhere.remove_user("ann")
    assert isinstance(login.reader(basic("ann", "another password"), ""), Refused)


def test_headers_that_name_nobody_are_refused(accounts: Accounts, ann: str) -> None:
    login = Authentication(accounts)
    key = accounts.add_key("ann", "laptop")
    accounts.add_user("bob", PASSWORD)
    assert login.reader(bearer(key), "") == "ann"
    assert login.reader(basic("ann", key), "") == "ann"
    for header in (
        "", "Basic", "Basic !!!", "Bearer", "Bearer fn_", "Digest x", basic("ann", ""), basic("", PASSWORD), basic("bob", key),
        basic(OWNER, PASSWORD), "Basic " + "A" * 100_000, bearer(f"{key}x"), f"Token {key}", "Basic w6Q6\xff",
    ):  # fmt: skip
        refused = login.reader(header, "10.0.0.9")
        assert isinstance(refused, Refused), header
        assert PASSWORD not in refused.reason


def test_only_the_local_owner_may_purge(assistant: Assistant) -> None:
    with pytest.raises(NotPermitted, match="ann may not purge"):
        purge(assistant, reader="ann")


def test_a_library_from_before_there_were_accounts_gets_their_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    Library(url).close()
    library = Library(url)
    accounts = Accounts(library.database, QUICK)
    assert not accounts.exist()
    accounts.add_user("ann", PASSWORD)
    library.close()
    again = Library(url)
    assert Accounts(again.database, QUICK).verify("ann", PASSWORD)
    again.close()


def footnote(data: Path, *arguments: str, said: str = "", status: int = 0) -> str:
    """What the command prints. With an error, what it says on stderr."""
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-m", "doors.cli", *arguments], input=said, capture_output=True, text=True, env=environment, timeout=120
    )
    assert ran.returncode == status, ran.stderr
    return ran.stdout if status == 0 else ran.stderr


def test_users_keys_and_sharing_from_the_command_line(assistant: Assistant, tmp_path: Path, write: WriteFile) -> None:
    data = tmp_path / "data"
    ingest(assistant, [write("a.txt", "The owner's plums.")], collection="plums")
    added = footnote(data, "users", "add", "Ann", "--email", "ann@example.org", "--stdin", "--json", said=PASSWORD + "\n")
    assert json.loads(added) == {"added": "ann"}
    assert "no terminal" in footnote(data, "users", "add", "bob", status=1)
    key = json.loads(footnote(data, "keys", "add", "laptop", "--user", "ann", "--json"))["key"]
    accounts = Accounts(assistant.library.database, QUICK)
    assert accounts.user_of_key(key) == "ann"
    assert accounts.verify("ann", PASSWORD)
    listed = json.loads(footnote(data, "users", "list", "--json"))["users"]
    assert [(u["name"], u["emails"], u["disabled"], u["keys"]) for u in listed] == [("ann", ["ann@example.org"], False, 1)]
    assert "There is no user 'eve'" in footnote(data, "share", "plums", "--with", "ann,eve", status=1)
    assert assistant.library.readable("ann") == []
    shared = json.loads(footnote(data, "share", "plums", "--with", "Ann", "--json"))
    assert shared == {"collection": "plums", "owner": "owner", "readers": ["ann"]}
    assert [c.name for c in assistant.library.readable("ann")] == ["plums"]
    assert assistant.library.readable("bob") == []
    footnote(data, "share", "plums", "--all")
    assert [c.name for c in assistant.library.readable("bob")] == ["plums"]
    assert "private" in footnote(data, "share", "plums", "--private")
    assert assistant.library.readable("ann") == []
    footnote(data, "users", "disable", "ann")
    assert accounts.user_of_key(key) is None
    footnote(data, "users", "enable", "ann")
    key_id = json.loads(footnote(data, "keys", "list", "--json"))["keys"][0]["id"]
    footnote(data, "keys", "revoke", key_id)
    assert accounts.user_of_key(key) is None
    footnote(data, "users", "password", "ann", "--stdin", said="another password\n")
    assert accounts.verify("ann", "another password")
    footnote(data, "users", "remove", "ann")
    assert not accounts.exist()
