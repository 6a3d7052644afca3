"""Whether a text denies something, and whether two texts deny the same. It knows the words that negate, not what they mean."""

from __future__ import annotations

import itertools
import re

from assistant.lexical import terms

_EXCEPT = re.compile(r"\b(?:except|unless|sauf|hormis|exceto|salvo|excepto|außer|tranne|behalve)\b", re.IGNORECASE)
_DENIABLE = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)*")
# How many words before, and behind, a word a negation is near it.
_DENIES_AHEAD, _DENIES_BEHIND = 4, 2
_NEGATION = {
    "en": re.compile(r"\b(?:not(?! only)|no|never|none|nor|neither|without|cannot|nothing|nobody)\b|n[’']t\b", re.IGNORECASE),
    "fr": re.compile(r"\b(?:ne|pas|jamais|aucune?|sans|ni)\b|\bn[’'](?=\w)", re.IGNORECASE),
    "pt": re.compile(r"\b(?:não|nunca|jamais|nenhuma?|sem|nem)\b", re.IGNORECASE),
    "es": re.compile(r"\b(?:no|nunca|jamás|ningun[oa]|ningún|sin|ni)\b", re.IGNORECASE),
    "de": re.compile(r"\b(?:nicht|kein\w*|nie|niemals|ohne|weder)\b", re.IGNORECASE),
    "it": re.compile(r"\b(?:non|mai|nessun[oa]?|senza|né)\b", re.IGNORECASE),
    "nl": re.compile(r"\b(?:niet|geen|nooit|zonder)\b", re.IGNORECASE),
}
# Who asks and who is spoken to: what they cannot, do not or may not do is why they ask, and no fact that a document could deny.
_SPEAKERS = {
    # "I" and a word behind it; not a numeral ("World War I", "type I"). "Can I ...": only the first word may have a capital.
    "en": re.compile(
        r"\b(?:i|(?i:you|we|me|my|your|our))\b"
        r"|(?:^\W*(?:\w+\W+)?|\b(?!(?:type|class|phase|stage|grade)\W)[a-z][\w’']*\W+)I(?:[’']|\s+[a-z])"
    ),
    "fr": re.compile(r"\b(?:je|tu|vous|nous|me|mon|ma|mes|votre|vos|notre|nos)\b|\bj[’']", re.IGNORECASE),
    "pt": re.compile(r"\b(?:eu|você|vocês|nós|me|meu|minha|meus|minhas|nosso|nossa)\b", re.IGNORECASE),
    "es": re.compile(r"\b(?:yo|tú|usted|ustedes|nosotros|me|mi|mis|nos|puedo|tengo)\b", re.IGNORECASE),
    # With a capital within a sentence they are spoken to; without one, or at its start, they may be anybody.
    "de": re.compile(r"\b(?i:ich|du|wir|mich|mir|mein\w*|dein\w*|unser\w*)\b|(?<=[\w,] )(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b"),
    "it": re.compile(r"\b(?:io|tu|noi|voi|mi|mio|mia|miei|mie|posso|riesco)\b", re.IGNORECASE),
    "nl": re.compile(r"\b(?:ik|jij|je|u|wij|we|mij|mijn|jouw|uw|ons|onze)\b", re.IGNORECASE),
}
_QUOTED = re.compile(r"[\"“«„][^\"”»“«„]{0,300}[\"”»“]")


def asks_of_denial(question: str, language: str) -> bool:
    """Whether a question holds a word that negates and is about what is denied: not where somebody tells what fails them ("I cannot
    log in, why?"), nor in words that are quoted, such as a message."""
    asked = _QUOTED.sub(" ", question)
    return denies(asked, language) and not _SPEAKERS.get(language, _SPEAKERS["en"]).search(asked)


def denies(text: str, language: str) -> bool:
    """Whether a text holds a word that negates, such as "not" or "without"; English ones in a language without a list."""
    return bool(_NEGATION.get(language, _NEGATION["en"]).search(text))


def denies_or_excepts(text: str, language: str) -> bool:
    """Whether it denies, or excepts something: "except", "unless"."""
    return denies(text, language) or bool(_EXCEPT.search(text))


def denies_otherwise(claim: str, quote: str, language: str) -> bool:
    """Whether a word that one of them denies stands in the other with no denial near it. Where one of them makes an exception, that
    does not tell."""
    if _EXCEPT.search(claim) or _EXCEPT.search(quote):
        return False
    one, other = _denials(claim, language), _denials(quote, language)
    return any(
        theirs.get(term) is False
        for mine, theirs in ((one, other), (other, one))
        for term, denied in mine.items()
        if denied is True
    )


def _denials(text: str, language: str) -> dict[str, bool | None]:
    """The terms of a text: True for one that a negation stands right before, False for one that never has a negation near it."""
    words = [found.group() for found in _DENIABLE.finditer(text)]
    pairs = itertools.pairwise([*words, ""])
    denying = [denies(word, language) and denies(f"{word} {following}", language) for word, following in pairs]
    seen: dict[str, set[bool | None]] = {}
    right_after = False
    for at, word in enumerate(words):
        near = any(denying[max(0, at - _DENIES_AHEAD) : at + _DENIES_BEHIND + 1])
        own = terms(word, language)
        for term in own:
            seen.setdefault(term, set()).add(True if right_after else None if near else False)
        right_after = denying[at] or (right_after and not own)
    return {term: each.pop() if len(each) == 1 else None for term, each in seen.items()}
