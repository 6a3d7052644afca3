"""Over HTTP: the address that Slack sends its events to. Whoever calls it has to sign as Slack does; nobody logs in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

EVENTS = "/slack/events"
_MOST_BYTES = 2_000_000

slack_router = APIRouter(include_in_schema=False)


@slack_router.post(EVENTS)
async def slack_events(request: Request) -> Response:
    """Slack's events, commands and buttons. The signature is checked, and that it is at most five minutes old."""
    bot = getattr(request.app.state, "slack", None)
    if bot is None or not bot.signed:
        return _refusal("This server takes no events from Slack. Set FOOTNOTE_SLACK_SIGNING_SECRET for that.", 404)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            return _refusal("That is more than Slack ever sends.", 413)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _refusal("That is no UTF-8.", 400)
    answer: Response = await run_in_threadpool(bot.over_http, request, body)
    return answer


def _refusal(reason: str, status: int) -> JSONResponse:
    return JSONResponse({"error": reason}, status_code=status, headers={"Cache-Control": "no-store"})
