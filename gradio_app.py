"""The page in the browser: Gradio components laid out and tied to the assistant. `python gradio_app.py` serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any

from assistant.answering import Assistant
from assistant.errors import FootnoteError
from assistant.filters import nothing_passes
from doors.operations import Operations
from doors.page.conversation import Conversation, conversation_html, exchange_html, follow
from doors.page.documents_list import SAMPLE, DocumentsDoor, documents_html, message_html, upload_html
from doors.page.filter_bar import chosen_filters, heading
from doors.page.frame import BAR, LIBRARY_HEAD, PANEL, welcome_html, working_html
from doors.page.tabs import Tabs
from doors.page.warm_up import WarmUp

if TYPE_CHECKING:
    import gradio as gr

_TABS_AT_ONCE = 16
_UNFILTERED: Sequence[Any] = ([], [], [], [], "", "")
_BARE = {"padding": False, "apply_default_css": False}
# Clicks inside our HTML reach Python as Gradio events: a question to try, the sample, a document to remove.
_JS_CONVERSATION = """element.addEventListener('click', (click) => {
  const chip = click.target.closest('[data-ask]'), sample = click.target.closest('[data-sample]');
  if (chip) trigger('select', {question: chip.dataset.ask});
  if (sample) { sample.disabled = true; trigger('apply', {}); }
});"""
_JS_DOCUMENTS = """element.addEventListener('click', (click) => {
  const yes = click.target.closest('.yes');
  if (yes) { yes.disabled = true; trigger('delete', {document: yes.closest('[data-document]').dataset.document}); }
});"""


def build_page(assistant: Assistant, operations: Operations, tabs: Tabs, warm_up: WarmUp) -> gr.Blocks:
    """The page, not yet mounted, whose questions go through these operations: doors.server adds its style sheet, its script and the
    addresses of passages and pictures, and says whose each request is."""
    from assistant.settings import switch_off_telemetry

    switch_off_telemetry()
    import gradio as gr

    blocks: gr.Blocks
    with gr.Blocks(title="Footnote", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as blocks:
        _Page(gr, DocumentsDoor(assistant), warm_up, operations, tabs).tie(blocks)
    return blocks


class _Page:
    """The components and what happens when they are used. Handlers take first for whom they read, and give a value for each component
    that they may change."""

    def __init__(self, gradio: Any, door: DocumentsDoor, warm_up: WarmUp, operations: Operations, tabs: Tabs) -> None:
        self._gr, self._door, self._warm_up, self._operations, self._tabs = gradio, door, warm_up, operations, tabs
        self.talk = gradio.State(Conversation())
        with gradio.Column(elem_id="library"):
            gradio.HTML(LIBRARY_HEAD, **_BARE)
            self.new = gradio.Button("New conversation", elem_id="new-conversation", size="md")
            self.collection = gradio.Dropdown(
                [("All collections", "")], value="", label="Collection", elem_id="collection", allow_custom_value=True,
                info="Choose one to ask, or type a new name to upload into.", container=False,
            )  # fmt: skip
            self._add_filters(gradio)
            self.files = gradio.UploadButton("Add documents", elem_id="upload", file_count="multiple", size="md")
            self.outcomes = gradio.HTML("", elem_id="outcomes", **_BARE)
            self.documents = gradio.HTML("", elem_id="documents", **_BARE, js_on_load=_JS_DOCUMENTS)
        with gradio.Column(elem_id="talk"):
            gradio.HTML(BAR, **_BARE, elem_id="bar")
            with gradio.Column(elem_id="conversation"):
                self.past = gradio.HTML("", elem_id="past", **_BARE, js_on_load=_JS_CONVERSATION)
                self.current = gradio.HTML("", elem_id="current", **_BARE)
            with gradio.Column(elem_id="composer"):
                self.box = gradio.Textbox(
                    placeholder="Ask your documents", show_label=False, label="Question", container=False, lines=1, max_lines=8,
                    autofocus=True, elem_id="question", max_length=4000,
                )  # fmt: skip
                self.ask = gradio.Button("Ask", elem_id="ask", variant="primary")
                self.stop = gradio.Button("Stop", elem_id="stop", visible=False)
        gradio.HTML(PANEL, **_BARE)

    def _add_filters(self, gradio: Any) -> None:
        with gradio.Accordion("Filters", open=False, elem_id="filters") as self.filters:
            self.lists = [
                gradio.Dropdown(
                    label=label, multiselect=True, allow_custom_value=True, container=False, visible=False, elem_classes="filter"
                )
                for label in ("Documents", "Folders", "Types", "Languages")
            ]
            with gradio.Row(elem_id="days"):
                self.days = [
                    gradio.Textbox(label=label, placeholder="2024-12-31", max_length=10, container=False, elem_classes="filter")
                    for label in ("Modified since", "Until")
                ]
            self.clear = gradio.Button("Clear filters", elem_id="clear-filters", size="md")

    def tie(self, blocks: Any) -> None:
        """Join components and handlers. None of the events is offered as an API."""
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        # "once" would swallow a question that is asked at the very end of an answer; `_ask` itself refuses one in its midst.
        answering = {**quiet, "concurrency_limit": _TABS_AT_ONCE, "concurrency_id": "answering", "trigger_mode": "multiple"}
        library = {**quiet, "concurrency_limit": _TABS_AT_ONCE, "concurrency_id": "library"}
        shown = [self.box, self.past, self.current, self.ask, self.stop]
        chosen = [*self.lists, *self.days]
        listed = [self.collection, self.documents, self.past, *self.lists]
        by = self._for_reader
        asking = [
            self.box.submit(by(self._ask), [self.box, self.collection, self.talk, *chosen], shown, **answering),
            self.ask.click(by(self._ask), [self.box, self.collection, self.talk, *chosen], shown, **answering),
            self.past.select(self._with_event(self._ask_chip), [self.collection, self.talk, *chosen], shown, **answering),
        ]
        # A stop that waited in the queue behind the answer would come too late.
        self.stop.click(self._stop, [self.talk], shown, cancels=asking, queue=False, **quiet)
        self.new.click(by(self._start_anew), None, [self.talk, *shown], cancels=asking, queue=False, **quiet)
        held = [self.collection, self.talk, *chosen]
        blocks.load(by(self._open), held, [*listed, self.current], **library)
        self.collection.change(by(self._choose), [self.collection, *chosen], [self.documents, *self.lists], **library)
        changed = [*(field.change for field in self.lists), *(event for day in self.days for event in (day.submit, day.blur))]
        # Whoever clicks Ask leaves a field: of two events at once in the queue, one may wait for ever (gradio 6.31).
        narrowed = [self.documents, self.filters]
        self._gr.on(changed, by(self._narrow), [self.collection, *chosen], narrowed, queue=False, **quiet)
        self.clear.click(by(self._clear), [self.collection], [*chosen, *narrowed], queue=False, **quiet)
        self.files.upload(by(self._upload), [self.files, *held], [self.outcomes, self.files, *listed], **library)
        self.past.apply(by(self._add_sample), [self.talk], [self.outcomes, *listed], **library)
        self.documents.delete(self._with_event(self._forget), held, [self.outcomes, *listed], **library)

    # Gradio finds parameters by their classes themselves, which a module that imports Gradio late cannot name.

    def _for_reader(self, handler: Any) -> Any:
        def take(request, *values):  # type: ignore[no-untyped-def]
            return handler(request.username, *values)

        def take_steps(request, *values):  # type: ignore[no-untyped-def]
            yield from handler(request.username, *values)

        made = take_steps if isgeneratorfunction(handler) else take
        made.__annotations__["request"] = self._gr.Request
        return made

    def _with_event(self, handler: Any) -> Any:
        def take(request, event, *values):  # type: ignore[no-untyped-def]
            yield from handler(request.username, event._data or {}, *values)

        take.__annotations__.update(request=self._gr.Request, event=self._gr.EventData)
        return take

    def _ask(self, reader: str, question: str, collection: str, talk: Conversation, *chosen: Any) -> Iterator[list[Any]]:
        skip, update = self._gr.skip(), self._gr.update
        if not question.strip() or talk.busy:
            yield [skip] * 5
            return
        box, past = "", conversation_html(talk.exchanges)
        filters = partial(chosen_filters, *chosen)
        asked = question.strip()
        for exchange in follow(
            self._operations, talk, asked, collection, reader=reader, filters=filters, ready=self._warm_up.wait
        ):
            yield [box, past, exchange_html(exchange), update(visible=exchange.over), update(visible=not exchange.over)]
            box = past = skip

    def _ask_chip(
        self, reader: str, chip: dict[str, Any], collection: str, talk: Conversation, *chosen: Any
    ) -> Iterator[list[Any]]:
        yield from self._ask(reader, str(chip.get("question", "")), collection, talk, *chosen)

    def _stop(self, talk: Conversation) -> list[Any]:
        talk.stop()
        current = exchange_html(talk.exchanges[-1]) if talk.exchanges else ""
        return [self._gr.skip(), self._gr.skip(), current, self._gr.update(visible=True), self._gr.update(visible=False)]

    def _start_anew(self, reader: str) -> list[Any]:
        return [Conversation(), "", self._welcome(reader), "", self._gr.update(visible=True), self._gr.update(visible=False)]

    def _open(self, reader: str, collection: str, talk: Conversation, *chosen: Any) -> Iterator[list[Any]]:
        listed, skip = self._listed(reader, collection, talk, *chosen), self._gr.skip()
        yield [*listed, skip if self._warm_up.over else working_html("Getting ready: opening the index and the model…")]
        try:
            self._warm_up.wait()
        except FootnoteError as error:
            yield [skip] * len(listed) + [message_html(str(error))]
            return
        yield [skip] * len(listed) + [skip if talk.exchanges else ""]

    def _choose(self, reader: str, collection: str, *chosen: Any) -> list[Any]:
        """The documents, and what they can be filtered by. What was chosen stays, as far as it is there."""
        offered = self._door.choices(collection or "", reader=reader)
        there = [{value for _, value in choices} for choices in offered]
        kept = [[v for v in values or () if v in known] for known, values in zip(there, chosen, strict=False)]
        lists = [self._gr.update(choices=o, value=v, visible=bool(o)) for o, v in zip(offered, kept, strict=True)]
        return [self._passing(reader, collection, *kept, *chosen[len(kept) :]), *lists]

    def _narrow(self, reader: str, collection: str, *chosen: Any) -> list[Any]:
        try:
            label = heading(chosen_filters(*chosen))
        except FootnoteError:
            label = "Filters"
        return [self._passing(reader, collection, *chosen), self._gr.update(label=label)]

    def _clear(self, reader: str, collection: str) -> list[Any]:
        return [*_UNFILTERED, *self._narrow(reader, collection, *_UNFILTERED)]

    def _passing(self, reader: str, collection: str, *chosen: Any) -> str:
        """The list of the documents that pass, or what is wrong with the filters."""
        try:
            filters = chosen_filters(*chosen)
            found = self._door.documents(collection or "", filters=filters, reader=reader)
        except FootnoteError as error:
            return message_html(str(error))
        none = nothing_passes(filters) if filters else "No documents yet."
        return documents_html(found, group=not collection, none=none)

    def _upload(
        self, reader: str, paths: list[str] | None, collection: str, talk: Conversation, *chosen: Any
    ) -> Iterator[list[Any]]:
        skip, known, said = self._gr.skip(), 0, ""
        try:
            self._warm_up.wait()
            for progress, outcomes in self._door.upload(self._tabs.uploaded_by(reader, paths or []), collection, reader=reader):
                said = upload_html(progress, outcomes)
                # A document can be found by its words as soon as its outcome is known.
                known_now = len(outcomes) > known
                listed = self._listed(reader, collection, talk, *chosen) if known_now else [skip] * (3 + len(self.lists))
                yield [said, skip, *listed]
                known = len(outcomes)
        except FootnoteError as error:
            said += message_html(str(error))
        yield [said, None, *self._listed(reader, collection, talk, *chosen)]

    def _add_sample(self, reader: str, talk: Conversation) -> Iterator[list[Any]]:
        skip, said = self._gr.skip(), ""
        yield [said, skip, skip, working_html("Reading the three handbooks of the sample…"), *[skip] * len(self.lists)]
        try:
            self._warm_up.wait()
            report = self._door.add_sample(reader=reader)
            said = upload_html(report, report.outcomes)
        except FootnoteError as error:
            said = message_html(str(error))
        yield [said, *self._listed(reader, "", talk, *_UNFILTERED)]

    def _forget(
        self, reader: str, pressed: dict[str, Any], collection: str, talk: Conversation, *chosen: Any
    ) -> Iterator[list[Any]]:
        said = ""
        try:
            self._warm_up.wait()
            self._door.forget(str(pressed.get("document", "")), reader=reader)
        except FootnoteError as error:
            said = message_html(str(error))
        yield [said, *self._listed(reader, collection, talk, *chosen)]

    def _listed(self, reader: str, collection: str, talk: Conversation, *chosen: Any) -> list[Any]:
        """Values for the collections, the documents, the welcome where no question has been asked yet, and the lists of filters."""
        counted = self._door.collections(reader=reader)
        names = [name for name, _ in counted]
        called = self._door.called(collection, reader=reader)
        shown = called if called in names else ""
        choices = [("All collections", ""), *((f"{name} ({count})", name) for name, count in counted)]
        welcome = self._gr.skip() if talk.exchanges else self._welcome(reader)
        documents, *lists = self._choose(reader, shown, *chosen)
        return [self._gr.update(choices=choices, value=shown), documents, welcome, *lists]

    def _welcome(self, reader: str) -> str:
        return welcome_html([name for name, _ in self._door.collections(reader=reader)], sample=SAMPLE)


if __name__ == "__main__":
    import sys

    from assistant.settings import read_settings
    from doors.server import serve

    try:
        serve(read_settings())
    except FootnoteError as error:
        sys.exit(f"footnote: {error}")
