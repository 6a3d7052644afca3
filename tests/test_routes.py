"""Every route of the running server, read from the app, tried by everybody who might: a route that nobody declared fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from assistant.access import OWNER
from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from doors.accounts import Accounts, Cost
from doors.answer_links import AnswerLinks
from doors.server import make_app
from ingestion import ingest
from tests.conftest import FILES
from tests.login import basic, bearer
from tests.routes import GRADIO_USED, ROUTES, Declared, routes_of
from tests.serving import serving
from tests.test_links import QUOTE, answer_with, citation_of

PASSWORD = "a password for the test"
# What stands in the owner's document, its name, its title and its collection.
SECRET = re.compile("quay|report|harbour|plans", re.IGNORECASE)
OUR_OWN_WORDS = ("GET /own/{name}", "GET /docs", "GET /v1/openapi.json")
STRANGERS = ("anonymous", "wrong key", "wrong password", "removed user", "revoked key", "disabled user")


@dataclass
class Door:
    """A running server with ann's document in it. `logins` are the headers by who asks."""

    app: FastAPI
    client: httpx.Client
    ids: dict[str, str]
    logins: dict[str, dict[str, str]]

    def ask(self, route: str, declared: Declared, who: str) -> httpx.Response:
        method, _, template = route.partition(" ")
        address = (declared.address or template).format(**self.ids)
        sent = filled(dict(declared.sent or {}), self.ids)
        headers = {**self.logins[who], **sent.pop("headers", {})}
        return self.client.request(method.replace("*", "POST"), address, headers=headers, **sent)


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The value with `{document}` and its like filled in, however deep."""
    if isinstance(value, dict):
        return {key: filled(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, ids) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], found[0]), value)
    return value


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with make_assistant(Settings(data_dir=tmp_path_factory.mktemp("routes") / "data")) as assistant:
        assistant.embedder = HashingEmbedder()
        accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
        keys = {}
        for name in ("ann", "bob", "carl", "dora"):
            accounts.add_user(name, PASSWORD)
            keys[name] = accounts.add_key(name, "test")
        revoked = accounts.add_key("bob", "another")
        accounts.revoke_key(next(key.id for key in accounts.keys("bob") if key.name == "another"))
        accounts.remove_user("carl")
        accounts.disable("dora")
        ids = {}
        for name, file in (("document", "report.pdf"), ("spare", "two_columns.pdf")):
            ingest(assistant, [FILES / file], collection="plans", reader="ann")
            ids[name] = next(d.id for d in assistant.library.documents(reader=OWNER) if d.source == file)
        ids["answer"] = AnswerLinks(assistant.library.database).keep(answer_with(citation_of(assistant, QUOTE)), reader="ann")
        logins = {
            "anonymous": {}, "wrong key": {"Authorization": bearer("fn_" + "x" * 43)},
            "wrong password": {"Authorization": basic("ann", "not her password")},
            "removed user": {"Authorization": bearer(keys["carl"])}, "revoked key": {"Authorization": bearer(revoked)},
            "disabled user": {"Authorization": bearer(keys["dora"])}, "other": {"Authorization": bearer(keys["bob"])},
            "owner": {"Authorization": bearer(keys["ann"])},
        }  # fmt: skip
        app = make_app(assistant)
        with serving(app) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield Door(app, client, ids, logins)


def declared(app: FastAPI) -> dict[str, Declared]:
    """Every route with what is declared of it; Gradio's are closed but for those that the page uses."""
    found = {}
    for route, of_gradio in routes_of(app):
        if not of_gradio:
            assert route in ROUTES, f"{route} is declared nowhere: say in tests/routes.py who may use it."
            found[route] = ROUTES[route]
        elif not GRADIO_USED.fullmatch(route.partition(" ")[2]):
            found[route] = Declared("closed", re.sub(r"\{\w+(:path)?\}", "1", route.partition(" ")[2]))
    return found


def test_every_route_is_declared_and_everything_declared_is_a_route(door: Door) -> None:
    here = declared(door.app)
    assert len([route for route, entry in here.items() if entry.access == "closed"]) > 40
    assert set(ROUTES) <= set(here)


@pytest.mark.parametrize("who", STRANGERS)
def test_who_has_no_login_gets_nothing(door: Door, who: str) -> None:
    expected = {"open": {200, 503}, "elsewhere": {401, 403, 404}}
    for route, entry in declared(door.app).items():
        answer = door.ask(route, entry, who)
        assert answer.status_code in expected.get(entry.access, {401, 429}), (route, answer.status_code, answer.text[:300])
        assert_tells_nothing(route, answer)


def test_another_user_sees_of_what_is_anns_nothing_at_all(door: Door) -> None:
    expected = {"open": {200, 503}, "login": {200, 202}, "own": {404}, "closed": {404}, "elsewhere": {401, 403, 404}}
    for route, entry in declared(door.app).items():
        answer = door.ask(route, entry, "other")
        assert answer.status_code in expected[entry.access], (route, answer.status_code, answer.text[:300])
        assert_tells_nothing(route, answer)


def test_the_owner_is_served_but_by_what_is_closed(door: Door) -> None:
    expected = {"open": {200, 503}, "login": {200, 202}, "own": {200}, "closed": {404}, "elsewhere": {401, 403, 404}}
    for route, entry in declared(door.app).items():
        answer = door.ask(route, entry, "owner")
        assert answer.status_code in expected[entry.access], (route, answer.status_code, answer.text[:300])


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False), ({"Origin": "http://evil.example"}, True), ({"Origin": "null"}, True), ({"Origin": "{own}"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "https://footnote.example.org", "Sec-Fetch-Site": "same-origin"}, False),
    ],
)  # fmt: skip
def test_another_sites_page_may_not_send_anything(door: Door, headers: dict[str, str], refused: bool) -> None:
    """With the login that the browser knows, and where it does not say from which site it comes but by its origin."""
    own = str(door.client.base_url).rstrip("/")
    sent = {name: value.replace("{own}", own) for name, value in headers.items()}
    answer = door.client.post("/v1/search", json={"query": "water"}, headers={**door.logins["owner"], **sent})
    assert answer.status_code == (403 if refused else 200)


def assert_tells_nothing(route: str, answer: httpx.Response) -> None:
    """But the name that was asked for, and the words of our own style sheet and reference."""
    if route not in OUR_OWN_WORDS:
        assert not SECRET.search(answer.text.replace("ann/plans", "…")), (route, answer.text[:300])
