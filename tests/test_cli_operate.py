"""Operators' verbs: secrets never come from the command line, and rows say what was asked and what became of it."""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import msgspec
import pytest
import typer
from typer.testing import CliRunner

from twinrail import cli_operate
from twinrail.cli import VERBS, app
from twinrail.codecs.card import Tokens
from twinrail.health import write_status
from twinrail.keys import token_key
from twinrail.schemas.instructions import OpenAccount
from twinrail.settings import Settings

PAN = "4111111111111111"
IBAN = "DE89 3704 0044 0532 0130 00"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


@pytest.fixture
def pan_file(tmp_path: Path) -> str:
    path = tmp_path / "pan"
    path.write_text(PAN + "\n", encoding="utf-8")
    return str(path)


def test_no_verb_takes_a_card_number_or_an_iban_as_an_argument() -> None:
    from typer.main import get_command

    names = {"pan", "iban", "card_number", "number", "key", "password", "pin"}
    for verb in VERBS:
        command = get_command(app)
        for word in verb.split():
            command = command.commands[word]  # type: ignore[attr-defined]  # groups have commands
        assert not names & {parameter.name for parameter in command.params}, verb


def test_cards_become_tokens(settings: Settings, pan_file: str) -> None:
    order = cli_operate.open_card(
        settings,
        "A1",
        pan_file=pan_file,
        expiry="2912",
        amount_limit="500.00",
        currency="eur",
        status="active",
        command="c1",
    )
    assert order.card == Tokens(token_key(settings)).pan(PAN)
    assert (order.last4, order.amount_limit, order.command) == ("1111", 50_000, "c1")
    assert PAN not in repr(order)


def test_ibans_become_tokens(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(IBAN + "\n"))
    order = cli_operate.open_account(
        settings, "A1", currency="EUR", kind="customer", credit_limit=None, iban_file="-", command=None
    )
    assert order.iban == Tokens(token_key(settings)).iban(IBAN)
    assert (order.iban_last4, order.currency, order.credit_limit) == ("3000", "978", 0)
    assert len(order.command) == 32


@pytest.mark.parametrize("wrong", ["4111111111111112", "411111111111111x", "", "4" * 200, "123"])
def test_what_is_no_card_number_is_refused_without_showing_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(wrong + "\n"))
    with pytest.raises(typer.BadParameter) as caught:
        cli_operate.show_card(settings, pan_file="-", token=None, as_json=False)
    assert not wrong or wrong not in str(caught.value)


def test_without_a_terminal_the_number_must_be_given(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(typer.BadParameter, match="no terminal"):
        cli_operate.show_card(settings, pan_file=None, token=None, as_json=False)


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "EUR"), ("-", "EUR"), ("1", "XXX"), ("1.0.0", "EUR")])
def test_amounts_and_currencies_are_read_or_refused(amount: str, currency: str) -> None:
    with pytest.raises(typer.BadParameter):
        cli_operate.transfer("S", "A1", amount=amount, currency=currency, text="", command=None)
    order = cli_operate.transfer("S", "A1", amount="12.3", currency="EUR", text="", command=None)
    assert (order.debit, order.credit, order.amount) == ("S", "A1", 1230)


@pytest.mark.parametrize(
    "arguments",
    [
        ["A1", "-5", "--from", "S"],
        ["--from", "S", "A1", "-5.50"],
        ["--from", "S", "--", "A1", "-5"],
        ["A1", "0", "--from", "S"],
    ],
)
def test_an_amount_that_is_not_positive_is_told_from_an_option(arguments: list[str]) -> None:
    said = CliRunner().invoke(app, ["account", "credit", *arguments])
    assert said.exit_code == 2
    assert "AMOUNT: an amount is more than 0" in " ".join(said.stderr.split())


def test_an_option_that_there_is_not_is_still_named() -> None:
    said = CliRunner().invoke(app, ["account", "credit", "A1", "5", "--form", "S"])
    assert said.exit_code == 2
    assert "--form" in said.stderr
    assert "--from" in said.stderr


def test_a_change_of_nothing_is_refused(settings: Settings) -> None:
    with pytest.raises(typer.BadParameter, match="nothing to change"):
        cli_operate.change_account("A1", status=None, credit_limit=None, currency="EUR", command=None)
    with pytest.raises(typer.BadParameter, match="nothing to change"):
        cli_operate.change_card(
            settings,
            pan_file=None,
            token="t",
            status=None,
            expiry=None,
            amount_limit=None,
            currency="EUR",
            command=None,
        )


# With a database.


def twinrail(state: Path, dsn: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
    own = {"TWINRAIL_STATE_DIR": str(state), "TWINRAIL_DATABASE_URL": dsn}
    source = str(Path(__file__).resolve().parents[1] / "src")
    return subprocess.run(
        [sys.executable, "-P", "-m", "twinrail", *arguments],
        input=given,
        env=environment | own | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.process
def test_commands_wait_for_an_engine_and_rows_are_shown(empty_database: str, tmp_path: Path) -> None:
    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return twinrail(tmp_path, empty_database, *arguments, given=given)

    unmigrated = run("account", "show", "A1")
    assert unmigrated.returncode == 3
    assert "migrate" in unmigrated.stderr
    assert run("migrate").stdout.startswith("applied 0001")
    assert run("migrate").stdout.startswith("nothing to do")
    assert run("account", "show", "A1").returncode == 1

    # Nobody carries it out: it waits under its id, and asking again is no second command.
    for _ in range(2):
        waiting = run("account", "open", "A1", "--command", "c1", "--wait", "0.1")
        assert waiting.returncode == 1
        assert "command c1 waits" in waiting.stdout
    other = run("account", "open", "A2", "--command", "c1", "--wait", "0.1")
    assert other.returncode == 3
    assert "already used" in other.stderr

    async def look_and_answer() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(empty_database)
        try:
            rows = await connection.fetch("SELECT id, body::text, status FROM command")
            await connection.execute("UPDATE command SET status = 'refused', result = 'account exists', seq = 1")
            return rows
        finally:
            await connection.close()

    (row,) = asyncio.run(look_and_answer())
    assert msgspec.json.decode(row["body"], type=OpenAccount).account == "A1"
    refused = run("account", "open", "A1", "--command", "c1", "--wait", "5")
    assert refused.returncode == 1
    assert refused.stdout == "refused: account exists (command c1)\n"

    opened = run("card", "open", "A1", "--expiry", "2912", "--pan-file", "-", "--wait", "0.1", given=PAN + "\n")
    assert "waits" in opened.stdout
    assert PAN not in opened.stdout + opened.stderr


@pytest.mark.process
def test_ready_means_that_the_database_agrees_on_the_owner(database: str, tmp_path: Path) -> None:
    async def own() -> int:
        connection = await asyncpg.connect(database)
        try:
            await connection.execute("INSERT INTO partition (id) VALUES (0) ON CONFLICT (id) DO NOTHING")
            return int(await connection.fetchval("UPDATE partition SET epoch = epoch + 1 WHERE id = 0 RETURNING epoch"))
        finally:
            await connection.close()

    epoch = asyncio.run(own())
    status = {"pid": os.getpid(), "at": time.time(), "owner": True, "store": "ok", "ready": True, "links": {}}
    write_status(tmp_path / "status.json", status | {"epoch": epoch})
    ready = twinrail(tmp_path, database, "health", "--json")
    assert (ready.returncode, json.loads(ready.stdout)["ready"]) == (0, True), ready.stdout
    write_status(tmp_path / "status.json", status | {"epoch": epoch - 1, "at": time.time()})
    stale = twinrail(tmp_path, database, "health")
    assert stale.returncode == 1
    assert "another engine owns the partition" in stale.stdout


@pytest.mark.process
def test_doctor_finds_what_is_wrong(database: str, tmp_path: Path) -> None:
    ended = twinrail(tmp_path, database, "doctor", "--json")
    findings = {one["name"]: one for one in map(json.loads, ended.stdout.splitlines())}
    if "TWINRAIL_DATABASE_URL" not in os.environ:
        assert ended.returncode == 3
        assert findings["durability"]["grade"] == "fail", "this server gives up safety for speed"
        assert "fsync" in findings["durability"]["text"]
    assert findings["postgresql"]["grade"] == findings["commit"]["grade"] == findings["packages"]["grade"] == "ok"
    assert all(one["remedy"] for one in findings.values() if one["grade"] != "ok")


def test_an_engine_must_run_where_the_database_is_embedded(tmp_path: Path) -> None:
    environment = {"TWINRAIL_STATE_DIR": str(tmp_path), "PATH": os.defpath}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "twinrail", "account", "open", "A1"],
        env=environment | {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert "start one with ./twinrail serve" in ended.stderr
    assert not (tmp_path / "pg").exists()
