"""Instant payments: pacs.008 in, pacs.002 out."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import sepa
from twinrail.codecs.card import Tokens
from twinrail.codecs.iso20022 import parse_document
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import PACS_002
from twinrail.schemas.iso20022.profiles import SCT_INST
from twinrail.schemas.reasons import CODES, GRANTED, Reason
from twinrail.simulators.clearing_house import account, pacs008, read_status

TOKENS = Tokens(b"k" * 32).iban
US, THEM = account(1), account(2)
AT = 1_795_255_201_500_000_000
GOOD = pacs008(creditor=US, debtor=THEM)


def test_a_payment_becomes_an_incoming_transfer() -> None:
    transfer, context = sepa.to_credit_transfer(GOOD, TOKENS)
    assert (transfer.outgoing, transfer.account, transfer.counterparty) == (False, TOKENS(US), TOKENS(THEM))
    assert (transfer.amount, transfer.currency, transfer.refused) == (1230, "978", "")
    assert (transfer.file, transfer.position) == ("", 0)
    assert transfer.key == "instant|TWRLDEFFXXX|T1"
    assert context.accepted_ns == 1_795_255_200_123_000_000
    assert US not in repr(transfer) + repr(context)


@given(st.integers(1, SCT_INST.amount_max))
def test_every_amount_arrives_exactly(cents: int) -> None:
    transfer, _ = sepa.to_credit_transfer(
        pacs008(creditor=US, debtor=THEM, amount=f"{cents // 100}.{cents % 100:02d}"), TOKENS
    )
    assert (transfer.amount, transfer.refused) == (cents, "")


@pytest.mark.parametrize("many", ["<Ustrd/>" * 1000, "<Ustrd " + " ".join(f'a{n}="x"' for n in range(1000)) + "/>"])
def test_more_markup_than_a_payment_can_have_is_refused_before_the_schema(many: str) -> None:
    data = GOOD.replace(b"<Ustrd>Invoice</Ustrd>", many.encode())
    with pytest.raises(SchemaError, match="too many elements") as caught:
        sepa.to_credit_transfer(data, TOKENS)
    assert b"<Cd>FF01</Cd>" in (sepa.to_rejection(data, caught.value, AT) or b"")


def swap(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old.encode(), new.encode())


ADDRESS = "<PstlAdr><AdrLine>Am Markt 1</AdrLine></PstlAdr></Dbtr>"
RULES = {
    "currency": (swap('Ccy="EUR"', 'Ccy="USD"'), Reason.CURRENCY_NOT_SERVED),
    "zero": (swap("12.30", "0.00"), Reason.INVALID_AMOUNT),
    "decimals": (swap("12.30", "12.301"), Reason.INVALID_AMOUNT),
    "too much": (swap("12.30", "1000000000.00"), Reason.INVALID_AMOUNT),
    "creditor": (swap(US, "DE00" + US[4:]), Reason.INVALID_IBAN),
    "debtor": (swap(THEM, "US" + THEM[2:]), Reason.INVALID_IBAN),
    "no creditor account": (swap(f"<CdtrAcct><Id><IBAN>{US}</IBAN></Id></CdtrAcct>", ""), Reason.INVALID_IBAN),
    "level": (swap("<Cd>SEPA</Cd>", "<Cd>URGP</Cd>"), Reason.WRONG_SCHEME),
    "instrument": (swap("<Cd>INST</Cd>", "<Cd>CORE</Cd>"), Reason.WRONG_SCHEME),
    "no instrument": (swap("<LclInstrm><Cd>INST</Cd></LclInstrm>", ""), Reason.WRONG_SCHEME),
    "total": (swap("12.30</Ttl", "12.31</Ttl"), Reason.WRONG_GROUP_CONTROL_SUM),
    "settlement": (swap("CLRG", "COVE"), Reason.FORMAT_ERROR),
    "charges": (swap("SLEV", "SHAR"), Reason.FORMAT_ERROR),
    "no clock": (swap("<AccptncDtTm>2026-11-21T10:00:00.123Z</AccptncDtTm>", ""), Reason.FORMAT_ERROR),
    "midnight": (swap("T10:00:00.123Z</Acc", "T24:00:00Z</Acc"), Reason.FORMAT_ERROR),
    "no transaction id": (swap("<TxId>T1</TxId>", ""), Reason.FORMAT_ERROR),
    "no bank code": (
        swap("<DbtrAgt><FinInstnId><BICFI>TWRLDEFFXXX</BICFI>", "<DbtrAgt><FinInstnId><Nm>x</Nm>"),
        Reason.FORMAT_ERROR,
    ),
    "reference": (swap("<TxId>T1", "<TxId>/T1"), Reason.INVALID_CHARACTERS),
    "message id": (swap("<MsgId>M1", "<MsgId>M//1"), Reason.INVALID_CHARACTERS),
    "long name": (swap("Some Debtor", "x" * 71), Reason.INVALID_CHARACTERS),
    "letters": (swap("Some Creditor", "Σωκράτης"), Reason.INVALID_CHARACTERS),
    "remittance": (swap("<Ustrd>Invoice</Ustrd>", "<Ustrd>a</Ustrd><Ustrd>b</Ustrd>"), Reason.FORMAT_ERROR),
    "remittance letters": (swap("Invoice", "Rechnung für"), Reason.INVALID_CHARACTERS),
    "address": (swap("</Dbtr>", ADDRESS), Reason.INVALID_CHARACTERS),
}


@pytest.mark.parametrize("name", RULES)
def test_a_broken_rule_travels_in_the_instruction(name: str) -> None:
    change, reason = RULES[name]
    assert change(GOOD) != GOOD
    transfer, context = sepa.to_credit_transfer(change(GOOD), TOKENS)
    assert transfer.refused == reason
    report = read_status(sepa.to_status(context, Reason(transfer.refused), AT))
    assert (report.group_status, report.group_reason) == ("RJCT", CODES[reason].iso20022)


def test_an_unstructured_address_was_fine_before_its_date() -> None:
    data = RULES["address"][0](pacs008(creditor=US, debtor=THEM, settled_on="2026-11-14"))
    assert not sepa.to_credit_transfer(data, TOKENS)[0].refused


def test_two_transactions_are_no_instant_payment() -> None:
    part = GOOD[GOOD.index(b"<CdtTrfTxInf>") : GOOD.index(b"</FIToFI")]
    for data in (GOOD.replace(part, part * 2), swap("<NbOfTxs>1", "<NbOfTxs>2")(GOOD)):
        with pytest.raises(SchemaError, match="one transaction") as caught:
            sepa.to_credit_transfer(data, TOKENS)
        answer = sepa.to_rejection(data, caught.value, AT)
        assert answer is not None
        assert read_status(answer).group_reason == "FF01"


@pytest.mark.parametrize("reason", sorted(Reason))
@pytest.mark.parametrize("full", [False, True], ids=["short", "full"])
def test_every_decision_gives_a_valid_answer(reason: Reason, *, full: bool) -> None:
    _, context = sepa.to_credit_transfer(GOOD, TOKENS)
    if full:
        uetr = "12345678-1234-4123-8123-123456789012"
        context = context._replace(instruction_id="I1", uetr=uetr, message_id="M&<>'\"1")
    data = sepa.to_status(context, reason, AT)
    parse_document(data, frozenset({PACS_002}))
    report = read_status(data)
    (row,) = report.transactions
    status = "ACCP" if reason in GRANTED else "RJCT"
    assert (report.group_status, row.status) == (status, status)
    assert (row.reason == "") == (status == "ACCP")
    assert (report.original_message_id, row.end_to_end_id, row.transaction_id) == (context.message_id, "E1", "T1")
    assert report.original_name == "pacs.008"
    assert len(report.message_id) <= 35
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


def test_a_repeat_gets_the_same_bytes() -> None:
    answers = {sepa.to_status(sepa.to_credit_transfer(GOOD, TOKENS)[1], Reason.ACCEPTED, AT) for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (swap("<ChrgBr>SLEV", "<ChrgBr>NONE")(GOOD), "CH16"),
        (swap("<CdtTrfTxInf>", "<Nonsense>")(swap("</CdtTrfTxInf>", "</Nonsense>")(GOOD)), "FF01"),
        (swap("<SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>", "<SttlmInf/>")(GOOD), "CH21"),
    ],
)
def test_what_the_schema_refuses_is_answered_by_its_message_id(data: bytes, code: str) -> None:
    with pytest.raises(SchemaError) as caught:
        sepa.to_credit_transfer(data, TOKENS)
    answer = sepa.to_rejection(data, caught.value, AT)
    assert answer is not None
    report = read_status(answer)
    assert (report.group_status, report.group_reason, report.original_message_id) == ("RJCT", code, "M1")


@pytest.mark.parametrize("data", [b"", b"x", GOOD[:-5], b"<a/>", swap("<MsgId>M1", "<MsgId>" + "M" * 36)(GOOD)])
def test_what_cannot_be_answered_is_not(data: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        sepa.to_credit_transfer(data, TOKENS)
    assert sepa.to_rejection(data, caught.value, AT) is None


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_any_change_is_an_instruction_or_a_schema_error(at: int, new: bytes) -> None:
    data = GOOD[:at] + new + GOOD[at + 1 :]
    try:
        _, context = sepa.to_credit_transfer(data, TOKENS)
        read_status(sepa.to_status(context, Reason.ACCEPTED, AT))
    except SchemaError as error:
        answer = sepa.to_rejection(data, error, AT)
        if answer is not None:
            read_status(answer)


@given(st.integers(0, 4_000_000_000_000).map(lambda ms: ms * 1_000_000))
def test_time_stamps_read_back_and_end_in_no_zero(at: int) -> None:
    text = sepa.timestamp(at)
    assert sepa.nanoseconds(text) == at
    assert "." not in text or text[-2] != "0"


def test_zones() -> None:
    assert sepa.nanoseconds("1970-01-01T01:00:00+01:00") == 0
    assert sepa.nanoseconds("1970-01-01T00:00:01") == 1_000_000_000
    assert sepa.nanoseconds("1970-01-01T00:00:01", zone_required=True) == 0
    assert sepa.nanoseconds("1970-02-30T00:00:01Z") == 0
    assert sepa.nanoseconds("soon") == 0
