"""The file drop end to end on a real State, with the real child process."""

import asyncio
import json
import logging
import os
import random
import stat
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.engine.transports.drop_rig import (
    DEBTOR,
    FRIEND,
    NOW,
    SETTLEMENT,
    STRANGER,
    TODAY,
    Crash,
    Drop,
    Switchboard,
    batch,
    order,
)

from twinrail.engine.transports.file_drop import SLICE, FileDrop
from twinrail.engine.transports.staging import Claim
from twinrail.schemas.instructions import CreditTransfer, Instruction
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.schemas.iso20022.staged import NOT_ISOLATED, Limits, Summary
from twinrail.schemas.journal import Entry
from twinrail.simulators.clearing_house import pain001

START = 1_000_000_00


@pytest.fixture
def board() -> Switchboard:
    return Switchboard()


@pytest.fixture
def drop(tmp_path: Path, board: Switchboard) -> Drop:
    return Drop(tmp_path, board)


async def test_a_good_file_is_booked_and_reported(drop: Drop, board: Switchboard) -> None:
    drop.drop(pain001([batch(*(order(number) for number in range(1, 8)))], message_id="M1"))
    await drop.sweep()
    assert board.posted("A") == START - 70_00
    assert board.posted(SETTLEMENT) == -START + 70_00
    (report,) = drop.reports()
    assert (report.original_message_id, report.original_name, report.group_status) == ("M1", "pain.001", "ACSP")
    assert report.batches == (("P1", "ACSP", ""),)
    assert [(row.end_to_end_id, row.status) for row in report.transactions] == [(f"E{n}", "ACSP") for n in range(1, 8)]
    assert (drop.names("inbox"), drop.names("work")) == ([], [])
    file = next(iter(board.state.files.values()))
    assert (file.status, file.position, file.accepted, file.accepted_sum) == ("closed", 7, 7, 70_00)
    assert file.report == drop.names("outbox")[0]
    assert drop.names("done")
    assert drop.file_drop.counters.transactions == 7


async def test_an_order_to_our_own_customer_stays_on_us(drop: Drop, board: Switchboard) -> None:
    drop.drop(pain001([batch(order(1, "5.00", FRIEND))], message_id="M1"))
    await drop.sweep()
    assert (board.posted("A"), board.posted("B"), board.posted(SETTLEMENT)) == (START - 5_00, 5_00, -START)


async def test_bad_transactions_do_not_spoil_the_good_ones(drop: Drop, board: Switchboard) -> None:
    orders = (
        order(1),
        order(2, creditor="DE00500105170000000900"),  # check digits wrong
        order(3, "10.001"),
        order(4, name="Jörg"),
        order(5, "2000000.00"),  # no funds
        order(6, currency="USD"),
        replace(order(7), end_to_end_id="E1"),
        replace(order(8), extra="<Nonsense/>"),
    )
    drop.drop(pain001([batch(*orders)], message_id="M1"))
    await drop.sweep()
    (report,) = drop.reports()
    assert report.group_status == "PART"
    assert report.batches == (("P1", "PART", ""),)
    assert [row.reason for row in report.transactions] == ["", "AC01", "AM02", "CH16", "AM04", "AM03", "DU03", "FF01"]
    assert board.posted("A") == START - 10_00


async def test_a_file_of_bad_transactions_alone_is_rejected_and_books_nothing(drop: Drop, board: Switchboard) -> None:
    drop.drop(pain001([batch(order(1, "0.00"), order(2, "0.00"))], message_id="M1"))
    await drop.sweep()
    (report,) = drop.reports()
    assert (report.group_status, report.group_reason, report.batches) == ("RJCT", "AM02", (("P1", "RJCT", "AM02"),))
    assert board.posted("A") == START


@pytest.mark.parametrize(
    ("totals", "code", "words"),
    [
        ({"number_of_transactions": "3"}, "AM19", "3 transactions declared, 2 found"),
        ({"control_sum": "20.01"}, "AM16", "control sum 20.01 declared, 20.00 found"),
        ({"control_sum": "20.00001"}, "AM16", "control sum 20.00001 declared, 20.00 found"),
        ({"control_sum": "0.000001"}, "AM16", "control sum with more than 5 decimals declared, 20.00 found"),
        ({"number_of_transactions": "9" * 15}, "AM19", f"{'9' * 15} transactions declared, 2 found"),
    ],
)
async def test_wrong_totals_of_the_group_refuse_the_file(
    drop: Drop, board: Switchboard, totals: dict[str, str], code: str, words: str
) -> None:
    drop.drop(pain001([batch(order(1), order(2))], message_id="M1", **totals))
    await drop.sweep()
    (report,) = drop.reports()
    assert (report.group_status, report.group_reason, report.transactions) == ("RJCT", code, ())
    assert report.information == (words,)
    assert board.posted("A") == START
    assert next(iter(board.state.files.values())).status == "refused"
    # Nothing of it was booked, so the corrected file may use the message id again.
    drop.drop(pain001([batch(order(1), order(2))], message_id="M1"))
    await drop.sweep()
    assert board.posted("A") == START - 20_00


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"number_of_transactions": "3"}, "AM20", ("3 transactions declared, 2 found",)),
        ({"control_sum": "1"}, "AM17", ("control sum 1.00 declared, 20.00 found",)),
        ({"execution_date": "2026-11-20"}, "DT01", ()),
        ({"execution_date": "2026-11-22"}, "DT01", ()),
        ({"debtor": "DE00500105170000000001"}, "AC01", ()),
        ({"payment_information_id": "P1"}, "DU02", ()),
        ({"payment_information_id": "P1", "control_sum": "1"}, "DU02", ()),
    ],
)
async def test_a_wrong_batch_is_refused_and_its_neighbour_booked(
    drop: Drop, board: Switchboard, terms: dict[str, str], code: str, words: tuple[str, ...]
) -> None:
    good = batch(order(1), order(2))
    bad = batch(order(3), order(4), **({"payment_information_id": "P2"} | terms))
    drop.drop(pain001([good, bad], message_id="M1"))
    await drop.sweep()
    (report,) = drop.reports()
    assert report.group_status == "PART"
    assert report.batches == (("P1", "ACSP", ""), (bad.payment_information_id, "RJCT", code))
    assert report.information == words
    assert board.posted("A") == START - 20_00


async def test_the_same_bytes_get_the_stored_report_again_under_any_name(drop: Drop, board: Switchboard) -> None:
    data = pain001([batch(order(1))], message_id="M1")
    drop.drop(data)
    await drop.sweep()
    (name,) = drop.names("outbox")
    first = (drop.settings.outbox / name).read_bytes()
    (drop.settings.outbox / name).unlink()
    drop.now += 3600 * 10**9
    drop.drop(data, "again.xml")
    await drop.sweep()
    (name,) = drop.names("outbox")
    assert name.startswith("again.")
    assert (drop.settings.outbox / name).read_bytes() == first
    assert board.posted("A") == START - 10_00
    assert drop.file_drop.counters.repeated == 1
    # The kept copy is gone, too: the report is built again from the rows.
    (drop.settings.outbox / name).unlink()
    for path in drop.settings.reports.iterdir():
        path.unlink()
    drop.drop(data, "third.xml")
    await drop.sweep()
    assert drop.reports()[0].group_status == "ACSP"
    assert board.posted("A") == START - 10_00


async def test_another_file_under_the_same_message_id_is_refused(drop: Drop, board: Switchboard) -> None:
    drop.drop(pain001([batch(order(1))], message_id="M1"))
    await drop.sweep()
    drop.drop(pain001([batch(order(2))], message_id="M1"), "other.xml")
    await drop.sweep()
    assert {(report.group_status, report.group_reason) for report in drop.reports()} == {("ACSP", ""), ("RJCT", "DU01")}
    assert board.posted("A") == START - 10_00
    drop.drop(pain001([batch(order(3))], message_id="M1", initiator="Somebody Else"), "third.xml")
    await drop.sweep()
    assert board.posted("A") == START - 20_00


async def test_positive_lines_are_left_out_by_agreement(tmp_path: Path, board: Switchboard) -> None:
    drop = Drop(tmp_path, board, profile=replace(SCT, report_accepted=False, versioned_original=True))
    drop.drop(pain001([batch(order(1), order(2, "0.00"))], message_id="M1"))
    await drop.sweep()
    (report,) = drop.reports()
    assert [row.end_to_end_id for row in report.transactions] == ["E2"]
    assert report.original_name == "pain.001.001.09"


GOOD = pain001([batch(order(1), order(2))], message_id="M1")
XSI = b"http://www.w3.org/2001/XMLSchema-instance"
ENTITY = b'<!DOCTYPE Document [<!ENTITY z "0">]>'
BAD_FILES = {
    "not xml": (b"hello, world</Document>", "not an XML document", False),
    "zip": (b"PK\x03\x04rest</Document>", "compressed data, not XML: send the document itself", False),
    "gzip": (b"\x1f\x8b\x08\x00</Document>", "compressed data, not XML: send the document itself", False),
    "dtd": (GOOD.replace(b"<Document", ENTITY + b"<Document", 1), "document type declaration not allowed", False),
    "late dtd": (
        GOOD.replace(b"<Document", b" " * 200_000 + ENTITY + b"<Document", 1),
        "document type declaration not allowed",
        False,
    ),
    "latin-1": (GOOD.replace(b"UTF-8", b"ISO-8859-1"), "encoding not allowed: write UTF-8", False),
    "utf-16": (GOOD.decode().replace("UTF-8", "UTF-16").encode("utf-16") + b"</Document>", None, False),
    "utf-7": (GOOD.replace(b"UTF-8", b"UTF-7"), "encoding not allowed: write UTF-8", False),
    "bad utf-8": (GOOD.replace(b"Some Creditor", b"Some \xff\xfe", 1), "not well-formed XML", True),
    "bom": (b"\xef\xbb\xbf" + GOOD, "byte order mark before the document: write UTF-8 without one", False),
    "nul": (GOOD.replace(b"Some Creditor", b"Some\0", 1), "NUL byte in the document", False),
    "wrong namespace": (
        GOOD.replace(b"pain.001.001.09", b"pain.001.001.03"),
        "namespace or root element is not of a message taken here",
        False,
    ),
    "wrong tags": (GOOD.replace(b"</PmtInf>", b"</PmtIn>"), "not well-formed XML", True),
    "second root": (GOOD + b"<Document></Document>", "not well-formed XML", True),
    "header invalid": (GOOD.replace(b"<CreDtTm>2026", b"<CreDtTm>x026"), "content not allowed by the schema", True),
    "header incomplete": (
        GOOD.replace(b"<InitgPty><Nm>Some Debtor</Nm></InitgPty>", b""),
        "mandatory element missing",
        True,
    ),
    "batch invalid": (GOOD.replace(b"<Dbtr><Nm>Some Debtor</Nm></Dbtr>", b""), "element not expected here", True),
    "batch order": (GOOD.replace(b"</PmtInf>", b"<PmtMtd>TRF</PmtMtd></PmtInf>"), "element not expected here", True),
    "no batch": (pain001([], message_id="M1"), "mandatory element missing", True),
    "empty batch": (pain001([batch()], message_id="M1"), "mandatory element missing", True),
    "stray text": (
        GOOD.replace(b"</CdtTrfTxInf>\n<CdtTrfTxInf>", b"</CdtTrfTxInf>x<CdtTrfTxInf>"),
        "element not expected here",
        True,
    ),
    "text after a batch": (GOOD.replace(b"</PmtInf>", b"</PmtInf>x"), "text between elements", True),
    "xsi:type": (
        GOOD.replace(b"<CdtTrfTxInf>", b'<CdtTrfTxInf xmlns:i="%s" i:nil="0">' % XSI, 1),
        "schema-instance attribute not allowed",
        True,
    ),
    "hidden xsi": (
        GOOD.replace(b"<PmtInf>", b'<PmtInf xmlns:i="http://www.w3.org/2001/&#88;MLSchema-instance" i:nil="0">', 1),
        "schema-instance attribute not allowed",
        True,
    ),
    "deep": (GOOD.replace(b"<PmtInf>", b"<PmtInf>" + b"<a>" * 300, 1), "not well-formed XML", True),
    "long text": (GOOD.replace(b"Invoice", b"x" * 3_000_000, 1), "a part of the document is too large", True),
    "many attributes": (
        GOOD.replace(b"<PmtInf>", b"<PmtInf " + b" ".join(b'a%d="1"' % n for n in range(200_000)) + b">", 1),
        "a part of the document is too large",
        True,
    ),
    "transaction elsewhere": (
        GOOD.replace(b"</CstmrCdt", b"<SplmtryData><Envlp><CdtTrfTxInf/></Envlp></SplmtryData></CstmrCdt"),
        "element not expected here",
        True,
    ),
    "data before a batch": (
        GOOD.replace(b"<PmtInf>", b"<SplmtryData><Envlp><a/></Envlp></SplmtryData><PmtInf>"),
        "element not expected here",
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
async def test_an_unusable_file_is_quarantined_with_its_reason(drop: Drop, board: Switchboard, name: str) -> None:
    data, text, answered = BAD_FILES[name]
    drop.drop(data)
    await drop.sweep()
    kept, note = drop.names("quarantine")
    reason = json.loads((drop.settings.quarantine / note).read_bytes())
    assert note == f"{kept}.reason.json"
    assert (drop.settings.quarantine / kept).read_bytes() == data
    assert reason["answered"] is answered
    if text is not None:
        assert reason["text"] == text
    found = [(report.group_status, report.original_message_id) for report in drop.reports()]
    assert found == ([("RJCT", "M1")] if answered else [])
    assert board.calls == 0
    # The next good file works, under the same message id.
    drop.drop(GOOD)
    await drop.sweep()
    assert board.posted("A") == START - 20_00


async def test_limits_of_a_file(tmp_path: Path, board: Switchboard) -> None:
    limits = Limits(bytes_max=len(GOOD) - 1)
    drop = Drop(tmp_path / "a", board, limits=limits)
    drop.drop(GOOD)
    await drop.sweep()
    assert (
        json.loads((drop.settings.quarantine / drop.names("quarantine")[1]).read_bytes())["text"]
        == "document too large"
    )
    for limits, text in (
        (Limits(transactions_max=1), "too many transactions in one file"),
        (Limits(batches_max=0), "too many PmtInf in one file"),
    ):
        drop = Drop(tmp_path / text.replace(" ", ""), board, limits=limits)
        drop.drop(GOOD)
        await drop.sweep()
        (report,) = drop.reports()
        assert report.group_reason == "FF01"
    assert board.calls == 0


async def test_a_child_that_hits_its_limit_costs_its_file_alone(tmp_path: Path, board: Switchboard) -> None:
    drop = Drop(tmp_path, board, address_space_bytes=1 << 20)
    drop.drop(GOOD)
    await drop.sweep()
    note = json.loads((drop.settings.quarantine / drop.names("quarantine")[1]).read_bytes())
    assert (note["reason"], note["text"]) == ("FF01", "reading stopped by a limit")
    assert board.calls == 0


async def test_a_half_written_file_is_left_alone_until_it_is_whole(drop: Drop, board: Switchboard) -> None:
    path = drop.settings.inbox / "orders.xml"
    for cut in (0, 1, len(GOOD) // 2, len(GOOD) - 3):
        path.write_bytes(GOOD[:cut])
        await drop.sweep(3)
        assert board.calls == 0
        assert drop.names("inbox") == ["orders.xml"]
    path.write_bytes(GOOD)
    await drop.sweep()
    assert board.posted("A") == START - 20_00


async def test_a_file_that_stays_incomplete_is_quarantined(drop: Drop, board: Switchboard) -> None:
    path = drop.settings.inbox / "orders.xml"
    path.write_bytes(GOOD[:-30])
    os.utime(path, ns=(NOW, NOW))
    await drop.sweep()
    assert drop.names("quarantine") == []
    drop.now += 61 * 10**9
    await drop.sweep(1)
    assert len(drop.names("quarantine")) == 2
    assert [report.group_reason for report in drop.reports()] == ["FF01"]
    assert board.calls == 0


async def test_random_interleavings_of_a_slow_writer_book_exactly_once(drop: Drop, board: Switchboard) -> None:
    draw = random.Random(21)
    path = drop.settings.inbox / "orders.xml"
    data = pain001([batch(*(order(number) for number in range(5)))], message_id="SLOW")
    for _ in range(15):
        drop.drop(b"", "x.part")
        with path.open("ab", buffering=0) as stream:
            written = 0
            while written < len(data):
                step = draw.randint(1, len(data))
                stream.write(data[written : written + step])
                written += step
                await drop.sweep(draw.randint(0, 2))
        await drop.sweep(2)
        assert board.posted("A") == START - 50_00


async def test_what_is_no_regular_file_is_never_followed(drop: Drop, board: Switchboard, tmp_path: Path) -> None:
    target = tmp_path / "target.xml"
    target.write_bytes(GOOD)
    (drop.settings.inbox / "link.xml").symlink_to(target)
    os.mkfifo(drop.settings.inbox / "pipe.xml")
    (drop.settings.inbox / "folder").mkdir()
    await drop.sweep()
    assert board.calls == 0
    assert len(drop.names("quarantine")) == 4
    assert drop.names("inbox") == ["folder"]
    assert target.read_bytes() == GOOD


@pytest.mark.parametrize(
    "name", ["x/../../evil.xml", "a b;c.xml", "x" * 200, "x.xml.", "run.spool", "run.summary", "ä.xml"]
)
async def test_a_name_is_never_a_path(drop: Drop, board: Switchboard, name: str) -> None:
    drop.drop(GOOD, name.replace("/", "_"))
    await drop.sweep()
    assert board.posted("A") == START - 20_00
    (report,) = drop.names("outbox")
    assert report.isascii()
    assert report.endswith(".pain.002.xml")


MANY = pain001([batch(*(order(n) for n in range(1, 8)), order(8, "0.00"))], message_id="M1")
CALLS = 5  # open, three windows, close


@pytest.mark.parametrize("die_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("crash_at", range(CALLS))
async def test_a_crash_at_any_commit_resumes_exactly_once(
    drop: Drop, board: Switchboard, crash_at: int, *, die_after: bool
) -> None:
    board.crash_at, board.die_after = crash_at, die_after
    drop.drop(MANY)
    with pytest.raises(Crash):
        await drop.sweep()
    drop.restart()
    await drop.sweep()
    assert board.posted("A") == START - 70_00
    (rows,) = board.rows.values()
    assert [row.position for row in rows] == list(range(1, 9))
    (report,) = drop.reports()
    assert (report.group_status, len(report.transactions)) == ("PART", 8)
    assert drop.names("work") == []
    assert next(iter(board.state.files.values())).status == "closed"


STEPS = ["write_durably", "reports.build", "reports.publish", "_discard"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_file_step_resumes_exactly_once(
    drop: Drop, board: Switchboard, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Crash

    where = "twinrail.engine.transports."
    with monkeypatch.context() as patch:
        patch.setattr(f"{where}staging.{step}" if step == "write_durably" else f"{where}file_drop.{step}", die)
        drop.drop(MANY)
        with pytest.raises(Crash):
            await drop.sweep()
    drop.restart()
    await drop.sweep()
    assert board.posted("A") == START - 70_00
    assert drop.reports()[0].group_status == "PART"
    assert drop.names("work") == []


DAMAGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "short": lambda rows: rows[:-1],
    "shifted": lambda rows: rows[1:],
    "no row": lambda rows: [b"[1]\n", *rows[1:]],
    "no JSON": lambda rows: [b"\xff\n", *rows[1:]],
    "negative amount": lambda rows: [rows[0].replace(b",1000", b",-1000"), *rows[1:]],
    "long id": lambda rows: [rows[0].replace(b"E1", b"E" * 36), *rows[1:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_spool_is_made_again(drop: Drop, board: Switchboard, damage: str) -> None:
    board.crash_at = 0
    drop.drop(MANY)
    with pytest.raises(Crash):
        await drop.sweep()
    (path,) = drop.settings.work.glob("*.spool")
    path.write_bytes(b"".join(DAMAGES[damage](path.read_bytes().splitlines(keepends=True))))
    drop.restart()
    await drop.sweep()
    assert drop.file_drop.counters.damaged == 1
    assert board.posted("A") == START - 70_00
    assert drop.reports()[0].group_status == "PART"
    assert drop.names("work") == []


async def test_nothing_of_a_file_reaches_a_log_or_a_note(drop: Drop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    drop.drop(GOOD)
    drop.drop(GOOD.replace(b"<CreDtTm>2026", DEBTOR.encode() + b"<CreDtTm>2026"), "bad.xml")
    await drop.sweep()
    said = "".join(str(record.__dict__) for record in caplog.records if record.name.startswith("twinrail"))
    said += "".join(path.read_text() for path in drop.settings.quarantine.glob("*.json"))
    said += "".join(path.read_text() for path in drop.settings.outbox.iterdir())
    assert said
    assert "GrpHdr: text between elements" in said
    assert DEBTOR not in said
    assert STRANGER not in said


def plant(drop: Drop, isolation: str, name: str) -> None:
    """Leave a claim whose child has read it already, as a crash does."""
    claim = Claim(drop.settings.work / f"{name}.orders.xml")
    claim.path.write_bytes(b"read already")
    claim.summary.write_bytes(
        msgspec.json.encode(Summary(problem="not well-formed XML", code="FF01", isolation=isolation))
    )


async def test_a_missing_network_isolation_is_told_once(drop: Drop, caplog: pytest.LogCaptureFixture) -> None:
    plant(drop, "network namespace", "a")
    await drop.sweep()
    text = "payment files are read without network isolation"
    assert text not in caplog.messages
    for name in ("b", "c"):
        plant(drop, NOT_ISOLATED, name)
    await drop.sweep()
    (told,) = (record for record in caplog.records if record.message == text)
    assert told.levelname == "WARNING"
    assert told.__dict__["isolation"] == NOT_ISOLATED
    assert drop.file_drop.counters.quarantined == 3


async def test_every_line_about_a_file_has_its_claim(
    drop: Drop, board: Switchboard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plant(drop, NOT_ISOLATED, "planted")
    await drop.sweep()
    board.crash_at = 0
    drop.drop(GOOD)
    with pytest.raises(Crash):
        await drop.sweep()
    (spool,) = drop.settings.work.glob("*.spool")
    spool.write_bytes(b"")
    drop.restart()
    await drop.sweep()
    said = [
        (record.message, record.__dict__["claim"])
        for record in caplog.records
        if record.name == "twinrail.engine.transports.file_drop"
    ]
    assert [message for message, claim in said if claim == "planted"] == [
        "payment files are read without network isolation",
        "payment file quarantined",
    ]
    assert [message for message, claim in said if claim == spool.stem][-2:] == [
        "spool of a payment file damaged, the file is read again",
        "payment file closed",
    ]
    assert {claim for _, claim in said} == {"planted", spool.stem}
    (closed,) = (record for record in caplog.records if record.message == "payment file closed")
    assert closed.__dict__["file"] == drop.names("done")[0].partition(".")[0]


async def test_what_is_kept_only_we_may_read(drop: Drop) -> None:
    for path in (drop.drop(GOOD), drop.drop(GOOD[:50] + GOOD[-30:], "bad.xml")):
        path.chmod(0o644)
    await drop.sweep()
    kept = [path for name in ("done", "quarantine", "reports") for path in getattr(drop.settings, name).iterdir()]
    assert len(kept) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


async def test_kept_files_go_after_their_days_and_a_repeat_is_answered_all_the_same(
    drop: Drop, board: Switchboard
) -> None:
    drop.now = drop.settings.done.stat().st_ctime_ns  # age counts by the inode's own time
    drop.restart()
    drop.drop(GOOD)
    await drop.sweep()
    drop.now = drop.settings.done.stat().st_ctime_ns + (drop.settings.keep_days + 1) * 86_400 * 10**9
    await drop.sweep(1)
    assert (drop.names("done"), drop.names("reports"), len(drop.names("outbox"))) == ([], [], 1)
    assert drop.file_drop.counters.removed == 2
    drop.drop(GOOD, "again.xml")
    await drop.sweep()
    assert [report.group_status for report in drop.reports()] == ["ACSP", "ACSP"]
    assert board.posted("A") == START - 20_00


class _Slow(Switchboard):
    """Decides at once and commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: deque[asyncio.Event] = deque()
        self.most = 0

    async def submit_all(self, instructions: Sequence[Instruction], /) -> Sequence[Entry]:
        entries = await super().submit_all(instructions)
        if isinstance(instructions[0], CreditTransfer):
            committed = asyncio.Event()
            self.commits.append(committed)
            self.most = max(self.most, len(self.commits))
            await committed.wait()
        return entries


async def test_slices_are_in_flight_up_to_the_window_and_each_waits_for_its_pace(tmp_path: Path) -> None:
    board = _Slow()
    drop = Drop(tmp_path, board, window=2 * SLICE + 1)
    paced: list[int] = []

    async def pace() -> None:
        paced.append(len(board.entries))

    drop.file_drop = FileDrop(
        drop.settings, drop.intake, board, board, clock=lambda: drop.now, today=lambda: TODAY, pace=pace
    )
    drop.drop(pain001([batch(*(order(n) for n in range(3 * SLICE + 1)))], message_id="M1"))
    sweeping = asyncio.create_task(drop.sweep())
    while not sweeping.done():
        await asyncio.sleep(0)
        if board.commits and board.most == 2:
            board.commits.popleft().set()
    await sweeping
    # The file is open; then each slice is decided before the pace of the next one looks.
    assert paced == [1, 1 + SLICE, 1 + 2 * SLICE, 1 + 3 * SLICE]
    assert board.most == 2
    assert board.posted("A") == START - (3 * SLICE + 1) * 10_00
