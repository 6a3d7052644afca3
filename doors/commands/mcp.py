"""The MCP server, alone."""

from __future__ import annotations

from doors.commands.command import command


@command("mcp")
def mcp_command() -> None:
    """Serve MCP over stdin and stdout, for a program that starts this command."""
    from assistant.settings import read_settings, switch_off_telemetry

    switch_off_telemetry()
    from doors.mcp_server import serve_stdio

    serve_stdio(read_settings())
