"""When a question leans on the conversation before it, and which earlier questions it then needs, by rule."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.languages import detect_language, stop_words
from assistant.types import Turn

# Fewer words of its own than this many do not say what is asked about. Two was best of one to four on mtRAG's IBM Cloud part.
_FEW_WORDS = 2
# "And that one?" "And of those?": further back than this the subject has usually changed.
_MOST_TURNS = 3
_WORD = re.compile(r"[^\W_]+")
_POINTING = {
    "en": "it its itself they them their theirs this that these those he him his himself she her hers herself there one "
    "ones such same former latter else another",
    "fr": "il ils elle elles lui leur leurs eux y en ce cet cette ces cela ça ceci celui celle ceux celles son sa ses même mêmes",
    "pt": "ele ela eles elas dele dela deles delas lhe lhes isso isto esse essa esses essas este esta aquele aquela nele "
    "nela seu sua seus suas lá mesmo mesma",
    "es": "él ella ellos ellas ello lo le les eso esto ese esa esos esas este esta estos estas aquel aquella su sus suyo "
    "suya allí ahí mismo misma",
    "de": "er sie es ihn ihm ihr ihnen ihre ihrer ihrem ihren sein seine seiner seinem dies diese dieser dieses diesem "
    "diesen jene jener dort davon damit dafür daran darin dazu dabei solche",
    "it": "esso essa essi esse lui lei loro suo sua suoi sue questo questa questi queste quello quella quelli quelle ciò "
    "ne ci vi lì",
    "nl": "het hij zij ze hem haar hun hen dit dat deze die daar daarvan daarmee daarvoor ervan ermee zulke zijn",
}
_OPENINGS = {
    "en": ("and ", "but ", "or ", "also ", "what about ", "how about ", "what else"),
    "fr": ("et ", "mais ", "ou ", "qu'en est-il "),
    "pt": ("e ", "mas ", "ou "),
    "es": ("¿y ", "y ", "¿pero ", "pero ", "¿o ", "¿qué hay de "),
    "de": ("und ", "aber ", "oder ", "was ist mit ", "wie ist es mit "),
    "it": ("e ", "ed ", "ma ", "o "),
    "nl": ("en ", "maar ", "of ", "hoe zit het met "),
}
_POINTING_WORDS = {language: frozenset(words.split()) for language, words in _POINTING.items()}


def condense(question: str, history: Sequence[Turn]) -> str:
    """The question, with the earlier questions that it leans on before it, as one line; the question itself where it leans on
    none.

    It leans where it points back ("it", "those"), goes on ("and ...") or has at most two words of its own. An earlier question
    that leans as well brings the one before it, over three at most.
    """
    if not _leans(question):
        return question
    needed = [question]
    for turn in reversed([turn for turn in history if turn.role == "user" and turn.text.strip()][-_MOST_TURNS:]):
        needed.insert(0, " ".join(turn.text.split()))
        if not _leans(turn.text):
            break
    return " ".join(needed) if len(needed) > 1 else question


def _leans(question: str) -> bool:
    lowered = question.strip().lower()
    language = detect_language(question, fallback="en")
    words = _WORD.findall(lowered)
    own = [word for word in words if word not in stop_words(language)]
    if len(own) <= _FEW_WORDS or lowered.startswith(_OPENINGS.get(language, _OPENINGS["en"])):
        return True
    return not _POINTING_WORDS.get(language, frozenset()).isdisjoint(words)
