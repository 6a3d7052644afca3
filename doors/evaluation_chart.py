"""An evaluation or a comparison as a chart: one HTML file with its pictures in it, without script and without an outside address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_STAGES = {"bm25": "BM25", "dense": "dense", "fused": "fused", "reranked": "reranked", "delivered": "as delivered"}
_SHARES = {
    ("refusal", "balanced_accuracy"): "answer or refuse: balanced accuracy",
    ("refusal", "false_refusals"): "answerable questions refused",
    ("refusal", "false_answers"): "unanswerable questions answered",
    ("refusal", "foreign_refused"): "questions of another set refused",
    ("answers", "contains"): "the answer holds the gold answer",
    ("answers", "f1"): "words shared with the gold (F1)",
    ("answers", "supported"): "statements that a quote bears out",
    ("citations", "verbatim"): "quotes that stand at their place",
    ("citations", "on_gold"): "first footnote in the right passage",
}
_TIMES = {"p50": "search, median", "p95": "search, 95th percentile", "answer_p50": "answer, median"}

# In units of the picture; browsers scale it to the width of the window.
_WIDTH, _LABEL, _VALUE, _ROW, _BAR = 760, 260, 70, 22, 14
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --paper: #fff; --line: #c6ccd2;
  --s0: #8a96a3; --s1: #6a8fc0; --s2: #4c9a86; --s3: #b7823a; --s4: #8b4a62; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --paper: #15181b; --line: #454d55;
  --s0: #76828f; --s1: #7ba3d6; --s2: #5db39c; --s3: #cf9a52; --s4: #c0708c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem } p { margin: .2rem 0 }
svg { display: block; width: 100%; height: auto } svg text { font: 13px system-ui, sans-serif; fill: var(--ink) }
.axis { stroke: var(--line) } .interval { stroke: var(--s1); stroke-width: 3 } .mean { fill: var(--ink) }
.s0 { fill: var(--s0) } .s1 { fill: var(--s1) } .s2 { fill: var(--s2) } .s3 { fill: var(--s3) } .s4 { fill: var(--s4) }
"""


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    value: float
    shown: str
    colour: int = 0


def chart(measured: Mapping[str, Any]) -> str:
    """The page of an evaluation, as `evaluate` gives it: each ranking measure by stage, refusal and answers, times. What was not
    measured is left out."""
    stages = {**measured["stages"], "delivered": measured["retrieval"]}
    parts = [
        _section(name, _bars(_by_stage(stages, name), most=1.0))
        for name in measured["retrieval"]
        if measured["retrieval"][name] is not None
    ]
    shares = [
        _Bar(label, measured[part][name], f"{measured[part][name]:.3f}", 2)
        for (part, name), label in _SHARES.items()
        if measured[part].get(name) is not None
    ]
    if shares:
        parts.append(_section("Refusal, answers and citations", _bars(shares, most=1.0)))
    parts.append(_times([("", measured["milliseconds"])]))
    settings = ", ".join(f"{name} {value}" for name, value in measured["settings"].items())
    said = [f"{measured['questions']} questions, {measured['chunks']} chunks", settings]
    return _page(measured["set"], said, parts)


def comparison_chart(compared: Mapping[str, Any]) -> str:
    """The page of a comparison, as `compare` gives it: both sides, the differences with their intervals, times."""
    sides = [(letter, compared[letter.lower()]) for letter in "AB"]
    parts = [
        _section(
            name,
            _bars(
                [
                    _Bar(f"{letter}: {side['settings']}", side["scores"][name], f"{side['scores'][name]:.3f}", place)
                    for place, (letter, side) in enumerate(sides)
                ],
                most=1.0,
            ),
        )
        for name in compared["differences"]
    ]
    if compared["differences"]:
        parts.append(_section("B - A, with the interval that holds 95 %", _intervals(compared["differences"])))
    parts.append(_times([(f"{letter}: ", side["milliseconds"]) for letter, side in sides]))
    said = [f"{compared['questions']} questions", compared["verdict"]]
    return _page(compared["set"], said, parts)


def _by_stage(stages: Mapping[str, Mapping[str, float]], name: str) -> list[_Bar]:
    return [
        _Bar(_STAGES.get(stage, stage), row[name], f"{row[name]:.3f}", place % 5)
        for place, (stage, row) in enumerate(stages.items())
    ]


def _times(rows: Sequence[tuple[str, Mapping[str, float | None]]]) -> str:
    bars = [
        _Bar(f"{whose}{label}", value, f"{value:.0f} ms", place)
        for name, label in _TIMES.items()
        for place, (whose, times) in enumerate(rows)
        if (value := times.get(name)) is not None
    ]
    return _section("Time of a question", _bars(bars, most=max((bar.value for bar in bars), default=1.0))) if bars else ""


def _bars(bars: Sequence[_Bar], *, most: float) -> str:
    """One bar a row: its label before it, its value after it."""
    room = _WIDTH - _LABEL - _VALUE
    rows = []
    for place, bar in enumerate(bars):
        top, long = place * _ROW, room * min(1.0, max(0.0, bar.value / most if most > 0 else 0.0))
        rows.append(
            f'<text x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(_short(bar.label))}</text>'
            f'<rect class="s{bar.colour}" x="{_LABEL}" y="{top + 4}" width="{long:.1f}" height="{_BAR}"/>'
            f'<text x="{_LABEL + long + 6:.1f}" y="{top + 15}">{escape(bar.shown)}</text>'
        )
    said = "; ".join(f"{bar.label} {bar.shown}" for bar in bars)
    return _svg(len(bars) * _ROW + 4, said, [_line(_LABEL, 0, len(bars) * _ROW + 4), *rows])


def _intervals(differences: Mapping[str, Mapping[str, Any]]) -> str:
    """A line from bound to bound for each measure, a dot at the mean, and the line of no difference."""
    most = max(0.01, *(abs(told[bound]) for told in differences.values() for bound in ("low", "high")))
    middle, half = _LABEL + (_WIDTH - _LABEL) / 2 - _VALUE, (_WIDTH - _LABEL) / 2 - _VALUE - 10

    def at(value: float) -> str:
        return f"{middle + half * value / most:.1f}"

    rows = [_line(middle, 0, len(differences) * _ROW + 4)]
    for place, (name, told) in enumerate(differences.items()):
        y = place * _ROW + 11
        rows.append(
            f'<text x="{_LABEL - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
            f'<line class="interval" x1="{at(told["low"])}" x2="{at(told["high"])}" y1="{y}" y2="{y}"/>'
            f'<circle class="mean" cx="{at(told["mean"])}" cy="{y}" r="4"/>'
            f'<text x="{middle + half + 12:.1f}" y="{y + 4}">{told["mean"]:+.3f}</text>'
        )
    said = "; ".join(
        f"{name} {t['mean']:+.3f} ({t['low']:+.3f} to {t['high']:+.3f}): {t['verdict']}" for name, t in differences.items()
    )
    return _svg(len(differences) * _ROW + 4, said, rows) + "".join(f"<p>{escape(line)}</p>" for line in said.split("; "))


def _svg(height: int, said: str, shapes: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img"><title>{escape(said)}</title>{"".join(shapes)}</svg>'


def _line(x: float, top: int, bottom: int) -> str:
    return f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def _short(label: str, most: int = 38) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _section(heading: str, picture: str) -> str:
    return f"<h2>{escape(heading)}</h2>\n{picture}\n"


def _page(title: str, said: Sequence[str], parts: Sequence[str]) -> str:
    lines = "".join(f"<p>{escape(line)}</p>\n" for line in said)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{lines}{''.join(parts)}</body></html>\n"
    )
