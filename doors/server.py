"""The server: one FastAPI application that carries the page and our own addresses, and strict headers on every response."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount

from assistant.answering import Assistant
from assistant.errors import FootnoteError, SettingsError
from doors.accounts import Accounts
from doors.answer_links import AnswerLinks
from doors.authentication import Authentication, LoginGate, reader_of
from doors.headers import App, Message, Receive, Send, StrictHeaders
from doors.linked_page import links_router
from doors.local_routes import LocalDoor, local_router
from doors.operations import Operations, OwnOperations
from doors.page.source_panel import page_picture, passage_html
from doors.page.tabs import PageGate, Tabs
from doors.page.warm_up import WarmUp
from doors.rest.errors import FailureAnswered, refusal
from doors.rest.metrics import Measured, Metrics
from doors.rest_api import Beyond, add_rest
from doors.served import running_server
from doors.server_file import announced
from doors.settings_in_words import settings_in_words
from doors.slack.over_http import slack_router

if TYPE_CHECKING:
    from assistant.settings import Settings

_STATIC = Path(__file__).parent / "static"


def serve(settings: Settings) -> None:
    """Serve until interrupted, then close the library. Raises SettingsError for an address that is in use, or that other machines can
    reach while there are no accounts, and DataFolderInUse where another process owns the data folder."""
    from assistant.settings import switch_off_telemetry

    switch_off_telemetry()
    with ExitStack() as ending:
        ending.enter_context(_terminated_as_interrupted())
        running = running_server(settings.data_dir)
        if running is not None:
            raise SettingsError(
                f"The server at {running.address} is running on {settings.data_dir} already. Use it, or stop it first."
            )
        assistant = ending.enter_context(Assistant.open(settings))
        listening = ending.enter_context(_listen(settings.host, settings.port, assistant))
        import uvicorn

        _ = assistant.index  # refused here, before an address is announced, where another process owns the data folder
        file = ending.enter_context(announced(settings.data_dir, listening))
        local = LocalDoor(file, settings_in_words(settings))
        app = make_app(
            assistant,
            login_always=not _is_loopback(settings.host),
            public_url=settings.public_url,
            mcp_writes=settings.mcp_writes,
            local=local,
        )
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"Footnote is at http://{shown}:{settings.port} (Ctrl+C stops it)", file=sys.stderr, flush=True)
        threading.Thread(target=_offer_models, args=(settings,), name="discovering", daemon=True).start()
        # uvicorn shuts down at Ctrl+C and then raises it once more.
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
        app.state.stopping = lambda: server.should_exit
        with _resuming(assistant), _slack(settings, app), suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    print("Footnote has stopped.", file=sys.stderr, flush=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the server as Ctrl+C does, with everything given back. uvicorn raises either once more when it has shut down."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _offer_models(settings: Settings) -> None:
    from assistant.wiring import running_servers

    for server in running_servers(settings):
        print(server.offer, file=sys.stderr, flush=True)


@contextmanager
def _resuming(assistant: Assistant) -> Iterator[None]:
    """What an upload or ingest that was stopped left without vectors gets them while the page is served."""
    from ingestion.resuming import resume

    def go_on() -> None:
        try:
            resume(assistant, stop)
        except FootnoteError as error:
            print(f"footnote: {error}", file=sys.stderr)

    stop = threading.Event()
    thread = threading.Thread(target=go_on, name="resuming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _slack(settings: Settings, app: FastAPI) -> Iterator[None]:
    """Slack too, where its tokens are set."""
    from doors.slack.running import slack_running

    assistant, most = app.state.assistant, app.state.assistant.limits.max_file_bytes
    with slack_running(settings, app.state.slack_operations, assistant.library, app.state.links, max_file_bytes=most) as bot:
        app.state.slack = bot
        yield


def make_app(
    assistant: Assistant,
    *,
    login_always: bool = False,
    public_url: str = "",
    mcp_writes: bool = False,
    local: LocalDoor | None = None,
) -> FastAPI:
    """The app, with the page at `/`. Models and index start to open in the background; the caller closes the assistant. A login is
    wanted where the library has accounts, and with `login_always` where it has none too. Links that leave the server begin with
    `public_url`. Over MCP documents are added and forgotten only with `mcp_writes`. Commands of this machine are served through the
    `local` door, where there is one."""
    from doors import mcp_server
    from gradio_app import build_page

    tabs, warm_up, metrics = Tabs(), WarmUp(assistant), Metrics()

    def counted(door: str) -> Operations:
        return OwnOperations(assistant, on_answer=partial(metrics.answered, door=door))

    page = build_page(assistant, counted("page"), tabs, warm_up)
    import gradio

    app = FastAPI(title="Footnote", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.assistant = assistant
    app.state.operations, app.state.local_operations, app.state.slack_operations = map(counted, ("rest", "local", "slack"))
    app.state.links = AnswerLinks(assistant.library.database, public_url)
    app.state.local = local
    app.state.stopping = lambda: False
    _add_addresses(app)
    mcp_server.mount(app, counted("mcp"), writes=mcp_writes)
    rest_routes = add_rest(app, warm_up, metrics)
    theme = gradio.themes.Base(
        font=["-apple-system", "BlinkMacSystemFont", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace"],
    )
    stamp = int(max(file.stat().st_mtime for file in _STATIC.iterdir()))
    head = f'<link rel="stylesheet" href="/own/page.css?{stamp}"><script defer src="/own/page.js?{stamp}"></script>'
    gradio.mount_gradio_app(
        app, page, path="/", server_name="127.0.0.1", footer_links=[], run_history=False, ssr_mode=False, mcp_server=False,
        pwa=False, enable_monitoring=False, show_error=True, max_file_size=assistant.limits.max_file_bytes, theme=theme,
        head=head, favicon_path=str(_STATIC / "favicon.png"),
        auth_dependency=reader_of,
    )  # fmt: skip
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    mounted.app = Beyond(PageGate(mounted.app, tabs), rest_routes)
    # No mount takes an address with a line feed in it.
    app.router.default = Beyond(app.router.default, rest_routes)
    # Those added last come first.
    accounts, token = Accounts(assistant.library.database), local.file.token if local else ""
    login = Authentication(accounts, login_always=login_always, local_token=token)
    app.add_middleware(LoginGate, authentication=login, is_loopback=_is_loopback)
    app.add_middleware(_Guard, public_url=public_url)
    app.add_middleware(Measured, metrics=metrics)
    app.add_middleware(FailureAnswered)
    app.add_middleware(StrictHeaders)  # the last one added is the outermost: refusals carry the headers too
    return app


class _Guard:
    """No service for other sites' pages: what one sends from a browser here is refused."""

    def __init__(self, app: App, public_url: str) -> None:
        self._app, self._public = app, _authority(public_url)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif reason := _refusal(scope, self._public):
            await refusal(scope["path"], reason, 403)(scope, receive, send)
        else:
            await self._app(scope, _until_stopping(receive, scope["app"].state.stopping), send)


def _until_stopping(receive: Receive, stopping: Callable[[], bool]) -> Receive:
    """What comes from the client; a disconnect when the server stops. Gradio keeps a stream open for every tab, which would
    otherwise hold the server up."""

    async def receive_or_end() -> Message:
        waiting = asyncio.ensure_future(receive())
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=0.5)
                if done:
                    return waiting.result()
                if stopping():
                    return {"type": "http.disconnect"}
        finally:
            waiting.cancel()

    return receive_or_end


def _refusal(scope: Message, public: str) -> str:
    """Browsers say where a page that sends something comes from: by Sec-Fetch-Site, which they leave out over plain HTTP to other
    machines, and by Origin, which must be our own name there, or the public one. Programs say neither."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None or origin is None:
        ours = site in (None, "same-origin", "none")
    else:
        ours = bool(_authority(origin)) and _authority(origin) in (headers.get("host", "").lower(), public)
    return "" if ours or scope["method"] in ("GET", "HEAD") else "Another site's page may not send anything here."


def _authority(address: str) -> str:
    """Host and port of an address or origin, in small letters; empty where it has none."""
    return address.lower().partition("://")[2].partition("/")[0]


def _add_addresses(app: FastAPI) -> None:
    @app.exception_handler(FootnoteError)
    def refuse(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=404, headers={"Cache-Control": "no-store"})

    app.add_api_route("/own/{name}", _static)
    app.add_api_route("/passage/{document}", _passage)
    app.add_api_route("/page/{document}/{number}.png", _picture)
    app.include_router(links_router)
    app.include_router(local_router)
    app.include_router(slack_router)


def _static(name: str) -> Response:
    files = {file.name: file for file in _STATIC.iterdir()}
    if name not in files:
        return JSONResponse({"error": f"There is no file '{name}'."}, status_code=404)
    return FileResponse(files[name], headers={"Cache-Control": "public, max-age=3600"})


def _passage(
    request: Request, document: str, start: int = 0, end: int = 0, version: str = "", reader: str = Depends(reader_of)
) -> Response:
    shown = passage_html(request.app.state.assistant, document, start, end, version=version, reader=reader)
    return HTMLResponse(shown, headers={"Cache-Control": "no-store"})


def _picture(
    request: Request, document: str, number: int, start: int = 0, end: int = 0, width: int = 1000, version: str = "",
    reader: str = Depends(reader_of),
) -> Response:  # fmt: skip
    assistant = request.app.state.assistant
    png = page_picture(assistant, document, number, start, end, width_pixels=width, version=version, reader=reader)
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


def _listen(host: str, port: int, assistant: Assistant) -> socket.socket:
    """A socket bound to the address. Raises SettingsError."""
    if not _is_loopback(host):
        if not Accounts(assistant.library.database).exist():
            raise SettingsError(
                f"FOOTNOTE_HOST={host} can be reached from other machines, and there are no accounts yet. Make one with "
                "`footnote users add NAME`, or use 127.0.0.1."
            )
        said = "passwords and documents go over the network as they are. Put a proxy that speaks TLS in front, and let only it in"
        print(f"footnote: {host} can be reached from other machines, and {said}.", file=sys.stderr)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # Bound and not listening, a second server could bind the address as well.
        listening.listen()
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Port {port} on {host} cannot be used: {error.strerror}. "
            f"Stop what is using it, or give another: footnote serve --port {port % 65535 + 1}"
        ) from error
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
