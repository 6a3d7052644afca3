"""The upkeep of library and index: rebuilding, comparing, wiping, saving."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from doors.commands.command import as_json_option, command, open_assistant, text
from doors.terminal import name, print_json, say


@command("reindex")
@click.argument("collection", type=text)
@as_json_option
def reindex_command(collection: str, as_json: bool) -> None:
    """Build a collection's index anew from the library."""
    from ingestion.reindexing import reindex

    with open_assistant() as assistant:
        written = reindex(assistant, collection)
    if as_json:
        print_json({"collection": collection, "chunks": written})
    else:
        say(f"Collection {name(collection)}: {written} chunks indexed anew.")


@command("doctor")
@as_json_option
def doctor_command(as_json: bool) -> None:
    """Compare library and index, and name language models that run here. Exits with status 1 where something needs mending."""
    from assistant.settings import read_settings
    from assistant.wiring import running_servers
    from ingestion.doctor import examine

    with open_assistant() as assistant:
        found = examine(assistant)
    servers = running_servers(read_settings())
    healthy = not any(e.missing or e.stale for e in found)
    if as_json:
        print_json({"healthy": healthy, "collections": [asdict(e) for e in found], "models": [asdict(s) for s in servers]})
    else:
        for e in found:
            pivot = f"pivot length {e.pivot_length:.1f}, drift {e.pivot_drift:+.1%}" if e.pivot_length else "no pivot length yet"
            say(f"{name(e.collection)}: {e.documents} documents, {e.chunks} chunks, {pivot}")
            for line in e.advice:
                say(f"  {line}")
        say("All is well." if healthy else "Something needs mending.")
        for server in servers:
            say(server.offer)
    if not healthy:
        sys.exit(1)


@command("purge")
@as_json_option
def purge_command(as_json: bool) -> None:
    """Leave no byte of what was forgotten or replaced in the data folder."""
    from doors.slack.conversations import Threads
    from ingestion.purging import purge

    with open_assistant() as assistant:
        Threads(assistant.library.database).forget_answers()
        purged = purge(assistant)
    if as_json:
        print_json(asdict(purged))
    else:
        dropped = f"{purged.versions} old versions and {purged.originals} originals were left to drop"
        say(f"Purged: library and index are written anew, without what was forgotten or replaced; {dropped}.")


@command("backup")
@click.argument("file", type=click.Path(dir_okay=False))
@as_json_option
def backup_command(file: str, as_json: bool) -> None:
    """Write library and originals to a new zip file."""
    from ingestion.backup import back_up

    with open_assistant() as assistant:
        size = back_up(assistant, Path(file))
    if as_json:
        print_json({"file": file, "size_bytes": size})
    else:
        say(f"Written: {name(file)}, {size / 1e6:.1f} MB.")


@command("restore")
@click.argument("file", type=click.Path(dir_okay=False))
@as_json_option
def restore_command(file: str, as_json: bool) -> None:
    """Put a backup into an empty data folder and build its index."""
    from assistant.settings import read_settings
    from ingestion.backup import rebuild, unpack

    unpack(Path(file), read_settings().data_dir)
    with open_assistant() as assistant:
        chunks = rebuild(assistant)
    if as_json:
        print_json({"chunks": chunks})
    else:
        say(f"Restored: {chunks} chunks indexed.")
