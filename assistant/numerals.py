"""The numbers that a text names, in figures or in words, in a form that can be compared across ways of writing them."""

from __future__ import annotations

import re
from itertools import chain

# Digits after a letter belong to a code (Q3, H2O), not to a quantity.
FIGURES = re.compile(r"(?<![\w.,])\d{1,3}(?:[ \u00a0\u202f’']\d{3})+(?:[.,]\d+)?(?!\d)|(?<![^\W\d_])(?<!\d)\d+(?:[.,]\d+)*")
LIST_NUMBER = re.compile(r"^\s*\d{1,3}[.)]\s+(?=\S)", re.MULTILINE)
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
# From two on: "one" is an article or a pronoun in most languages.
_NAMED = {
    "en": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety",
    "fr": "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf "
    "vingt trente quarante cinquante soixante soixante-dix quatre-vingts quatre-vingt-dix",
    "pt": "dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove "
    "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "es": "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn "
    "neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
}
_ALSO = {"pt": {"duas": 2, "dezasseis": 16, "dezassete": 17, "dezanove": 19}}
_VALUES = {
    language: dict(zip(names.split(), chain(range(2, 20), range(20, 100, 10)), strict=True)) | _ALSO.get(language, {})
    for language, names in _NAMED.items()
}
_ROMAN_NAMES = "II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI"
_ROMAN = {name: str(value) for value, name in enumerate(_ROMAN_NAMES.split(), 2)}
_CAPITALS = re.compile(r"\b([IVX]{1,5})(?:e|è?me|[ºªᵉ])?\b")


def numbers(text: str, language: str) -> list[frozenset[str]]:
    """Each number named, as the set of its possible readings: "1,000" is one thousand, or one in a language with decimal
    commas. List numbers at the start of a line are left out."""
    return figures(text) + [frozenset({str(value)}) for value in named_numbers(text, language)]


def figures(text: str) -> list[frozenset[str]]:
    """The numbers written in digits, as `numbers` gives them."""
    return [readings_of(found.group()) for found in FIGURES.finditer(LIST_NUMBER.sub("", text))]


def named_numbers(text: str, language: str) -> list[int]:
    """The numbers written in words, from two to ninety-nine, in the five languages that have a list here."""
    values = _VALUES.get(language, {})
    found = []
    for word in _WORDS.findall(text.lower()):
        if word in values:
            found.append(values[word])
        elif "-" in word:
            tens, units = (values.get(part, 0) for part in word.split("-"))
            found += [tens + units] if tens >= 20 and 0 < units < 10 else [value for value in (tens, units) if value]
    return found


def roman_numbers(text: str) -> list[frozenset[str]]:
    """Roman numerals in capitals from II to XXI, as in "World War II" and "XIXe siècle", in the form of `numbers`."""
    return [frozenset({_ROMAN[found]}) for found in _CAPITALS.findall(text) if found in _ROMAN]


def readings_of(figures: str) -> frozenset[str]:
    """The possible readings of one number in figures: "1,000" is a thousand, or one."""
    figures = re.sub(r"[ \u00a0\u202f’']", "", figures)
    groups, signs = re.split(r"[.,]", figures), re.findall(r"[.,]", figures)
    if not signs:
        return frozenset({_plain(figures)})
    if len(set(signs)) == 2:
        return frozenset({_plain("".join(groups[:-1]), groups[-1])})
    thousands = all(len(group) == 3 for group in groups[1:]) and len(groups[0]) <= 3
    if len(signs) > 1:
        return frozenset({_plain("".join(groups)) if thousands else figures})
    decimal = _plain(groups[0], groups[1])
    return frozenset({decimal, _plain("".join(groups))}) if thousands else frozenset({decimal})


def _plain(whole: str, part: str = "") -> str:
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")
