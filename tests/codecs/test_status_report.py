"""The status report on a file: valid for any rows, and statuses rise as the ladder says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.status_report import Line, Original, ReportWriter, Tallies, rejection
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.profiles import SCT, SchemeProfile
from twinrail.schemas.reasons import CODES, GRANTED, Reason
from twinrail.simulators.clearing_house import StatusReport, read_status

ORIGINAL = Original("TR1", "M1", PAIN_001, 3)
AT = 1_795_255_200_000_000_000
REFUSALS = sorted(set(Reason) - GRANTED)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=35)


def line(position: int, batch: str = "P1", reason: str = "", end_to_end_id: str = "E") -> Line:
    return Line(position, batch, "", end_to_end_id, "RJCT" if reason else "ACSP", reason)


def report(
    lines: list[Line], *, page: int = 1000, profile: SchemeProfile = SCT, totals: Mapping[str, str] | None = None
) -> tuple[bytes, StatusReport]:
    tallies = Tallies()
    pages = [lines[start : start + page] for start in range(0, len(lines), page)]
    for rows in pages:
        tallies.add(rows)
    writer = ReportWriter(ORIGINAL, tallies, profile, AT, totals or {})
    text = writer.opening() + "".join(writer.lines(rows) for rows in pages) + writer.closing()
    return text.encode(), read_status(text.encode())


@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT, st.sampled_from(["", *REFUSALS])), min_size=1, max_size=30),
    st.integers(1, 10),
)
def test_any_rows_give_a_valid_report_whatever_the_pages(rows: list[tuple[str, str, str, str]], page: int) -> None:
    lines = [
        Line(number, batch, instruction, end, "RJCT" if reason else "ACSP", str(reason))
        for number, (batch, instruction, end, reason) in enumerate(rows, 1)
    ]
    data, found = report(lines, page=page)
    assert data == report(lines)[0]
    assert [row.end_to_end_id for row in found.transactions] == [row.end_to_end_id for row in lines]
    assert [row.status for row in found.transactions] == [row.status for row in lines]
    rejected = sum(row.status == "RJCT" for row in lines)
    assert found.group_status == ("ACSP" if not rejected else "RJCT" if rejected == len(lines) else "PART")


def test_a_reason_rises_when_all_below_share_it() -> None:
    iban, funds = str(Reason.INVALID_IBAN), str(Reason.INSUFFICIENT_FUNDS)
    _, found = report([line(1, reason=iban), line(2, reason=iban), line(3, "P2", funds), line(4, "P2", iban)])
    assert found.batches == (("P1", "RJCT", "AC01"), ("P2", "RJCT", ""))
    assert (found.group_status, found.group_reason) == ("RJCT", "")
    _, found = report([line(1, reason=iban), line(2, "P2", iban)])
    assert (found.group_status, found.group_reason) == ("RJCT", "AC01")
    _, found = report([line(1, reason=iban), line(2)])
    assert (found.group_status, found.batches) == ("PART", (("P1", "PART", ""),))


def test_a_repeated_batch_id_is_a_batch_of_its_own() -> None:
    repeated = str(Reason.DUPLICATE_PAYMENT_INFORMATION)
    _, found = report([line(1), line(2, reason=repeated), line(3, reason=repeated)])
    assert found.batches == (("P1", "ACSP", ""), ("P1", "RJCT", "DU02"))


def test_words_about_totals_stand_with_the_batch_whose_totals_are_wrong() -> None:
    wrong, repeated = str(Reason.WRONG_CONTROL_SUM), str(Reason.DUPLICATE_PAYMENT_INFORMATION)
    words = {"P1": "control sum 1.00 declared, 2.00 < 3.00 found"}
    data, found = report([line(1, reason=wrong), line(2, reason=repeated), line(3, "P2")], totals=words)
    assert [reason for _, _, reason in found.batches] == ["AM17", "DU02", ""]
    assert found.information == (words["P1"],)
    assert data.index(b"AM17") < data.index(b"<AddtlInf>") < data.index(b"DU02")


def test_only_rejections_by_agreement() -> None:
    _, found = report([line(1), line(2, reason="invalid_iban")], profile=replace(SCT, report_accepted=False))
    assert [row.status for row in found.transactions] == ["RJCT"]
    assert found.group_status == "PART"


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_reason_has_a_code(reason: Reason) -> None:
    _, found = report([line(1, reason=str(reason))])
    assert found.transactions[0].reason == (CODES[reason].iso20022 or "MS03")


@given(TEXT.filter(bool), st.text("abc <&", max_size=200))
def test_a_rejection_of_the_whole_file(message_id: str, information: str) -> None:
    data = rejection(
        ORIGINAL._replace(message_id=message_id, transactions=0), SCT, AT, code="FF01", information=information
    )
    found = read_status(data)
    assert (found.group_status, found.group_reason) == ("RJCT", "FF01")
    assert found.original_message_id == message_id
    assert (found.batches, found.transactions) == ((), ())


def test_the_original_is_named_as_the_profile_says() -> None:
    assert report([line(1)])[1].original_name == "pain.001"
    assert report([line(1)], profile=replace(SCT, versioned_original=True))[1].original_name == PAIN_001
