"""`footnote calibrate`: what a set must hold, what is fitted to it and kept, and that it decides from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.deciding import Rule, read_rule, write_rule
from assistant.errors import EvaluationError
from assistant.settings import Settings
from doors.calibrate import LEAST, calibrate, lines
from doors.evaluate import evaluate

TOWNS = [
    "Arles",
    "Bergen",
    "Cork",
    "Delft",
    "Essen",
    "Faro",
    "Genoa",
    "Hove",
    "Ivrea",
    "Jena",
    "Kiel",
    "Lille",
    "Metz",
    "Nancy",
    "Oslo",
    "Porto",
    "Rouen",
    "Siena",
    "Turin",
    "Ulm",
    "Vigo",
    "Wels",
]


def _set(folder: Path, *, asked: int, unanswered: bool = True) -> Path:
    """Pages about towns, the year of whose bridge they tell; who painted its gate they do not."""
    folder.mkdir(exist_ok=True)
    passages = [
        {"id": town, "text": f"The bridge of {town} was built in {1800 + n}. Its gate is old."} for n, town in enumerate(TOWNS)
    ]
    questions = [
        {"id": f"{town}?", "question": f"When was the bridge of {town} built?", "gold": {town: 1}, "answerable": True}
        for town in TOWNS
    ]
    near = [{"id": f"{t}!", "question": f"Who painted the gate of {t}?", "gold": {}, "answerable": False} for t in TOWNS]
    rows = [*questions[:asked], *(near if unanswered else [])]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in passages))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_near_misses_that_the_built_in_rule_answers_are_refused_once_it_was_calibrated(
    settings: Settings, tmp_path: Path
) -> None:
    folder = _set(tmp_path / "towns", asked=len(TOWNS))
    before = evaluate(folder, settings).measured["refusal"]
    found = calibrate(folder, settings)
    assert found["before"] == before
    assert found["before"]["false_answers"] > 0.5
    assert found["after"]["balanced_accuracy"] > 0.9
    assert (found["answerable"], found["unanswerable"]) == (len(TOWNS), len(TOWNS))
    assert found["kept"] == str(settings.data_dir / "calibration.json")
    rule = read_rule(settings.data_dir / "calibration.json")
    assert rule is not None
    assert rule.fitted_with == "minilm+maxsim"
    after = evaluate(folder, settings).measured["refusal"]
    assert after["balanced_accuracy"] > 0.9
    assert after["false_refusals"] <= 0.1
    assert "Kept in" in lines(found)


def test_questions_whose_passages_are_left_out_serve_where_none_is_without_an_answer(settings: Settings, tmp_path: Path) -> None:
    found = calibrate(_set(tmp_path / "towns", asked=len(TOWNS), unanswered=False), settings)
    assert (found["answerable"], found["unanswerable"]) == (len(TOWNS), len(TOWNS))


def test_a_set_that_is_too_small_is_refused_with_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    folder = _set(tmp_path / "towns", asked=LEAST - 1)
    with pytest.raises(
        EvaluationError, match=rf"has {LEAST - 1} questions that its documents answer and 22 .* takes {LEAST} of either"
    ):
        calibrate(folder, settings)
    assert not (settings.data_dir / "calibration.json").exists()


def test_a_rule_that_decides_no_better_is_not_kept(settings: Settings, tmp_path: Path) -> None:
    folder = _set(tmp_path / "towns", asked=len(TOWNS))
    for question in (rows := [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]):
        if not question["answerable"]:
            question["question"] = f"Which vaccine did patient {question['id']} get?"
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_rule(Rule(1.0, {"dense": 1.0}, "before"), settings.data_dir / "calibration.json")
    found = calibrate(folder, settings)
    assert found["before"]["balanced_accuracy"] == 1.0
    assert found["kept"] == ""
    kept = read_rule(settings.data_dir / "calibration.json")
    assert kept is not None
    assert kept.fitted_with == "before"


def test_questions_of_another_set_are_asked_too_and_should_be_refused(settings: Settings, tmp_path: Path) -> None:
    folder, other = _set(tmp_path / "towns", asked=2, unanswered=False), tmp_path / "other"
    other.mkdir()
    asked = ["Which vaccine protects cattle?", "How is sourdough kept?", "When was the bridge of Wels built?", "Never asked?"]
    rows = [{"id": n, "question": q, "gold": {}, "answerable": n < 3} for n, q in enumerate(asked)]
    (other / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = evaluate(folder, settings, foreign=other).measured
    assert measured["refusal"]["foreign_refused"] == pytest.approx(2 / 3, abs=1e-4)
    assert measured["questions"] == 2
    assert "foreign_refused" not in evaluate(folder, settings).measured["refusal"]
