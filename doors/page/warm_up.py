"""The warm-up: models and index are opened in the background while the page is already up."""

from __future__ import annotations

import sys
import threading

from assistant.answering import Assistant
from assistant.errors import FootnoteError


class WarmUp:
    """Starts at once. Whoever needs the assistant waits for it first."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    @property
    def failed(self) -> bool:
        return self._error is not None

    def wait(self) -> None:
        """Return when the assistant is ready. Raises FootnoteError where it could not be opened."""
        self._thread.join()
        if self._error is not None:
            raise FootnoteError(f"Footnote could not start: {self._error}") from self._error

    def _run(self) -> None:
        try:
            self._assistant.warm_up()
        except Exception as error:
            self._error = error
            print(f"footnote: {error}", file=sys.stderr)
