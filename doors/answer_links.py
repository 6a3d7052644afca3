"""Answer links: addresses that prove. `/cite/<answer>/<n>` leads to the place of a footnote, for whoever may read it, as long as its
document stands, for a year; `/show/<document>/<page>` to a page."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from sqlalchemy import Connection, delete, func, insert, select

from assistant.database import Database
from assistant.errors import DocumentNotFound
from assistant.types import Answer, Citation
from doors.link_tables import answers, footnotes, metadata, ratings

_KEPT = timedelta(days=365)
_FORGETS_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a footnote leads: the span [start, end) of a version of a document, beginning on `page`. `others` are the numbers of the
    answer's footnotes, this one's among them."""

    document_id: str
    version: str
    page: int
    start: int
    end: int
    others: Sequence[int] = ()


class AnswerLinks:
    """The links of one library's answers. `public_url` is where people reach the server; without it, addresses begin with "/" unless
    `at` says where. `clock` says what time it is, in UTC. Safe to call from several threads and processes."""

    def __init__(
        self, database: Database, public_url: str = "", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        database.add_tables(metadata)
        self._database, self._public_url, self._clock = database, public_url.rstrip("/"), clock
        self._forgets_at = clock()

    @property
    def public(self) -> bool:
        """Whether people elsewhere can follow an address."""
        return bool(self._public_url)

    def keep(self, answer: Answer, *, reader: str) -> str:
        """Remember where the answer's footnotes lead, for a year; the answer's id, 96 bits by chance."""
        answer_id = secrets.token_urlsafe(12)
        rows = [
            {
                "answer": answer_id, "number": c.number, "document": c.document_id, "version": c.version, "page": c.page,
                "start": c.start, "end": c.end,
            }
            for c in answer.citations
        ]  # fmt: skip
        with self._database.writing() as connection:
            self._forget_old(connection)
            connection.execute(insert(answers).values(id=answer_id, reader=reader, answered_at=_written(self._clock())))
            if rows:
                connection.execute(insert(footnotes), rows)
        return answer_id

    def place(self, answer_id: str, number: int) -> Place:
        """Where a footnote leads. It says nothing of who may read there. Raises DocumentNotFound."""
        query = select(footnotes).where(footnotes.c.answer == answer_id).order_by(footnotes.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        found = next((row for row in rows if row.number == number), None)
        if found is None:
            raise no_footnote(answer_id, number)
        others = [row.number for row in rows]
        return Place(found.document, found.version, found.page, found.start, found.end, others)

    def rate(self, answer_id: str, *, reader: str, helpful: bool) -> None:
        """Note what a reader thinks of an answer, in place of what they thought before. Raises DocumentNotFound."""
        this = (ratings.c.answer == answer_id) & (ratings.c.reader == reader)
        row = {"answer": answer_id, "reader": reader, "helpful": int(helpful), "rated_at": _written(self._clock())}
        with self._database.writing() as connection:
            if connection.execute(select(answers.c.id).where(answers.c.id == answer_id)).first() is None:
                raise DocumentNotFound(f"There is no answer '{answer_id[:40]}'. Ask the question again.")
            connection.execute(delete(ratings).where(this))
            connection.execute(insert(ratings).values(**row))

    def rated(self) -> tuple[int, int]:
        """How many ratings say helpful, and how many say not."""
        query = select(func.coalesce(func.sum(ratings.c.helpful), 0), func.count())
        with self._database.reading() as connection:
            helpful, all_ = connection.execute(query).one()
        return int(helpful), int(all_) - int(helpful)

    def _forget_old(self, connection: Connection) -> None:
        """Forget the answers of more than a year ago, with their footnotes and ratings; at most once an hour."""
        now = self._clock()
        if now < self._forgets_at:
            return
        self._forgets_at = now + _FORGETS_EVERY
        old = answers.c.answered_at < _written(now - _KEPT)
        for table in (footnotes, ratings):
            connection.execute(delete(table).where(table.c.answer.in_(select(answers.c.id).where(old))))
        connection.execute(delete(answers).where(old))

    def of_footnote(self, answer_id: str, number: int, *, at: str = "") -> str:
        """The address of a footnote."""
        return f"{at.rstrip('/') or self._public_url}/cite/{quote(answer_id, safe='')}/{number}"

    def of_page(self, document_id: str, page: int, *, start: int = 0, end: int = 0, version: str = "", at: str = "") -> str:
        """The address of a page, with the span [start, end) marked where it is not empty."""
        marked = f"?{urlencode({'start': start, 'end': end, 'version': version})}" if end > start else ""
        return f"{at.rstrip('/') or self._public_url}/show/{quote(document_id, safe='')}/{page}{marked}"

    def of_citation(self, citation: Citation, *, at: str = "") -> str:
        """The address of a citation whose answer was not kept."""
        c = citation
        return self.of_page(c.document_id, c.page, start=c.start, end=c.end, version=c.version, at=at)


def no_footnote(answer_id: str, number: int) -> DocumentNotFound:
    return DocumentNotFound(f"There is no footnote {number} of an answer '{answer_id[:40]}'. Ask the question again.")


def _written(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
