"""Whether a configured endpoint can be asked at all. It is asked for its list of models only, which costs nothing."""

from __future__ import annotations

# What says that a server is there and cannot serve. Not every server lists its models (404, 405, 501), and those write all the same.
_FAILING = frozenset({500, 502, 503, 504})


def trouble_at(base_url: str, api_key: str, *, timeout_seconds: float = 5.0) -> str:
    """What is wrong, and what to do; empty where the endpoint answers. Proxies and the environment are left alone, no redirect is
    followed, and an empty key sends none."""
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with (
            httpx2.Client(trust_env=False, verify=httpx2.create_ssl_context(trust_env=False), timeout=timeout_seconds) as http,
            http.stream("GET", f"{base_url}/models", headers=headers) as response,
        ):
            status = response.status_code
    except httpx2.TransportError as error:
        why = " ".join(str(error).split()).rstrip(". ") or type(error).__name__
        return f"{base_url} cannot be reached ({why}). Start its server, or correct FOOTNOTE_OPENAI_BASE_URL."
    if status in (401, 403):
        return f"{base_url} refused the key ({status}). Set FOOTNOTE_OPENAI_API_KEY to one that it takes."
    return f"{base_url} fails with status {status}. Look into its server's log." if status in _FAILING else ""
