"""The command line as people use it: the real command in a process of its own, over the sample."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.testing import Pause, ScriptedEndpoint, failure, in_turn, streamed
from doors.terminal import ProgressBar
from ingestion import Progress
from tests.conftest import FILES

COMMAND = [sys.executable, "-m", "doors.cli"]
ROOT = Path(__file__).parent.parent
NOTHING: Mapping[str, str] = {}


def footnote(data: Path, *arguments: str, status: int = 0, also: Mapping[str, str] = NOTHING) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT), **also}
    encoding = also.get("PYTHONIOENCODING", "utf-8")
    ran = subprocess.run([*COMMAND, *arguments], capture_output=True, encoding=encoding, env=environment, timeout=120)
    assert ran.returncode == status, ran.stderr
    return ran


def endpoint(server: ScriptedEndpoint) -> dict[str, str]:
    return {"FOOTNOTE_GENERATOR": "openai", "FOOTNOTE_OPENAI_BASE_URL": server.base_url, "FOOTNOTE_OPENAI_MODEL": "m"}


def in_json(data: Path, *arguments: str, status: int = 0, also: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """The one object that the command prints, with nothing around it."""
    ran = footnote(data, *arguments, "--json", status=status, also=also)
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
    for command in ("search", "ask"):
        assert in_json(data, command, " ", status=1)["kind"] == "InvalidRequest"


def test_why_shows_ranks_scores_and_times_of_an_answer_and_of_a_search(data: Path) -> None:
    question = "How many days of paid leave do full-time staff have?"
    answer = footnote(data, "ask", question, "--why").stdout
    assert "Best 6 of" in answer
    for shown in ("Words", "Meaning", "Joined", "Reranked", "maxsim", "page 1 [1]", "Time: open index and models", "in all"):
        assert shown in answer
    assert "of 1." in answer.splitlines()[-1]
    found = footnote(data, "search", question, "-k", "3", "--why").stdout
    assert "Best 3 of" in found
    assert "Time: " in found.splitlines()[-1]
    assert "Time: " not in footnote(data, "ask", question).stdout
    assert len(in_json(data, "ask", question, "--why")["passages"]) == 6


def test_filters_narrow_questions_searches_and_the_list(data: Path) -> None:
    french = in_json(data, "documents", "--language", "fr")["documents"]
    assert [d["source"] for d in french] == ["livret-lyon.docx"]
    several = in_json(data, "documents", "--type", "docx", "--type", "text/markdown", "--since", "2000", "--until", "2999-01")
    assert len(several["documents"]) == 2
    question = "How many days of paid leave do full-time staff have?"
    assert in_json(data, "ask", question, "--type", "pdf")["citations"][0]["source"] == "fernhill-handbook.pdf"
    found = in_json(data, "search", question, "--document", "livret-lyon.docx", "-k", "3")
    assert {hit["source"] for hit in found["hits"]} == {"livret-lyon.docx"}
    assert "filter" in found["milliseconds"]

    none = footnote(data, "ask", question, "--until", "1999", status=3)
    assert none.stdout.startswith("No document passes these filters: until 1999-12-31.")
    assert "No document passes" in footnote(data, "search", question, "--until", "1999").stderr
    assert "No document passes" in footnote(data, "documents", "--until", "1999").stdout
    for options, said in (
        (["--since", "yesterday"], "'yesterday' is no date"),
        (["--language", "xx"], "Languages here, by their codes: en, fr, pt."),
        (["--document", "lake.md"], "There is no document 'lake.md'"),
        (["--folder", "lake"], "below the folder 'lake'"),
        (["--since", "2024", "--until", "2023"], "No day is both since"),
    ):
        assert said in footnote(data, "ask", question, *options, status=1).stderr


def test_ingest_reports_every_file_and_forget_takes_one_out(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The gate closes at nine.")
    (folder / "b.pdf").write_bytes((FILES / "encrypted.pdf").read_bytes())
    report = in_json(data, "ingest", str(folder))
    assert report["counts"] == {"added": 1, "changed": 0, "moved": 0, "unchanged": 0, "removed": 0, "failed": 1}
    assert {f["source"]: f["status"] for f in report["files"]} == {"a.txt": "added", "b.pdf": "failed"}
    assert in_json(data, "ingest", str(folder))["counts"]["unchanged"] == 1
    assert in_json(data, "doctor")["healthy"]
    with ScriptedEndpoint(lambda _: failure(500, "")) as server:
        down = endpoint(server)
    healthy = footnote(data, "doctor", also={**down, "FOOTNOTE_GENERATOR": "quotes"}).stdout
    assert healthy.splitlines()[1] == "documents: 1 document, 1 chunk"
    ill = footnote(data, "doctor", status=1, also=down).stdout
    assert f"The language model cannot be used: {down['FOOTNOTE_OPENAI_BASE_URL']} cannot be reached" in ill
    assert "Something needs mending." in ill
    told = in_json(data, "doctor", status=1, also=down)
    assert (told["healthy"], "Start its server" in told["trouble"]) == (False, True)
    assert [d["source"] for d in in_json(data, "documents")["documents"]] == ["a.txt"]
    in_json(data, "forget", "a.txt")
    assert in_json(data, "documents")["documents"] == []
    assert f"No documents yet in the data folder {data}." in footnote(data, "documents").stdout
    assert footnote(data, "doctor").stdout.startswith(f"Data folder: {data}\n")


def test_a_mistake_is_one_line_that_says_what_to_do(data: Path) -> None:
    ran = footnote(data, "show", "nothing-like-this", status=1)
    assert ran.stderr.startswith("footnote: There is no document 'nothing-like-this'.")
    assert "Traceback" not in ran.stderr
    assert in_json(data, "ask", "Anything?", "-c", "nowhere", status=1)["kind"] == "CollectionNotFound"
    assert "--sample" in footnote(data, "ingest", status=1).stderr
    assert "pages 1 to" in footnote(data, "show", "manual-porto.md", "--page", "99", status=1).stderr


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    passages = [
        {"id": "p#0", "title": "Gates", "text": "The north gate closes at nine in the evening."},
        {"id": "p1", "text": "Tea is served at four in the garden."},
    ]
    questions = [
        {"id": 0, "question": "When does the north gate close?", "gold": {"p#0": 1}, "answers": ["nine"], "answerable": True},
        {"id": "q1", "question": "When is tea served in the garden?", "gold": {"p1": 1}, "answers": ["four"], "answerable": True},
        {"id": "q2", "question": "Who painted the Mona Lisa?", "gold": {}, "answers": [], "answerable": False},
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passages))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return folder


def test_eval_measures_a_small_set(small_set: Path, tmp_path: Path) -> None:
    measured = in_json(tmp_path / "data", "eval", str(small_set))
    assert measured["retrieval"]["recall@1"] == 1
    assert set(measured["stages"]) == {"bm25", "dense", "fused", "reranked"}
    assert measured["citations"] == {"verbatim": 1.0, "on_gold": 1.0, "count": 2}
    assert measured["refusal"] == {"balanced_accuracy": 1.0, "false_refusals": 0.0, "false_answers": 0.0}
    assert measured["answers"]["contains"] == 1
    assert measured["answers"]["supported"] == 1
    # A wrong gold passage must show in every measure that looks at it.
    questions = small_set / "questions.jsonl"
    questions.write_text(questions.read_text().replace('"p#0"', '"p1"'))
    wrong = in_json(tmp_path / "data", "eval", str(small_set))
    assert wrong["retrieval"]["recall@1"] == 0.5
    assert wrong["citations"]["on_gold"] == 0.5


def test_eval_counts_the_statements_that_no_quote_bears_out(small_set: Path, tmp_path: Path) -> None:
    written = "The north gate closes at nine [1]. Its paint is green and peels off in summer."
    with ScriptedEndpoint(in_turn(streamed([written]))) as server:
        measured = in_json(tmp_path / "data", "eval", str(small_set), "--limit", "1", also=endpoint(server))
    assert measured["answers"]["supported"] == 0.5


def test_eval_never_counts_quotes_as_the_answers_of_a_model_that_fails(small_set: Path, tmp_path: Path) -> None:
    with ScriptedEndpoint(in_turn(failure(401, "no such key"))) as server:
        measured = in_json(tmp_path / "data", "eval", str(small_set), "--limit", "1", status=1, also=endpoint(server))
    assert measured["kind"] == "EndpointError"


def test_eval_finds_no_passage_that_was_taken_out_of_the_set(small_set: Path, tmp_path: Path) -> None:
    assert in_json(tmp_path / "data", "eval", str(small_set), "--no-answers")["chunks"] == 2
    corpus = small_set / "corpus.jsonl"
    corpus.write_text(corpus.read_text().splitlines()[0])
    assert in_json(tmp_path / "data", "eval", str(small_set), "--no-answers")["chunks"] == 1


def test_eval_says_where_a_set_is_wrong(small_set: Path, tmp_path: Path) -> None:
    def complaint() -> str:
        answer = in_json(tmp_path / "data", "eval", str(small_set), status=1)
        assert answer["kind"] == "EvaluationError"
        return str(answer["error"])

    questions, corpus = small_set / "questions.jsonl", small_set / "corpus.jsonl"
    good = questions.read_text()
    questions.write_text(good + "{oops\n")
    assert f"{questions} cannot be read on from line 4" in complaint()
    questions.write_text(good + "\n[]\n")
    assert f"{questions}:5 is not a question" in complaint()
    questions.write_text(good)
    corpus.write_text('{"id": "p0"}\n')
    assert f"{corpus}:1 is not a passage" in complaint()
    corpus.unlink()
    assert f"There is no {corpus}" in complaint()


def test_a_cut_off_answer_does_not_look_finished(data: Path) -> None:
    question = "How many days of paid leave do full-time staff have?"
    written = "Full-time staff have 28 days of paid leave [1]. The moon is made of green cheese and old shoes [1]."
    for reply in (streamed([written], "length"), streamed([written], None)):
        with ScriptedEndpoint(in_turn(reply)) as server:
            ran = footnote(data, "ask", question, status=1, also=endpoint(server))
            answer = in_json(data, "ask", question, status=1, also=endpoint(server))
        assert "[This answer was cut off.]" in ran.stdout.splitlines()
        assert "Not borne out by the documents: The moon is made of green cheese and old shoes." in ran.stdout.splitlines()
        assert not answer["complete"]
        assert answer["unsupported"] == ["The moon is made of green cheese and old shoes."]
        assert answer["supported_share"] == 0.5
        assert "1 of 2 statements are borne out by the documents." in ran.stdout.splitlines()
    with ScriptedEndpoint(in_turn(streamed([written]))) as server:
        assert "cut off" not in footnote(data, "ask", question, also=endpoint(server)).stdout


def test_nothing_that_a_terminal_obeys_is_printed(tmp_path: Path) -> None:
    data, folder, collection = tmp_path / "data", tmp_path / "documents", "red\x1b[31m\nalert\u202egnp"
    folder.mkdir()
    (folder / "red\x1b[31m\nalert.md").write_text("# A \x1b]0;title\x07 heading\n\nThe gate\x1b[2J closes at nine.\n")
    (folder / "bad\x1b[31m.pdf").write_text("no PDF")
    printed = footnote(data, "ingest", str(folder), "-c", collection).stdout
    printed += footnote(data, "documents").stdout
    (document,) = in_json(data, "documents")["documents"]
    for command in (["ask", "When does the gate close?"], ["search", "gate"], ["show", document["document"]]):
        printed += footnote(data, *command).stdout
    printed += footnote(data, "show", "no\x1b[31mthing", status=1).stderr
    printed += footnote(data, "doctor").stdout
    with ScriptedEndpoint(in_turn(streamed(["The gate\x1b[2J closes\u202e at\tnine [1]."]))) as server:
        written = footnote(data, "ask", "When does the gate close?", also=endpoint(server)).stdout
        raw = in_json(data, "ask", "When does the gate close?", also=endpoint(server))["text"]
    printed += written + footnote(data, "forget", document["document"]).stdout
    assert [c for c in printed if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"] == []
    for shown in (r"red\x1b[31m\nalert\u202egnp", r"no\x1b[31mthing"):
        assert shown in printed
    assert written.startswith("The gate\\x1b[2J closes\\u202e at\tnine [1].\n")
    # What a program reads is left as it is.
    assert raw == "The gate\x1b[2J closes\u202e at\tnine [1]."
    assert document["collection"] == collection


def test_file_names_that_are_no_text_are_printed(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", os.fsencode(tmp_path / "documents")
    os.mkdir(folder)
    for name in (b"bad\xe9.pdf", b"caf\xe9.md"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"The gate closes at nine.")
    ran = footnote(data, "ingest", str(tmp_path / "documents"))
    assert "FAILED  bad\ufffd.pdf" in ran.stdout
    assert "1 added, 1 failed" in ran.stdout
    assert "caf\ufffd.md" in footnote(data, "documents").stdout
    assert in_json(data, "documents")["documents"][0]["source"] == "caf\ufffd.md"
    as_typed = os.fsdecode(b"caf\xe9.md")
    assert "closes at nine" in footnote(data, "show", as_typed).stdout
    for command in (["ask", as_typed, "-c", as_typed], ["search", as_typed, "-c", as_typed], ["reindex", as_typed]):
        assert in_json(data, *command, status=1)["kind"] == "CollectionNotFound"


def test_a_terminal_of_few_characters_gets_escapes(data: Path) -> None:
    few = {"PYTHONIOENCODING": "latin-1"}
    assert r"\u201cLivret du personnel, fournil de Lyon\u201d" in footnote(data, "documents", also=few).stdout
    answer = in_json(data, "ask", "How many days of paid leave do full-time staff have, “paid”?", also=few)
    assert "“paid”" in answer["query"]


def test_ingest_exits_with_1_when_every_file_failed(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("no PDF")
    assert "1 failed" in footnote(tmp_path / "data", "ingest", str(tmp_path / "a.pdf"), status=1).stdout
    assert in_json(tmp_path / "data", "ingest", str(tmp_path / "a.pdf"), status=1)["counts"]["failed"] == 1


def test_a_wrong_use_exits_with_2_and_an_object_where_one_is_asked_for(tmp_path: Path) -> None:
    assert in_json(tmp_path, "search", "leave", "-k", "0", status=2)["kind"] == "BadParameter"
    assert "No such option" in in_json(tmp_path, "ask", "leave", "--nonsense", status=2)["error"]
    ran = footnote(tmp_path, "ask", status=2)
    assert ran.stdout == ""
    assert "Missing argument" in ran.stderr
    assert footnote(tmp_path, "--version").stdout.startswith("footnote")


def test_ctrl_c_is_one_line_and_exits_with_130(data: Path) -> None:
    with ScriptedEndpoint(in_turn(streamed([Pause(60)]))) as server:
        environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "PYTHONPATH": str(ROOT), **endpoint(server)}
        command = [*COMMAND, "ask", "How many days of paid leave do full-time staff have?", "--json"]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        while not server.sent and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (130, "footnote: Stopped.\n")
    assert json.loads(out)["error"] == "Stopped."


def filtered(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    lines = ["import os, sys", "from doors.chatter import without_needless_lines", "with without_needless_lines():"]
    program = "\n".join([*lines, *(f"    {line}" for line in program.splitlines())])
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False, env=environment, timeout=30
    )


def test_native_lines_are_shown_in_their_order_and_the_needless_ones_not_at_all() -> None:
    ran = filtered(
        "os.write(2, b'one\\nWARNING clust')\n"
        "os.write(2, b'ering 3 points\\ntwo\\n')\n"
        "os.write(2, b'three')\n"
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "one\ntwo\nthree")


def test_native_lines_are_shown_at_once() -> None:
    program = (
        "from doors.chatter import without_needless_lines as w\nimport os, time\nwith w(): os.write(2, b'one\\n'); time.sleep(60)"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, cwd=ROOT)
    assert running.stderr is not None
    assert running.stderr.readline() == b"one\n"
    running.kill()
    assert running.stderr.read() == b""  # nobody is left who holds it open
    running.wait()
    running.stderr.close()


def test_the_last_words_before_an_abort_are_shown() -> None:
    ran = filtered("os.write(2, b'assertion failed: x > 0\\n')\nos.abort()")
    assert ran.returncode == -signal.SIGABRT
    assert "assertion failed: x > 0\n" in ran.stderr
    assert "Aborted" in ran.stderr


def test_what_stderr_cannot_take_is_escaped() -> None:
    ran = filtered("print('caf\xe9 \\udce9', file=sys.stderr)", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "caf\\xe9 \\udce9\n")


def test_a_purge_leaves_nothing_of_what_an_evaluation_copied(tmp_path: Path) -> None:
    questions, data = tmp_path / "set", tmp_path / "data"
    questions.mkdir()
    (questions / "corpus.jsonl").write_text('{"id": "gate", "text": "The lilac gate closes at nine."}\n')
    (questions / "questions.jsonl").write_text(
        '{"id": "1", "question": "When does the lilac gate close?", "gold": {"gate": 1}}\n'
    )
    footnote(data, "eval", str(questions))

    def holding() -> list[Path]:
        return [file for file in data.rglob("*") if file.is_file() and b"lilac gate" in file.read_bytes()]

    assert holding()
    footnote(data, "purge")
    assert holding() == []


def test_nobody_else_on_the_machine_can_read_a_new_data_folder_or_a_backup(data: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    footnote(data, "backup", str(saved))
    footnote(tmp_path / "restored", "restore", str(saved))
    private = {path.name: path.stat().st_mode & 0o077 for path in (data, tmp_path / "restored", saved)}
    assert private == {"data": 0, "restored": 0, "saved.zip": 0}


def test_purge_backup_and_restore_by_command(data: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    assert in_json(data, "backup", str(saved))["size_bytes"] == saved.stat().st_size
    assert in_json(tmp_path / "other", "restore", str(saved))["chunks"] > 30
    answer = in_json(tmp_path / "other", "ask", "How many days of paid leave do full-time staff have?")
    assert "28 days" in answer["text"]
    assert in_json(tmp_path / "other", "purge") == {"versions": 0, "originals": 0}
    assert "holds a library already" in footnote(data, "restore", str(saved), status=1).stderr


def test_the_bar_of_files_ends_full_before_that_of_chunks_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar() as bar:
        for step in (
            Progress(files=2, files_total=3, chunks=2),
            Progress(files=3, files_total=3, chunks=3),
            Progress(files=3, files_total=3, chunks=3, embedded=3),
        ):
            bar.update(step)
    reading, embedding = capsys.readouterr().err.split("Embedding", 1)
    assert " 3/3 " in reading.rpartition("Reading")[2]
    assert " 3/3 " in embedding
