"""The command line as its users call it: what it imports, how it ends, and that it never shows what is masked."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from twinrail import cli_send
from twinrail.cli import VERBS
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for, dialect_of
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[1]
PAN = "4111111111111111"


def twinrail(*arguments: str, given: str | bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "twinrail", *arguments],
        input=given.encode() if isinstance(given, str) else given,
        env=environment | {"PYTHONPATH": str(ROOT / "src")} | variables,
        capture_output=True,
        timeout=60,
        check=False,
    )


# What is imported.


def test_help_of_every_verb_imports_only_what_it_needs() -> None:
    program = f"""import sys
from twinrail.cli import app
known = {{"__main__", *sys.stdlib_module_names}}
for verb in {VERBS!r}:
    try: app([*verb.split(), "--help"], prog_name="twinrail")
    except SystemExit: pass
    third_party = sorted({{name.partition(".")[0] for name in sys.modules}} - known)
    ours = sorted(name for name in sys.modules if name.startswith("twinrail"))
    print([verb, third_party, ours, "asyncio" in sys.modules, "json" in sys.modules], file=sys.stderr)
"""
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.defpath}
    ended = subprocess.run(
        [sys.executable, "-S", "-P", "-c", "import sys; sys.path += sys.argv[1:]\n" + program, *sys.path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    third_party = ["annotated_doc", "shellingham", "twinrail", "typer"]
    ours = ["twinrail", "twinrail.cli", "twinrail.errors"]
    assert ended.stderr.splitlines() == [str([verb, third_party, ours, False, False]) for verb in VERBS]
    assert ended.stdout.count("Usage: twinrail") == len(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    from typer.testing import CliRunner

    from twinrail.cli import app

    shown = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


# How it ends


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, ""),
        (["serve", "--lopp"], 2, "--lopp"),
        (["nosuch"], 2, "nosuch"),
        (["decode", "nonsense!"], 2, "neither hex nor base64, and there is no file of this name"),
        (["decode", "/nosuch/message.hex"], 2, "there is no file of this name"),
        (["decode", "nonsense"], 1, ""),
        (["decode", "08" * 3000], 1, ""),  # longer than a file's name may be
        (["decode", ""], 2, "empty"),
        (["decode", "0800", "--dialect", "nosuch"], 2, "known are"),
        (["doctor", "--config", "/nosuch.toml"], 3, "/nosuch.toml: cannot be read"),
        (["send", "127.0.0.1", "/nosuch.json"], 2, "as in 127.0.0.1:8583"),
        (["send", "127.0.0.1:1", "/nosuch.json"], 3, "No such file"),
        (["send", "127.0.0.1:1", "/dev/null"], 2, 'expected {"mti"'),
        (["prove", "kill", "--target", "all"], 2, "engine or postgres"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, said: str) -> None:
    ended = twinrail(*arguments)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


def test_an_unknown_setting_ends_with_3_and_its_name() -> None:
    ended = twinrail("health", TWINRAIL_LOPP="1")
    assert ended.returncode == 3
    assert b"TWINRAIL_LOPP: there is no such setting" in ended.stderr


def test_health_of_no_engine(tmp_path: Path) -> None:
    ended = twinrail("health", "--json", TWINRAIL_STATE_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["alive"] is False


def test_the_settings_are_shown_without_the_database_url() -> None:
    ended = twinrail("config", "show", TWINRAIL_DATABASE_URL="postgresql://u:canary-7f3a@h/d")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["loop"] == "uvloop"
    assert b"canary" not in ended.stdout + ended.stderr


# send


class Issuer(asyncio.Protocol):
    """A peer that approves everything up to 50.00 and answers sign-on."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.framer = Framer(BINARY2, 4096)

    def data_received(self, data: bytes) -> None:
        codec = codec_for("iso1987-ascii")
        for payload in self.framer.receive(data):
            asked = codec.decode(payload)
            code = "00" if int(asked.elements.get(4, "0")) <= 5000 else "51"
            echo = {number: value for number, value in asked.elements.items() if number in {2, 3, 4, 7, 11, 37, 49, 70}}
            reply = Message(asked.mti[:2] + "10", echo | {39: code})
            self.transport.write(frame(BINARY2, codec.encode(reply)))


async def send(tmp_path: Path, amount: str, *options: str) -> tuple[int, str]:
    asked = {"mti": "0100", "elements": {"2": PAN, "3": "000000", "4": amount, "7": "auto", "11": "auto", "49": "978"}}
    path = tmp_path / "message.json"
    path.write_text(json.dumps(asked), encoding="utf-8")
    server = await asyncio.get_running_loop().create_server(Issuer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "twinrail", "send", f"127.0.0.1:{port}", str(path), *options),
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, output.decode()


async def test_send_signs_on_and_meets_its_expectation(tmp_path: Path) -> None:
    code, output = await send(tmp_path, "000000001000", "--expect", "39=00", "--expect", "4=000000001000")
    assert code == 0, output
    assert "ms" in output
    assert PAN not in output


async def test_send_tells_what_was_not_as_expected(tmp_path: Path) -> None:
    code, output = await send(tmp_path, "000000009000", "--expect", "39=00", "--expect", "38=123456")
    assert code == 1
    assert "expected 39=00, and the reply has 51" in output
    assert "expected an element 38, and the reply has none" in output
    code, output = await send(tmp_path, "000000009000", "--expect", "39=00", "--json")
    assert code == 1
    assert json.loads(output)["ok"] is False


def test_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "message.json"
    path.write_text('{"mti": "0800", "elements": {"7": "auto", "11": "auto", "70": "301"}}', encoding="utf-8")
    ended = twinrail("send", "127.0.0.1:1", str(path))
    assert ended.returncode == 3
    assert b"127.0.0.1:1 cannot be reached" in ended.stderr


def test_a_replay_to_nobody_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text("", encoding="utf-8")
    ended = twinrail("replay", str(path), "127.0.0.1:1")
    assert ended.returncode == 3
    assert b"127.0.0.1:1 cannot be reached" in ended.stderr


def test_a_database_that_is_away_is_said_with_the_remedy(tmp_path: Path) -> None:
    ended = twinrail(
        "serve", TWINRAIL_DATABASE_URL="postgresql://u:canary-7f3a@127.0.0.1:1/d", TWINRAIL_STATE_DIR=str(tmp_path)
    )
    assert ended.returncode == 3
    assert b"PostgreSQL cannot be reached" in ended.stderr
    assert b"./twinrail doctor" in ended.stderr
    assert b"canary" not in ended.stderr


def test_automatic_values(tmp_path: Path) -> None:
    dialect = dialect_of(PROFILES["card-1987"].dialect)
    path = tmp_path / "message.json"
    elements = dict.fromkeys(("7", "11", "12", "13", "37"), "auto")
    path.write_text(json.dumps({"mti": "0100", "elements": elements}), encoding="utf-8")
    message = cli_send.read_message(path, dialect, now=datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC))
    assert message.elements[7] == "1121143005"
    assert [len(message.elements[number]) for number in (11, 12, 13, 37)] == [6, 6, 4, 12]
    path.write_text('{"mti": "0100", "elements": {"4": "auto"}}', encoding="utf-8")
    with pytest.raises(typer.BadParameter, match='element 4 has no "auto"'):
        cli_send.read_message(path, dialect, now=datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "expected"),
        ("[]", "expected"),
        ('{"mti": "9", "elements": {}}', "mti is not four digits"),
        ('{"mti": 100, "elements": {}}', "mti is not four digits"),
        ('{"mti": "0100", "elements": {"4": 5}}', "element 4 is not text"),
        ('{"mti": "0100", "elements": {"55": "zz"}}', "element 55 is binary"),
    ],
)
def test_a_broken_message_file_is_a_wrong_call(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "message.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(typer.BadParameter, match=said):
        cli_send.read_message(path, DIALECTS["iso1987-ascii"], now=datetime(2026, 11, 21, tzinfo=UTC))


@given(st.text(max_size=40))
def test_addresses_and_expectations_are_read_or_refused(text: str) -> None:
    for parse in (cli_send.parse_address, cli_send.parse_expectation):
        with contextlib.suppress(typer.BadParameter):
            assert parse(text)


def test_addresses_of_both_families() -> None:
    assert cli_send.parse_address("[::1]:8583") == ("::1", 8583)
    assert cli_send.parse_address("host:1") == ("host", 1)
