"""What is attached to an e-mail: documents of their own, that come, change and go with it."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from assistant.answering import Assistant
from assistant.library import OWNER
from ingestion import ingest
from ingestion.pipeline import ingest_documents
from ingestion.preparing import prepare_file


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
    assert outcomes(assistant, folder) == {("mail.eml", "unchanged")}
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
