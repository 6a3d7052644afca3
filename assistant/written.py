"""An answer as a generator writes it, and whether it came to its end."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.errors import ModelError
from assistant.protocols import Generated

_CUT_OFF = {
    "length": "The answer reached its longest length and was cut off.",
    "content_filter": "The model's provider stopped the answer with its content filter.",
}


class Written:
    """What has been written so far. `complete` says whether the end has come; `notices` say what cut it off, and what else the
    generator has to say of it. `quoted` is whether quotes stood in for a language model."""

    def __init__(self) -> None:
        self.text = ""
        self.complete = False
        self.notices: tuple[str, ...] = ()
        self.quoted = False

    def follow(self, pieces: Iterator[Generated]) -> Iterator[str]:
        """Pass the text on as it comes. Raises ModelError where it fails before the first word."""
        try:
            for piece in pieces:
                self.text += piece.text
                self.complete = piece.finish_reason == "stop"
                self.quoted = self.quoted or piece.quoted
                if piece.notice:
                    self.notices = (*self.notices, piece.notice)
                if piece.finish_reason in _CUT_OFF:
                    self.notices = (*self.notices, _CUT_OFF[piece.finish_reason])
                if piece.text:
                    yield piece.text
        except ModelError as error:
            if not self.text.strip():
                raise
            self.complete = False
            self.notices = (*self.notices, str(error))
