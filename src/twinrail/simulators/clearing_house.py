"""The other side of the SEPA rail: writes pain.001 and pacs.008 as customers and banks do, reads the status reports.

It shares the schemas and the XML settings with the engine and nothing else, so the two cannot agree by accident.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from lxml import etree

from twinrail.codecs import iban
from twinrail.codecs.iso20022 import escape, parse_document
from twinrail.schemas.iso20022.messages import PACS_002, PACS_008, PAIN_001, PAIN_002, namespace

BIC = "TWRLDEFFXXX"  # a bank code that belongs to nobody
BANKING_ZONE = ZoneInfo("Europe/Berlin")
_REPORT_BYTES_MAX = 1 << 30


def account(number: int, country: str = "DE") -> str:
    """Give the IBAN of a test account by its number; German bank code 50010517 is as good as any."""
    return iban.of(country, f"50010517{number:010d}" if country == "DE" else f"{number:018d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One credit transfer that a customer orders. `amount` is written as it stands ("12.30")."""

    creditor: str
    amount: str = "12.30"
    end_to_end_id: str = "NOTPROVIDED"
    instruction_id: str = ""
    name: str = "Some Creditor"
    remittance: str = "Invoice"
    currency: str = "EUR"
    extra: str = ""  # XML put before the remittance information, for tests

    @property
    def xml(self) -> str:
        """Write the CdtTrfTxInf."""
        instruction = f"<InstrId>{escape(self.instruction_id)}</InstrId>" if self.instruction_id else ""
        return (
            f"<CdtTrfTxInf><PmtId>{instruction}<EndToEndId>{escape(self.end_to_end_id)}</EndToEndId></PmtId>"
            f'<Amt><InstdAmt Ccy="{self.currency}">{self.amount}</InstdAmt></Amt>'
            f"<CdtrAgt><FinInstnId><BICFI>{BIC}</BICFI></FinInstnId></CdtrAgt>"
            f"<Cdtr><Nm>{escape(self.name)}</Nm></Cdtr>"
            f"<CdtrAcct><Id><IBAN>{self.creditor}</IBAN></Id></CdtrAcct>{self.extra}"
            f"<RmtInf><Ustrd>{escape(self.remittance)}</Ustrd></RmtInf></CdtTrfTxInf>\n"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBatch:
    """One PmtInf: orders from one account on one day. Totals are those of the orders unless said otherwise."""

    debtor: str
    orders: Sequence[Order]
    execution_date: str  # ISO 8601
    payment_information_id: str = "P1"
    name: str = "Some Debtor"
    number_of_transactions: str | None = None
    control_sum: str | None = None

    def xml(self) -> Iterator[str]:
        """Write the PmtInf, one piece a transaction."""
        count = self.number_of_transactions or str(len(self.orders))
        total = self.control_sum or _sum(order.amount for order in self.orders)
        yield (
            f"<PmtInf><PmtInfId>{escape(self.payment_information_id)}</PmtInfId><PmtMtd>TRF</PmtMtd>"
            f"<NbOfTxs>{count}</NbOfTxs><CtrlSum>{total}</CtrlSum>"
            f"<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>"
            f"<ReqdExctnDt><Dt>{self.execution_date}</Dt></ReqdExctnDt><Dbtr><Nm>{escape(self.name)}</Nm></Dbtr>"
            f"<DbtrAcct><Id><IBAN>{self.debtor}</IBAN></Id></DbtrAcct>"
            f"<DbtrAgt><FinInstnId><BICFI>{BIC}</BICFI></FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>\n"
        )
        for order in self.orders:
            yield order.xml
        yield "</PmtInf>\n"


def _cents(amount: str) -> int:
    whole, _, fraction = amount.partition(".")
    return int(whole or "0") * 100_000 + int(fraction.ljust(5, "0") or "0")


def _sum(amounts: Iterable[str]) -> str:
    total = sum(map(_cents, amounts))
    return f"{total // 100_000}.{total % 100_000:05d}".rstrip("0").rstrip(".")


def pain001_parts(
    batches: Sequence[OrderBatch],
    *,
    message_id: str,
    initiator: str = "Some Debtor",
    created_at: str = "2026-11-21T10:00:00",
    number_of_transactions: str | None = None,
    control_sum: str | None = None,
) -> Iterator[str]:
    """Write a pain.001.001.09 in pieces; totals are those of the batches unless said otherwise."""
    count = number_of_transactions or str(sum(len(batch.orders) for batch in batches))
    total = control_sum or _sum(order.amount for batch in batches for order in batch.orders)
    yield (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace(PAIN_001)}"><CstmrCdtTrfInitn>\n'
        f"<GrpHdr><MsgId>{escape(message_id)}</MsgId><CreDtTm>{created_at}</CreDtTm><NbOfTxs>{count}</NbOfTxs>"
        f"<CtrlSum>{total}</CtrlSum><InitgPty><Nm>{escape(initiator)}</Nm></InitgPty></GrpHdr>\n"
    )
    for batch in batches:
        yield from batch.xml()
    yield "</CstmrCdtTrfInitn></Document>\n"


def pain001(
    batches: Sequence[OrderBatch],
    *,
    message_id: str,
    initiator: str = "Some Debtor",
    number_of_transactions: str | None = None,
    control_sum: str | None = None,
) -> bytes:
    """Write a pain.001.001.09 as bytes."""
    return "".join(
        pain001_parts(
            batches,
            message_id=message_id,
            initiator=initiator,
            number_of_transactions=number_of_transactions,
            control_sum=control_sum,
        )
    ).encode()


def write_pain001(
    stream: BinaryIO,
    *,
    debtor: str,
    transactions: int,
    message_id: str,
    execution_date: str = "",
    creditors: int = 1000,
) -> int:
    """Write a large pain.001 of one batch to a stream; give its control sum in cents. Nothing is kept in memory.

    Without an execution date (ISO 8601) it is to be executed today, by the calendar of TARGET's home.
    """
    total = sum(1 + number % 5000 for number in range(transactions))
    written = f"{total // 100}.{total % 100:02d}"
    head = OrderBatch(
        debtor=debtor,
        orders=(),
        execution_date=execution_date or datetime.now(BANKING_ZONE).date().isoformat(),
        number_of_transactions=str(transactions),
        control_sum=written,
    )
    opening, closing = head.xml()
    first, last = pain001_parts(
        (), message_id=message_id, number_of_transactions=str(transactions), control_sum=written
    )
    stream.write((first + opening).encode())
    stream.writelines(order.xml.encode() for order in _orders(transactions, creditors))
    stream.write((closing + last).encode())
    return total


def _orders(transactions: int, creditors: int) -> Iterator[Order]:
    """Give orders from 0.01 to 50.00 to a number of creditors in turn."""
    ibans = [account(10_000_000 + number) for number in range(min(creditors, transactions) or 1)]
    for number in range(transactions):
        cents = 1 + number % 5000
        yield Order(
            creditor=ibans[number % len(ibans)],
            amount=f"{cents // 100}.{cents % 100:02d}",
            end_to_end_id=f"E2E-{number}",
            instruction_id=f"I-{number}",
            remittance=f"Invoice {number} of the month",
        )


def pacs008(
    *,
    creditor: str,
    debtor: str,
    amount: str = "12.30",
    message_id: str = "M1",
    transaction_id: str = "T1",
    end_to_end_id: str = "E1",
    accepted_at: str = "2026-11-21T10:00:00.123Z",
    settled_on: str = "2026-11-21",
    currency: str = "EUR",
    name: str = "Some Debtor",
    sender: str = BIC,
) -> bytes:
    """Write a pacs.008.001.08 of one instant payment."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace(PACS_008)}"><FIToFICstmrCdtTrf>'
        f"<GrpHdr><MsgId>{escape(message_id)}</MsgId><CreDtTm>{accepted_at}</CreDtTm><NbOfTxs>1</NbOfTxs>"
        f'<TtlIntrBkSttlmAmt Ccy="{currency}">{amount}</TtlIntrBkSttlmAmt>'
        f"<IntrBkSttlmDt>{settled_on}</IntrBkSttlmDt><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf>"
        "<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl><LclInstrm><Cd>INST</Cd></LclInstrm></PmtTpInf></GrpHdr>"
        f"<CdtTrfTxInf><PmtId><EndToEndId>{escape(end_to_end_id)}</EndToEndId><TxId>{escape(transaction_id)}</TxId>"
        f'</PmtId><IntrBkSttlmAmt Ccy="{currency}">{amount}</IntrBkSttlmAmt>'
        f"<AccptncDtTm>{accepted_at}</AccptncDtTm><ChrgBr>SLEV</ChrgBr><Dbtr><Nm>{escape(name)}</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{debtor}</IBAN></Id></DbtrAcct>"
        f"<DbtrAgt><FinInstnId><BICFI>{sender}</BICFI></FinInstnId></DbtrAgt>"
        f"<CdtrAgt><FinInstnId><BICFI>{BIC}</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>Some Creditor</Nm></Cdtr>"
        f"<CdtrAcct><Id><IBAN>{creditor}</IBAN></Id></CdtrAcct>"
        "<RmtInf><Ustrd>Invoice</Ustrd></RmtInf></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>\n"
    ).encode()


class TransactionStatus(NamedTuple):
    """What a report says of one transaction."""

    end_to_end_id: str
    status: str
    reason: str = ""
    payment_information_id: str = ""
    instruction_id: str = ""
    transaction_id: str = ""


class StatusReport(NamedTuple):
    """What a pacs.002 or pain.002 says."""

    message_id: str
    original_message_id: str
    original_name: str
    group_status: str
    group_reason: str
    batches: tuple[tuple[str, str, str], ...]  # (PmtInfId, status, reason)
    transactions: tuple[TransactionStatus, ...]
    information: tuple[str, ...] = ()  # AddtlInf of the group and of batches, in order


def read_status(data: bytes) -> StatusReport:
    """Read a pacs.002 or pain.002; SchemaError unless it is valid."""
    name, root = parse_document(data, frozenset({PACS_002, PAIN_002}), bytes_max=_REPORT_BYTES_MAX)
    space = f"{{{namespace(name)}}}"
    body = root[0]

    def text(part: etree._Element, path: str) -> str:
        return part.findtext("/".join(space + step for step in path.split("/"))) or ""

    def transactions(part: etree._Element, batch: str) -> Iterator[TransactionStatus]:
        for row in part.iterchildren(f"{space}TxInfAndSts"):
            yield TransactionStatus(
                end_to_end_id=text(row, "OrgnlEndToEndId"),
                status=text(row, "TxSts"),
                reason=text(row, "StsRsnInf/Rsn/Cd"),
                payment_information_id=batch,
                instruction_id=text(row, "OrgnlInstrId"),
                transaction_id=text(row, "OrgnlTxId"),
            )

    found: list[TransactionStatus] = list(transactions(body, ""))
    batches = []
    for part in body.iterchildren(f"{space}OrgnlPmtInfAndSts"):
        batch = text(part, "OrgnlPmtInfId")
        batches.append((batch, text(part, "PmtInfSts"), text(part, "StsRsnInf/Rsn/Cd")))
        found.extend(transactions(part, batch))
    return StatusReport(
        message_id=text(body, "GrpHdr/MsgId"),
        original_message_id=text(body, "OrgnlGrpInfAndSts/OrgnlMsgId"),
        original_name=text(body, "OrgnlGrpInfAndSts/OrgnlMsgNmId"),
        group_status=text(body, "OrgnlGrpInfAndSts/GrpSts"),
        group_reason=text(body, "OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd"),
        batches=tuple(batches),
        transactions=tuple(found),
        information=tuple(said.text or "" for said in body.iterfind(f"*/{space}StsRsnInf/{space}AddtlInf")),
    )
