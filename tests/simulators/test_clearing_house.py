"""What the clearing house writes is valid by the official structure, and what it reads it reads right."""

import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from twinrail.codecs.iso20022 import parse_document
from twinrail.schemas.iso20022.messages import PACS_008, PAIN_001, namespace
from twinrail.simulators.clearing_house import Order, OrderBatch, account, pacs008, pain001, write_pain001

BATCH = OrderBatch(debtor=account(1), orders=(Order(creditor=account(2)),), execution_date="2026-11-21")


def valid(data: bytes, name: str) -> etree._Element:
    return parse_document(data, frozenset({name}), bytes_max=1 << 30)[1]


@given(st.lists(st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10**9), places=2), min_size=1, max_size=20))
def test_a_file_is_valid_and_its_totals_are_right(amounts: list[Decimal]) -> None:
    orders = tuple(Order(creditor=account(number), amount=f"{amount:f}") for number, amount in enumerate(amounts))
    batch = OrderBatch(debtor=account(1), orders=orders, execution_date="2026-11-21")
    root = valid(pain001([batch], message_id="M1"), PAIN_001)
    space = f"{{{namespace(PAIN_001)}}}"
    assert {Decimal(part.text or "") for part in root.iter(f"{space}CtrlSum")} == {sum(amounts)}
    assert {part.text for part in root.iter(f"{space}NbOfTxs")} == {str(len(amounts))}


def test_texts_are_escaped() -> None:
    order = Order(creditor=account(2), name="A & B <Ltd>", remittance="5 > 4")
    data = pain001([OrderBatch(debtor=account(1), orders=(order,), execution_date="2026-11-21")], message_id="M&1")
    valid(data, PAIN_001)


def test_a_large_file_is_written_as_a_stream() -> None:
    stream = io.BytesIO()
    total = write_pain001(stream, debtor=account(1), transactions=300, message_id="BIG")
    root = valid(stream.getvalue(), PAIN_001)
    amounts = [Decimal(part.text or "") for part in root.iter(f"{{{namespace(PAIN_001)}}}InstdAmt")]
    assert len(amounts) == 300
    assert sum(amounts) == Decimal(total).scaleb(-2)


def test_an_instant_payment_is_valid() -> None:
    valid(pacs008(creditor=account(1), debtor=account(2)), PACS_008)
