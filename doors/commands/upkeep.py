"""The upkeep of library and index: rebuilding, comparing, wiping, saving."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from doors.commands.command import as_json_option, command, open_assistant, opened, text
from doors.completion import collections
from doors.terminal import name, print_json, say


@command("reindex")
@click.argument("collection", type=text, shell_complete=collections)
@as_json_option
def reindex_command(collection: str, as_json: bool) -> None:
    """Build a collection's index anew from the library."""
    with opened() as operations:
        written = operations.reindex(collection)
    if as_json:
        print_json({"collection": collection, "chunks": written})
    else:
        say(f"Collection {name(collection)}: {written} chunks indexed anew.")


@command("doctor")
@as_json_option
def doctor_command(as_json: bool) -> None:
    """Compare library and index, see whether the endpoint that is to write answers, and name language models that run here. Exits with
    status 1 where something needs mending."""
    from assistant.settings import read_settings
    from assistant.wiring import endpoint_trouble, running_servers

    with opened() as operations:
        found = operations.examine()
    servers, trouble = running_servers(read_settings()), endpoint_trouble(read_settings())
    healthy = not trouble and not any(e.missing or e.stale for e in found)
    if as_json:
        examined, models = [asdict(e) for e in found], [asdict(s) for s in servers]
        print_json({"healthy": healthy, "collections": examined, "models": models, "trouble": trouble or None})
    else:
        say(f"Data folder: {name(str(read_settings().data_dir.absolute()))}")
        for e in found:
            say(
                f"{name(e.collection)}: {e.documents} document{'s' * (e.documents != 1)}, {e.chunks} chunk{'s' * (e.chunks != 1)}"
            )
            for line in e.advice:
                say(f"  {line}")
        if trouble:
            say(f"The language model cannot be used: {trouble}")
        say("All is well." if healthy else "Something needs mending.")
        for server in servers:
            say(server.offer)
    if not healthy:
        sys.exit(1)


@command("purge")
@as_json_option
def purge_command(as_json: bool) -> None:
    """Leave no byte of what was forgotten or replaced in the data folder. What `footnote eval` has copied there goes too."""
    from assistant.settings import read_settings
    from doors.evaluation_set import forget_evaluations

    with opened() as operations:
        purged = operations.purge()
    forget_evaluations(read_settings().data_dir)
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
    with opened() as operations:
        size = operations.back_up(Path(file).absolute())
    if as_json:
        print_json({"file": file, "size_bytes": size})
    else:
        say(f"Written: {name(file)}, {size / 1e6:.1f} MB.")


@command("restore")
@click.argument("file", type=click.Path(dir_okay=False))
@as_json_option
def restore_command(file: str, as_json: bool) -> None:
    """Put a backup into an empty data folder and build its index."""
    from assistant.errors import BackupError
    from assistant.settings import read_settings
    from doors.served import running_server
    from ingestion.backup import rebuild, unpack

    data_dir = read_settings().data_dir
    if running := running_server(data_dir):
        raise BackupError(
            f"The server at {running.address} is running on {data_dir}. Set FOOTNOTE_DATA_DIR to a new folder, or stop it and move "
            "the old one away."
        )
    unpack(Path(file), data_dir)
    with open_assistant() as assistant:
        chunks = rebuild(assistant)
    if as_json:
        print_json({"chunks": chunks})
    else:
        say(f"Restored: {chunks} chunks indexed.")
