"""Completion in the shell: its script, and the names that it offers, of collections and documents in the library.

What a document is called comes from outside: a name is offered only where no terminal obeys anything in it, and is quoted for the
shell, so that a line which was completed runs nothing but `footnote`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, get_completion_class

from assistant.errors import FootnoteError
from doors.terminal import harmless

if TYPE_CHECKING:
    from assistant.library import Library

_PROGRAM, _VARIABLE = "footnote", "_FOOTNOTE_COMPLETE"
_MOST = 200
# zsh and fish quote what is completed; bash takes it as it comes, and click (8.5) gives it bare and lets it name files by wildcards.
_BASH_SCRIPT = """\
%(complete_func)s() {
    local completion value
    COMPREPLY=()
    while IFS= read -r completion; do
        value=${completion#*,}
        case ${completion%%%%,*} in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_NEEDS_NO_QUOTES = re.compile(r"[^\w@%+=:,./-]")


class _Bash(BashComplete):
    source_template = _BASH_SCRIPT

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{item.type},{_NEEDS_NO_QUOTES.sub(lambda found: chr(92) + found[0], item.value)}"


def prepare() -> None:
    """Let click answer shells in our ways. To be called before the command is."""
    add_completion_class(_Bash)


def script(shell: str, program: click.Command) -> str:
    """What a shell is to run to complete the program's words."""
    prepare()
    made = get_completion_class(shell)
    assert made is not None
    return made(program, {}, _PROGRAM, _VARIABLE).source()


def collections(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from assistant.access import OWNER

    return _offered(incomplete, lambda library: [found.name for found in library.readable(OWNER) if found.offered])


def documents(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Documents as `footnote documents` lists them, by file name or path."""
    from assistant.access import OWNER

    return _offered(incomplete, lambda library: library.sources(reader=OWNER, beginning=incomplete, most=_MOST))


def _offered(incomplete: str, names: Callable[[Library], Sequence[str]]) -> list[CompletionItem[str]]:
    """Nothing where there is no library, or none that can be read: whoever presses Tab wants no error."""
    try:
        with _library() as library:
            found = names(library) if library else ()
    except FootnoteError:
        return []
    fit = [name for name in found if name.startswith(incomplete) and _can_be_typed(name)]
    return [CompletionItem(name) for name in fit[:_MOST]]


@contextmanager
def _library() -> Iterator[Library | None]:
    """The library alone, where there is one: none is made."""
    from assistant.settings import read_settings

    settings = read_settings()
    if not settings.library_url and not Path(settings.data_dir, "library.sqlite3").exists():
        yield None
        return
    from assistant.wiring import make_library

    library = make_library(settings)
    try:
        yield library
    finally:
        library.close()


def _can_be_typed(name: str) -> bool:
    return harmless(name) == name and not set(name) & set("\t\n\ufffd") and not name.startswith("-")
