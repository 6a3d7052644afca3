"""A scripted model that writes answers over given passages, cites well, badly and falsely, and says which of its marks are true.

What it writes is drawn from the passages by rule, and the same for the same seed. A rule cannot know all that a sentence means: a few
in a hundred of its labels are wrong (two names swapped around a verb that holds both ways).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from assistant.sentences import sentence_spans
from assistant.stand_ins import falsifying, rewording
from assistant.types import Chunk

_WORDS = range(7, 45)
# Blanks that a text cut into words has before its stops.
_TIGHT = re.compile(r" (?=[.,)])|(?<=\() ")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the scripted model is given: the passages, numbered from one; passages that it was not given (`strangers`), to be false
    with; and, where there is one, a question with its true answer and a wrong one, which passage number `gold` answers."""

    passages: Sequence[Chunk]
    language: str
    strangers: Sequence[Chunk] = ()
    question: str = ""
    answer: str = ""
    wrong_answer: str = ""
    gold: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that the model wrote, without its marks; the marks that stand behind it, and those of them that are true. `kind`
    is one of KINDS."""

    text: str
    kind: str
    marks: tuple[int, ...]
    true: frozenset[int]


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """A written answer with its marks, and what it states, in order."""

    text: str
    statements: Sequence[Statement]


def write_answer(scene: Scene, seed: int, *, each: int = 2, kinds: Sequence[str] | None = None) -> ScriptedAnswer:
    """An answer with `each` sentences cited well, badly and falsely, as far as the passages allow, in an order drawn by chance. No
    two rest on the same sentence of a passage. With `kinds` only those are written, each once."""
    chance = Random(seed)
    sources = list(_sources(scene))
    chance.shuffle(sources)
    written: list[Statement] = []
    for manner in ("well", "badly", "falsely"):
        asked = [kind for kind, of in KINDS.items() if of == manner and (kinds is None or kind in kinds)]
        most = each if kinds is None else len(asked)
        for kind in chance.sample(asked, len(asked)):
            said = kind in _ASKED and any(other.kind in _ASKED for other in written)
            if most and not said and (found := _first(kind, sources, scene, chance)):
                statement, used = found
                sources = [source for source in sources if source not in used]
                written.append(statement)
                most -= 1
    chance.shuffle(written)
    return ScriptedAnswer(" ".join(_with_marks(statement, chance) for statement in written), written)


@dataclass(frozen=True, slots=True)
class _Source:
    """A sentence of passage `number`, and the one that follows it there."""

    text: str
    number: int
    following: str


_Said = Callable[[_Source, Scene, Random], str | None]
_Marked = Callable[[_Source, Scene, Random], tuple[tuple[int, ...], frozenset[int]] | None]


def _sources(scene: Scene) -> Iterator[_Source]:
    for number, chunk in enumerate(scene.passages, 1):
        spans = sentence_spans(chunk.text, scene.language)
        texts = [" ".join(chunk.text[start:end].split()) for start, end in spans]
        for text, following in zip(texts, [*texts[1:], ""], strict=True):
            if _plain(text):
                yield _Source(text, number, following if _plain(following) else "")


def _plain(text: str) -> bool:
    """Whether a model might repeat it as a sentence of its own."""
    return len(text.split()) in _WORDS and text[0].isupper() and text.endswith(".") and not set(text) & set('[]\t:;?!“”"`•')


def _first(kind: str, sources: Sequence[_Source], scene: Scene, chance: Random) -> tuple[Statement, list[_Source]] | None:
    if kind in _ASKED:
        return _asked(kind, scene)
    for source in sources:
        text = _SAYS[kind](source, scene, chance) if kind in _SAYS else _truly(source, scene, chance)
        marks = _MARKS[kind](source, scene, chance) if kind in _MARKS else ((source.number,), frozenset[int]())
        if KINDS[kind] == "well":
            marks = (source.number,), frozenset({source.number})
        if text is not None and marks is not None:
            used = [s for s in sources if s == source or (s.number == source.number and s.text == source.following)]
            return Statement(_TIGHT.sub("", text), kind, *marks), used
    return None


_ASKED = ("question and answer", "question and wrong answer", "question and answer, mark on a neighbour")


def _asked(kind: str, scene: Scene) -> tuple[Statement, list[_Source]] | None:
    """The question's own words with an answer, as terse models write."""
    answer = scene.wrong_answer if kind == "question and wrong answer" else scene.answer
    if not scene.gold or not answer or not scene.question:
        return None
    mark = scene.gold
    if kind.endswith("neighbour"):
        near = [n for n in _neighbours(scene.gold, scene) if scene.answer.lower() not in scene.passages[n - 1].text.lower()]
        if not near:
            return None
        mark = near[0]
    true = frozenset({mark}) if kind == "question and answer" else frozenset[int]()
    return Statement(
        f"{scene.question.strip().rstrip('?').strip()}: {answer.strip().rstrip('.').rstrip()}.", kind, (mark,), true
    ), []


def _truly(source: _Source, scene: Scene, chance: Random) -> str:
    """The sentence itself or, as often, said again."""
    says = chance.choice([_verbatim, _shortened, _reordered, _synonyms])
    return says(source, scene, chance) or source.text


def _verbatim(source: _Source, scene: Scene, chance: Random) -> str:
    return source.text


def _shortened(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.shortened(source.text, scene.language, chance)


def _reordered(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.reordered(source.text, scene.language, chance)


def _synonyms(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.with_synonyms(source.text, scene.language, chance)


def _voice(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.voice_changed(source.text, scene.language, chance)


def _pronoun(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.with_pronoun(source.text, _title(source, scene), scene.language)


def _name(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.with_name(source.text, _title(source, scene), scene.language)


def _framed(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.framed(source.text, scene.language, chance)


def _merged(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.merged(source.text, source.following, scene.language)


def _loosely(source: _Source, scene: Scene, chance: Random) -> str | None:
    """Shortened, in another order and in other words, at least two of the three."""
    text, changes = source.text, 0
    for says in (rewording.shortened, rewording.reordered, rewording.with_synonyms):
        if said := says(text, scene.language, chance):
            text, changes = said, changes + 1
    return text if changes >= 2 else None


def _numbers(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.numbers_otherwise(source.text, scene.language, chance)


def _dates(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.dates_otherwise(source.text, scene.language, chance)


def _units(source: _Source, scene: Scene, chance: Random) -> str | None:
    return rewording.units_otherwise(source.text, scene.language, chance)


def _number_a_little(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.number_changed(_truly(source, scene, chance), _around(source, scene), chance, much=False)


def _number_a_lot(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.number_changed(_truly(source, scene, chance), _around(source, scene), chance, much=True)


def _number_from_elsewhere(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.number_from_elsewhere(_truly(source, scene, chance), _around(source, scene), chance)


def _year(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.year_changed(_truly(source, scene, chance), _around(source, scene), chance)


def _unit(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.unit_changed(_truly(source, scene, chance), scene.language, chance)


def _swapped(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.names_swapped(_truly(source, scene, chance), chance)


def _other_name(source: _Source, scene: Scene, chance: Random) -> str | None:
    others = [chunk.text for chunk in (*scene.passages, *scene.strangers) if chunk.title != _title(source, scene)]
    return falsifying.name_changed(_truly(source, scene, chance), _around(source, scene), others, chance)


def _negation(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.negation_changed(_truly(source, scene, chance), scene.language, chance)


def _opposite(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.turned_round(_truly(source, scene, chance), scene.language, chance)


def _invented(source: _Source, scene: Scene, chance: Random) -> str | None:
    return falsifying.invented(_title(source, scene).replace("_", " ") or "it", scene.language, chance)


def _half_invented(source: _Source, scene: Scene, chance: Random) -> str | None:
    added = falsifying.invented(_title(source, scene).replace("_", " ") or "it", scene.language, chance)
    return added and rewording.merged(source.text, added, scene.language)


def _mixed(source: _Source, scene: Scene, chance: Random) -> str | None:
    for other in _sources(Scene([*scene.passages, *scene.strangers], scene.language)):
        chunk = [*scene.passages, *scene.strangers][other.number - 1]
        if chunk.title != _title(source, scene) and (said := falsifying.mixed(source.text, other.text, scene.language)):
            return said
    return None


def _stranger(source: _Source, scene: Scene, chance: Random) -> str | None:
    others = [s for s in _sources(Scene(scene.strangers, scene.language)) if s.text not in _around(source, scene)]
    return chance.choice(others).text if others else None


def _on_another(source: _Source, scene: Scene, chance: Random) -> tuple[tuple[int, ...], frozenset[int]] | None:
    wrong = _others(source, scene)
    return ((chance.choice(wrong),), frozenset()) if wrong else None


def _on_a_neighbour(source: _Source, scene: Scene, chance: Random) -> tuple[tuple[int, ...], frozenset[int]] | None:
    near = [n for n in _neighbours(source.number, scene) if source.text not in scene.passages[n - 1].text]
    return ((chance.choice(near),), frozenset()) if near else None


def _missing(source: _Source, scene: Scene, chance: Random) -> tuple[tuple[int, ...], frozenset[int]]:
    return (), frozenset()


def _one_right(source: _Source, scene: Scene, chance: Random) -> tuple[tuple[int, ...], frozenset[int]] | None:
    wrong = _others(source, scene)
    if not wrong:
        return None
    marks = chance.sample([source.number, chance.choice(wrong)], 2)
    return tuple(marks), frozenset({source.number})


def _out_of_range(source: _Source, scene: Scene, chance: Random) -> tuple[tuple[int, ...], frozenset[int]]:
    return (len(scene.passages) + chance.randint(1, 9),), frozenset()


def _others(source: _Source, scene: Scene) -> list[int]:
    """Passages of other documents, which do not hold the sentence."""
    title = _title(source, scene)
    return [n for n, c in enumerate(scene.passages, 1) if c.title != title and source.text not in " ".join(c.text.split())]


def _neighbours(number: int, scene: Scene) -> list[int]:
    """Other passages under the same title."""
    title = scene.passages[number - 1].title
    return [n for n, chunk in enumerate(scene.passages, 1) if title and chunk.title == title and n != number]


def _title(source: _Source, scene: Scene) -> str:
    return scene.passages[source.number - 1].title


def _around(source: _Source, scene: Scene) -> str:
    chunk = scene.passages[source.number - 1]
    return f"{chunk.title} {chunk.text}"


def _with_marks(statement: Statement, chance: Random) -> str:
    marks = "".join(f"[{number}]" for number in statement.marks)
    if not marks or chance.random() < 0.3:
        return f"{statement.text} {marks}".rstrip()
    return f"{statement.text[:-1]} {marks}{statement.text[-1]}"


_WELL: Mapping[str, _Said] = {
    "verbatim": _verbatim,
    "shortened": _shortened,
    "reordered": _reordered,
    "synonyms": _synonyms,
    "active for passive": _voice,
    "pronoun for name": _pronoun,
    "name for pronoun": _name,
    "framed": _framed,
    "two sentences merged": _merged,
    "shortened and reworded": _loosely,
    "numbers written otherwise": _numbers,
    "dates written otherwise": _dates,
    "units abbreviated": _units,
}
_MARKS: Mapping[str, _Marked] = {
    "mark on another document": _on_another,
    "mark on a neighbour": _on_a_neighbour,
    "mark missing": _missing,
    "one right, one wrong mark": _one_right,
    "mark out of range": _out_of_range,
}
_FALSELY: Mapping[str, _Said] = {
    "number a little off": _number_a_little,
    "number far off": _number_a_lot,
    "number of something else": _number_from_elsewhere,
    "wrong year": _year,
    "wrong unit": _unit,
    "names swapped": _swapped,
    "another name": _other_name,
    "negation added or removed": _negation,
    "the opposite": _opposite,
    "invented": _invented,
    "half invented": _half_invented,
    "mixed from two documents": _mixed,
    "from a document not given": _stranger,
}
_SAYS: Mapping[str, _Said] = {**_WELL, **_FALSELY}
NUMBERS = (
    "numbers written otherwise", "dates written otherwise", "units abbreviated", "number a little off", "number far off",
    "number of something else", "wrong year", "wrong unit",
)  # fmt: skip
"""The kinds that are about numbers. The others are paraphrases, or wrong in their words or marks."""

KINDS: Mapping[str, str] = {
    **dict.fromkeys(_WELL, "well"),
    "question and answer": "well",
    **dict.fromkeys(_MARKS, "badly"),
    "question and answer, mark on a neighbour": "badly",
    **dict.fromkeys(_FALSELY, "falsely"),
    "question and wrong answer": "falsely",
}
"""Every kind of sentence, and whether it is cited "well", "badly" or "falsely"."""
