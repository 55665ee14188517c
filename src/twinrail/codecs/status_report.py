"""The status report on a customer's file (pain.002.001.10), written as a stream from the decided transactions.

Statuses rise: a batch or group is RJCT when all below it is, PART when some is, else ACSP. A reason rises with it when
all below share it. Output is text in schema order with a double-quoted declaration, so the same rows give the
same bytes.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from twinrail.codecs.iso20022 import escape
from twinrail.codecs.sepa import timestamp
from twinrail.schemas.iso20022.messages import PAIN_002, namespace, unversioned
from twinrail.schemas.iso20022.profiles import SchemeProfile
from twinrail.schemas.reasons import CODES, Reason

IN_PROCESS, PARTLY, REJECTED = "ACSP", "PART", "RJCT"
_INFORMATION_MAX = 105  # characters of one AddtlInf
_TOTALS = frozenset({str(Reason.WRONG_NUMBER_OF_TRANSACTIONS), str(Reason.WRONG_CONTROL_SUM)})


class Line(NamedTuple):
    """One decided transaction, as the report says it; `reason` is a Reason value, "" where accepted."""

    position: int
    payment_information_id: str
    instruction_id: str
    end_to_end_id: str
    status: str
    reason: str


class Tally:
    """Count transactions and rejections of one level, and whether all rejections share their reason."""

    __slots__ = ("count", "name", "reason", "rejected")

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.count = 0
        self.rejected = 0
        self.reason: str | None = None  # "" once two reasons differ

    def add(self, line: Line) -> None:
        """Count one transaction."""
        self.count += 1
        if line.status == REJECTED:
            self.rejected += 1
            self.reason = line.reason if self.reason in (None, line.reason) else ""

    @property
    def status(self) -> str:
        """Give the status that rises from below."""
        if not self.rejected:
            return IN_PROCESS
        return REJECTED if self.rejected == self.count else PARTLY

    def because(self, totals: str = "") -> str:
        """Write the reason where all below share one; `totals` says in words what is wrong with count or sum."""
        if self.status != REJECTED or not self.reason:
            return ""
        return _because(_REASONS[self.reason], totals if self.reason in _TOTALS else "")


class Tallies:
    """The counts of a whole file: add every line in order once, then the report can be written in a second pass."""

    def __init__(self) -> None:
        self.group = Tally()
        self.batches: list[Tally] = []
        self._last: Line | None = None

    def add(self, lines: Iterable[Line]) -> None:
        """Count lines, in the order of their positions."""
        for line in lines:
            if _begins_batch(self._last, line):
                self.batches.append(Tally(line.payment_information_id))
            self.batches[-1].add(line)
            self.group.add(line)
            self._last = line


def _begins_batch(last: Line | None, line: Line) -> bool:
    """Say whether a line is the first of its batch: another id, or the same id refused for being repeated."""
    if last is None or last.payment_information_id != line.payment_information_id:
        return True
    repeated = str(Reason.DUPLICATE_PAYMENT_INFORMATION)
    return (last.reason == repeated) != (line.reason == repeated)


class Original(NamedTuple):
    """What a report is about."""

    report_id: str  # MsgId of the report, at most 35 characters
    message_id: str
    message_name: str
    transactions: int


class ReportWriter:
    """Write one report in pieces: `opening`, `lines` in order, `closing`.

    `totals` says in words, by the id of a PmtInf, which count or sum was declared and which was found.
    """

    def __init__(
        self,
        original: Original,
        tallies: Tallies,
        profile: SchemeProfile,
        at: int,
        totals: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._original = original
        self._tallies = tallies
        self._profile = profile
        self._at = at
        self._totals = totals
        self._batch = 0
        self._last: Line | None = None

    def opening(self) -> str:
        """Write the header and the group's status."""
        group = self._tallies.group
        return _opening(self._original, self._profile, self._at, group.status, group.because())

    def lines(self, lines: Iterable[Line]) -> str:
        """Write transactions, and where one begins a batch the batch's status before it."""
        pieces: list[str] = []
        for line in lines:
            if _begins_batch(self._last, line):
                pieces.append(self._batch_opening())
            self._last = line
            if line.status == REJECTED or self._profile.report_accepted:
                pieces.append(_transaction(line))
        return "".join(pieces)

    def _batch_opening(self) -> str:
        batch = self._tallies.batches[self._batch]
        end = "</OrgnlPmtInfAndSts>\n" if self._batch else ""
        self._batch += 1
        name = escape(batch.name or "NOTPROVIDED")
        return (
            f"{end}<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId><OrgnlNbOfTxs>{batch.count}</OrgnlNbOfTxs>"
            f"<PmtInfSts>{batch.status}</PmtInfSts>{batch.because(self._totals.get(batch.name, ''))}\n"
        )

    def closing(self) -> str:
        """Write the end."""
        return ("</OrgnlPmtInfAndSts>\n" if self._batch else "") + _CLOSING


_CLOSING = "</CstmrPmtStsRpt></Document>\n"


def rejection(original: Original, profile: SchemeProfile, at: int, *, code: str, information: str = "") -> bytes:
    """Write the report on a file that is refused whole; `information` is a constant text, or a count or sum."""
    return (_opening(original, profile, at, REJECTED, _because(code, information)) + _CLOSING).encode()


def _opening(original: Original, profile: SchemeProfile, at: int, status: str, because: str) -> str:
    name = original.message_name if profile.versioned_original else unversioned(original.message_name)
    count = f"<OrgnlNbOfTxs>{original.transactions}</OrgnlNbOfTxs>" if original.transactions else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace(PAIN_002)}"><CstmrPmtStsRpt>\n'
        f"<GrpHdr><MsgId>{original.report_id}</MsgId><CreDtTm>{timestamp(at)}</CreDtTm></GrpHdr>\n"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{escape(original.message_id)}</OrgnlMsgId><OrgnlMsgNmId>{name}</OrgnlMsgNmId>"
        f"{count}<GrpSts>{status}</GrpSts>{because}</OrgnlGrpInfAndSts>\n"
    )


def _transaction(line: Line) -> str:
    instruction = f"<OrgnlInstrId>{escape(line.instruction_id)}</OrgnlInstrId>" if line.instruction_id else ""
    end_to_end = f"<OrgnlEndToEndId>{escape(line.end_to_end_id)}</OrgnlEndToEndId>" if line.end_to_end_id else ""
    why = _reason(line.reason) if line.reason else ""
    return f"<TxInfAndSts>{instruction}{end_to_end}<TxSts>{line.status}</TxSts>{why}</TxInfAndSts>\n"


_REASONS = {str(reason): codes.iso20022 or CODES[Reason.DO_NOT_HONOUR].iso20022 for reason, codes in CODES.items()}


def code_of(reason: str) -> str:
    """Give the ISO 20022 status reason code of a Reason value."""
    return _REASONS[reason]


def _reason(reason: str) -> str:
    return _because(_REASONS[reason], "")


def _because(code: str, information: str) -> str:
    text = f"<AddtlInf>{escape(information[:_INFORMATION_MAX])}</AddtlInf>" if information else ""
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>{text}</StsRsnInf>"
