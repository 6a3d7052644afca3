"""`footnote eval --compare A B`: two settings on the same questions, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from assistant.errors import SettingsError
from assistant.measures import Difference, mean, paired_bootstrap
from assistant.settings import Settings, read_settings
from doors.evaluate import Evaluation, evaluate
from doors.evaluation_set import OnProgress

CURRENT = "current"
LEAST = 20
"""Questions, below which no difference is called one: so few are resampled too alike."""

_PREFIX = "FOOTNOTE_"
_SHOWN = ("p50", "p95")


def compare(
    folder: str | Path,
    first: str,
    second: str,
    *,
    limit: int | None = None,
    answers: bool = True,
    on_progress: OnProgress = lambda *_: None,
) -> dict[str, Any]:
    """Both settings, as `settings_named` reads them, on the set in this folder. Raises SettingsError, EvaluationError."""
    settings = [settings_named(name) for name in (first, second)]
    a, b = (_run(letter, folder, s, limit, answers, on_progress) for letter, s in zip("AB", settings, strict=True))
    return compared(first, a, second, b)


def compared(first: str, a: Evaluation, second: str, b: Evaluation) -> dict[str, Any]:
    """Two runs on the same questions. "differences" are of the second (B) to the first (A) by measure, each with the bounds that hold
    95 % of the resampled means (`paired_bootstrap`), the number of questions, and what to make of it."""
    differences = {
        name: _told(paired_bootstrap(scores, b.scores[name]), len(scores))
        for name, scores in a.scores.items()
        if name in b.scores
    }
    return {
        "set": a.measured["set"],
        "questions": a.measured["questions"],
        "a": _side(first, a),
        "b": _side(second, b),
        "differences": differences,
        "verdict": _verdict({name: told["verdict"] for name, told in differences.items()}),
    }


def settings_named(words: str) -> Settings:
    """The settings of the environment with these changes: "reranker=none,fusion=rrf", with or without FOOTNOTE_ before the names; or
    a file in the form of .env; or "current" for none. Raises SettingsError."""
    if words == CURRENT:
        return read_settings()
    if Path(words).is_file():
        return read_settings(**_in_file(Path(words)))
    if "=" not in words:
        raise SettingsError(
            f"'{words}' is no setting and no file. Write NAME=VALUE (several parted by commas), a file in the form of .env, "
            f"or '{CURRENT}' for the settings as they are."
        )
    given: dict[str, str] = {}
    for part in words.split(","):
        name, sign, value = part.partition("=")
        if sign:
            given[_field(name)] = value.strip()
        elif given:  # a comma within a value, as in embedder_languages=en,fr
            given[next(reversed(given))] += "," + part
        else:
            raise SettingsError(f"'{part}' in '{words}' has no value. Write NAME=VALUE.")
    return read_settings(**given)


def table(compared: Mapping[str, Any]) -> str:
    """The comparison as lines for people."""
    lines = [f"{compared['set']}: {compared['questions']} questions"]
    lines += [f"{letter}: {compared[letter.lower()]['settings']}" for letter in "AB"]
    lines += ["", f"{'':10}{'A':>9}{'B':>9}{'B - A':>9}   95 % interval"]
    for name, told in compared["differences"].items():
        sides = "".join(f"{compared[side]['scores'][name]:>9.3f}" for side in "ab")
        interval = f"{told['low']:+.3f} to {told['high']:+.3f}"
        lines.append(f"{name:10}{sides}{told['mean']:>+9.3f}   {interval:20} {told['verdict']}")
    for name in _SHOWN:
        times = [compared[side]["milliseconds"][name] for side in "ab"]
        if None not in times:
            lines.append(f"{name + ' ms':10}" + "".join(f"{value:>9.0f}" for value in times) + f"{times[1] - times[0]:>+9.0f}")
    return "\n".join([*lines, "", compared["verdict"]])


def _run(
    letter: str, folder: str | Path, settings: Settings, limit: int | None, answers: bool, on_progress: OnProgress
) -> Evaluation:
    def progressed(what: str, done: int, total: int) -> None:
        on_progress(f"{letter}: {what}", done, total)

    return evaluate(folder, settings, limit=limit, answers=answers, on_progress=progressed)


def _side(words: str, evaluation: Evaluation) -> dict[str, Any]:
    scores = {name: round(mean(values) or 0.0, 4) for name, values in evaluation.scores.items()}
    measured = evaluation.measured
    return {"settings": words, "scores": scores, "stages": measured["stages"], "milliseconds": measured["milliseconds"]}


def _told(difference: Difference, questions: int) -> dict[str, Any]:
    if questions < LEAST:
        verdict = f"too few questions to tell ({questions} of {LEAST})"
    elif difference.low > 0 or difference.high < 0:
        verdict = "B better" if difference.mean > 0 else "A better"
    else:
        verdict = "no significant difference"
    bounds = {name: round(getattr(difference, name), 4) for name in ("mean", "low", "high")}
    return {**bounds, "questions": questions, "verdict": verdict}


def _verdict(verdicts: Mapping[str, str]) -> str:
    """All measures in one sentence."""
    better = {letter: [name for name, told in verdicts.items() if told == f"{letter} better"] for letter in "AB"}
    said = [f"{letter} is better in {_listed(names)}" for letter, names in better.items() if names]
    if said:
        return ", ".join(said) + "."
    if not verdicts:
        return "No question names the passage with its answer (gold), so there is nothing to compare."
    if all(told.startswith("too few") for told in verdicts.values()):
        return f"There are too few questions to tell: at least {LEAST} are needed."
    return "No significant difference."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _in_file(path: Path) -> dict[str, str]:
    """The settings in a file; what else is in it is passed over, and what is empty stands for the default, both as in .env."""
    try:
        found = dotenv_values(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as settings: {error}. Write one FOOTNOTE_NAME=VALUE a line.") from error
    given = {_field(name): value for name, value in found.items() if value and name.upper().startswith(_PREFIX)}
    if not given:
        raise SettingsError(f"{path} names no setting. Write one FOOTNOTE_NAME=VALUE a line.")
    return given


def _field(name: str) -> str:
    return name.strip().lower().removeprefix(_PREFIX.lower())
