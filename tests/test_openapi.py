"""The reference of REST is true: requests made up from our own schema are answered as it says, and never with a failure of ours."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

from assistant.settings import Settings
from assistant.testing import HashingEmbedder
from assistant.wiring import make_assistant
from doors.accounts import Accounts, Cost
from tests.rest_door import Served, served_rest
from tests.test_rest import HORN, LAMP, QUESTION, added

PATHS = {
    "/v1/chat/completions": {"post"}, "/v1/ask": {"post"}, "/v1/search": {"post"}, "/v1/models": {"get"}, "/v1/models/{id}": {"get"},
    "/v1/embeddings": {"post"}, "/v1/documents": {"get", "post"}, "/v1/documents/{id}": {"get", "delete"},
    "/v1/documents/{id}/text": {"get"}, "/v1/documents/{id}/pages/{number}": {"get"}, "/health": {"get"}, "/ready": {"get"},
    "/metrics": {"get"}, "/docs": {"get"}, "/v1/openapi.json": {"get"},
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server with documents of ann's, and her key."""
    folder = tmp_path_factory.mktemp("openapi")
    with make_assistant(Settings(data_dir=folder / "data")) as assistant:
        assistant.embedder = HashingEmbedder()
        accounts = Accounts(assistant.library.database, Cost(n=2**10, r=8, p=1))
        accounts.add_user("ann", "a password for the test")
        added(assistant, folder, "notes", "ann", lamp=LAMP, horn=HORN)
        with served_rest(assistant) as at:
            yield at, accounts.add_key("ann", "test")


def test_made_up_requests_get_only_answers_that_the_reference_tells_of(served: tuple[Served, str], api_cases: int) -> None:
    at, key = served
    with at.client(key) as http:
        reference = http.get("/v1/openapi.json").json()
        ids = [document["document"] for document in http.get("/v1/documents").json()["documents"]]
    many = api_cases > 2000
    config = {
        "base-url": at.url, "headers": {"Authorization": f"Bearer {key}"}, "seed": 20261128, "continue-on-failure": True,
        "generation": {"max-examples": max(3, api_cases // 12), "no-shrink": True, "database": "none"},
        # Every edge of every field takes some 1,300 requests, the same ones each time.
        "phases": {"coverage": {"enabled": many}},
        "checks": {
            # What is well formed can still name what is not there.
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 413]},
        },
    }  # fmt: skip
    schema = schemathesis.openapi.from_dict(reference, config=SchemathesisConfig.from_dict(config))

    @schema.hook
    def map_case(ctx: Any, case: Any) -> Any:
        """Three of four well formed requests name what is there: else nearly all would be refused at the door."""
        chance = zlib.crc32(repr((case.path_parameters, case.body)).encode())
        if case.meta is None:
            return case
        linked = case.meta.phase.name == TestPhase.STATEFUL  # there an id comes from an answer before, and stays
        if case.method == "DELETE" and case.path_parameters.get("id") in ids and not linked:
            case.path_parameters["id"] = "0123456789ab"  # these are read to the end
        if case.meta.generation.mode != GenerationMode.POSITIVE or not chance % 4:
            return case
        if "id" in case.path_parameters and case.method == "GET" and not linked:
            case.path_parameters["id"] = ids[chance % 2] if "/documents/" in case.path else "ann/notes"
        if isinstance(case.body, dict):
            there = {
                "model": ["footnote", "notes", "ann/notes+sources"][chance % 3], "collections": [["notes"], []][chance % 2],
                "question": QUESTION, "query": QUESTION, "filters": [None, {"type": ["md"]}][chance % 2], "collection": "more",
                "stream": chance % 2 == 0,
                "messages": [{"role": "user", "content": QUESTION}], "files": [f"{{\\rtf1 It says {chance}.}}"],
            }  # fmt: skip
            case.body = {name: there.get(name, value) for name, value in case.body.items()}
        return case

    statuses, failures, errors = Counter[str](), list[str](), list[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for case_id, interaction in event.recorder.interactions.items():
                case = event.recorder.cases[case_id].value
                if interaction.response is not None:
                    statuses[f"{case.operation.label} {interaction.response.status_code}"] += 1
                for check in event.recorder.checks.get(case_id, []):
                    if check.status == Status.FAILURE:
                        failures.append(
                            f"{case.operation.label}: {check.name}: {check.failure_info and check.failure_info.failure}"
                        )
        elif isinstance(event, events.NonFatalError | events.FatalError):
            errors.append(str(event))
    total = sum(statuses.values())
    print(f"\n{total} made-up requests, {len(failures)} answered otherwise than the reference says")
    print("\n".join(f"{count:>6} {label}" for label, count in sorted(statuses.items())))
    print("\n".join(f"{count:>6} {failure[:600]}" for failure, count in Counter(failures).most_common(20)))
    assert failures == []
    assert errors == []
    assert total >= api_cases
    assert not [label for label in statuses if label[-3] == "5"]
    good = [
        "POST /v1/chat/completions 200", "POST /v1/ask 200", "POST /v1/search 200", "GET /v1/documents/{id}/text 200",
        "POST /v1/documents 200",
    ]  # fmt: skip
    # A few requests rarely come upon an id that an upload of theirs was given.
    assert [label for label in [*good, *(["DELETE /v1/documents/{id} 200"] if many else [])] if not statuses[label]] == []


def test_the_reference_has_every_route_with_every_status_and_no_other(served: tuple[Served, str]) -> None:
    at, key = served
    with at.client(key) as http:
        reference = http.get("/v1/openapi.json").json()
        page = http.get("/docs")
    assert {path: set(methods) for path, methods in reference["paths"].items()} == PATHS
    for path, methods in reference["paths"].items():
        for method, operation in methods.items():
            assert "422" not in operation["responses"]
            assert operation["summary"]
            assert f"<code>{method.upper()} {path}</code>" in page.text
            if path not in ("/health", "/ready"):
                assert {"400", "401", "403", "413", "500", "503"} < set(operation["responses"])
    assert ">fails with</a> 503.<" in page.text
    assert ">fails with</a> ." not in page.text
    chat = reference["paths"]["/v1/chat/completions"]["post"]
    assert set(chat["responses"]) == {"200", "400", "401", "403", "404", "409", "413", "429", "500", "502", "503"}
    assert "include_in_schema" not in str(reference)
    assert "/gradio_api" not in str(reference)


def test_the_page_of_the_reference_loads_and_runs_nothing(served: tuple[Served, str]) -> None:
    at, key = served
    with at.client(key) as http:
        page = http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "<link" not in page.text
    assert "src=" not in page.text
    assert "://" not in page.text
