"""The command line as people use it: the real command in a process of its own, over the sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FILES

COMMAND = [sys.executable, "-m", "doors.cli"]
ROOT = Path(__file__).parent.parent


def footnote(data: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment, timeout=120)
    assert ran.returncode == status, ran.stderr
    return ran


def in_json(data: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """The one object that the command prints, with nothing around it."""
    ran = footnote(data, *arguments, "--json", status=status)
    assert ran.stdout.count("\n") == 1
    value = json.loads(ran.stdout)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "data"
    ran = footnote(folder, "ingest", "--sample")
    assert "3 added" in ran.stdout
    assert "3/3" in ran.stderr
    assert "WARNING" not in ran.stderr
    return folder


def test_a_question_is_answered_with_a_quote_that_show_finds_at_its_offsets(data: Path) -> None:
    answer = in_json(data, "ask", "How many days of paid leave do full-time staff have?")
    assert answer["found"]
    assert answer["complete"]
    assert "28 days" in answer["text"]
    citation = answer["citations"][0]
    assert {"number", "document", "title", "page", "start", "end", "quote"} <= set(citation)
    page = in_json(data, "show", citation["document"], "--page", str(citation["page"]))
    assert page["text"][citation["start"] - page["start"] : citation["end"] - page["start"]] == citation["quote"]
    whole = in_json(data, "show", citation["document"])
    assert whole["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert {"document", "title", "version", "pages", "page", "start", "end", "text"} <= set(whole)


def test_people_see_the_answer_and_its_footnotes(data: Path) -> None:
    ran = footnote(data, "ask", "How many days of paid leave do full-time staff have?")
    assert "[1] Fernhill Bakery Cooperative" in ran.stdout
    assert "page 1" in ran.stdout
    assert ran.stderr == ""


def test_a_question_that_the_documents_do_not_answer_exits_with_3(data: Path) -> None:
    answer = in_json(data, "ask", "Who won the 1998 World Cup final?", status=3)
    assert not answer["found"]
    assert answer["citations"] == []
    assert len(answer["nearest"]) == 3


def test_search_lists_passages_with_the_fields_of_the_contract(data: Path) -> None:
    found = in_json(data, "search", "congés payés", "-k", "4")
    assert len(found["hits"]) == 4
    assert found["hits"][0]["source"] == "livret-lyon.docx"
    assert {"document", "title", "page", "start", "end", "text", "score", "ranks"} <= set(found["hits"][0])
    assert {"embed", "bm25", "dense"} <= set(found["milliseconds"])


def test_ingest_reports_every_file_and_forget_takes_one_out(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The gate closes at nine.")
    (folder / "b.pdf").write_bytes((FILES / "encrypted.pdf").read_bytes())
    report = in_json(data, "ingest", str(folder))
    assert report["counts"] == {"added": 1, "changed": 0, "unchanged": 0, "failed": 1}
    assert {f["source"]: f["status"] for f in report["files"]} == {"a.txt": "added", "b.pdf": "failed"}
    assert in_json(data, "ingest", str(folder))["counts"]["unchanged"] == 1
    assert in_json(data, "doctor")["healthy"]
    assert [d["source"] for d in in_json(data, "documents")["documents"]] == ["a.txt"]
    in_json(data, "forget", "a.txt")
    assert in_json(data, "documents")["documents"] == []
    assert "No documents yet" in footnote(data, "documents").stdout


def test_a_mistake_is_one_line_that_says_what_to_do(data: Path) -> None:
    ran = footnote(data, "show", "nothing-like-this", status=1)
    assert ran.stderr.startswith("footnote: There is no document 'nothing-like-this'.")
    assert "Traceback" not in ran.stderr
    assert in_json(data, "ask", "Anything?", "-c", "nowhere", status=1)["kind"] == "CollectionNotFound"
    assert "--sample" in footnote(data, "ingest", status=1).stderr
    assert "pages 1 to" in footnote(data, "show", "manual-porto.md", "--page", "99", status=1).stderr


def test_eval_measures_a_small_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    passages = [
        ("p0", "Gates", "The north gate closes at nine in the evening."),
        ("p1", "Tea", "Tea is served at four in the garden."),
    ]
    questions = [
        {"id": "q0", "question": "When does the north gate close?", "gold": {"p0": 1}, "answers": ["nine"], "answerable": True},
        {"id": "q1", "question": "When is tea served in the garden?", "gold": {"p1": 1}, "answers": ["four"], "answerable": True},
        {"id": "q2", "question": "Who painted the Mona Lisa?", "gold": {}, "answers": [], "answerable": False},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps({"id": i, "title": t, "text": x}) for i, t, x in passages))
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(q) for q in questions))
    measured = in_json(tmp_path / "data", "eval", str(folder))
    assert measured["retrieval"]["recall@1"] == 1
    assert set(measured["stages"]) == {"bm25", "dense", "fused", "reranked"}
    assert measured["citations"] == {"verbatim": 1.0, "on_gold": 1.0, "count": 2}
    assert measured["refusal"] == {"balanced_accuracy": 1.0, "false_refusals": 0.0, "false_answers": 0.0}
    assert measured["answers"]["contains"] == 1
    # A wrong gold passage must show in every measure that looks at it.
    questions[0]["gold"] = {"p1": 1}
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(q) for q in questions))
    wrong = in_json(tmp_path / "data", "eval", str(folder))
    assert wrong["retrieval"]["recall@1"] == 0.5
    assert wrong["citations"]["on_gold"] == 0.5
    assert "no questions.jsonl" in footnote(tmp_path / "data", "eval", str(tmp_path), status=1).stderr


def test_native_lines_come_last_and_the_needless_ones_not_at_all() -> None:
    program = (
        "import os, sys\nfrom doors.chatter import native_lines_last\n"
        "with native_lines_last():\n"
        "    os.write(2, b'WARNING clustering 3 points\\nsomething native\\n')\n    print('from python', file=sys.stderr)\n"
        "print('after', file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stderr == "from python\nsomething native\nafter\n"
