"""Reads e-mail: its headers, then the text, the plain one where the sender gave both. Attachments are documents of their own."""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import default

from assistant.errors import CorruptFile
from assistant.types import ParsedDocument
from ingestion.parsers.decoding import decode
from ingestion.parsers.html import add_html
from ingestion.parsers.plain_text import add_plain_text
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder, fold

MEDIA_TYPE = "message/rfc822"

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
# What the standard library raises for messages that keep to no standard (3.11: also for odd headers and unknown encodings).
_ERRORS = (ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError)
_SEALED = frozenset(("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"))
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff/\\:*?"<>|]+')
_MOST_NAMED = 20
_LONGEST_NAME = 120
_LONGEST_EXTENSION = 12
_EXTENSIONS = {
    "application/pdf": ".pdf", "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "text/markdown": ".md",
    "application/json": ".json", "application/rtf": ".rtf", "application/epub+zip": ".epub", MEDIA_TYPE: ".eml",
    "text/calendar": ".ics", "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif",
}  # fmt: skip


def parse_email(data: bytes, name: str) -> ParsedDocument:
    """One page, titled by its subject. What is attached is named in a notice. Raises CorruptFile or EmptyFile."""
    message = _message(data, name)
    builder = TextBuilder()
    headers = [(header, _header(message, header)) for header in _HEADERS]
    builder.add("paragraph", "\n".join(f"{header}: {value}" for header, value in headers if value))
    notices: list[str] = []
    try:
        texts, others = _sorted_parts(message)
        for part in texts:
            _add_text(builder, part, name, notices)
        attached = [attached_name for attached_name, _ in _named(others)]
        sealed = any(part.get_content_type() in _SEALED for part in message.walk())
    except _ERRORS as error:
        raise CorruptFile(f"'{name}' is not a whole e-mail: {error}. Save it again from the mail program.") from error
    if attached:
        more = f" and {len(attached) - _MOST_NAMED} more" if len(attached) > _MOST_NAMED else ""
        notices.append(f"Attached: {', '.join(attached[:_MOST_NAMED])}{more}.")
    if sealed:
        notices.append("The message is encrypted; only its headers were read.")
    return builder.finish(name, MEDIA_TYPE, title=headers[0][1], notices=notices)


def attachments(data: bytes) -> list[tuple[str, bytes]]:
    """What is attached, in order: file names safe to show and to write (no path, no control characters, 120 characters at most,
    none twice) and the bytes. Pictures that the text itself shows are left out. Raises CorruptFile."""
    try:
        return _named(_sorted_parts(_message(data, "The e-mail"))[1])
    except _ERRORS as error:
        raise CorruptFile(f"The e-mail is not whole: {error}. Save it again from the mail program.") from error


def _message(data: bytes, name: str) -> EmailMessage:
    try:
        return email.message_from_bytes(data, policy=default)
    except _ERRORS as error:
        raise CorruptFile(f"'{name}' is not a whole e-mail: {error}. Save it again from the mail program.") from error


def _header(message: EmailMessage, header: str) -> str:
    try:
        value = str(message.get(header) or "")
    except _ERRORS:
        value = next((raw for key, raw in message.raw_items() if key.lower() == header.lower()), "")
    return fold(str(value).replace(PAGE_BREAK, " "))


def _sorted_parts(message: EmailMessage) -> tuple[list[EmailMessage], list[EmailMessage]]:
    """The parts that make up the text, and those that are attached, each in order."""
    texts: list[EmailMessage] = []
    others: list[EmailMessage] = []
    open_parts = [message]
    while open_parts:
        part = open_parts.pop()
        kind = part.get_content_type()
        if kind == "multipart/alternative":
            open_parts.extend(reversed(_best_alternative(_inner(part))))
        elif part.get_content_maintype() == "multipart":
            open_parts.extend(reversed(_inner(part)))
        elif kind in ("text/plain", "text/html") and not part.get_filename() and part.get_content_disposition() != "attachment":
            texts.append(part)
        elif not _is_shown_in_text(part):
            others.append(part)
    return texts, others


def _is_shown_in_text(part: EmailMessage) -> bool:
    """Whether it is a picture that the HTML text places by its id."""
    return part.get_content_maintype() == "image" and "Content-ID" in part and part.get_content_disposition() != "attachment"


def _best_alternative(parts: Sequence[EmailMessage]) -> list[EmailMessage]:
    """Plain text before any other, unless it is blank; what else is among them is kept if it is no text."""
    plain = [part for part in parts if part.get_content_type() == "text/plain" and _bytes(part).strip()]
    rest = [part for part in parts if part.get_content_maintype() not in ("text", "multipart")]
    if plain:
        return [plain[0], *rest]
    written = [part for part in parts if part.get_content_type() != "text/plain" and part not in rest]
    return [*written[-1:], *rest]


def _inner(part: EmailMessage) -> list[EmailMessage]:
    return [inner for inner in part.get_payload() if isinstance(inner, EmailMessage)] if part.is_multipart() else []


def _add_text(builder: TextBuilder, part: EmailMessage, name: str, notices: list[str]) -> None:
    text, said = decode(_bytes(part), name, str(part.get_content_charset() or ""))
    notices.extend(said)
    text = text.replace(PAGE_BREAK, " ")
    if part.get_content_type() == "text/html":
        add_html(builder, text)
    else:
        add_plain_text(builder, text)


def _bytes(part: EmailMessage) -> bytes:
    if part.is_multipart():
        return b"\n".join(bytes(inner) for inner in _inner(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _named(parts: Sequence[EmailMessage]) -> list[tuple[str, bytes]]:
    named: list[tuple[str, bytes]] = []
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    for number, part in enumerate(parts, 1):
        wanted = name = _safe_name(part, number)
        while name.lower() in taken:
            counts[wanted.lower()] += 1
            stem, dot, extension = wanted.rpartition(".")
            name = f"{stem or extension} ({counts[wanted.lower()] + 1}){dot}{extension if dot else ''}"
        taken.add(name.lower())
        named.append((name, _bytes(part)))
    return named


def _safe_name(part: EmailMessage, number: int) -> str:
    given = part.get_filename() or ""
    if not given and part.get_content_type() == MEDIA_TYPE:
        given = next((_header(inner, "Subject") for inner in _inner(part)), "").replace(".", " ").strip()
        given = f"{_UNSAFE.sub('_', given)}.eml" if given else ""
    name = _UNSAFE.sub("_", re.split(r"[/\\]", given)[-1]).encode("utf-8", "ignore").decode().strip(" .")
    if not name.strip("_"):
        return f"attachment-{number}{_EXTENSIONS.get(part.get_content_type(), '')}"
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= _LONGEST_EXTENSION:
        return f"{stem[: _LONGEST_NAME - len(extension) - 1]}.{extension}"
    return name[:_LONGEST_NAME]
