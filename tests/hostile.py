"""Hostile answers made by combination, and the judge of what a browser would make of the HTML that comes of them: by a list of what is
ours, where nothing else may be."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence

from selectolax.lexbor import LexborHTMLParser

from assistant.testing import KINDS

ADDRESS = "http://evil.example:8080/c"
SECRET = "CANARY-51807 the vault's number"
Mutation = Callable[[str, random.Random], str]

_EVERYWHERE = {"class"}
_OURS: dict[str, set[str]] = {
    **{tag: set() for tag in ("html", "head", "body", "br", "em", "code", "pre", "hr", "thead", "tbody", "tr", "td", "b")},
    **{tag: set() for tag in ("strong", "blockquote", "summary", "details", "h2", "h3", "mark", "figure", "figcaption")},
    "ol": {"start", "aria-label"}, "ul": {"role"}, "li": {"data-document"}, "p": {"role"}, "span": {"hidden"}, "table": set(),
    "a": {"id", "href", "aria-label", "data-passage", "data-quote", "data-headings"}, "th": {"scope"},
    "article": {"id"}, "div": {"role", "tabindex", "aria-label"}, "button": {"type", "data-copy", "data-ask", "aria-label", "title"},
}  # fmt: skip
_VALUES = {
    "href": re.compile(r"#(?:cite|near|why)-\d+\.\d+|#document"),
    "id": re.compile(r"(?:cite|near|why)-\d+\.\d+|answer-\d+"),
    "data-passage": re.compile(r"/passage/[\w-]+\?start=\d+&end=\d+&version=[\w-]*"),
    "class": re.compile(r"[a-z -]*"),
    "role": re.compile(r"alert|status|region"),
    "start": re.compile(r"\d{1,9}"),
    "type": re.compile(r"button"),
    "tabindex": re.compile(r"0"),
    "scope": re.compile(r"col|row"),
    "hidden": re.compile(r""),
}


def foreign(html: str) -> list[str]:
    """What a browser would find in the HTML that is not ours: tags, attributes and addresses."""
    found = []
    for node in LexborHTMLParser(html).root.traverse(include_text=False):  # type: ignore[union-attr]
        tag = node.tag or ""
        if tag not in _OURS:
            found.append(f"<{tag}>")
            continue
        for name, value in node.attributes.items():
            known = name in _OURS[tag] | _EVERYWHERE
            if not known or (name in _VALUES and not _VALUES[name].fullmatch(value or "")):
                found.append(f"<{tag} {name}={value!r}>")
    return found


def links(html: str) -> list[str]:
    return [node.attributes["href"] or "" for node in LexborHTMLParser(html).css("[href]")]


def read_text(html: str) -> str:
    """What a reader of the HTML reads."""
    return LexborHTMLParser(html).root.text(deep=True)  # type: ignore[union-attr]


def hostile_answers(number: int, seed: int, *, more: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """So many hostile answers, each with a name that says how it was made: each kind as it is, each of `more`, and then kinds and
    those combined with up to three mutations by chance."""
    chance = random.Random(seed)
    plain = {
        **{name: kind(SECRET, ADDRESS) for name, kind in KINDS.items()},
        **{f"list {n}": line for n, line in enumerate(more)},
    }
    made = 0
    for name, text in plain.items():
        if made < number:
            made += 1
            yield name, text
    names, mutations = list(plain), list(MUTATIONS)
    while made < number:
        name, text = (chosen := names[made % len(names)]), plain[chosen]
        for mutation in chance.sample(mutations, chance.randint(1, 3)):
            name, text = f"{name}, {mutation}", MUTATIONS[mutation](text, chance)
        made += 1
        yield f"{name} ({made})", text


def _other_case(text: str, chance: random.Random) -> str:
    return "".join(c.swapcase() if chance.random() < 0.5 else c for c in text)


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randint(1, max(1, len(text)))]


def _begun(text: str, chance: random.Random) -> str:
    return (
        chance.choice(
            ("[x](", "![", '<a href="', "<!--", "`", "~~~\n", "```\n", "**", "<", "[1", "|", "\\", "[x]: <", "&#", "<p title='")
        )
        + text
    )


def _in_a_list(text: str, chance: random.Random) -> str:
    mark = chance.choice(("- ", "1. ", "* ", "> ", "- > 1. ", "- [ ] ", "    ", "\t", "# ", "###### "))
    return "Before.\n\n" + "\n".join(mark + line for line in text.split("\n"))


def _in_a_table(text: str, chance: random.Random) -> str:
    cell = text.replace("\n", " ") if chance.random() < 0.7 else text
    return f"| a | b |\n|:--|--:|\n| {cell} | {chance.choice(('x', cell))} |\n{cell}"


def _in_code(text: str, chance: random.Random) -> str:
    return chance.choice(("```html\n{}\n```", "`{}`", "``{}`", "```{}\n```", "    {}", "~~~\n{}", "`` ` {} ``")).replace(
        "{}", text
    )


def _in_emphasis(text: str, chance: random.Random) -> str:
    return chance.choice(("**{}**", "*{}*", "__{}_", "***{}**", "~~{}~~", "[{}](x)", "[{}][1]", "![{}](y)")).replace("{}", text)


def _with_marks(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    for _ in range(chance.randint(1, 4)):
        words.insert(
            chance.randint(0, len(words)), chance.choice(("[1]", "[2]", "[3].", "[1][2]", "[99]", "[1](x)", "[[1]]", "[^1]"))
        )
    return " ".join(words)


def _with_invisible(text: str, chance: random.Random) -> str:
    return "".join(
        c + chance.choice("\u200b\u00ad\u2060\ufeff\u200d\x00\u202e\U000e0041") if chance.random() < 0.15 else c for c in text
    )


def _in_entities(text: str, chance: random.Random) -> str:
    forms = ("&#{};", "&#x{:x};", "&#{}", "&#0000{};")
    return "".join(chance.choice(forms).format(ord(c)) if c in "<>\"'&:/()[]!" and chance.random() < 0.5 else c for c in text)


def _doubled(text: str, chance: random.Random) -> str:
    place = chance.randint(0, len(text))
    return text[:place] + text + text[place:]


def _escaped(text: str, chance: random.Random) -> str:
    return "".join("\\" + c if c in "<>[]()!`*_\\" and chance.random() < 0.4 else c for c in text)


def _broken(text: str, chance: random.Random) -> str:
    ends = ("\n", "\r\n", "\n\n", "\t", "\x0c", "\u2028", " ", "  \n")
    return "".join(c + chance.choice(ends) if chance.random() < 0.06 else c for c in text)


def _doubly_bracketed(text: str, chance: random.Random) -> str:
    return text.replace("<", chance.choice(("<<", "< ", "<\x00", "<!--><", "<x <"))).replace(
        "](", chance.choice(("] (", "](<", "](("))
    )


def _with_another(text: str, chance: random.Random) -> str:
    other = KINDS[chance.choice(list(KINDS))](SECRET, ADDRESS)
    return chance.choice((" ", "\n", "\n\n", "")).join((text, other) if chance.random() < 0.5 else (other, text))


MUTATIONS: dict[str, Mutation] = {
    "other case": _other_case, "cut": _cut, "after something begun": _begun, "in a list": _in_a_list, "in a table": _in_a_table,
    "in code": _in_code, "in emphasis": _in_emphasis, "with marks": _with_marks, "with invisible characters": _with_invisible,
    "in entities": _in_entities, "within itself": _doubled, "escaped": _escaped, "over lines": _broken,
    "doubly bracketed": _doubly_bracketed, "with another": _with_another,
}  # fmt: skip


def prefixes(texts: Collection[str]) -> Iterator[str]:
    """Each beginning of each text, as it stands while an answer is streamed."""
    for text in texts:
        for end in range(1, len(text) + 1):
            yield text[:end]
