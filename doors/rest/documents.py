"""Documents: taken in, listed, shown page by page, and forgotten. An id names one; so does a file name or title that is its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import Response

from assistant.errors import DocumentNotFound
from assistant.types import Document as Found
from doors.authentication import reader_of
from doors.in_json import document_json, page_json, report_json
from doors.rest.errors import ErrorBody, Refusal, problem
from doors.rest.fields import Day, FiltersGiven, Name, Names, Words
from doors.rest.route import RestRoute, failing, json_response
from doors.rest.shapes import Deleted, Document, Documents, Page, Uploaded
from doors.rest.working import work
from doors.uploading import file_name, told_apart
from ingestion import Report as Became

router = APIRouter(prefix="/v1", route_class=RestRoute)
_MOST_FILES = 100


def _leads_to(place: str) -> dict[str, Any]:
    """For the reference: what the id at this place of an answer is for."""
    named = {"id": f"$response.body#{place}"}
    operations = {"document": "document_v1_documents__id__get", "text": "document_text_v1_documents__id__text_get",
                  "page": "document_page_v1_documents__id__pages__number__get",
                  "forget": "forget_document_v1_documents__id__delete"}  # fmt: skip
    return {name: {"operationId": operation, "parameters": named} for name, operation in operations.items()}


DocumentName = Annotated[Name, Path(description="The document's id; a file name or title that only one has will do.")]


class Rejected(ErrorBody):
    """None of the files became a document; `upload` says why for each."""

    upload: Uploaded | None = None


_ADDED: dict[int | str, dict[str, Any]] = {200: {"model": Uploaded, "links": _leads_to("/files/0/document")}}
_REJECTED: dict[int | str, dict[str, Any]] = {
    400: {"model": Rejected, "description": "No file became a document, or the request cannot be meant."}
}


@router.get(
    "/documents",
    responses={200: {"model": Documents, "links": _leads_to("/documents/0/document")}, **failing(404)},
    summary="List documents",
)
def documents(
    request: Request,
    collection: Annotated[Names, Query(description="All that the reader may read, where none is named.")] = [],  # noqa: B006
    document: Annotated[Names, Query(description="Ids, file names or titles.")] = [],  # noqa: B006
    folder: Annotated[Names, Query(description="Folders, with all that lies below.")] = [],  # noqa: B006
    type: Annotated[Names, Query(description="Endings of file names (`pdf`) or media types.")] = [],  # noqa: B006
    language: Annotated[Names, Query(description="ISO 639-1 codes.")] = [],  # noqa: B006
    since: Annotated[Day | None, Query(description="The first day of a file's last change.")] = None,
    until: Annotated[Day | None, Query(description="The last day of it.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    reader: str = Depends(reader_of),
) -> Response:
    """The documents that the reader may read and that pass the filters, by collection and source."""
    given = FiltersGiven(document=document, folder=folder, type=type, language=language, since=since, until=until)
    found = request.app.state.assistant.library.documents(reader=reader, names=collection, filters=given.filters())
    page = [_document(each) for each in found[offset : offset + limit]]
    return json_response({"documents": page, "total": len(found)})


@router.post("/documents", responses={**_ADDED, **failing(404, 409, 429, 502), **_REJECTED}, summary="Add files")
async def add_documents(
    request: Request,
    files: Annotated[list[UploadFile], File(min_length=1, max_length=_MOST_FILES, description="The files, all together no larger "
                                            "than one file may be.")],
    collection: Annotated[Words, Form(max_length=200, description="A collection of the reader's; `documents` where none is named.")
                          ] = "",
    reader: str = Depends(reader_of),
) -> Response:  # fmt: skip
    """Takes files in and answers when they can be found. A name that was uploaded before is the same document, changed. What became of
    each file is told; where none became a document the status is 400."""
    state = request.app.state

    def job() -> Became:
        state.warm_up.wait()
        with TemporaryDirectory(prefix="footnote-upload-") as folder:
            report: Became = state.operations.upload(_written(files, FilePath(folder)), collection=collection, reader=reader)
        return report

    report = await work(state.changes, reader, job)
    if report.count("failed") < len(report.outcomes):
        return json_response(report_json(report))
    reasons = " ".join(f"{outcome.source.removeprefix('upload:')}: {outcome.reason}" for outcome in report.outcomes)
    return json_response({**problem(Refusal(reasons, code="no_document_added")).json(), "upload": report_json(report)}, 400)


@router.get("/documents/{id}", responses={200: {"model": Document}, **failing(404)}, summary="A document and its state")
def document(request: Request, id: DocumentName, reader: str = Depends(reader_of)) -> Response:
    return json_response(_document(request.app.state.assistant.library.find_document(id, reader=reader)))


@router.get("/documents/{id}/text", responses={200: {"model": Page}, **failing(404)}, summary="The text of a document")
def document_text(request: Request, id: DocumentName, reader: str = Depends(reader_of)) -> Response:
    """All of it, as the offsets of citations count it."""
    stored = request.app.state.assistant.library.stored(id, reader=reader)
    return json_response(page_json(stored.document, stored.text, None))


@router.get("/documents/{id}/pages/{number}", responses={200: {"model": Page}, **failing(404)}, summary="A page of a document")
def document_page(
    request: Request, id: DocumentName, number: Annotated[int, Path(ge=1, le=10**9)], reader: str = Depends(reader_of)
) -> Response:
    """Its text, and where that begins in the whole."""
    stored = request.app.state.assistant.library.stored(id, reader=reader)
    found = next((page for page in stored.pages if page.number == number), None)
    if found is None:
        raise DocumentNotFound(f"There is no page {number}: the document has {len(stored.pages)}.")
    return json_response(page_json(stored.document, stored.text, found))


@router.delete("/documents/{id}", responses={200: {"model": Deleted}, **failing(404, 429)}, summary="Forget a document")
async def forget_document(request: Request, id: DocumentName, reader: str = Depends(reader_of)) -> Response:
    """From then on no answer shows it. Only who owns its collection may do so."""
    state = request.app.state

    def job() -> tuple[str, str]:
        state.warm_up.wait()
        found = state.assistant.library.find_document(id, reader=reader)
        return found.id, state.operations.forget(found.id, reader=reader)

    forgotten, title = await work(state.changes, reader, job)
    return json_response({"id": forgotten, "object": "document", "deleted": True, "title": title})


def _document(found: Found) -> dict[str, Any]:
    return {**document_json(found), "state": "ready" if found.embedded else "embedding"}


def _written(uploads: Sequence[UploadFile], folder: FilePath) -> dict[str, FilePath]:
    """The files of an upload on the disk, by the names that they are to have."""
    given = [file_name(upload.filename or "", f"upload-{at + 1}") for at, upload in enumerate(uploads)]
    names = told_apart([f"{at}/{name}" for at, name in enumerate(given)])
    written = {}
    for name, path in names.items():
        at = int(path.parent.name)
        written[name] = folder / str(at)
        with written[name].open("wb") as file:
            shutil.copyfileobj(uploads[at].file, file)
    return written
