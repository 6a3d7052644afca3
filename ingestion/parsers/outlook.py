"""Reads Outlook's messages: their headers, then the text. Attachments are documents of their own."""

from __future__ import annotations

import io
import re
import struct
from email.message import EmailMessage
from typing import TYPE_CHECKING

from assistant.errors import CorruptFile, UnsupportedFormat
from assistant.types import ParsedDocument
from ingestion.parsers import email_message
from ingestion.parsers.compound_file import open_compound_file
from ingestion.parsers.other_elements import add_elements
from ingestion.parsers.other_types import OUTLOOK
from ingestion.parsers.text_builder import PAGE_BREAK, TextBuilder, fold

if TYPE_CHECKING:
    from oxmsg import Message

# What the library raises for messages that are not whole.
_ERRORS = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    OSError,
    OverflowError,
    RecursionError,
    struct.error,
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MOST_NAMED = 20
# MS-OXPROPS: what sort of recipient one is, and two sorts of them.
_RECIPIENT_TYPE, _TO, _CC = 0x0C15, 1, 2


def parse_outlook(data: bytes, name: str) -> ParsedDocument:
    """One page, titled by its subject. What is attached is named in a notice. Raises CorruptFile or EmptyFile."""
    from unstructured.partition.msg import partition_msg

    damage = open_compound_file(data, name).damage
    builder = TextBuilder()
    try:
        message = _message(data)
        headers = _headers(message)
        builder.add("paragraph", "\n".join(f"{header}: {value}" for header, value in headers if value))
        elements = partition_msg(file=io.BytesIO(data), process_attachments=False, languages=[""])
        sealed = "encrypted" in message.message_headers.get("Content-Type", "")
        attached, inner = _attached(message)
    except _ERRORS as error:
        raise _not_whole(name, error) from error
    if damage and not elements:
        raise _not_whole(name, damage[0])
    add_elements(builder, elements)
    notices = ["The message is encrypted; only its headers were read."] if sealed else []
    if attached:
        more = f" and {len(attached) - _MOST_NAMED} more" if len(attached) > _MOST_NAMED else ""
        notices.append(f"Attached: {', '.join(name for name, _ in attached[:_MOST_NAMED])}{more}.")
    if inner:
        notices.append(f"{inner} attached messages or objects were not read. Save them as files of their own to have them read.")
    if damage:
        notices.append("The file is damaged; what could be read of it was.")
    return builder.finish(name, OUTLOOK, title=headers[0][1], notices=notices)


def attachments(data: bytes) -> list[tuple[str, bytes]]:
    """As `email_message.attachments`, of an Outlook message; messages and objects within it, which are no files, are left out.
    Raises CorruptFile, and UnsupportedFormat where the extra is missing."""
    name = "The message"
    try:
        return _attached(_message(data))[0]
    except ImportError as error:
        raise UnsupportedFormat(
            f"{name}'s attachments take an extra to be read. Install it: `pip install 'footnote[unstructured]'`."
        ) from error
    except _ERRORS as error:
        raise _not_whole(name, error) from error


def _message(data: bytes) -> Message:
    from oxmsg import Message

    return Message.load(data)


def _headers(message: Message) -> list[tuple[str, str]]:
    sent = message.sent_date.isoformat(sep=" ") if message.sent_date else message.message_headers.get("Date", "")
    found = {
        "Subject": message.subject,
        "From": message.sender,
        "To": message.message_headers.get("To") or _recipients(message, _TO),
        "Cc": message.message_headers.get("Cc") or _recipients(message, _CC),
        "Date": sent,
    }
    return [(header, fold(str(value or "").replace(PAGE_BREAK, " "))) for header, value in found.items()]


def _recipients(message: Message, sort: int) -> str:
    those = [r for r in message.recipients if (r.properties.int_prop_value(_RECIPIENT_TYPE) or _TO) == sort]
    return ", ".join(f"{r.name} <{r.email_address}>" if r.name not in ("", r.email_address) else r.email_address for r in those)


def _attached(message: Message) -> tuple[list[tuple[str, bytes]], int]:
    """The files that are attached, and how many things are that are no files."""
    as_mail = EmailMessage()
    as_mail.make_mixed()
    inner = 0
    for attachment in message.attachments:
        content = attachment.file_bytes
        if content is None:
            inner += 1
            continue
        kind, _, sort = (attachment.mime_type or "").partition("/")
        whole = bool(re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", f"{kind}/{sort}")) and kind not in ("multipart", "message")
        as_mail.add_attachment(
            content,
            maintype=kind if whole else "application",
            subtype=sort if whole else "octet-stream",
            filename=_CONTROLS.sub("_", attachment.file_name or ""),
        )
    # Names are made safe in one place.
    return email_message.attachments(as_mail.as_bytes()), inner


def _not_whole(name: str, why: object) -> CorruptFile:
    return CorruptFile(f"'{name}' is not a whole Outlook message: {why}. Save it again from Outlook.")
