"""`twinrail link`: how links are, and orders that reach a network over a link that the engine has dialled."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinrail.cli import app
from twinrail.health import write_status
from twinrail.schemas.iso8583.profiles import MDS_LIKE
from twinrail.simulators.host import hosting
from twinrail.simulators.script import read_rules

RUN = CliRunner().invoke
PATIENCE_S = 60


def settings_file(folder: Path, link: str) -> Path:
    path = folder / "twinrail.toml"
    path.write_text(f'state_dir = "{folder / "state"}"\n[log]\nlevel = "warning"\n[[links]]\n{link}', encoding="utf-8")
    return path


def test_list_says_how_links_are_and_what_nobody_waited_for(tmp_path: Path) -> None:
    path = settings_file(tmp_path, 'name = "card"\nprofile = "card-1987"\nport = 0')
    assert RUN(app, ["link", "list", "--config", str(path)]).exit_code == 1
    row = {"at": 1_700_000_000 * 10**9, "link": 3, "mti": "0630", "why": "late", "differs": [], "nearest": ""}
    status = {"pid": os.getpid(), "at": time.time(), "epoch": 1, "owner": True, "store": "ok", "ready": True}
    card = {"listening": True, "host": "127.0.0.1", "port": 8583, "open": 1, "signed_on": 1}
    (tmp_path / "state").mkdir()
    write_status(tmp_path / "state" / "status.json", status | {"links": {"card": card}, "unmatched": {"net": [row]}})
    shown = RUN(app, ["link", "list", "--config", str(path)])
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        "link card: listening on 127.0.0.1:8583, 1 open, 1 signed on",
        "network net: unmatched at 22:13:20 UTC: link 3, mti 0630, why late",
    ]
    listed = json.loads(RUN(app, ["link", "list", "--config", str(path), "--json"]).output)
    assert listed["unmatched"]["net"][0]["mti"] == "0630"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["card", "0620", "--set", "x=1"], "NUMBER=VALUE"),
        (["card", "0620", "--set", "37"], "NUMBER=VALUE"),
        (["card", "0620", "--set", "193=1"], "NUMBER=VALUE"),
        (["card", "0620", "--set", "2=4111111111111111"], "element 2 is not public"),
        (["nowhere", "0620"], "no card link leads to it"),
    ],
)
def test_a_message_that_must_not_be_kept_never_gets_to_the_command_table(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    path = settings_file(tmp_path, 'name = "card"\nprofile = "card-1987"\nport = 0')
    sent = RUN(app, ["link", "send", *arguments, "--config", str(path)])
    assert sent.exit_code == 2
    assert said in sent.output.replace("\n", " ")
    assert "4111" not in sent.output


async def started(path: Path, database: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "twinrail", *arguments, "--config", str(path)),
        env=os.environ | {"TWINRAIL_DATABASE_URL": database, "TWINRAIL_STORE__ALLOW_UNSAFE": "true"},
        stdout=asyncio.subprocess.PIPE,
    )


async def twinrail(path: Path, database: str, *arguments: str) -> tuple[int, str]:
    """Run a verb to its end."""
    process = await started(path, database, *arguments)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.process
async def test_orders_reach_a_network_that_the_engine_has_dialled(tmp_path: Path, database: str) -> None:
    async with asyncio.timeout(PATIENCE_S), hosting(MDS_LIKE, read_rules(["0620=silent,accept"])) as host:
        path = settings_file(tmp_path, f'name = "north"\nprofile = "mds-like"\nconnect = ["127.0.0.1:{host.port}"]')
        engine = await started(path, database, "serve")
        try:
            link = await host.next(timeout_s=PATIENCE_S)
            await link.until_asked(1)
            code, said = await twinrail(path, database, "link", "ask", "north", "echo", "--command", "e1")
            assert (code, said) == (0, "done: asked on 1 link (command e1)\n")
            await link.until_asked(2)
            code, said = await twinrail(path, database, "link", "send", "north", "0620", "--set", "37=REF000000001")
            assert (code, said.startswith("done: owed as forward-mds-like-0620-")) == (0, True)
            await link.until_asked(3)
            assert [asked.what for asked in link.asked] == ["sign_on", "echo", "0620"]
            assert link.asked[2].message.elements[37] == "REF000000001"
            code, said = await twinrail(path, database, "link", "ask", "north", "dance")
            assert (code, said.startswith("refused: a network is asked for echo")) == (1, True)
            assert (await twinrail(path, database, "link", "ask", "north", "sign_off"))[0] == 0
            await link.until_asked(4)
            assert link.asked[3].what == "sign_off"
            code, said = await twinrail(path, database, "link", "list")
            assert (code, said.startswith("link north: connected since ")) == (0, True)
        finally:
            engine.send_signal(signal.SIGTERM)
            assert await engine.wait() == 0
