"""`footnote eval` beyond its table: two settings compared, charts, and sets that are drafted from documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assistant.answering import Assistant
from assistant.errors import EndpointError, EvaluationError, InvalidRequest, SettingsError
from assistant.settings import Settings
from assistant.testing import Reply, ScriptedEndpoint, failure, in_turn, streamed
from doors.cloze import BLANK, Cloze, cloze
from doors.comparison import LEAST, compare, compared, settings_named, table
from doors.evaluate import Evaluation, evaluate
from doors.evaluation_chart import chart, comparison_chart
from doors.question_drafts import Passage, make, spread
from ingestion import ingest
from tests.conftest import WriteFile
from tests.test_cli import footnote, in_json

TOWNS = [f"{first}{last}" for first in ("Ar", "Ber", "Cor", "Del", "Es", "Fa", "Ge") for last in ("ton", "ville", "burg")]


def run_of(**scores: Sequence[float]) -> Evaluation:
    measured = {"set": "s", "questions": 20, "stages": {}, "milliseconds": {"p50": 10.0, "p95": 20.0, "answer_p50": None}}
    return Evaluation(measured, scores)


def towns(folder: Path) -> Path:
    folder.mkdir()
    passages = [{"id": t, "text": f"The bridge of {t} was built in {1800 + n}."} for n, t in enumerate(TOWNS)]
    questions = [{"id": t, "question": f"When was the bridge of {t} built?", "gold": {t: 1}} for t in TOWNS]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passages))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return folder


# Comparing


def test_settings_are_named_in_a_line_in_a_file_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_RERANK_DEPTH", "7")
    named = settings_named("reranker=none,FOOTNOTE_FUSION=rrf")
    assert (named.reranker, named.fusion, named.rerank_depth) == ("none", "rrf", 7)
    assert settings_named("embedder_languages=en,fr,fusion=rrf").embedder_languages == "en,fr"
    file = tmp_path / "other.env"
    file.write_text("# mine\nFOOTNOTE_FUSION=rrf\nFOOTNOTE_EMBEDDER=\nPATH=/nowhere\n")
    assert (settings_named(str(file)).fusion, settings_named(str(file)).embedder) == ("rrf", "minilm")
    assert settings_named("current").rerank_depth == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rerankers=none", "Did you mean FOOTNOTE_RERANKER"),
        ("fusion=best", "FOOTNOTE_FUSION='best'"),
        ("reranker", "'reranker' is no setting and no file"),
        ("en,fusion=rrf", "'en' in 'en,fusion=rrf' has no value"),
    ],
)
def test_settings_that_are_none_are_refused(words: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_named(words)


def test_a_difference_counts_where_its_interval_leaves_out_zero() -> None:
    worse = run_of(**{"recall@1": [0.0] * 10 + [1.0] * 10, "recall@5": [1.0] * 20, "ndcg@10": [0.0, 1.0] * 10})
    better = run_of(**{"recall@1": [0.0] + [1.0] * 19, "recall@5": [1.0] * 20, "ndcg@10": [1.0, 0.0] * 9 + [1.0, 1.0]})
    found = compared("x", worse, "y", better)
    assert found["differences"]["recall@1"]["mean"] == 0.45
    assert 0 < found["differences"]["recall@1"]["low"] < 0.45 < found["differences"]["recall@1"]["high"] < 1
    assert [told["verdict"] for told in found["differences"].values()] == [
        "B better",
        "no significant difference",
        "no significant difference",
    ]
    assert found["verdict"] == "B is better in recall@1."
    assert compared("y", better, "x", worse)["verdict"] == "A is better in recall@1."
    assert compared("x", worse, "x", worse)["verdict"] == "No significant difference."
    lines = table(found).splitlines()
    assert any(line.split()[:4] == ["recall@1", "0.500", "0.950", "+0.450"] and line.endswith("B better") for line in lines)


def test_of_a_few_questions_nothing_is_said() -> None:
    few = LEAST - 1
    found = compared("x", run_of(**{"recall@1": [0.0] * few}), "y", run_of(**{"recall@1": [1.0] * few}))
    assert found["differences"]["recall@1"]["verdict"] == "too few questions to tell (19 of 20)"
    assert found["verdict"] == "There are too few questions to tell: at least 20 are needed."


def test_each_side_of_a_comparison_has_its_own_settings(tmp_path: Path) -> None:
    steps: list[str] = []
    found = compare(
        towns(tmp_path / "towns"), "current", "reranker=none", answers=False, on_progress=lambda what, *_: steps.append(what)
    )
    assert "reranked" in found["a"]["stages"]
    assert "reranked" not in found["b"]["stages"]
    assert set(found["differences"]) == {"recall@1", "recall@5", "ndcg@10"}
    assert found["a"]["scores"]["recall@5"] == 1
    assert {"A: Asking", "B: Asking"} <= set(steps)


# Charts


class Page(HTMLParser):
    """What a page draws and whatever it could load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bars: list[float] = []
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.loads += [name for name in given if name in ("src", "href", "xlink:href", "srcset") or name.startswith("on")]
        if tag == "rect":
            self.bars.append(float(given["width"] or 0))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def measured(**changes: Any) -> dict[str, Any]:
    ranking = {"recall@1": 0.5, "ndcg@10": 1.0}
    return {
        "set": "<b>mine</b>", "questions": 2, "chunks": 9, "settings": {"embedder": "<i>"}, "retrieval": ranking,
        "stages": {"bm25": {"recall@1": 0.25, "ndcg@10": 0.75}},
        "refusal": {"balanced_accuracy": None, "false_refusals": 0.125, "false_answers": None},
        "answers": {"contains": None, "f1": None, "supported": None}, "citations": {"verbatim": 1.0, "on_gold": None, "count": 3},
        "milliseconds": {"p50": 40.0, "p95": 80.0, "answer_p50": None}, **changes,
    }  # fmt: skip


def test_bars_are_as_long_as_what_they_show() -> None:
    page = Page(chart(measured()))
    full = page.bars[3]
    assert [bar / full for bar in page.bars] == pytest.approx([0.25, 0.5, 0.75, 1, 0.125, 1, 0.5, 1], abs=0.001)
    for shown in ("0.250", "0.500", "0.125", "40 ms", "<b>mine</b>", "embedder <i>"):
        assert shown in page.texts


def test_a_chart_is_one_file_that_loads_and_runs_nothing() -> None:
    sides = [run_of(**{"recall@1": [float(n % k > 0) for n in range(20)]}) for k in (2, 3)]
    hostile = "<script src=//elsewhere.example>"
    for drawn in (chart(measured(set=hostile)), comparison_chart(compared(hostile, sides[0], "y", sides[1]))):
        page = Page(drawn)
        assert "svg" in page.tags
        assert not {"script", "img", "link", "iframe", "b", "i", "a"} & set(page.tags)
        assert page.loads == []
        assert "url(" not in drawn
        assert "http" not in drawn.replace("http-equiv", "")


def test_a_chart_of_a_comparison_shows_both_sides_and_the_interval() -> None:
    sides = [run_of(**{"recall@1": [0.0] * 15 + [1.0] * 5}), run_of(**{"recall@1": [1.0] * 20})]
    page = Page(comparison_chart(compared("fusion=rrf", sides[0], "current", sides[1])))
    assert page.bars[0] / page.bars[1] == pytest.approx(0.25, abs=0.001)
    assert {"A: fusion=rrf", "B: current", "+0.750", "B is better in recall@1."} <= set(page.texts)


# Clozes


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("en", "The north gate of the bakery closes at 21:30 in winter.", "21:30"),
        ("en", "It costs £1,250.50 for members of the north garden committee.", "£1,250.50"),
        ("en", "See rule [12] of the code H2O that Anna Lopez wrote for the bakery.", "Anna Lopez"),
        ("fr", "Le titre-restaurant de la boulangerie vaut 9,20 € pour chaque journée travaillée.", "9,20 €"),
        ("pt", "A padaria do Porto oferece formação sobre o forno a lenha antigo.", "Porto"),
        ("de", "Der Schaden wird nach genau 14 Tagen von der Genossenschaft bezahlt.", "14"),
        ("ru", "Северные ворота парка закрываются зимой вечером, сообщила Анна Петрова вчера.", "Анна Петрова"),
        ("zh", "图书馆于1998年在上海建成并向公众开放。", "1998"),
        ("ja", "北門は冬の間、午後9時に閉まるので注意してください。", "9"),
        ("ko", "북쪽 문은 겨울에는 저녁 9시에 닫히므로 모두 일찍 정원을 떠나야 합니다.", "9"),
    ],
)
def test_the_blank_is_a_number_or_a_name_where_there_is_one(language: str, text: str, answer: str) -> None:
    found = cloze(text, language, headings=[], rarity=lambda _: 0.5, stands_elsewhere=lambda *_: False)
    assert found == Cloze(text.replace(answer, BLANK), answer)


def test_else_the_blank_is_the_rarest_word() -> None:
    text = "All members of the bakery bring their own apron and sturdy clogs."
    found = cloze(text, "en", headings=[], rarity=lambda w: float(w == "clogs"), stands_elsewhere=lambda *_: False)
    assert found == Cloze("All members of the bakery bring their own apron and sturdy ____.", "clogs")


@pytest.mark.parametrize(
    "text",
    [
        "Opening hours of the north gate and the garden in winter",
        "Who closes the north gate of the bakery at nine in winter?",
        "Gate 1\tcloses at 9 in winter\tand at 10 in summer for members.",
        "Read more on https://example.org/gate about the north gate of the bakery.",
        "The north gate .......................... and its garden in winter 12.",
        "and closes the north gate of the bakery at nine in winter.",
        "THE NORTH GATE OF THE BAKERY CLOSES AT NINE IN WINTER.",
        "It was there where it is now, and that is its gazebo.",
        "12.5 13.5 14.5 15.5 16.5 17.5 18.5 19.5 gates bakery winter garden.",
    ],
)
def test_what_is_no_sentence_of_running_text_is_not_asked(text: str) -> None:
    assert cloze(text, "en", headings=[], rarity=lambda _: 1.0, stands_elsewhere=lambda *_: False) is None


def test_a_sentence_that_is_a_heading_is_not_asked() -> None:
    text = "The north gate of the bakery closes early in winter."
    assert cloze(text, "en", headings=[text], rarity=lambda _: 1.0, stands_elsewhere=lambda *_: False) is None


# Drafted sets


HANDBOOK = """# Gates

The north gate of the bakery closes at {n} minutes past nine in winter.

This handbook of {town} may be copied by members for their own use only.

The garden of {town} belongs to the family of Count Orlok {town}son.

| gate | hour |
| --- | --- |
| south gate of the bakery in winter | 12 |
"""


@pytest.fixture
def handbooks(write: WriteFile) -> Path:
    for n, town in enumerate(TOWNS[:4]):
        path = write(f"{town}.md", HANDBOOK.format(n=10 + n, town=town).replace(f"handbook of {town}", "handbook"))
    return path.parent


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_drafted_set_runs_as_it_is(handbooks: Path, settings: Settings, tmp_path: Path) -> None:
    made = make(tmp_path / "set", settings, documents=handbooks, count=3)
    assert (made["questions"], made["documents"], made["documents_read"]) == (3, 3, 4)
    questions = rows(tmp_path / "set" / "questions.jsonl")
    texts = {row["id"]: row["text"] for row in rows(tmp_path / "set" / "corpus.jsonl")}
    assert len({question["passage"] for question in questions}) == 3
    for question in questions:
        assert question["gold"] == {question["passage"]: 1}
        (answer,) = question["answers"]
        assert question["question"].replace(BLANK, answer) in texts[question["passage"]]
        # What differs in nothing but the blank, or in nothing, stands in every handbook.
        assert "copied" not in question["question"]
        assert "closes at" not in question["question"]
        assert "south" not in question["question"]
    found = evaluate(tmp_path / "set", settings).measured
    assert found["retrieval"]["recall@5"] == 1
    assert found["answers"]["contains"] == 1
    assert not (settings.data_dir / "library.sqlite3").exists()


def test_every_document_has_its_turn() -> None:
    passages = [
        Passage(f"{of}{n}", of, "", "", "en", (), frozenset()) for of, n in [*(("a", n) for n in range(9)), ("b", 0), ("c", 0)]
    ]
    order = list(spread(passages))
    assert {passage.document for passage in order[:3]} == {"a", "b", "c"}
    assert sorted(passage.id for passage in order) == sorted(passage.id for passage in passages)
    assert order == list(spread(passages))


def test_questions_are_drafted_from_what_is_ingested_of_one_collection(
    assistant: Assistant, handbooks: Path, write: WriteFile, settings: Settings, tmp_path: Path
) -> None:
    ingest(assistant, [handbooks], collection="handbooks")
    ingest(assistant, [write("../tea.md", "Tea is served by Mary Poppins in the garden every afternoon.")], collection="tea")
    made = make(tmp_path / "set", settings, collection="tea")
    assert (made["questions"], made["passages"]) == (1, 1)
    (question,) = rows(tmp_path / "set" / "questions.jsonl")
    assert question["answers"] == ["Mary Poppins"]
    assert make(tmp_path / "all", settings)["documents_read"] == 5
    make(tmp_path / "again", settings)
    for name in ("questions.jsonl", "corpus.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_questions_that_are_there_are_never_overwritten(handbooks: Path, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("questions.jsonl", "corpus.jsonl", "corpus.jsonl.gz"):
        (folder / name).write_text("mine")
        with pytest.raises(InvalidRequest, match=f"{name} is there already"):
            make(folder, settings, documents=handbooks)
        assert [(f.name, f.read_text()) for f in folder.iterdir()] == [(name, "mine")]
        (folder / name).unlink()


def test_documents_without_a_sentence_give_no_empty_set(write: WriteFile, settings: Settings, tmp_path: Path) -> None:
    path = write("list.md", "# Gates\n\n- north\n- south\n")
    with pytest.raises(EvaluationError, match="No question came of 1 passages in 1 documents"):
        make(tmp_path / "set", settings, documents=path)
    assert not (tmp_path / "set").exists()


def asking(server: ScriptedEndpoint, settings: Settings) -> Settings:
    return settings.model_copy(update={"generator": "openai", "openai_base_url": server.base_url, "openai_model": "m"})


def asked(question: str, answer: str) -> Reply:
    return streamed([f"**Question:** {question}\n", f"**Answer:** “{answer}”."])


def test_a_model_writes_real_questions_one_call_a_passage(handbooks: Path, settings: Settings, tmp_path: Path) -> None:
    with ScriptedEndpoint(in_turn(asked("Whose is the garden?", "the family of  count orlok"))) as server:
        made = make(tmp_path / "set", asking(server, settings), documents=handbooks, count=5)
    assert (made["questions"], made["documents"], made["by"], made["stopped"]) == (4, 4, "m", "")
    for question in rows(tmp_path / "set" / "questions.jsonl"):
        assert (question["question"], question["answers"]) == ("Whose is the garden?", ["the family of Count Orlok"])
    # The table is the same in every handbook: nobody could say which one a question on it is about.
    assert (len(server.sent), made["passages"]) == (4, 8)
    seen = set()
    for sent in server.sent:
        system, user = (message["content"] for message in sent.body["messages"])
        assert "winter" not in system
        mark = system.split("begin with ----- ")[1].split(".")[0]
        assert user.count(f"----- {mark}") == 2
        seen.add(user.replace(mark, ""))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "reply",
    [
        streamed(["NONE"]),
        asked("Whose is the garden?", "the mayor's"),
        asked("When does the gate close?", "0 minutes past nine"),
        streamed(["Question: Whose is the garden?\nAnswer: the family"], "length"),
        asked("Why " * 100 + "?", "the family"),
    ],
)
def test_what_a_model_writes_is_not_kept_unless_its_answer_stands_in_the_passage(
    reply: Reply, handbooks: Path, settings: Settings, tmp_path: Path
) -> None:
    with ScriptedEndpoint(in_turn(reply)) as server:
        with pytest.raises(EvaluationError, match="No question came of"):
            make(tmp_path / "set", asking(server, settings), documents=handbooks, count=1)
        assert len(server.sent) == 3


def test_a_model_that_fails_leaves_what_it_wrote_before(handbooks: Path, settings: Settings, tmp_path: Path) -> None:
    good, bad = asked("Whose is the garden?", "the family"), failure(401, "no such key")
    with ScriptedEndpoint(in_turn(good, bad)) as server:
        made = make(tmp_path / "set", asking(server, settings), documents=handbooks, count=3)
    assert made["questions"] == len(rows(tmp_path / "set" / "questions.jsonl")) == 1
    assert "no such key" in made["stopped"]
    with ScriptedEndpoint(in_turn(bad)) as server, pytest.raises(EndpointError, match="no such key"):
        make(tmp_path / "other", asking(server, settings), documents=handbooks)
    assert not (tmp_path / "other").exists()


# By command


def test_drafting_measuring_and_comparing_by_command(handbooks: Path, tmp_path: Path) -> None:
    data, folder, page = tmp_path / "data", str(tmp_path / "set"), tmp_path / "chart.html"
    assert in_json(data, "eval", "--make", folder, "--from", str(handbooks), "--count", "2")["questions"] == 2
    measured = in_json(data, "eval", folder, "--chart", str(page))
    assert measured["questions"] == 2
    assert "answer, median" in page.read_text()
    ran = footnote(data, "eval", folder, "--compare", "current", "reranker=none", "--no-answers", "--chart", str(page))
    assert "There are too few questions to tell" in ran.stdout
    assert "B: reranker=none" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--make", "--limit", "2"], "--limit is for measuring"),
        (["--count", "2"], "--count is for drafting"),
        (["--chart", "chart.png"], "Name it chart.html"),
        (["--chart", "nowhere/chart.html"], "There is no folder"),
        (["--compare", "current", "fusion=best"], "FOOTNOTE_FUSION='best'"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_measured(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    assert message in in_json(tmp_path / "data", "eval", str(folder), *arguments, status=1)["error"]
    assert not (tmp_path / "data").exists()
