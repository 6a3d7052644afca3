"""The frame of the page: the bar, the empty panel, the welcome, and the icons. Static HTML of our own making."""

from __future__ import annotations

from collections.abc import Sequence

from doors.output_gate import plain_html
from ingestion.sample import sample_questions


def _icon(path: str) -> str:
    return (
        '<svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.7"'
        f' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{path}</svg>'
    )


def _button(does: str, label: str, path: str) -> str:
    return f'<button type="button" class="icon" {does} aria-label="{label}" title="{label}">{_icon(path)}</button>'


_SIDEBAR = '<rect x="3.5" y="4.5" width="17" height="15" rx="2.5"/><path d="M9.5 4.5v15"/>'
_PEN = (
    '<path d="M12.5 5.5H6.5a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-6"/><path d="M17.8 3.9l2.3 2.3-7.9 7.9-3 .7.7-3z"/>'
)
_HALF = '<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/>'
_LEFT, _RIGHT, _CROSS = '<path d="M14 6l-6 6 6 6"/>', '<path d="M10 6l6 6-6 6"/>', '<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>'
_WORDMARK = '<span class="wordmark">Footnote<sup>1</sup></span>'

LIBRARY_HEAD = "".join(
    ('<div class="library-head">', _WORDMARK, _button('data-toggle="library"', "Close the sidebar", _SIDEBAR), "</div>")
)
BAR = "".join(
    (
        '<header class="bar">', _button('data-toggle="library"', "Documents", _SIDEBAR), _WORDMARK, '<span class="space"></span>',
        _button('data-press="new-conversation"', "New conversation", _PEN), _button("data-theme-switch", "Light or dark", _HALF),
        "</header>",
    )
)  # fmt: skip
PANEL = "".join(
    (
        '<div id="shade" data-shade></div><aside id="source" aria-label="Source" tabindex="-1" inert>',
        '<header class="panel-head"><span class="count" id="source-count"></span>',
        _button('data-step="-1"', "Previous footnote", _LEFT), _button('data-step="1"', "Next footnote", _RIGHT),
        _button("data-close", "Close", _CROSS), '</header><div id="source-body"></div></aside>',
    )
)  # fmt: skip
_TRIED = (0, 1, 4, 8, 13)


def welcome_html(collections: Sequence[str], *, sample: str) -> str:
    """What an empty conversation shows: the offer of the sample where the library is empty, questions to try where it holds the
    sample, and otherwise an invitation."""
    head = (
        "<h1>Ask your documents.</h1>"
        '<p class="lede">Every statement of an answer carries a footnote that opens the exact quote on its page.</p>'
    )
    if not collections:
        return (
            f'<div class="welcome">{head}<div class="offer">'
            '<button type="button" class="primary" data-sample>Try it with a sample</button>'
            "<p>The staff handbooks of an invented bakery, in English, French and Portuguese. "
            "Or add documents of your own in the sidebar.</p></div></div>"
        )
    if any(sample == name.rpartition("/")[2] for name in collections):
        questions = sample_questions()
        chips = "".join(_chip(questions[i].question) for i in _TRIED if i < len(questions))
        return f'<div class="welcome">{head}<p class="label">Questions to try</p><div class="chips">{chips}</div></div>'
    return f'<div class="welcome">{head}</div>'


def working_html(message: str) -> str:
    return f'<div class="welcome"><p class="status" role="status"><span class="dot"></span>{plain_html(message)}</p></div>'


def _chip(question: str) -> str:
    return f'<button type="button" class="chip" data-ask="{plain_html(question)}">{plain_html(question)}</button>'
