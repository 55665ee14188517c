"""A customer's payment file (pain.001.001.09), read as a stream: bytes in, staged transactions and a summary out.

Each transaction is validated alone against its own cut of the schema and dropped, so a bad one spoils neither its
neighbours nor the memory bound; what remains of a batch (PmtInf) and of the document is validated when it ends. Nothing
a reader gives may be booked before `finish` has returned: only then are the totals known to be right.
"""

from collections.abc import Callable
from datetime import date

from lxml import etree

from twinrail.codecs import iban
from twinrail.codecs.iso20022 import (
    CONTENT,
    FORMAT,
    HEAD_BYTES,
    MISSING,
    PARSER_SETTINGS,
    Guard,
    finding,
    line_of,
    malformed,
    message_name,
    refuse_xsi,
    validator,
)
from twinrail.codecs.pain_transaction import Fields
from twinrail.codecs.sepa import leaves
from twinrail.codecs.usage import NOT_PROVIDED, SCALE, Rules
from twinrail.errors import SchemaError
from twinrail.money import exponent
from twinrail.schemas.iso20022 import messages
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.profiles import SchemeProfile
from twinrail.schemas.iso20022.staged import Limits, Staged, Summary
from twinrail.schemas.reasons import Reason

_S = f"{{{messages.namespace(PAIN_001)}}}"
_HEADER, _BATCH, _TRANSACTION = f"{_S}GrpHdr", f"{_S}PmtInf", f"{_S}CdtTrfTxInf"
_TAGS = ("{*}Document", _HEADER, _BATCH, _TRANSACTION)
_REASONS = {FORMAT: Reason.FORMAT_ERROR, MISSING: Reason.MISSING_ELEMENT, CONTENT: Reason.INVALID_CHARACTERS}
_WRONG_GROUP = {
    Reason.WRONG_NUMBER_OF_TRANSACTIONS: Reason.WRONG_GROUP_NUMBER_OF_TRANSACTIONS,
    Reason.WRONG_CONTROL_SUM: Reason.WRONG_GROUP_CONTROL_SUM,
}
TOTALS_SAID_MAX = 1000  # PmtInf of a file whose wrong count or sum is said in words; the others have their code
_ID_MAX = 35
_SUM_MAX = (1 << 63) - 1  # what a summary can carry; no file with such a sum is accepted
_INITIATORS = (
    "InitgPty/Id/OrgId/AnyBIC",
    "InitgPty/Id/OrgId/LEI",
    "InitgPty/Id/OrgId/Othr/Id",
    "InitgPty/Id/PrvtId/Othr/Id",
    "InitgPty/Nm",
)


class _Batch:
    """What is known of the PmtInf that is being read."""

    __slots__ = (
        "account",
        "children",
        "count",
        "day",
        "element",
        "fields",
        "number",
        "payment_information_id",
        "total",
    )

    def __init__(self, element: etree._Element, number: int, fields: dict[str, str], children: int) -> None:
        self.element = element
        self.number = number
        self.fields = fields
        self.children = children  # elements before the first transaction
        self.count = 0
        self.total: int | None = 0  # in units of 10^-5; None once an amount could not be read
        self.account = ""
        self.day: date | None = None
        self.payment_information_id = fields.get("PmtInfId", "")[:_ID_MAX]


class CreditFileReader:
    """Read one payment file: `feed` its bytes in any split, then `finish`.

    SchemaError from either means that the file cannot be used at all; `message_id` and `initiator` say whose it is,
    where that much was read. `tokens` turns an IBAN into its keyed token; `today` is the banking day.
    """

    def __init__(self, tokens: Callable[[str], str], profile: SchemeProfile, today: date, limits: Limits) -> None:
        self.message_id = ""
        self.initiator = ""
        self.transactions = 0
        self._tokens = tokens
        self._rules = Rules(profile)
        self._today = today
        self._limits = limits
        self._guard = Guard(limits.bytes_max)
        self._head = b""
        self._parser = etree.XMLPullParser(events=("start", "end"), tag=_TAGS, **PARSER_SETTINGS)
        self._transaction_schema = validator(PAIN_001, messages.PAIN_001_TRANSACTION)
        self._batch_schema = validator(PAIN_001, messages.PAIN_001_BATCH, without=messages.PAIN_001_TRANSACTION)
        self._document_schema = validator(PAIN_001, messages.PAIN_001_MESSAGE, without=messages.PAIN_001_BATCH)
        self._unjudged = 0  # bytes since something could be judged and dropped
        self._body: etree._Element | None = None
        self._fields: dict[str, str] = {}
        self._batch: _Batch | None = None
        self._batches = 0
        self._total: int | None = 0
        self._refused_batches: dict[int, str] = {}
        self._totals: dict[str, str] = {}
        self._batch_ids: set[str] = set()
        self._instruction_ids: set[str] = set()
        self._end_to_end_ids: set[str] = set()

    def feed(self, data: bytes) -> list[Staged]:
        """Take the next bytes; give the transactions that ended in them, in order."""
        if self._guard.admitted == 0:
            self._head += data
            if len(self._head) < HEAD_BYTES:
                return []
            data = self._head
        return self._parse(data)

    def finish(self) -> tuple[list[Staged], Summary]:
        """End the document: give the last transactions, and the summary with the verdict on the totals."""
        rows = self._parse(self._head) if self._guard.admitted == 0 else []
        try:
            root = self._parser.close()
        except etree.XMLSyntaxError as error:
            raise malformed(error) from None
        message_name(root, frozenset({PAIN_001}))
        if root.getroottree().docinfo.internalDTD is not None:
            raise SchemaError("document type declaration not allowed")
        if self._body is not None:
            self._drop(self._body, _BATCH)
        if self._guard.may_hold_xsi:
            refuse_xsi(root)
        if not self._document_schema.validate(root):
            raise finding(self._document_schema, PAIN_001)
        if not self._batches:
            raise SchemaError("mandatory element missing", reason=MISSING, path="PmtInf")
        wrong = self._wrong_totals(self._fields, self.transactions, self._total)
        if wrong is not None:
            self._totals[""] = wrong[1]
        summary = Summary(
            message_id=self.message_id,
            initiator=self.initiator,
            message_name=PAIN_001,
            transactions=self.transactions,
            control_sum=min((self._total or 0) // 10 ** (SCALE - exponent(self._rules.currency)), _SUM_MAX),
            refused=_WRONG_GROUP[wrong[0]] if wrong is not None else "",
            refused_batches=self._refused_batches,
            totals=self._totals,
        )
        return rows, summary

    def failed(self, error: SchemaError) -> Summary:
        """Give the summary of a file that cannot be used."""
        return Summary(
            message_id=self.message_id,
            initiator=self.initiator,
            message_name=PAIN_001,
            transactions=self.transactions,
            problem=error.problem,
            code=error.reason,
            line=error.line,
            path=error.path,
        )

    def _parse(self, data: bytes) -> list[Staged]:
        self._guard.admit(data)
        self._unjudged += len(data)
        rows: list[Staged] = []
        broken: etree.XMLSyntaxError | None = None
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            broken = error  # what came before it is still read: it may say whose file this is
        for event, part in self._parser.read_events():
            if part is None or isinstance(part, tuple):
                continue  # only elements were asked for
            if event == "end":
                self._ended(part, rows)
                self._unjudged = 0
            elif part.getparent() is None:
                message_name(part, frozenset({PAIN_001}))
        if broken is not None:
            raise malformed(broken) from None
        if self._unjudged > self._limits.part_bytes_max:
            raise SchemaError("a part of the document is too large")
        return rows

    def _ended(self, part: etree._Element, rows: list[Staged]) -> None:
        tag = part.tag
        if tag == _TRANSACTION:
            rows.append(self._transaction(part))
        elif tag == _BATCH:
            self._batch_ended(part)
        elif tag == _HEADER:
            self._header(part)

    def _header(self, part: etree._Element) -> None:
        parent = part.getparent()
        if self._body is not None or parent is None or parent.getparent() is None or part.getprevious() is not None:
            raise SchemaError("element not expected here", line=line_of(part), path="GrpHdr")
        self._body = parent
        self._fields = leaves(part, _S)
        message_id = self._fields.get("MsgId", "")
        self.message_id = message_id if 0 < len(message_id) <= _ID_MAX else ""
        self.initiator = next((self._fields[path] for path in _INITIATORS if path in self._fields), "")[:140]

    def _transaction(self, part: etree._Element) -> Staged:
        """Judge, stage and drop one transaction."""
        parent = part.getparent()
        batch = self._batch
        if batch is None or batch.element is not parent:
            batch = self._batch_started(parent, part)
        else:
            previous = part.getprevious()
            if previous is None or previous.tag != _TRANSACTION or (previous.tail or "").strip():
                raise SchemaError("element not expected here", line=line_of(part), path="CdtTrfTxInf")
            batch.element.remove(previous)
        self.transactions += 1
        if self.transactions > self._limits.transactions_max:
            raise SchemaError("too many transactions in one file")
        if self._guard.may_hold_xsi:
            refuse_xsi(part)
        staged = self._stage(part, batch)
        part.clear(keep_tail=True)  # type: ignore[call-arg]  # missing in the stubs
        return staged

    def _stage(self, part: etree._Element, batch: _Batch) -> Staged:
        refused: Reason | None = None
        if not self._transaction_schema.validate(part):
            refused = _REASONS[finding(self._transaction_schema, PAIN_001).reason]
        fields = Fields(part)
        rules = self._rules
        amount, wrong = rules.amount(fields.amount, fields.currency)
        batch.count += 1
        scaled = rules.scaled(fields.amount)
        batch.total = None if scaled is None or batch.total is None else batch.total + scaled
        refused = refused or wrong
        if refused is None and not iban.valid(fields.creditor):
            refused = Reason.INVALID_IBAN
        refused = (
            refused or self._usage(part, fields, batch) or self._repeated(fields.instruction_id, fields.end_to_end_id)
        )
        return Staged(
            self.transactions,
            batch.number,
            batch.payment_information_id,
            fields.instruction_id[:_ID_MAX],
            fields.end_to_end_id[:_ID_MAX],
            batch.account,
            self._tokens(fields.creditor) if fields.creditor else "",
            amount,
            refused or "",
        )

    def _usage(self, part: etree._Element, fields: Fields, batch: _Batch) -> Reason | None:
        """Name the first usage rule that a transaction breaks."""
        rules = self._rules
        if fields.kind is not None and self._scheme(leaves((fields.kind,), _S)) is not None:
            return Reason.WRONG_SCHEME
        if fields.charge_bearer != rules.profile.charge_bearer and fields.charge_bearer:
            return Reason.FORMAT_ERROR
        if fields.instruction_id and rules.reference(fields.instruction_id) is not None:
            return Reason.INVALID_CHARACTERS
        if rules.reference(fields.end_to_end_id) is not None or rules.name(fields.name) is not None:
            return Reason.INVALID_CHARACTERS
        if fields.remittances > 1:
            return Reason.FORMAT_ERROR
        if fields.address is not None and rules.address(fields.address, _S, batch.day) is not None:
            return Reason.INVALID_CHARACTERS
        return rules.texts(part)

    def _scheme(self, fields: dict[str, str]) -> Reason | None:
        profile = self._rules.profile
        level = fields.get("PmtTpInf/SvcLvl/Cd", profile.service_level)
        instrument = fields.get("PmtTpInf/LclInstrm/Cd", profile.local_instruments[0])
        served = level == profile.service_level and instrument in profile.local_instruments
        return None if served else Reason.WRONG_SCHEME

    def _repeated(self, instruction_id: str, end_to_end_id: str) -> Reason | None:
        """Refuse identifiers that an earlier transaction of the file has."""
        repeated = False
        if instruction_id:
            repeated = instruction_id in self._instruction_ids
            self._instruction_ids.add(instruction_id)
        if self._rules.profile.end_to_end_ids_unique and end_to_end_id not in ("", NOT_PROVIDED):
            repeated |= end_to_end_id in self._end_to_end_ids
            self._end_to_end_ids.add(end_to_end_id)
        return Reason.DUPLICATE_TRANSACTION if repeated else None

    def _batch_started(self, element: etree._Element | None, first: etree._Element) -> _Batch:
        """Read the header of a PmtInf at its first transaction; the schema has its say when the PmtInf ends."""
        if self._batch is not None or element is None or element.tag != _BATCH or element.getparent() is not self._body:
            raise SchemaError("element not expected here", line=line_of(first), path="CdtTrfTxInf")
        self._batches += 1
        if self._batches > self._limits.batches_max:
            raise SchemaError("too many PmtInf in one file")
        # The parser may be transactions ahead of this event: the header is what stands before the first one.
        header = list(first.itersiblings(preceding=True))
        batch = self._batch = _Batch(element, self._batches, leaves(reversed(header), _S), len(header))
        rules = self._rules
        batch.day = rules.day(batch.fields.get("ReqdExctnDt/Dt") or batch.fields.get("ReqdExctnDt/DtTm", ""))
        debtor = batch.fields.get("DbtrAcct/Id/IBAN", "")
        batch.account = self._tokens(debtor) if debtor else ""
        refused = self._batch_usage(element, batch, debtor)
        if refused is not None:
            self._refused_batches[batch.number] = refused
        self._batch_ids.add(batch.payment_information_id)
        return batch

    def _batch_usage(self, element: etree._Element, batch: _Batch, debtor: str) -> Reason | None:
        rules, fields = self._rules, batch.fields
        if batch.payment_information_id in self._batch_ids:
            return Reason.DUPLICATE_PAYMENT_INFORMATION
        if fields.get("PmtMtd") != "TRF" or self._scheme(fields) is not None:
            return Reason.WRONG_SCHEME
        if fields.get("ChrgBr", rules.profile.charge_bearer) != rules.profile.charge_bearer:
            return Reason.FORMAT_ERROR
        if not iban.valid(debtor):
            return Reason.INVALID_IBAN
        wrong_date = rules.execution_day(batch.day, self._today)
        if wrong_date is not None:
            return wrong_date
        if rules.reference(fields.get("PmtInfId", "")) is not None or rules.name(fields.get("Dbtr/Nm", "")) is not None:
            return Reason.INVALID_CHARACTERS
        address = element.find(f"{_S}Dbtr/{_S}PstlAdr")
        return None if address is None else rules.address(address, _S, batch.day)

    def _batch_ended(self, element: etree._Element) -> None:
        """Judge what is left of a PmtInf without its transactions, and its totals."""
        batch, self._batch = self._batch, None
        if batch is None or batch.element is not element or self._body is None:
            raise SchemaError("mandatory element missing", reason=MISSING, line=line_of(element), path="CdtTrfTxInf")
        self._drop(element, _TRANSACTION)
        if self._guard.may_hold_xsi:
            refuse_xsi(element)
        if len(element) != batch.children:
            raise SchemaError("element not expected here", line=line_of(element), path="PmtInf")
        if not self._batch_schema.validate(element):
            raise finding(self._batch_schema, PAIN_001)
        wrong = self._wrong_totals(batch.fields, batch.count, batch.total)
        if wrong is not None and batch.number not in self._refused_batches:
            self._refused_batches[batch.number] = wrong[0]
            if len(self._totals) < TOTALS_SAID_MAX:
                self._totals[batch.payment_information_id] = wrong[1]
        self._total = None if batch.total is None or self._total is None else self._total + batch.total
        previous = element.getprevious()
        if previous is not None and previous.tag == _BATCH:
            _check_tail(previous)
            self._body.remove(previous)
        header = element.getprevious()
        if header is None or header.tag != _HEADER:
            raise SchemaError("element not expected here", line=line_of(element), path="PmtInf")
        element.clear(keep_tail=True)  # type: ignore[call-arg]  # missing in the stubs

    def _drop(self, parent: etree._Element, tag: str) -> None:
        """Drop the last cleared child of a kind, before its parent is judged without it."""
        for child in parent.findall(tag):
            _check_tail(child)
            parent.remove(child)

    def _wrong_totals(self, fields: dict[str, str], count: int, total: int | None) -> tuple[Reason, str] | None:
        """Compare the declared count and sum, where given; give what is wrong, as a PmtInf says it, and in words.

        A sum with an unreadable amount in it proves nothing.
        """
        declared = fields.get("NbOfTxs")
        if declared is not None and int(declared) != count:
            return Reason.WRONG_NUMBER_OF_TRANSACTIONS, f"{int(declared)} transactions declared, {count} found"
        declared = fields.get("CtrlSum")
        if declared is None or total is None:
            return None
        scaled = self._rules.scaled(declared)
        if scaled == total:
            return None
        said = f"control sum with more than {SCALE} decimals" if scaled is None else f"control sum {_decimal(scaled)}"
        return Reason.WRONG_CONTROL_SUM, f"{said} declared, {_decimal(total)} found"


def _decimal(scaled: int) -> str:
    """Write an amount in units of 10^-5 with as many decimals as it has, at least two."""
    sign, units = "-" if scaled < 0 else "", abs(scaled)
    whole, fraction = divmod(units, 10**SCALE)
    return f"{sign}{whole}.{f'{fraction:0{SCALE}d}'.rstrip('0'):0<2}"


def _check_tail(part: etree._Element) -> None:
    if (part.tail or "").strip():
        raise SchemaError("text between elements", line=line_of(part))
