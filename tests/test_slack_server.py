"""The Slack door as it is run: in the server, alone by its command, and what is set from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from doors.cli import main
from doors.slack.over_http import EVENTS
from tests.slack_client import shown
from tests.slack_workspace import APP_TOKEN, BOT_TOKEN, SECRET, Workspace
from tests.test_cli import COMMAND, ROOT
from tests.test_login import make_users
from tests.test_page import Server
from tests.test_slack import LEAVE, MENTION, workspace

__all__ = ["workspace"]


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one collection, shared with all though there are no accounts."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "leave.md").write_text("# Leave\n\nFull-time staff have 28 days of leave a year.\n")
    run(folder / "data", "ingest", str(folder / "leave.md"), "-c", "handbook")
    assert "shared with every user" in run(folder / "data", "share", "handbook", "--all")
    return folder / "data"


def run(data: Path, *arguments: str, status: int = 0) -> str:
    """A command in this process, over a data folder; all that it says."""
    ran = CliRunner().invoke(main, arguments, env={"FOOTNOTE_DATA_DIR": str(data)})
    assert ran.exit_code == status, ran.output
    return ran.output


def asked(slack: Workspace) -> str:
    channel = slack.add_channel()
    return shown(slack.answer(channel, slack.say(channel, "UBOB", f"{MENTION} {LEAVE}")))


def test_the_server_takes_what_slack_has_signed_and_nothing_else(workspace: Workspace, handbook: Path) -> None:
    make_users(handbook, "ann")
    server = Server(
        handbook, slack_bot_token=BOT_TOKEN, slack_signing_secret=SECRET, slack_api_url=workspace.api_url,
        public_url="https://footnote.example.org",
    )  # fmt: skip
    try:
        workspace.target = server.url + EVENTS
        assert "28 days of leave a year. [1]" in asked(workspace)
        challenge = json.dumps({"type": "url_verification", "challenge": "c" * 20, "token": "t"})
        assert workspace.post(challenge, "application/json") == 200
        assert workspace.post(challenge, "application/json", age=240) == 200
        for refused in (
            workspace.post(challenge, "application/json", secret="another"), workspace.post(challenge, "application/json", secret=""),
            workspace.post(challenge, "application/json", age=330), workspace.post(challenge, "application/json", age=-330),
        ):  # fmt: skip
            assert refused == 401
        assert workspace.post("x" * 2_100_000, "application/json") == 413
        for path in ("/", "/slack/events/", "/slack/event", "/passage/x"):  # all else asks for a login as before
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(server.url + path, timeout=20)
        with pytest.raises(urllib.error.HTTPError, match=r"404|405"):
            urllib.request.urlopen(server.url + EVENTS, timeout=20)
        said = server.stop()
        assert "Footnote answers in Slack, at /slack/events." in said
    finally:
        if server.process.poll() is None:
            server.stop()


def test_the_bot_runs_alone_by_its_command_until_it_is_interrupted(workspace: Workspace, handbook: Path) -> None:
    environment = {
        **os.environ, "FOOTNOTE_DATA_DIR": str(handbook), "PYTHONPATH": str(ROOT), "FOOTNOTE_SLACK_API_URL": workspace.api_url,
        "FOOTNOTE_SLACK_BOT_TOKEN": BOT_TOKEN, "FOOTNOTE_SLACK_APP_TOKEN": APP_TOKEN,
    }  # fmt: skip
    workspace.limit("apps.connections.open", 1)
    process = subprocess.Popen([*COMMAND, "slack"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        workspace.wait_for(lambda: workspace.sockets or process.poll() is not None, "a socket", seconds=60)
        assert "28 days" in asked(workspace)
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_channels_are_set_and_listed_from_the_command_line(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_json(*arguments: str) -> dict[str, Any]:
        return dict(json.loads(run(handbook, "slack", *arguments, "--json")))

    run(handbook, "share", "handbook", "--private")
    assert in_json("channels") == {"channels": []}
    said = run(handbook, "slack", "set", "C12345", "--collection", "handbook", "--mentions-only", "--allow", "U12345")
    assert "searches handbook; answers mentions only; answers U12345 only" in said
    assert "footnote share handbook --all, or, where the channel is private, --with slack:c12345" in said
    assert "shared with slack:c12345" in run(handbook, "share", "handbook", "--with", "slack:c12345")
    run(handbook, "slack", "set", "default", "--person", "U99999")
    assert in_json("set", "C12345", "--follow", "--off")["not_shared"] == []
    first, default = in_json("channels")["channels"]
    assert (first["channel"], first["collections"], first["mentions_only"]) == ("C12345", ["handbook"], False)
    assert (first["allowed"], first["off"], first["person"]) == (["U12345"], True, "")
    assert (default["channel"], default["person"]) == ("default", "U99999")
    again = in_json("set", "C12345", "--on", "--all-collections", "--allow-everybody")
    assert (again["collections"], again["allowed"], again["off"]) == ([], [], False)
    assert "only --person" in run(handbook, "slack", "set", "default", "--off", status=1)
    assert "no id of Slack's" in run(handbook, "slack", "set", "#general", status=1)
    assert "no collection 'gone'" in run(handbook, "slack", "set", "C12345", "-c", "gone", status=1)
    assert "FOOTNOTE_SLACK_APP_TOKEN is missing" in run(handbook, "slack", status=1)
    monkeypatch.setenv("FOOTNOTE_SLACK_APP_TOKEN", APP_TOKEN)
    assert "FOOTNOTE_SLACK_BOT_TOKEN is missing" in run(handbook, "slack", status=1)
    run(handbook, "share", "handbook", "--all")


def test_the_manifest_asks_for_what_the_bot_calls(tmp_path: Path) -> None:
    manifest = json.loads(run(tmp_path, "slack", "manifest"))
    features, settings = manifest["features"], manifest["settings"]
    assert features["slash_commands"][0]["command"] == "/ask"
    assert features["agent_view"]["suggested_prompts"]
    assert set(settings["event_subscriptions"]["bot_events"]) == {
        "app_home_opened", "app_mention", "message.channels", "message.groups", "message.im", "message.mpim",
    }  # fmt: skip
    wanted = {"assistant:write", "chat:write", "commands", "files:read", "reactions:write", "users:read", "users:read.email"}
    assert wanted <= set(manifest["oauth_config"]["scopes"]["bot"])
    assert settings["socket_mode_enabled"]
    assert "request_url" not in json.dumps(manifest)
    over_http = run(tmp_path, "slack", "manifest", "--url", "https://footnote.example.org/")
    assert over_http.count('"https://footnote.example.org/slack/events"') == 3
    assert not json.loads(over_http)["settings"]["socket_mode_enabled"]
    assert "https:// alone" in run(tmp_path, "slack", "manifest", "--url", "http://footnote.example.org", status=1)
