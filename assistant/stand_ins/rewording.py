"""Says a sentence again, by rule, so that it stays true: shorter, in another order, with other words, with its numbers written
otherwise. Each function gives None where its rule finds nothing to do. English, French and Portuguese have tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

_SYNONYMS = {
    "en": "began started, started began, large big, big large, located situated, situated located, built constructed, "
    "constructed "
    "built, called named, named called, many numerous, numerous many, often frequently, frequently often, used employed, "
    "approximately about, around about, nearly almost, almost nearly, main principal, major chief, important significant, "
    "significant important, created made, made produced, led headed, city town, country nation, nation country, "
    "died passed-away, received got, helped assisted, showed demonstrated, shows demonstrates, includes contains, contains "
    "includes, required needed, requires needs, allowed permitted, whole entire, entire whole, several various, various several, "
    "became turned-into, wrote authored, ended finished, film movie, children kids, physicians doctors, doctors physicians, "
    "purchase buy, buy purchase, quickly rapidly, rapidly quickly, usually generally, generally usually, famous well-known, war "
    "conflict, area region, region area, increased grew, decreased fell, however nevertheless, because since, therefore thus, "
    "said stated, stated said, established founded, founded established, method technique, goal aim, job occupation, "
    "difficult hard, different distinct, similar alike, whereas while, began commenced, huge enormous, occurs happens, "
    "occurred happened, obtained acquired, attempted tried, chose selected, primarily mainly, mainly primarily, due owing",
    "fr": "commence débute, commencé débuté, grand vaste, situé localisé, située localisée, construit bâti, construite bâtie, "
    "appelé "
    "nommé, appelée nommée, souvent fréquemment, environ approximativement, principal essentiel, principale essentielle, "
    "créé fondé, créée fondée, dirigé mené, pays État, aussi également, également aussi, plusieurs divers, utilisé employé, "
    "utilisée employée, permet autorise, devient se-transforme-en, région zone, guerre conflit, film long-métrage, "
    "notamment surtout, ainsi donc, toutefois cependant, cependant toutefois, montre démontre, difficile ardu, nécessaire "
    "indispensable, rapidement vite, généralement habituellement, célèbre renommé, termine achève, reçoit obtient, écrit rédigé",
    "pt": "começou iniciou, grande vasto, localizado situado, localizada situada, construído edificado, construída edificada, "
    "chamado "
    "denominado, chamada denominada, frequentemente muitas-vezes, cerca aproximadamente, principal essencial, criado fundado, "
    "criada fundada, também igualmente, vários diversos, várias diversas, utilizado empregado, utilizada empregada, utilizados "
    "usados, permite possibilita, região área, área região, guerra conflito, porém contudo, mostra demonstra, difícil árduo, "
    "necessário preciso, necessária precisa, rapidamente depressa, geralmente normalmente, realizar efetuar, realizada efetuada, "
    "obter conseguir, através por-meio, deve precisa, ocorre acontece, objetivo propósito, aluno estudante, alunos estudantes",
}
_FRAMES = {
    "en": ("According to the document, {}.", "The passage states that {}.", "In short, {}.", "Yes: {}.", "As the text says, {}."),
    "fr": ("D'après le document, {}.", "Le passage indique que {}.", "En résumé, {}.", "Oui : {}."),
    "pt": ("Segundo o documento, {}.", "O texto informa que {}.", "Em resumo, {}.", "Sim: {}."),
}
_PRONOUNS = {"en": "It", "fr": "Celui-ci", "pt": "Isso"}
_OPENING = {
    "en": "In On At During After Before Since By From Until Under Between Throughout Within As For Along With",
    "fr": "En Dans Au Aux À Pendant Durant Après Avant Depuis Sous Entre Selon Pour Avec Lors",
    "pt": "Em No Na Nos Nas Durante Após Antes Desde Sob Entre Segundo Para Com Por",
}
_AND = {"en": ", and ", "fr": ", et ", "pt": ", e "}
_UNITS = {
    "en": "kilometres km, kilometers km, metres m, meters m, kilograms kg, percent %, per cent %, miles mi, feet ft, inches in, "
    "hours h, minutes min, seconds s, watts W",
    "fr": "kilomètres km, mètres m, kilogrammes kg, pour cent %, heures h, minutes min, habitants hab., hectares ha",
    "pt": "quilômetros km, metros m, quilogramas kg, por cento %, horas h, minutos min, reais R$, hectares ha",
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_SMALL = {
    "en": "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen "
    "twenty",
    "fr": "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf "
    "vingt",
    "pt": "dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove "
    "vinte",
}
_TENS = {"en": "twenty thirty forty fifty sixty seventy eighty ninety"}
_PASSIVE = re.compile(r"^(?P<what>[^,;()]{4,60}?) (?P<be>was|were) (?P<verb>\w{3,}ed) by (?P<who>[^,;()]{3,60})\.$")
_FIGURE = re.compile(
    r"(?<![\w.,$€£/–-])(?<!\d[ \u00a0\u202f])(?:\d{1,3}(?:,\d{3})+(?![\w.,/–-]*\d)|\d{1,6}(?![\w/–-]|[.,]\d|[ \u00a0\u202f]\d{3}))"
)
_LEAST_WORDS = 6


def shortened(text: str, language: str, chance: Random) -> str | None:
    """Without what stands in brackets or, failing that, after the last comma."""
    bare = re.sub(r"\s*\([^()]*\)", "", text)
    if bare != text and len(bare.split()) >= _LEAST_WORDS:
        return bare
    head, comma, tail = text.rstrip(".").rpartition(", ")
    list_like = re.match(r"(?:and|or|et|ou|e)\b|\S+$", tail)
    return f"{head}." if comma and len(head.split()) >= _LEAST_WORDS and not list_like else None


def reordered(text: str, language: str, chance: Random) -> str | None:
    """The words that open the sentence, up to its comma, at its end."""
    first, comma, rest = text.rstrip(".").partition(", ")
    if not comma or first.split()[0] not in _OPENING.get(language, "").split() or not 2 <= len(first.split()) <= 8:
        return None
    if len(rest.split()) < 4 or re.match(r"(?:and|or|et|ou|e)\b", rest):
        return None
    return f"{rest[0].upper()}{rest[1:]} {first[0].lower()}{first[1:]}."


def with_synonyms(text: str, language: str, chance: Random) -> str | None:
    """With other words from a small table."""
    table = pairs(_SYNONYMS, language)
    said = re.sub(r"[^\W\d_]+", lambda found: table.get(found.group(), found.group()).replace("-", " "), text)
    return said if said != text else None


def voice_changed(text: str, language: str, chance: Random) -> str | None:
    """A plain English passive turned into the active voice."""
    found = _PASSIVE.match(text) if language == "en" else None
    if found is None:
        return None
    who, what = found["who"], found["what"]
    what = what if what.split()[0] not in ("The", "A", "An", "This", "These") else what[0].lower() + what[1:]
    return f"{who[0].upper()}{who[1:]} {found['verb']} {what}."


def with_pronoun(text: str, title: str, language: str) -> str | None:
    """A pronoun for the document's name at the sentence's beginning."""
    name = title.replace("_", " ").strip()
    if not name or not text.lower().startswith(name.lower() + " "):
        return None
    return f"{_PRONOUNS.get(language, 'It')}{text[len(name) :]}"


def with_name(text: str, title: str, language: str) -> str | None:
    """The document's name for a pronoun at the sentence's beginning."""
    found = re.match(r"(?:It|He|She|Il|Elle|Ele|Ela) (?!is said)", text)
    return f"{title.replace('_', ' ')} {text[found.end() :]}" if found and title else None


def framed(text: str, language: str, chance: Random) -> str | None:
    """Behind words such as "According to the document"."""
    frames, first = _FRAMES.get(language, ()), text.split()[0]
    if not frames or not first[0].isalpha():
        return None
    lowered = text[0].lower() + text[1:] if first.lower() in _FUNCTION_WORDS else text
    return chance.choice(frames).format(lowered.rstrip("."))


def merged(text: str, following: str, language: str) -> str | None:
    """Two sentences that follow each other, as one."""
    if not following or len(text.split()) + len(following.split()) > 60 or not text.endswith("."):
        return None
    first = following.split()[0]
    lowered = following[0].lower() + following[1:] if first.lower() in _FUNCTION_WORDS else following
    return text.rstrip(".") + _AND.get(language, ", and ") + lowered


def numbers_otherwise(text: str, language: str, chance: Random) -> str | None:
    """Its whole numbers in words or with other thousands, years and dates as they are."""
    small = dict(zip(_SMALL.get(language, "").split(), range(2, 21), strict=False))

    def other(found: re.Match[str]) -> str:
        figures = found.group().replace(",", "") if language == "en" else found.group()
        value = int(figures) if figures.isdigit() else 0
        if "," in found.group() and language == "en":
            return chance.choice([figures, f"{value:,}".replace(",", " ")])
        return (_in_words(value, language) or figures) if not _near_month(text, found, language) else figures

    said = _FIGURE.sub(other, text)
    if said == text:
        said = re.sub(r"[^\W\d_]+", lambda found: str(small.get(found.group(), found.group())), text)
    if said == text and language == "en":
        said = re.sub(r"\b(\d+)\.(\d) million\b", lambda found: f"{int(found[1]) * 10 + int(found[2])}00,000", text)
    return said if said != text else None


def dates_otherwise(text: str, language: str, chance: Random) -> str | None:
    """Its full dates in another form: "March 3, 1999", "3 March 1999", "1999-03-03"."""
    names = _MONTHS.get(language, "").split()
    month = "|".join(names) or "(?!)"

    def other(day: str, name: str, year: str, forms: Sequence[str]) -> str:
        number = [n.lower() for n in names].index(name.lower()) + 1
        return chance.choice(forms).format(day=int(day), name=name, year=year, number=number)

    iso, slashes = "{year}-{number:02}-{day:02}", "{day:02}/{number:02}/{year}"
    between = " de " if language == "pt" else " "
    day_first = re.compile(rf"\b(\d{{1,2}}) (?:de )?({month}),?{between}(\d{{4}})\b", re.IGNORECASE)
    forms = ["{name} {day}, {year}", iso] if language == "en" else [slashes, iso]
    said = day_first.sub(lambda found: other(found[1], found[2], found[3], forms), text)
    if said == text and language == "en":
        month_first = re.compile(rf"\b({month}) (\d{{1,2}}),? (\d{{4}})\b")
        said = month_first.sub(lambda found: other(found[2], found[1], found[3], ["{day} {name} {year}", iso]), text)
    return said if said != text else None


def units_otherwise(text: str, language: str, chance: Random) -> str | None:
    """Its units abbreviated behind their numbers."""
    said = text
    for unit, short in pairs(_UNITS, language).items():
        said = re.sub(rf"(?<=\d)[ \u00a0]{unit}\b", f" {short}", said)
    return said if said != text else None


def pairs(table: Mapping[str, str], language: str) -> dict[str, str]:
    """A table written as "one other, one other": the last word of each entry by the words before it."""
    entries = (entry.rsplit(" ", 1) for entry in table.get(language, "").split(", ") if entry)
    return {entry[0]: entry[1] for entry in entries}


_WORDS = (
    "the a an in on at it he she they this these that there by for from with as to when while le la les un une des il elle ils en "
    "dans au aux ce cette ces o os uma no na nos nas em este esta esse essa ele ela após durante"
)
_FUNCTION_WORDS = frozenset(_WORDS.split())


def _in_words(value: int, language: str) -> str:
    small, tens = _SMALL.get(language, "").split(), _TENS.get(language, "").split()
    if 2 <= value <= 20 and small:
        return small[value - 2]
    if 20 < value < 100 and tens:
        return tens[value // 10 - 2] + (f"-{['one', *small][value % 10 - 1]}" if value % 10 else "")
    return ""


def _near_month(text: str, found: re.Match[str], language: str) -> bool:
    around = text[max(0, found.start() - 12) : found.end() + 14].lower()
    return any(name.lower() in around for name in _MONTHS.get(language, "").split())
