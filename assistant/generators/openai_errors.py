"""What goes wrong at an OpenAI-compatible endpoint, said in our own errors: what happened, with the values, and what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeGuard

from assistant.errors import AnswerCutOff, ContextOverflow, EndpointDown, EndpointError, ModelError
from assistant.generators.overflow import says_overflow

if TYPE_CHECKING:
    import openai

_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


def as_model_error(error: Exception, base_url: str, model: str, api_key: str) -> ModelError:
    """The error as one of ours; ours pass unchanged. The key never appears in a message."""
    import httpx2
    import openai

    said = _said(error, api_key)
    if is_overflow(error):
        return ContextOverflow(
            f"{base_url} says that the prompt is longer than the context of '{model}': {said}. "
            "Lower FOOTNOTE_CONTEXT_TOKENS to what the model can read."
        )
    if isinstance(error, ModelError):
        return error
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return AnswerCutOff(f"{base_url} did not answer in time. Ask again, or raise FOOTNOTE_ANSWER_TIMEOUT_SECONDS.")
    if isinstance(error.__cause__, httpx2.ConnectError):
        return EndpointDown(f"{base_url} cannot be reached ({said}). Start its server, or correct FOOTNOTE_OPENAI_BASE_URL.")
    if isinstance(error, (openai.APIConnectionError, httpx2.TransportError)):
        return EndpointDown(f"{base_url} broke the connection off ({said}). Ask again, or look into the server's log.")
    if isinstance(error, openai.APIStatusError):
        return _status_error(error, base_url, model, said)
    if isinstance(error, openai.APIError):
        return EndpointError(f"{base_url} reported an error: {said}. Ask again, or look into the server's log.")
    # The client lets JSON errors of a stream escape as they are (openai 3.54).
    return EndpointError(f"{base_url} answered what is no completion ({type(error).__name__}: {said}). Check the address.")


def may_retry(error: Exception) -> bool:
    """Whether the same request may do better in a moment: no connection, too many requests, a server's own fault."""
    import httpx2
    import openai

    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return False
    return isinstance(error, (openai.APIConnectionError, httpx2.TransportError)) or (
        _is_status(error) and error.status_code in _RETRIED and not is_overflow(error)
    )


def wait_seconds(error: Exception, tries: int, now: float) -> float:
    """How long to wait after that many tries: what Retry-After asks for (seconds, or a date against `now`, a Unix time), else
    half a second, doubled each time."""
    header = error.response.headers.get("retry-after", "") if _is_status(error) else ""
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", header):
        return float(header)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    return 0.5 * 2.0 ** (tries - 1)


def is_overflow(error: Exception) -> bool:
    """Whether the server said that the prompt is longer than the model's context."""
    import openai

    text = f"{getattr(error, 'code', '')} {getattr(error, 'type', '')} {error}"
    refused = _is_status(error) and error.status_code in (400, 413, 422, 500)
    # In a stream that has begun, it comes as an error event: the client's bare APIError, or ours from a whole body.
    return (refused or type(error) in (openai.APIError, EndpointError)) and says_overflow(text)


def refused_parameter(error: Exception) -> str:
    """The parameter of ours that this server does not take: "max_tokens", "temperature" or ""."""
    if not (_is_status(error) and error.status_code in (400, 422)):
        return ""
    for name, sign in (("max_tokens", "max_completion_tokens"), ("temperature", "temperature")):
        if sign in str(error):
            return name
    return ""


def _is_status(error: Exception) -> TypeGuard[openai.APIStatusError]:
    import openai

    return isinstance(error, openai.APIStatusError)


def _status_error(error: openai.APIStatusError, base_url: str, model: str, said: str) -> ModelError:
    status = error.status_code
    if 300 <= status < 400:
        to = error.response.headers.get("location", "nowhere")[:200]
        return EndpointError(f"{base_url} redirects to {to}, which is not followed. Correct FOOTNOTE_OPENAI_BASE_URL.")
    if status in (401, 403):
        return EndpointError(f"{base_url} refused the key ({status}: {said}). Set FOOTNOTE_OPENAI_API_KEY to one that it takes.")
    if status == 404:
        return EndpointError(
            f"{base_url} knows no model '{model}', or nothing answers at that path (404: {said}). Check FOOTNOTE_OPENAI_MODEL, "
            "and FOOTNOTE_OPENAI_BASE_URL, which usually ends in /v1."
        )
    if status == 429:
        wait = error.response.headers.get("retry-after", "")[:40]
        advice = f"It asks to wait {wait} s." if wait else "Ask again later."
        return EndpointError(f"{base_url} has had too many requests (429: {said}). {advice}")
    if status >= 500:
        return EndpointDown(f"{base_url} failed ({status}: {said}). Ask again, or look into the server's log.")
    return EndpointError(f"{base_url} refused the request ({status}: {said}). Check FOOTNOTE_OPENAI_MODEL and the server's log.")


def _said(error: Exception, api_key: str) -> str:
    """What the server or the client said, on one line of at most 300 characters, the key blotted out."""
    body = getattr(error, "body", None)
    text = body.get("message") if isinstance(body, Mapping) else None
    text = " ".join(str(text or error.__cause__ or getattr(error, "message", "") or error).split())
    if api_key:
        text = text.replace(api_key, "***")
    return text[:300].rstrip(". ") or "no reason given"
