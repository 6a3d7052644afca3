"""What is attached to an e-mail: documents of their own, that come, change and go with it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from assistant.access import OWNER
from assistant.answering import Assistant
from assistant.errors import CorruptFile
from ingestion import Outcome, ingest
from ingestion.pipeline import ingest_documents
from ingestion.preparing import Prepared, prepare_file
from ingestion.recognition import missing
from tests.conftest import FILES


def mail(*attached: tuple[str, str], within: EmailMessage | None = None, subject: str = "The gates") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ann@example.org", "bob@example.org"
    message.set_content("The gates are described in what is attached.")
    for name, text in attached:
        message.add_attachment(text, filename=name)
    if within is not None:
        message.add_attachment(within, filename=f"{within['Subject']}.eml")
    return message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    return made


def outcomes(assistant: Assistant, *paths: Path) -> set[tuple[str, str]]:
    return {(o.source, o.status) for o in ingest(assistant, paths).outcomes}


def sources(assistant: Assistant) -> list[str]:
    return [d.source for d in assistant.library.documents(reader=OWNER)]


def test_attachments_are_documents_of_their_own(assistant: Assistant, folder: Path) -> None:
    (folder / "mail.eml").write_bytes(bytes(mail(("north.txt", "The north gate closes at seven."), ("tower.xyz", "?"))))
    known = [(o.source, o.status) for o in ingest(assistant, [folder]).outcomes]
    # The mail comes last: were it known first and the ingest stopped, its attachments would never be read.
    assert known[-1] == ("mail.eml", "added")
    assert set(known[:-1]) == {("mail.eml/north.txt", "added"), ("mail.eml/tower.xyz", "failed")}
    (hit, *_) = assistant.retrieve("when does the north gate close")
    assert hit.chunk.source == "mail.eml/north.txt"
    assert outcomes(assistant, folder) == {
        ("mail.eml", "unchanged"),
        ("mail.eml/north.txt", "unchanged"),
        ("mail.eml/tower.xyz", "failed"),
    }
    assert sources(assistant) == ["mail.eml", "mail.eml/north.txt"]


def test_an_attachment_that_is_taken_off_goes_and_one_that_changes_is_replaced(assistant: Assistant, folder: Path) -> None:
    path = folder / "mail.eml"
    path.write_bytes(bytes(mail(("north.txt", "North: seven."), ("south.txt", "South: eight."))))
    ingest(assistant, [path])
    path.write_bytes(bytes(mail(("north.txt", "North: nine."))))
    assert outcomes(assistant, path) == {
        ("mail.eml", "changed"),
        ("mail.eml/north.txt", "changed"),
        ("mail.eml/south.txt", "removed"),
    }
    assert sources(assistant) == ["mail.eml", "mail.eml/north.txt"]


def test_attachments_go_with_their_mail_and_move_with_it(assistant: Assistant, folder: Path) -> None:
    (folder / "mail.eml").write_bytes(bytes(mail(("north.txt", "North: seven."))))
    (folder / "notes.txt").write_text("Tea is at four.")
    ingest(assistant, [folder])
    ids = {d.source: d.id for d in assistant.library.documents(reader=OWNER)}
    (folder / "mail.eml").rename(folder / "renamed.eml")
    assert outcomes(assistant, folder) == {
        ("renamed.eml/north.txt", "moved"),
        ("renamed.eml", "moved"),
        ("notes.txt", "unchanged"),
    }
    moved = {d.source: d.id for d in assistant.library.documents(reader=OWNER)}
    assert moved["renamed.eml/north.txt"] == ids["mail.eml/north.txt"]
    (folder / "renamed.eml").unlink()
    assert outcomes(assistant, folder) == {
        ("notes.txt", "unchanged"),
        ("renamed.eml", "removed"),
        ("renamed.eml/north.txt", "removed"),
    }


def test_one_attachment_of_two_mails_is_one_document_while_either_is_there(assistant: Assistant, folder: Path) -> None:
    (folder / "a.eml").write_bytes(bytes(mail(("north.txt", "North: seven."), subject="First")))
    (folder / "b.eml").write_bytes(bytes(mail(("north.txt", "North: seven."), subject="Second")))
    ingest(assistant, [folder])
    (document,) = [d for d in assistant.library.documents(reader=OWNER) if "north" in d.source]
    assert document.sources == ("a.eml/north.txt", "b.eml/north.txt")
    (folder / "a.eml").unlink()
    ingest(assistant, [folder])
    assert sources(assistant) == ["b.eml", "b.eml/north.txt"]


def test_mails_within_mails_are_read_three_deep_and_the_rest_is_refused(assistant: Assistant, folder: Path) -> None:
    within = mail(("deepest.txt", "Never read."), subject="four")
    for subject in ("three", "two", "one"):
        within = mail((f"{subject}.txt", f"Found {subject} deep."), within=within, subject=subject)
    (folder / "mail.eml").write_bytes(bytes(within))
    report = ingest(assistant, [folder])
    statuses = {o.source: o.status for o in report.outcomes}
    assert statuses["mail.eml/two.eml/three.eml/three.txt"] == "added"
    (deepest,) = [o for o in report.outcomes if o.source.endswith("deepest.txt")]
    assert deepest.status == "failed"
    assert "3 are read" in deepest.reason
    ingest(assistant, [folder])
    assert "mail.eml/two.eml/three.eml/three.txt" in sources(assistant)


def test_an_uploaded_mail_brings_its_attachments_and_takes_them_off(assistant: Assistant) -> None:
    def upload(message: EmailMessage) -> set[tuple[str, str]]:
        document = prepare_file("upload:mail.eml", "mail.eml", bytes(message))
        return {(o.source, o.status) for o in ingest_documents(assistant, [document], collection="c", total=1).outcomes}

    assert upload(mail(("north.txt", "North: seven."))) == {("mail.eml/north.txt", "added"), ("mail.eml", "added")}
    assert upload(mail()) == {("mail.eml", "changed"), ("mail.eml/north.txt", "removed")}


def test_what_is_attached_to_a_mail_within_a_mail_stays_when_the_outer_one_changes(assistant: Assistant, folder: Path) -> None:
    inner = mail(("deep.txt", "The deep gate closes at seven."), subject="inner")
    path = folder / "outer.eml"
    path.write_bytes(bytes(mail(("x.txt", "One."), within=inner)))
    ingest(assistant, [path])
    held = ["outer.eml", "outer.eml/inner.eml", "outer.eml/inner.eml/deep.txt", "outer.eml/x.txt"]
    assert sources(assistant) == held
    path.write_bytes(bytes(mail(("x.txt", "Two."), within=inner)))
    ingest(assistant, [path])
    assert sources(assistant) == held
    path.write_bytes(bytes(mail(("x.txt", "Two."))))
    ingest(assistant, [path])
    assert sources(assistant) == ["outer.eml", "outer.eml/x.txt"]


def test_what_is_attached_to_a_mail_within_a_mail_stays_when_the_inner_one_fails(assistant: Assistant) -> None:
    def outer(inner: Prepared) -> Prepared:
        return replace(prepare_file("upload:o.eml", "o.eml", bytes(mail(subject=inner.source))), attached=lambda: [inner])

    def fails() -> Sequence[Prepared | Outcome]:
        raise CorruptFile("It is not whole.")

    content = bytes(mail(("deep.txt", "The deep gate closes at seven.")))
    inner = prepare_file("upload:o.eml/inner.eml", "inner.eml", content)
    ingest_documents(assistant, [outer(inner)], collection="c", total=1)
    broken = replace(inner, source="broken.eml", content=b"other", parse=fails)  # type: ignore[arg-type]
    (failed, _) = ingest_documents(assistant, [outer(broken)], collection="c", total=1).outcomes
    assert (failed.source, failed.status) == ("broken.eml", "failed")
    assert sources(assistant) == ["inner.eml", "inner.eml/deep.txt", "o.eml"]


def test_a_mail_that_cannot_be_looked_into_keeps_what_was_attached_and_is_looked_into_again(assistant: Assistant) -> None:
    def fails() -> Sequence[Prepared | Outcome]:
        raise CorruptFile("It took too long.")

    def upload(document: Prepared) -> set[tuple[str, str]]:
        return {(o.source, o.status) for o in ingest_documents(assistant, [document], collection="c", total=1).outcomes}

    upload(prepare_file("upload:m.eml", "m.eml", bytes(mail(("north.txt", "North: seven.")))))
    anew = prepare_file("upload:m.eml", "m.eml", bytes(mail(("north.txt", "North: seven."), ("south.txt", "South: eight."))))
    assert upload(replace(anew, attached=fails)) == {("m.eml/", "failed"), ("m.eml", "changed")}
    assert sources(assistant) == ["m.eml", "m.eml/north.txt"]
    assert upload(anew) == {("m.eml/north.txt", "unchanged"), ("m.eml/south.txt", "added"), ("m.eml", "unchanged")}


def untouched(path: Path, content: bytes) -> Path:
    """Written so long ago that its stamp is kept."""
    path.write_bytes(content)
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


def test_an_attachment_that_found_no_room_is_taken_up_later_although_nobody_touched_its_mail(
    assistant: Assistant, folder: Path
) -> None:
    assistant.limits = replace(assistant.limits, collection_pages=2)
    path = untouched(folder / "mail.eml", bytes(mail(("long.txt", "One.\fTwo.\fThree."))))
    assert outcomes(assistant, path) == {("mail.eml", "added"), ("mail.eml/long.txt", "failed")}
    assistant.limits = replace(assistant.limits, collection_pages=200)
    assert outcomes(assistant, path) == {("mail.eml", "unchanged"), ("mail.eml/long.txt", "added")}
    assert outcomes(assistant, path) == {("mail.eml", "unchanged")}  # its stamp spares looking into it


def test_attached_scans_are_read_once_there_is_text_recognition(assistant: Assistant, folder: Path) -> None:
    if lacking := missing("eng"):
        pytest.skip(lacking)
    message = mail()
    for name, kind in (("letter.png", "image"), ("scanned_pages.pdf", "application")):
        message.add_attachment((FILES / name).read_bytes(), maintype=kind, subtype=name[-3:], filename=name)
    one_scan = mail(subject="Scanned")
    one_scan.add_attachment((FILES / "scanned_pages.pdf").read_bytes(), maintype="application", subtype="pdf", filename="s.pdf")
    untouched(folder / "a.eml", bytes(message))
    assistant.limits = replace(assistant.limits, ocr_languages="xyz")
    assert outcomes(assistant, folder) == {
        ("a.eml", "added"),
        ("a.eml/letter.png", "failed"),
        ("a.eml/scanned_pages.pdf", "added"),
    }
    (folder / "a.eml").unlink()
    untouched(folder / "b.eml", bytes(one_scan))  # with this one nothing failed
    ingest(assistant, [folder])
    assistant.limits = replace(assistant.limits, ocr_languages="eng")
    assert outcomes(assistant, folder) == {("b.eml", "unchanged"), ("b.eml/s.pdf", "changed")}
    untouched(folder / "a.eml", bytes(message))
    assert ("a.eml/letter.png", "added") in outcomes(assistant, folder)
