"""The server."""

from __future__ import annotations

import click

from doors.commands.command import command


@command("serve")
@click.option("--host", default=None, help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port to listen on.  [default: 7860]")
def serve_command(host: str | None, port: int | None) -> None:
    """Serve every door in one process: the page in the browser, REST, MCP, Slack where its tokens are set, and the other commands of
    this data folder, which go through the server while it runs."""
    from assistant.settings import read_settings
    from doors.server import serve

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    serve(read_settings(**given))
