"""The stream reader of pain.001, held against whole-document validation as its oracle."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.engine.transports.drop_rig import DEBTOR, FRIEND, STRANGER, TOKENS, batch, order

from twinrail.codecs import pain
from twinrail.codecs.iso20022 import PARSER_SETTINGS, validator
from twinrail.codecs.pain import CreditFileReader
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.schemas.iso20022.staged import Limits, Staged, Summary
from twinrail.schemas.reasons import Reason
from twinrail.simulators.clearing_house import Order, pain001

TODAY = date(2026, 11, 21)
FILE = pain001(
    [batch(order(1), order(2, "0.07")), batch(order(3, creditor=FRIEND), payment_information_id="P2")], message_id="M1"
)


def reader(**changes: object) -> CreditFileReader:
    return CreditFileReader(TOKENS.iban, replace(SCT, **changes), TODAY, Limits())  # type: ignore[arg-type]  # by name


def read(data: bytes, cuts: Sequence[int] = (), **changes: object) -> tuple[list[Staged], Summary]:
    stream = reader(**changes)
    rows: list[Staged] = []
    last = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        rows += stream.feed(data[last:cut])
        last = cut
    more, summary = stream.finish()
    return rows + more, summary


def test_a_file_is_staged_in_order() -> None:
    rows, summary = read(FILE)
    assert [(row.position, row.batch, row.payment_information_id, row.end_to_end_id) for row in rows] == [
        (1, 1, "P1", "E1"),
        (2, 1, "P1", "E2"),
        (3, 2, "P2", "E3"),
    ]
    assert [row.amount for row in rows] == [1000, 7, 1000]
    assert {row.account for row in rows} == {TOKENS.iban(DEBTOR)}
    assert [row.counterparty for row in rows] == [TOKENS.iban(number) for number in (STRANGER, STRANGER, FRIEND)]
    assert not any(row.refused for row in rows)
    assert (summary.message_id, summary.initiator) == ("M1", "Some Debtor")
    assert (summary.transactions, summary.control_sum, summary.refused, summary.problem) == (3, 2007, "", "")
    assert DEBTOR not in repr(rows) + repr(summary)


@given(st.lists(st.integers(0, len(FILE)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    assert read(FILE, cuts) == read(FILE)


@settings(max_examples=30)
@given(st.lists(st.integers(1, SCT.amount_max), min_size=1, max_size=30))
def test_amounts_and_totals_are_exact(cents: list[int]) -> None:
    orders = [order(number, f"{amount // 100}.{amount % 100:02d}") for number, amount in enumerate(cents)]
    rows, summary = read(pain001([batch(*orders)], message_id="M"))
    assert [row.amount for row in rows] == cents
    assert (summary.control_sum, summary.refused, summary.refused_batches) == (sum(cents), "", {})


def _mutants(data: bytes, count: int) -> Iterator[bytes]:
    """Files with elements removed, doubled, swapped, renamed or with other content."""
    draw = random.Random(8)
    for _ in range(count):
        root = etree.fromstring(data, etree.XMLParser(**PARSER_SETTINGS))
        for _ in range(draw.randint(1, 2)):
            parts = [part for part in root.iter() if part.getparent() is not None]
            if not parts:
                break
            part = draw.choice(parts)
            parent = part.getparent()
            assert parent is not None
            match draw.randint(0, 5):
                case 0:
                    parent.remove(part)
                case 1:
                    parent.append(etree.fromstring(etree.tostring(part, with_tail=False)))
                case 2:
                    parent.insert(draw.randint(0, len(parent)), part)
                case 3:
                    part.tag = f"{{{etree.QName(part).namespace}}}{draw.choice(['Nm', 'PmtInf', 'X', 'CdtTrfTxInf'])}"
                case 4:
                    part.text = draw.choice(["", "x", "12.345", "2026-13-01", "DE00", "9" * 40])
                case _:
                    part.set(draw.choice(["Ccy", "x"]), draw.choice(["EUR", "e", ""]))
        yield etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def test_the_stream_and_the_whole_document_agree() -> None:
    schema = validator(PAIN_001)
    seen = {"valid": 0, "bad transaction": 0, "bad document": 0}
    for data in _mutants(FILE, 2000):
        valid = schema.validate(etree.fromstring(data, etree.XMLParser(**PARSER_SETTINGS)))
        try:
            rows, _ = read(data)
        except SchemaError:
            assert not valid, data
            seen["bad document"] += 1
            continue
        if not valid:
            assert any(row.refused for row in rows), data
            seen["bad transaction"] += 1
        seen["valid"] += valid
    assert min(seen.values()) > 30, seen  # a run that sees one kind alone proves nothing


@given(st.integers(0, len(FILE) - 1), st.binary(max_size=4))
def test_any_change_gives_rows_or_a_schema_error_without_values(at: int, new: bytes) -> None:
    data = FILE[:at] + new + FILE[at + 1 :]
    said = ""
    try:
        read(data)
    except SchemaError as error:
        said = str(error)
    assert STRANGER not in said
    assert DEBTOR not in said


@given(st.integers(0, len(FILE) - 2))
def test_every_truncation_is_refused(size: int) -> None:
    with pytest.raises(SchemaError):
        read(FILE.rstrip()[: len(FILE) - 2 - size])


def test_the_header_of_a_broken_file_says_whose_it_is() -> None:
    stream = reader()
    with pytest.raises(SchemaError) as caught:
        stream.feed(FILE.replace(b"</PmtInf>", b"</x>"))
    summary = stream.failed(caught.value)
    assert (summary.message_id, summary.initiator, summary.code) == ("M1", "Some Debtor", "FF01")
    assert summary.line > 0


def refused(*orders: Order, **changes: Any) -> list[str]:
    return [row.refused for row in read(pain001([batch(*orders)], message_id="M"), **changes)[0]]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"end_to_end_id": "/E"}, Reason.INVALID_CHARACTERS),
        ({"end_to_end_id": "E" * 36}, Reason.INVALID_CHARACTERS),
        ({"end_to_end_id": ""}, Reason.INVALID_CHARACTERS),
        ({"instruction_id": "I//1"}, Reason.INVALID_CHARACTERS),
        ({"name": "x" * 71}, Reason.INVALID_CHARACTERS),
        ({"name": "a\u200bb"}, Reason.INVALID_CHARACTERS),
        ({"remittance": "x" * 141}, Reason.INVALID_CHARACTERS),
        ({"remittance": "für"}, Reason.INVALID_CHARACTERS),
        ({"creditor": "DE00" + STRANGER[4:]}, Reason.INVALID_IBAN),
        ({"creditor": "US64SVBKUS6S3300958879"}, Reason.INVALID_IBAN),
        ({"amount": "1000000000.00"}, Reason.INVALID_AMOUNT),
        ({"amount": "12.345"}, Reason.INVALID_AMOUNT),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SERVED),
        ({"extra": "<X/>"}, Reason.FORMAT_ERROR),
    ],
)
def test_a_broken_rule_refuses_its_transaction_alone(changed: dict[str, str], reason: Reason) -> None:
    assert refused(order(1), replace(order(2), **changed), order(3)) == ["", reason, ""]


def _before(tag: bytes, xml: bytes) -> bytes:
    at = FILE.index(tag, FILE.index(b"<CdtTrfTxInf>"))
    return FILE[:at] + xml + FILE[at:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_before(b"<Amt>", b"<PmtTpInf><LclInstrm><Cd>INST</Cd></LclInstrm></PmtTpInf>"), Reason.WRONG_SCHEME),
        (_before(b"<Amt>", b"<PmtTpInf><SvcLvl><Cd>URGP</Cd></SvcLvl></PmtTpInf>"), Reason.WRONG_SCHEME),
        (_before(b"<Amt>", b"<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>"), ""),
        (_before(b"<CdtrAgt>", b"<ChrgBr>SHAR</ChrgBr>"), Reason.FORMAT_ERROR),
        (_before(b"<CdtrAgt>", b"<ChrgBr>SLEV</ChrgBr>"), ""),
        (_before(b"<Ustrd>", b"<Ustrd>one more</Ustrd>"), Reason.FORMAT_ERROR),
        (_before(b"</Cdtr>", b"<PstlAdr><AdrLine>Bonn</AdrLine></PstlAdr>"), Reason.INVALID_CHARACTERS),
        (_before(b"</Cdtr>", b"<PstlAdr><TwnNm>Bonn</TwnNm><Ctry>DE</Ctry></PstlAdr>"), ""),
        (FILE.replace(b"<CdtrAcct>", b"<CdtrAcct><Ccy>EUR</Ccy>", 0), ""),
        (FILE.replace(b"<Nm>Some Creditor</Nm>", b"", 1), Reason.INVALID_CHARACTERS),
        (FILE.replace(b"<PmtId>", b"", 1).replace(b"</PmtId>", b"", 1), Reason.FORMAT_ERROR),
    ],
)
def test_rules_on_optional_elements(data: bytes, reason: str) -> None:
    rows, _ = read(data)
    assert [row.refused for row in rows] == [reason, "", ""]


def test_repeated_identifiers() -> None:
    repeated = Reason.DUPLICATE_TRANSACTION
    assert refused(order(1), order(2), order(1)) == ["", "", repeated]
    same_end = [replace(order(number), end_to_end_id="E") for number in (1, 2)]
    assert refused(*same_end) == ["", repeated]
    assert refused(*same_end, end_to_end_ids_unique=False) == ["", ""]
    none = [replace(order(number), end_to_end_id="NOTPROVIDED", instruction_id="") for number in (1, 2)]
    assert refused(*none) == ["", ""]


def test_an_equivalent_amount_is_refused_and_still_counts() -> None:
    data = FILE.replace(
        b'<InstdAmt Ccy="EUR">10.00</InstdAmt>',
        b'<EqvtAmt><Amt Ccy="USD">10.00</Amt><CcyOfTrf>EUR</CcyOfTrf></EqvtAmt>',
        1,
    )
    rows, summary = read(data)
    assert rows[0].refused == Reason.CURRENCY_NOT_SERVED
    assert (summary.refused, summary.refused_batches) == ("", {})


def test_a_sum_with_an_unreadable_amount_proves_nothing() -> None:
    rows, summary = read(FILE.replace(b">10.00</InstdAmt>", b">ten</InstdAmt>", 1))
    assert rows[0].refused == Reason.INVALID_CHARACTERS
    assert (summary.refused, summary.refused_batches) == ("", {})


def test_totals_are_compared_as_numbers() -> None:
    _, summary = read(FILE.replace(b"<CtrlSum>20.07<", b"<CtrlSum>0020.070<"))
    assert summary.refused == ""
    _, summary = read(FILE.replace(b"<CtrlSum>20.07<", b"<CtrlSum>20.0700000001<"))
    assert summary.refused == Reason.WRONG_GROUP_CONTROL_SUM


def test_a_sum_beyond_64_bits_is_still_a_summary() -> None:
    huge = FILE.replace(b">10.00</InstdAmt>", b">" + b"9" * 18 + b"</InstdAmt>")
    rows, summary = read(huge)
    assert {row.refused for row in rows} == {Reason.INVALID_AMOUNT, ""}
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary).control_sum == 2**63 - 1


def test_memory_does_not_grow_with_the_file() -> None:
    stream = reader()
    head, _ = FILE.split(b"<CdtTrfTxInf>", 1)
    stream.feed(head)
    for start in range(0, 3000, 100):
        stream.feed("".join(order(number).xml for number in range(start, start + 100)).encode())
        batch_now = stream._batch
        assert batch_now is not None
        assert len(batch_now.element) < 12 + 100 + 1
    assert stream.transactions > 2900


@pytest.mark.parametrize(
    "path", ["<Id><OrgId><AnyBIC>TWRLDEFF</AnyBIC></OrgId></Id>", "<Id><OrgId><Othr><Id>X7</Id></Othr></OrgId></Id>"]
)
def test_an_initiator_is_its_identification_before_its_name(path: str) -> None:
    _, summary = read(FILE.replace(b"<InitgPty><Nm>Some Debtor</Nm>", b"<InitgPty><Nm>N</Nm>" + path.encode()))
    assert summary.initiator in ("TWRLDEFF", "X7")


@settings(max_examples=30)
@given(st.integers(0, 10**15 - 1), st.integers(0, 10**12))
def test_wrong_totals_are_said_as_declared_and_as_found(count: int, sum_scaled: int) -> None:
    declared = f"{sum_scaled // 10**5}.{sum_scaled % 10**5:05d}"
    _, summary = read(
        pain001(
            [
                batch(order(1), payment_information_id="P1", number_of_transactions=str(count)),
                batch(order(2), payment_information_id="P2", control_sum=declared),
            ],
            message_id="M",
        )
    )
    said = {}
    if count != 1:
        said["P1"] = f"{count} transactions declared, 1 found"
    if sum_scaled != 10 * 10**5:
        written = declared.rstrip("0")
        written += "0" * max(0, 2 - len(written.partition(".")[2]))
        said["P2"] = f"control sum {written} declared, 10.00 found"
    assert summary.totals == said
    assert set(summary.refused_batches) == {int(name[1:]) for name in said}


def test_so_many_wrong_totals_are_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pain, "TOTALS_SAID_MAX", 2)
    wrong = [batch(order(n), payment_information_id=f"P{n}", control_sum="1") for n in range(4)]
    _, summary = read(pain001(wrong, message_id="M"))
    assert list(summary.totals) == ["P0", "P1"]
    assert len(summary.refused_batches) == 4
