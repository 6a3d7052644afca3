"""The numbers of a text with what they count: units, money, and "per month". Dates, ordinals and millions are read in one form,
however they are written. Plain numbers are numerals' affair."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from assistant.numerals import FIGURES, LIST_NUMBER, named_numbers, readings_of

# By dimension, each unit with its spellings. One that is shorter than three letters is read as it is written (MW is not mW).
_UNITS = {
    "magnitude": "thousand millier milliers mil tausend|million millions milhão milhões millón millones Millionen Mio mn|billion "
    "billions milliard milliards bilhão bilhões Milliarde Milliarden bn|trillion trillions trilhão trilhões",
    "time": "second seconds seconde secondes segundo segundos Sekunde Sekunden sec|minute minutes minuto minutos Minuten "
    "min|hour hours "
    "heure heures hora horas Stunde Stunden hrs h|day days jour jours dia dias día días Tag Tage Tagen|week weeks semaine "
    "semaines "
    "semana semanas Woche Wochen|month months mois mês meses mes Monat Monate Monaten|year years an ans année années ano anos "
    "año años Jahr Jahre Jahren yr yrs|decade decades décennie décennies década décadas Jahrzehnte|century centuries siècle "
    "siècles "
    "século séculos siglo siglos Jahrhunderte",
    "length": "km kilometre kilometres kilometer kilometers kilomètre kilomètres quilômetro quilômetros kilómetros|m metre "
    "metres meter "
    "meters mètre mètres metro metros|cm centimetre centimetres centimeter centimeters centimètres centímetros|mm millimetre "
    "millimetres millimeter millimeters|mile miles milha milhas mi|foot feet ft pied pieds|inch inches pouces|yard yards",
    "mass": "kg kilogram kilograms kilogramme kilogrammes quilograma quilogramas kilo kilos|g gram grams gramme grammes grama "
    "gramas|tonne tonnes ton tons tonelada toneladas Tonnen|mg milligram milligrams|µg μg microgram micrograms",
    "area": "hectare hectares ha|acre acres",
    "volume": "l litre litres liter liters litro litros|ml millilitre millilitres milliliter milliliters|gallon gallons",
    "money": "$ dollar dollars dólar dólares USD US$|€ euro euros EUR|£ GBP|¥ yen|R$ real reais BRL|franc francs CHF",
    "power": "W watt watts|kW kilowatt kilowatts|MW megawatt megawatts|GW gigawatt gigawatts|kWh|MWh",
    "share": "% percent Prozent",
    "heat": "° degree degrees °C °F degré degrés grau graus Grad",
    "size": "KB kB kilobytes|MB megabytes|GB gigabytes|TB terabytes",
}
_MAGNITUDES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}
_ORDINALS = {
    "en": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "fr": "premier deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième onzième douzième",
    "pt": "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono décimo",
    "es": "primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo",
}
_DATE = re.compile(r"(?<![\w.,/-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\w/-])|(?<![\w.,/-])(\d{1,2})([./])(\d{1,2})\5(\d{4})(?![\w/])")
_AFTER = re.compile(r"[ \u00a0\u202f-]{0,2}([^\W\d_]+[²³]?|[%$€£¥°][CF]?)")
_BEFORE = re.compile(r"(US\$|R\$|[$€£¥]|USD|EUR|GBP|CHF)[ \u00a0]?\Z")
_RATE = re.compile(
    r"\A[^.;,()\d]{0,40}?(?:\b(?:per|an?|every|each|par|por|pro|im|je)\b|/)[ \u00a0]?(?:cada )?([^\W\d_]+)", re.IGNORECASE
)
_PER_CENT = re.compile(r"\b(?:per cent|pour cent|por cento|por ciento)\b", re.IGNORECASE)
_BETWEEN = ("of", "de", "d", "square", "cubic")
_LEAST_ORDINAL = 3


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number at `text[start:end]`: its possible readings, its unit in each dimension that is named, and the time of "per hour",
    or an empty string."""

    start: int
    end: int
    readings: frozenset[str]
    units: Mapping[str, str]
    rate: str

    def may_be(self, other: Quantity) -> bool:
        """Whether units and rate allow that both are the same: what one of them does not name does not part them."""
        if self.rate and other.rate and self.rate != other.rate:
            return False
        measures = [{d: u for d, u in q.units.items() if d != "magnitude"} for q in (self, other)]
        if all(measures) and not measures[0].keys() & measures[1].keys():
            return False
        return all(other.units.get(dimension, unit) == unit for dimension, unit in self.units.items())


def quantities(text: str, language: str) -> list[Quantity]:
    """The numbers in figures, in order, of text that is `plainly_numbered` or `plainly_dated`. List numbers at the start of a line are
    left out."""
    listed = [found.end() for found in LIST_NUMBER.finditer(text)]
    return [
        _quantity(text, found.start(), found.end(), language)
        for found in FIGURES.finditer(text)
        if not any(found.end() < end <= found.end() + 3 for end in listed)
    ]


def plainly_dated(text: str, language: str) -> str:
    """The text with 1999-03-15 and 15/03/1999 as day, month's name and year; one that could be read both ways stays."""
    months = _MONTHS.get(language, _MONTHS["en"]).split()

    def plain(found: re.Match[str]) -> str:
        if found[1]:
            year, month, day = found[1], int(found[2]), int(found[3])
        else:
            day, month, year = int(found[4]), int(found[6]), found[7]
            if month > 12 or (language == "en" and day <= 12 and month != day and found[5] == "/"):
                day, month = (month, day) if month > 12 else (day, 0)
        return f"{day} {months[month - 1]} {year}" if 1 <= month <= 12 and 1 <= day <= 31 else found.group()

    return _PER_CENT.sub("%", _DATE.sub(plain, text))


def plainly_numbered(text: str, language: str) -> str:
    """`plainly_dated`, and the numbers from two to ninety-nine in figures."""

    def figures(found: re.Match[str]) -> str:
        named = named_numbers(found.group(), language)
        return str(named[0]) if len(named) == 1 else found.group()

    return re.sub(r"[^\W\d_]+(?:-[^\W\d_]+)?", figures, plainly_dated(text, language))


def named_ordinals(text: str, language: str) -> list[int]:
    """The ordinals in words ("fifth"), one to twelve."""
    values = _ordinals(language)
    return [values[word] for word in re.findall(r"[^\W\d_]+", text.lower()) if word in values]


def readings_held(text: str, language: str) -> frozenset[str]:
    """Every reading of every number that a text holds, in figures or in words."""
    plain = plainly_dated(text, language)
    words = [str(value) for value in (*named_numbers(plain, language), *named_ordinals(plain, language))]
    return frozenset[str]().union(words, *(each.readings for each in quantities(plain, language)))


def telling_ordinals(text: str, language: str) -> frozenset[str]:
    """The ordinals of a text that a passage must hold too: from the third on, since "first" and "second" are used in passing."""
    return frozenset(str(value) for value in named_ordinals(text, language) if value >= _LEAST_ORDINAL)


def _quantity(text: str, start: int, end: int, language: str) -> Quantity:
    units = dict(_units_after(text, end))
    if found := _BEFORE.search(text[:start]):
        units.setdefault(*_unit_of(found[1]))
    readings = readings_of(text[start:end])
    if "magnitude" in units:
        readings |= {_scaled(reading, _MAGNITUDES[units["magnitude"]]) for reading in readings}
    rate = _RATE.match(text[end : end + 60])
    dimension, per = _unit_of(rate[1]) if rate else ("", "")
    return Quantity(start, end, readings, units, per if dimension == "time" else "")


def _units_after(text: str, end: int) -> Iterator[tuple[str, str]]:
    """A magnitude and a unit, or either: "3 million euros", "18 versus 31 kg" gives none to 18."""
    for _ in range(3):
        found = _AFTER.match(text, end)
        if found is None:
            return
        dimension, unit = _unit_of(found[1])
        if unit:
            yield dimension, unit
        elif found[1].lower() not in _BETWEEN:
            return
        if unit and dimension != "magnitude":
            return
        end = found.end()


def _unit_of(word: str) -> tuple[str, str]:
    return _known_units().get(word if len(word) < 3 else word.lower(), ("", ""))


@cache
def _known_units() -> Mapping[str, tuple[str, str]]:
    return {
        (word if len(word) < 3 else word.lower()): (dimension, unit.split()[0])
        for dimension, listed in _UNITS.items()
        for unit in listed.split("|")
        for word in unit.split()
    }


@cache
def _ordinals(language: str) -> Mapping[str, int]:
    return {word: value for value, word in enumerate(_ORDINALS.get(language, "").split(), 1)}


def _scaled(reading: str, zeros: int) -> str:
    try:
        return f"{(Decimal(reading) * 10**zeros).normalize():f}"
    except InvalidOperation:
        return reading
