"""Advice on a collection: which setting would find more in it."""

from __future__ import annotations

from shlex import quote

from assistant.answering import Assistant
from assistant.embedders.coverage import MULTILINGUAL
from assistant.records import Collection

# A stray document, or one whose language was guessed wrongly, is no reason to embed all of them again.
_LEAST_SHARE = 0.05


def language_advice(assistant: Assistant, collection: Collection) -> tuple[str, ...]:
    """What to set where one document in twenty or more is in a language that the embedder does not know and a multilingual one does.
    Nothing where it is not known which languages the embedder covers."""
    covered = assistant.embedder.languages
    counts = assistant.library.languages([collection])
    least = _LEAST_SHARE * sum(counts.values())
    foreign = {code: n for code, n in counts.items() if code not in covered and code in MULTILINGUAL and n >= least}
    if not covered or not foreign:
        return ()
    held = ", ".join(f"{count} in '{code}'" for code, count in foreign.items())
    return (
        f"The embedder {assistant.embedder.name} does not know the language of some documents ({held}): they are found by their "
        "words, less by what they mean. A multilingual one would find more: `pip install 'footnote[e5]'`, set FOOTNOTE_EMBEDDER=e5 "
        f"and run `footnote reindex {quote(collection.name)}`.",
    )
