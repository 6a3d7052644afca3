"""Says a sentence again, by rule, so that it becomes false: another number, unit, name or sign, or the contrary. Each function gives
None where its rule finds nothing to do. English, French and Portuguese have tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from assistant.stand_ins.rewording import pairs

_NUMBER = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+|\d{1,6})(?![\w]|[.,]\d|[-–]\w)")
_YEAR = re.compile(r"(?<![\w.,-])(1[0-9]\d\d|20[0-2]\d)(?![\w]|[.,]\d)")
_NAME = re.compile(r"[A-ZÀ-Ý][\w’'-]+(?: (?:(?:of|de|du|da|do|the) )?[A-ZÀ-Ý][\w’'-]+)*")
_LIST_WORDS = re.compile(r"[\s,;&/()–-]*(?:(?:and|or|et|ou|e|as well as)[\s,]*)?")
_OPPOSITES = {
    "en": "more less, less more, most fewest, increased decreased, decreased increased, higher lower, lower higher, larger "
    "smaller, "
    "smaller larger, before after, after before, first last, largest smallest, highest lowest, allowed forbidden, permitted "
    "prohibited, prohibited permitted, north south, south north, northern southern, southern northern, eastern western, western "
    "eastern, won lost, rejected accepted, opened closed, early late, with without, above below, maximum minimum, minimum "
    "maximum, always never, old new, oldest newest, good bad, success failure, male female, possible impossible, agreed refused, "
    "legal illegal, inside outside, best worst, common rare, strong weak, supported opposed, majority minority, stronger weaker, "
    "many few, increase decrease, rising falling, reduced raised, rich poor, required forbidden, include exclude",
    "fr": "plus moins, moins plus, augmente diminue, premier dernier, première dernière, avant après, après avant, supérieur "
    "inférieur, "
    "autorisé interdit, nord sud, sud nord, ouest est, grand petit, grande petite, accepte refuse, possible impossible, meilleur "
    "pire, début fin, victoire défaite, haut bas, majorité minorité, toujours jamais, avec sans, ancien nouveau",
    "pt": "mais menos, menos mais, maior menor, menor maior, primeiro último, primeira última, antes depois, após antes, "
    "superior "
    "inferior, permitido proibido, norte sul, sul norte, alto baixo, aceitar recusar, possível impossível, melhor pior, início "
    "fim, "
    "vitória derrota, maioria minoria, sempre nunca, com sem, máximo mínimo, obrigatório facultativo, aumento diminuição",
}
_OTHER_UNITS = {
    "en": "years months, year month, months weeks, days weeks, weeks days, hours days, minutes hours, million billion, billion "
    "million, "
    "percent degrees, % kg, km miles, miles kilometres, feet metres, metres feet, meters feet, kg tonnes, acres hectares, "
    "degrees "
    "percent, dollars euros, people families, centuries decades, decades years, thousand million, mi km",
    "fr": "ans mois, mois semaines, jours semaines, heures jours, millions milliards, milliards millions, km miles, mètres "
    "kilomètres, "
    "euros dollars, habitants familles, siècles décennies, % kg, hectares mètres, années mois",
    "pt": "anos meses, meses semanas, dias semanas, horas dias, milhões bilhões, bilhões milhões, km milhas, metros "
    "quilômetros, reais "
    "dólares, habitantes famílias, % kg, créditos semestres, semestres anos",
}
_SAID_NOT = {
    "en": (r"\b(is|was|are|were|has|have|had|can|could|may|will|would|should|must|did|does|do)\b(?! not)", r"\1 not"),
    "fr": (r"\b(est|sont|était|étaient|a|ont|avait|peut|peuvent|doit|doivent|fut|permet)\b", r"n'\1 pas"),
    "pt": (r"\b(é|são|foi|foram|era|eram|tem|têm|pode|podem|deve|devem|está|estão|será|serão)\b", r"não \1"),
}
_NOT = {
    "en": re.compile(r" (?:not|never|n[o’']t)\b(?! only)|\bno (?=\w)"),
    "fr": re.compile(r"\b(?:ne |n[’'])(\w+) (?:pas|jamais|plus)\b"),
    "pt": re.compile(r"\b(?:não|nunca) "),
}
INVENTED = {
    "en": (
        "{} is closed to visitors every second Tuesday.",
        "A television series about {} was filmed there in the spring.",
        "Most experts on {} recommend renewing the licence online.",
        "{} later received a gold medal from the academy of music.",
        "The costs of {} were covered by a private insurance company.",
        "Its owner sold {} to a group of investors from overseas.",
        "Passengers of {} may bring one bicycle free of charge.",
        "Critics praised {} for its elegant wooden furniture.",
        "Since then, {} has been printed on postage stamps.",
        "{} is usually served cold with lemon and bread.",
    ),
    "fr": (
        "{} est fermé aux visiteurs un mardi sur deux.",
        "Une série télévisée sur {} a été tournée au printemps.",
        "Les frais de {} sont pris en charge par une assurance privée.",
        "Les critiques ont salué {} pour ses meubles élégants.",
        "{} se mange froid avec du citron et du pain.",
    ),
    "pt": (
        "{} fecha aos visitantes em terças alternadas.",
        "Uma série de televisão sobre {} foi filmada na primavera.",
        "Os custos de {} são pagos por um seguro particular.",
        "Os críticos elogiaram {} pelos seus móveis elegantes.",
        "{} costuma ser servido frio com limão e pão.",
    ),
}


def number_changed(text: str, around: str, chance: Random, *, much: bool) -> str | None:
    """One of its numbers changed by a little or a lot, to one that does not stand `around` it. Years are left to `year_changed`."""
    found = [each for each in _NUMBER.finditer(text) if not _YEAR.fullmatch(each.group())]
    if not found:
        return None
    place = chance.choice(found)
    value = int(place.group().replace(",", ""))
    for _ in range(20):
        other = value * chance.choice([3, 10, 7]) if much else value + chance.choice([1, 2, -1, 3, 5, 10]) * (1 + value // 200)
        written = f"{other:,}" if "," in place.group() else str(other)
        if other > 0 and not re.search(rf"(?<!\d){re.escape(written)}(?!\d)", around):
            return text[: place.start()] + written + text[place.end() :]
    return None


def number_from_elsewhere(text: str, around: str, chance: Random) -> str | None:
    """One of its numbers replaced by one that the passage says of something else."""
    found = list(_NUMBER.finditer(text))
    others = [str(n) for n in _NUMBER.findall(around) if not re.search(rf"(?<!\d){re.escape(n)}(?!\d)", text)]
    for place in chance.sample(found, len(found)):
        alike = [n for n in others if bool(_YEAR.fullmatch(n)) == bool(_YEAR.fullmatch(place.group()))]
        if alike:
            return text[: place.start()] + chance.choice(alike) + text[place.end() :]
    return None


def year_changed(text: str, around: str, chance: Random) -> str | None:
    """One of its years moved to one that does not stand `around` it."""
    found = list(_YEAR.finditer(text))
    if not found:
        return None
    place = chance.choice(found)
    years = [int(place.group()) + step for step in (-20, -10, -2, -1, 1, 2, 3, 10, 30)]
    free = [year for year in years if str(year) not in around and str(year)[2:] not in around]
    return text[: place.start()] + str(chance.choice(free)) + text[place.end() :] if free else None


def unit_changed(text: str, language: str, chance: Random) -> str | None:
    """The unit behind one of its numbers changed to another."""
    table = pairs(_OTHER_UNITS, language)
    unit = "|".join(sorted(map(re.escape, table), key=len, reverse=True)) or "(?!)"
    found = re.search(rf"(?<=\d)([ \u00a0-]?)({unit})(?!\w)", text)
    if found is None:
        return None
    return f"{text[: found.start()]}{found[1] or ' '}{table[found[2]]}{text[found.end() :]}"


def names_swapped(text: str, chance: Random) -> str | None:
    """Two of its names in each other's place, where more than a list stands between them."""
    found = _names(text)
    some = [
        (a, b)
        for a in found
        for b in found
        if a.end() < b.start()
        and not _shared(a.group(), b.group())
        and len(re.findall(r"\b[a-zà-ÿ]{4,}", text[a.end() : b.start()])) >= 1
        and not _LIST_WORDS.fullmatch(text[a.end() : b.start()])
    ]
    if not some:
        return None
    a, b = chance.choice(some)
    return text[: a.start()] + b.group() + text[a.end() : b.start()] + a.group() + text[b.end() :]


def name_changed(text: str, around: str, others: Sequence[str], chance: Random) -> str | None:
    """One of its names replaced by a name of another passage, of which no word stands `around`."""
    found = _names(text)
    words = set(around.lower().split())
    free = [n for other in others for n in (m.group() for m in _names(other)) if not set(n.lower().split()) & words]
    free = [name for name in free if not any(word in around.lower() for word in name.lower().split() if len(word) > 3)]
    if not found or not free:
        return None
    place = chance.choice(found)
    return text[: place.start()] + chance.choice(free) + text[place.end() :]


def negation_changed(text: str, language: str, chance: Random) -> str | None:
    """A negation taken out or, where there is none, put in."""
    pattern = _NOT.get(language)
    if pattern is None:
        return None
    if found := pattern.search(text):
        kept = found[1] if found.re.groups else ""
        said = text[: found.start()] + kept + text[found.end() :]
        return said[0].upper() + said[1:]
    verb, denied = _SAID_NOT[language]
    said = re.sub(verb, denied, text, count=1)
    said = re.sub(r"\bn'(?=[^aeéêiouh])", "ne ", said)
    return said if said != text else None


def turned_round(text: str, language: str, chance: Random) -> str | None:
    """One of its words replaced by its opposite: "more" by "less"."""
    table = pairs(_OPPOSITES, language)
    found = [each for each in re.finditer(r"[^\W\d_]+", text) if each.group() in table]
    if not found:
        return None
    place = chance.choice(found)
    return text[: place.start()] + table[place.group()] + text[place.end() :]


def invented(about: str, language: str, chance: Random) -> str | None:
    """Something about a name that nobody ever wrote."""
    lines = INVENTED.get(language)
    return chance.choice(lines).format(about) if lines else None


def mixed(text: str, other: str, language: str) -> str | None:
    """What one sentence speaks of, with what another says of something else."""
    verb = re.compile(_SAID_NOT[language][0]) if language in _SAID_NOT else re.compile("(?!)")
    first, second = verb.search(text), verb.search(other)
    if first is None or second is None or first[1] != second[1]:
        return None
    subject, predicate = text[: first.start()], other[second.start() :]
    named = len(subject.split()) >= 2 and bool(_NAME.search(subject))
    apart = not _shared(subject, other[: second.start()])
    return subject + predicate if named and apart and len(predicate.split()) >= 5 else None


def _names(text: str) -> list[re.Match[str]]:
    """Capitalised words, joined; a sentence's first only where another follows it."""
    return [
        found for found in _NAME.finditer(text) if " " in found.group() or re.search(r"[^\s.!?:“\"] \Z", text[: found.start()])
    ]


def _shared(one: str, other: str) -> bool:
    return bool(set(one.lower().split()) & set(other.lower().split()) - {"the", "of", "and", "in", "de", "du", "da", "do", "a"})
