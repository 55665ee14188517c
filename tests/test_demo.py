"""The demo: what it asks of the engine, what it shows, and the whole of it as a process."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from twinrail import demo, demo_world
from twinrail.codecs.card import Tokens
from twinrail.demo_view import FileOutcome, InstantOutcome, Live, Outcome, rewritten, words_of
from twinrail.engine.store.contract import AccountRow, CardRow
from twinrail.errors import SettingsError
from twinrail.health import write_status
from twinrail.schemas.instructions import ChangeAccount, ChangeCard, OpenAccount, OpenCard, Transfer
from twinrail.settings import load_settings
from twinrail.simulators.clearing_house import account
from twinrail.simulators.replay import Settled
from twinrail.simulators.report import Outcome as Replayed
from twinrail.simulators.report import Report

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORLD = demo_world.load_world()
TOKENS = Tokens(b"k" * 32)


def row(name: str, *, posted: int, held: int = 0, status: str = "open", kind: str = "customer") -> AccountRow:
    return AccountRow(
        id=name, kind=kind, currency="978", status=status, posted=posted, held=held, credit_limit=0, iban_last4="",
        opened_seq=1, changed_seq=1,
    )  # fmt: skip


def test_an_empty_engine_gets_every_account_and_card_without_a_number_in_clear() -> None:
    opened = demo_world._account_commands(WORLD, {}, TOKENS, "run")
    issued = [demo_world._card_command(card, dict.fromkeys((card.pan,)), TOKENS, "run") for card in WORLD.cards]
    assert len([command for command in opened if isinstance(command, OpenAccount)]) == 20
    assert len([command for command in issued if isinstance(command, OpenCard)]) == 22
    said = repr(opened) + repr(issued) + repr(WORLD)
    assert not any(card.pan in said for card in WORLD.cards)


def test_what_is_right_is_left_alone_and_what_differs_is_changed() -> None:
    have = {wanted.account: row(wanted.account, posted=wanted.available + 500, held=500) for wanted in WORLD.accounts}
    assert demo_world._account_commands(WORLD, have, TOKENS, "run") == []
    assert demo_world._transfers(WORLD, have, "run") == []
    first = WORLD.accounts[0]
    have[first.account] = row(first.account, posted=0, status="blocked")
    (changed,) = demo_world._account_commands(WORLD, have, TOKENS, "run")
    assert isinstance(changed, ChangeAccount)
    card = WORLD.cards[0]
    stored = CardRow(TOKENS.pan(card.pan), card.account, card.expiry, card.pan[-4:], card.status, card.amount_limit)
    assert demo_world._card_command(card, {card.pan: stored}, TOKENS, "run") is None
    frozen = stored._replace(status="frozen")
    assert isinstance(demo_world._card_command(card, {card.pan: frozen}, TOKENS, "run"), ChangeCard)


@pytest.mark.parametrize("off", [-700, 700])
def test_balances_are_moved_to_their_targets_in_either_direction(off: int) -> None:
    have = {wanted.account: row(wanted.account, posted=wanted.available) for wanted in WORLD.accounts}
    first = WORLD.accounts[0]
    have[first.account] = row(first.account, posted=first.available + off)
    (moved,) = demo_world._transfers(WORLD, have, "run")
    assert isinstance(moved, Transfer)
    assert moved.amount == 700
    assert (moved.credit == first.account) is (off < 0)


def test_the_payment_file_is_this_runs_own() -> None:
    content = demo_world.payment_file("demo-1", datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    assert b"@" not in content
    assert b"<MsgId>demo-1</MsgId><CreDtTm>2026-11-21T10:00:00</CreDtTm>" in content
    assert b"<Dt>2026-11-21</Dt>" in content


def test_the_settings_it_writes_are_settings(tmp_path: pathlib.Path) -> None:
    settings = load_settings(demo._write_settings(tmp_path), {})
    assert [link.name for link in settings.links] == ["card", "instant"]
    assert settings.state_dir == tmp_path
    assert settings.files is not None
    assert settings.files.outbox == tmp_path / "sepa" / "outbox"


def test_a_state_folder_in_use_is_refused(tmp_path: pathlib.Path) -> None:
    demo._claim(tmp_path)
    write_status(tmp_path / "status.json", {"pid": os.getpid(), "at": datetime.now(UTC).timestamp(), "epoch": 1})
    with pytest.raises(SettingsError, match="stop it first"):
        demo._claim(tmp_path)


def test_the_live_line_leaves_network_messages_out() -> None:
    live = Live(0.1)
    for mti, code, response_ns in (
        ("0100", "00", 2_000_000),
        ("0100", "51", 2_000_000),
        ("0420", "00", 200_000_000),
        ("0800", "00", 9_000_000),
        ("0100", "", 0),
    ):
        live.settled(Settled(mti, code, Replayed.EQUAL, response_ns))
    line = live.line()
    for part in ("1 approved", "1 accepted", "1 insufficient funds", "1 no answer", "1 over", "of 100 ms"):
        assert part in line
    assert live.latency.total == 3
    assert "\x1b" not in line


def test_the_live_line_of_a_narrow_terminal_shows_every_decline() -> None:
    live = Live(0.1)
    for code in ("51", "14", "14", "41", "43", "61", "62", "54"):
        live.settled(Settled("0100", code, Replayed.EQUAL, 1_000_000))
    line = live.line()
    assert "declined: 2 no such card, 1 insufficient funds" in line, "the commonest first"
    first, rows = rewritten(line, 80, 0)
    assert rows == first.count("\n") + 1 > 1
    assert max(map(len, first.split("\n"))) <= 80
    assert " ".join(first.removeprefix("\r\x1b[J").split()) == " ".join(line.split())
    again, _ = rewritten(line, 80, rows)
    assert again.startswith(f"\r\x1b[{rows - 1}A\x1b[J"), "the next one takes its place"


def test_codes_in_words() -> None:
    assert words_of("0100", "41") == "lost card"
    assert words_of("0110", "zz") == "code zz"


def outcomes() -> Iterator[Outcome]:
    report = Report(budget_ns=100_000_000, events=1, seconds=1.0)
    report.settle(Replayed.EQUAL)
    for missing in ((), ("the instant payment was not accepted",)):
        yield Outcome(
            ok=not missing,
            missing=missing,
            report=report,
            reasons={"approved": 1},
            before={"demo-01": row("demo-01", posted=500)},
            after={"demo-01": row("demo-01", posted=500, held=100), "bank": row("bank", posted=-5, kind="settlement")},
            file=FileOutcome("out/report.xml", "pain.002", "PART", (("E1", "RJCT", "AM04"),)),
            instant=InstantOutcome("ACCP", "", 0.004),
        )


def test_the_report_says_all_of_it_in_words_and_as_json() -> None:
    good, bad = outcomes()
    text = good.text()
    for part in ("1  approved", "group status PART", "E1", "RJCT AM04", "pacs.002 ACCP", "5.00 EUR", "4.00 EUR"):
        assert part in text
    assert text.index("demo-01") < text.index("bank")
    assert text.endswith("Every expected answer came.")
    assert bad.text().endswith("NOT as expected: the instant payment was not accepted")
    figures = json.loads(json.dumps(bad.to_dict()))
    assert figures["ok"] is False
    assert figures["balances"][0]["available_after"] == 400


def test_what_is_missing_is_named() -> None:
    report = Report()
    report.settle(Replayed.UNANSWERED)
    empty = demo._missing(report, FileOutcome("", "", "", ()), InstantOutcome("", "", 0.0))
    assert len(empty) == 3
    report = Report()
    rows = tuple(("E", status, "") for status in demo_world.FILE_STATUSES)
    assert demo._missing(report, FileOutcome("r", "pain.002", "PART", rows), InstantOutcome("ACCP", "", 0.1)) == ()


def test_the_debtor_of_the_instant_payment_is_nobodys_account() -> None:
    assert account(88_001) not in {wanted.iban for wanted in WORLD.accounts}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to run in; the cluster that a superuser's server keeps elsewhere is removed with it."""
    yield tmp_path
    place = tmp_path / ".twinrail" / "pg" / "place"
    if place.exists():
        shutil.rmtree(place.read_text().strip())


@pytest.mark.process
@pytest.mark.timeout(300)
def test_the_demo_runs_twice_on_one_folder_and_leaves_nothing_behind(folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "twinrail", "demo", "--once", "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=140, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        figures = json.loads(done.stdout)
        assert figures["ok"]
        assert figures["replay"]["outcomes"].keys() <= {"equal", "over budget"}
        assert figures["file"]["group_status"] == "PART"
        assert figures["instant"]["status"] == "ACCP"
        status = json.loads((folder / ".twinrail" / "status.json").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(status["pid"], 0)
