"""Fields that several requests have: text, collections, filters and turns, held to what the library can store and search."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from assistant.filters import Filters, read_since, read_until
from assistant.types import Role, Turn

MOST_QUESTION_CHARACTERS = 8000
_MOST_NAMES = 100


def _whole(text: str) -> str:
    """PostgreSQL stores no NUL, and nothing stores half a character."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text holds a NUL or half a character (a lone surrogate)")
    return text


Words = Annotated[str, AfterValidator(_whole)]
Name = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00]*\S[^\x00]*$"), AfterValidator(_whole)]
Question = Annotated[
    str,
    Field(min_length=1, max_length=MOST_QUESTION_CHARACTERS, pattern=r"^[^\x00]*\S[^\x00]*$"),
    AfterValidator(_whole),
]
Names = Annotated[list[Name], Field(max_length=_MOST_NAMES)]
Day = Annotated[str, Field(max_length=10, pattern=r"^[1-9]\d{3}(-(0?[1-9]|1[0-2])(-(0?[1-9]|[12]\d|3[01]))?)?$")]


class Body(BaseModel):
    """Fields of a body: of the very types that they have, and no others."""

    model_config = ConfigDict(strict=True, extra="forbid")


class FiltersGiven(Body):
    """Which documents are searched. Of the values of one field a document needs one; it must pass every field that is given."""

    document: Names = Field(default=[], description="Ids, file names or titles.")
    folder: Names = Field(default=[], description="Folders, with all that lies below.")
    type: Names = Field(default=[], description="Endings of file names (`pdf`) or media types (`application/pdf`).")
    language: Names = Field(default=[], description="ISO 639-1 codes.")
    since: Day | None = Field(default=None, description="The first day of a file's last change: 2024-12-31, 2024-12 or 2024.")
    until: Day | None = Field(default=None, description="The last day of it.")

    def filters(self) -> Filters:
        """Raises InvalidRequest for a day that there is not."""
        first = None if self.since is None else read_since(self.since)
        last = None if self.until is None else read_until(self.until)
        return Filters(self.document, self.folder, self.type, self.language, first, last)


class TurnGiven(Body):
    """One message of the conversation so far."""

    role: Role
    text: Words

    def turn(self) -> Turn:
        return Turn(self.role, self.text)


def filters_of(given: FiltersGiven | None) -> Filters:
    return (given or FiltersGiven()).filters()
