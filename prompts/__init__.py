"""The prompts as versioned Markdown files, and their loader. It knows what a template is; what goes into it is the caller's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from prompts.fencing import clean, fence, new_mark, one_line

__all__ = ["Filled", "Template", "clean", "fence", "load", "new_mark", "one_line", "parse"]

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_FILE = re.compile(r"\A---\n(?P<front>.*?)\n---\n+# system\n+(?P<system>.*?)\n+# user\n+(?P<user>.*?)\s*\Z", re.DOTALL)
# The mark is random and ours. Everything else that varies comes from people or documents, and stays out of the system role.
_SYSTEM_SLOTS = frozenset({"mark"})


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its slots filled: the two messages, system first, that every request has and no more."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt of two messages. `slots` are the names that `fill` wants, all of them."""

    name: str
    version: int
    system: str
    user: str
    slots: frozenset[str]

    def fill(self, values: Mapping[str, str]) -> Filled:
        """Put each value in its slot, once: braces inside a value stay text. Raises ValueError for a missing or unknown slot."""
        if missing := sorted(self.slots - values.keys()):
            raise ValueError(f"Prompt '{self.name}' misses {', '.join(missing)}. Give a value for each slot.")
        if unknown := sorted(values.keys() - self.slots):
            raise ValueError(f"Prompt '{self.name}' has no slot {', '.join(unknown)}; it has {', '.join(sorted(self.slots))}.")
        system, user = (_SLOT.sub(lambda found: values[found[1]], part) for part in (self.system, self.user))
        return Filled(system, user)


@cache
def load(name: str) -> Template:
    """The prompt of that name. Raises FileNotFoundError, or ValueError when the file is not a template."""
    return parse(name, (files("prompts") / f"{name}.md").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Template:
    """A template from a file's text: front matter with `version` and `slots`, then `# system` and `# user`. Raises ValueError
    when a part is missing, when the slots used are not those declared, or when the system part has a slot besides `mark`."""
    if not (found := _FILE.match(text)):
        raise ValueError(f"Prompt '{name}' needs front matter between --- lines, then '# system' and '# user'.")
    front = dict(line.split(": ", 1) for line in found["front"].splitlines())
    declared = frozenset(front.get("slots", "").replace(",", " ").split())
    in_system, in_user = (frozenset(_SLOT.findall(found[part])) for part in ("system", "user"))
    if declared != in_system | in_user:
        raise ValueError(f"Prompt '{name}' declares the slots {sorted(declared)} but uses {sorted(in_system | in_user)}.")
    if outside := sorted(in_system - _SYSTEM_SLOTS):
        raise ValueError(f"Prompt '{name}' puts {', '.join(outside)} in the system role. Move it to the user part.")
    if not front.get("version", "").isdigit():
        raise ValueError(f"Prompt '{name}' has version {front.get('version')!r}. Write a whole number.")
    return Template(name, int(front["version"]), found["system"], found["user"], declared)
