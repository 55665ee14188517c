"""Instant credit transfers between banks: pacs.008 bytes to an instruction, a decision to pacs.002 bytes.

A message holds one transaction. What the schema refuses is a SchemaError, answered by `to_rejection` where the message
id can still be read; what a usage rule refuses travels in the instruction, so that the refusal is journaled like any
other decision. Answers are written as text, in schema order, with a double-quoted declaration: the same decision gives
the same bytes.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from twinrail.codecs import iban
from twinrail.codecs.iso20022 import FORMAT, escape, parse_document, read_unvalidated
from twinrail.codecs.usage import Rules
from twinrail.errors import SchemaError
from twinrail.schemas.instructions import CreditTransfer
from twinrail.schemas.iso20022.messages import PACS_002, PACS_008, namespace, unversioned
from twinrail.schemas.iso20022.profiles import SCT_INST, SchemeProfile
from twinrail.schemas.reasons import CODES, GRANTED, Reason

_ALLOWED = frozenset({PACS_008})
_S = f"{{{namespace(PACS_008)}}}"
_TRANSACTION, _AMOUNT = f"{_S}CdtTrfTxInf", f"{_S}IntrBkSttlmAmt"
_SENDER = "DbtrAgt/FinInstnId/BICFI"
# A full pacs.008 of one transaction has some 120 elements and three attributes. The schema words every fault it finds:
# 64 KiB of faulty elements took it 240 ms, and no other link is answered meanwhile.
_MARKUP_MAX = 1000
_ACCEPTED, _REJECTED = "ACCP", "RJCT"
# ISO date-time as XSD allows it, less the years before 1 and after 9999.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?")


class StatusContext(NamedTuple):
    """What the answer to an instant payment says about its original; no IBAN and no name."""

    message_id: str
    original_name: str  # as OrgnlMsgNmId carries it
    end_to_end_id: str
    transaction_id: str
    instruction_id: str = ""
    uetr: str = ""
    accepted_at: str = ""  # AccptncDtTm as received
    accepted_ns: int = 0  # the same, ns since 1970; 0 where it cannot be read: where the clock of the payment starts


class InstantRules(Rules):
    """The usage rules of instant payments under one profile."""

    def __init__(self, profile: SchemeProfile = SCT_INST) -> None:
        super().__init__(profile)
        self.original_name = PACS_008 if profile.versioned_original else unversioned(PACS_008)


_DEFAULT = InstantRules()


def to_credit_transfer(
    data: bytes, tokens: Callable[[str], str], rules: InstantRules = _DEFAULT
) -> tuple[CreditTransfer, StatusContext]:
    """Read a pacs.008.001.08 with one transaction (at most 64 KiB, UTF-8) as an incoming credit transfer.

    `tokens` turns an IBAN into its keyed token. SchemaError with a status reason code where the document is not one;
    a usage rule that fails is the Reason value in `refused` of the instruction.
    """
    if max(data.count(b"<"), data.count(b"=")) > _MARKUP_MAX:
        raise SchemaError("too many elements or attributes for one payment", reason=FORMAT)
    _, root = parse_document(data, _ALLOWED)
    body = root[0]
    parts = body.findall(_TRANSACTION)
    header = leaves(body[0], _S)
    if len(parts) != 1 or header["NbOfTxs"].strip() != "1":
        raise SchemaError("an instant payment message holds one transaction", reason=FORMAT, path="NbOfTxs")
    fields = leaves(parts[0], _S)
    context = _context(header, fields, rules)
    debtor, creditor = fields.get("DbtrAcct/Id/IBAN", ""), fields.get("CdtrAcct/Id/IBAN", "")
    amount, refused = rules.amount(fields["IntrBkSttlmAmt"], parts[0].find(_AMOUNT).get("Ccy", ""))  # type: ignore[union-attr]  # mandatory by the schema
    if refused is None and not (iban.valid(debtor) and iban.valid(creditor)):
        refused = Reason.INVALID_IBAN
    refused = refused or _usage(header, fields, context, rules) or _texts(header, fields, parts[0], rules)
    transfer = CreditTransfer(
        key=f"instant|{fields.get(_SENDER, '')}|{context.transaction_id}",
        outgoing=False,
        account=tokens(creditor),
        counterparty=tokens(debtor),
        amount=amount,
        currency=rules.currency,
        message_id=context.message_id,
        end_to_end_id=context.end_to_end_id,
        transaction_id=context.transaction_id,
        instruction_id=context.instruction_id,
        accepted_at=context.accepted_at,
        refused=refused or "",
    )
    return transfer, context


def _context(header: dict[str, str], fields: dict[str, str], rules: InstantRules) -> StatusContext:
    accepted_at = fields.get("AccptncDtTm", "").strip()
    return StatusContext(
        message_id=header["MsgId"],
        original_name=rules.original_name,
        end_to_end_id=fields["PmtId/EndToEndId"],
        transaction_id=fields.get("PmtId/TxId", ""),
        instruction_id=fields.get("PmtId/InstrId", ""),
        uetr=fields.get("PmtId/UETR", ""),
        accepted_at=accepted_at,
        accepted_ns=nanoseconds(accepted_at, zone_required=rules.profile.zone_required),
    )


def _usage(
    header: dict[str, str], fields: dict[str, str], context: StatusContext, rules: InstantRules
) -> Reason | None:
    """Name the first rule of the scheme that a transaction breaks."""
    profile = rules.profile
    for said in (header, fields):
        level = said.get("PmtTpInf/SvcLvl/Cd", profile.service_level)
        instrument = said.get("PmtTpInf/LclInstrm/Cd", profile.local_instruments[0])
        if level != profile.service_level or instrument not in profile.local_instruments:
            return Reason.WRONG_SCHEME
    if "PmtTpInf/LclInstrm/Cd" not in header and "PmtTpInf/LclInstrm/Cd" not in fields:
        return Reason.WRONG_SCHEME
    total = header.get("TtlIntrBkSttlmAmt")
    if total is not None and rules.scaled(total) != rules.scaled(fields["IntrBkSttlmAmt"]):
        return Reason.WRONG_GROUP_CONTROL_SUM
    if (
        header["SttlmInf/SttlmMtd"] not in profile.settlement_methods
        or fields["ChrgBr"] != profile.charge_bearer
        or not context.accepted_ns
        or not context.transaction_id
        or _SENDER not in fields
    ):
        return Reason.FORMAT_ERROR
    return None


def _texts(header: dict[str, str], fields: dict[str, str], part: etree._Element, rules: InstantRules) -> Reason | None:
    """Judge identifiers, names, addresses, remittance information and characters."""
    for identifier in (
        header["MsgId"],
        *(fields.get(f"PmtId/{name}", "-") for name in ("InstrId", "EndToEndId", "TxId")),
    ):
        if rules.reference(identifier) is not None:
            return Reason.INVALID_CHARACTERS
    if rules.name(fields.get("Dbtr/Nm", "")) or rules.name(fields.get("Cdtr/Nm", "")):
        return Reason.INVALID_CHARACTERS
    day = rules.day(fields.get("IntrBkSttlmDt") or header.get("IntrBkSttlmDt", ""))
    for address in (*part.iterfind(f"{_S}Dbtr/{_S}PstlAdr"), *part.iterfind(f"{_S}Cdtr/{_S}PstlAdr")):
        if rules.address(address, _S, day) is not None:
            return Reason.INVALID_CHARACTERS
    if "RmtInf/Ustrd" in fields and len(part.findall(f"{_S}RmtInf/{_S}Ustrd")) > 1:
        return Reason.FORMAT_ERROR
    return rules.texts(part)


def leaves(part: Iterable[etree._Element], space: str) -> dict[str, str]:
    """Give the texts below an element by their path ("PmtId/TxId"), the first of those that repeat.

    One walk costs a tenth of a dozen searches. `space` is the namespace in braces; the parser bounds the depth.
    """
    found: dict[str, str] = {}
    _walk(part, "", len(space), found)
    return found


def _walk(part: Iterable[etree._Element], prefix: str, cut: int, found: dict[str, str]) -> None:
    for child in part:
        path = prefix + child.tag[cut:]
        text = child.text
        if text is not None:
            found.setdefault(path, text)
        if len(child):
            _walk(child, path + "/", cut, found)


def nanoseconds(text: str, *, zone_required: bool = False) -> int:
    """Give an ISO date-time as ns since 1970; 0 where it is not one. Without a zone it is UTC, or refused.

    >>> nanoseconds("1970-01-01T00:00:01.5Z")
    1500000000
    """
    found = _TIME.fullmatch(text)
    if found is None or (zone_required and found[1] is None):
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0  # the 24:00:00 that the schema lets pass, or a 30th of February
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def timestamp(at: int) -> str:
    """Write ns since 1970 as a UTC date-time without trailing zeros in the fraction.

    >>> timestamp(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    """
    seconds, rest = divmod(at, 1_000_000_000)
    fraction = f"{rest // 1_000_000:03d}".rstrip("0")
    head = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{head}.{fraction}Z" if fraction else f"{head}Z"


_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace(PACS_002)}"><FIToFIPmtStsRpt><GrpHdr>'
    "<MsgId>{}</MsgId><CreDtTm>{}</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{}</OrgnlMsgId>"
    "<OrgnlMsgNmId>{}</OrgnlMsgNmId><GrpSts>{}</GrpSts>{}</OrgnlGrpInfAndSts>"
)
_TAIL = "</FIToFIPmtStsRpt></Document>\n"


def to_status(context: StatusContext, reason: Reason, at: int) -> bytes:
    """Write the pacs.002 for a decision: ACCP, or RJCT with its reason code.

    `at` is the journal time of the decision (ns since 1970): a repeat is answered with the same bytes.
    """
    granted = reason in GRANTED
    status = _ACCEPTED if granted else _REJECTED
    why = "" if granted else _reason(CODES[reason].iso20022 or CODES[Reason.DO_NOT_HONOUR].iso20022)
    identifiers = "".join(
        f"<{tag}>{escape(value)}</{tag}>"
        for tag, value in (
            ("OrgnlInstrId", context.instruction_id),
            ("OrgnlEndToEndId", context.end_to_end_id),
            ("OrgnlTxId", context.transaction_id),
            ("OrgnlUETR", context.uetr),
        )
        if value
    )
    accepted = f"<AccptncDtTm>{context.accepted_at}</AccptncDtTm>" if context.accepted_ns else ""
    head = _HEAD.format(
        answer_id(context.message_id, context.transaction_id),
        timestamp(at),
        escape(context.message_id),
        context.original_name,
        status,
        why,
    )
    body = f"<TxInfAndSts>{identifiers}<TxSts>{status}</TxSts>{why}{accepted}</TxInfAndSts>"
    return (head + body + _TAIL).encode()


def to_rejection(data: bytes, error: SchemaError, at: int, rules: InstantRules = _DEFAULT) -> bytes | None:
    """Write the pacs.002 for a message that is not a valid pacs.008: group RJCT with the error's code.

    None where not even its message id can be read; then nothing can be answered.
    """
    try:
        root = read_unvalidated(data)
    except SchemaError:
        return None
    message_id = next((found.text or "" for found in root.iterfind(f"*/{_S}GrpHdr/{_S}MsgId")), "")
    if not 0 < len(message_id) <= 35:
        return None
    head = _HEAD.format(
        answer_id(message_id, ""),
        timestamp(at),
        escape(message_id),
        rules.original_name,
        _REJECTED,
        _reason(error.reason),
    )
    return (head + _TAIL).encode()


def _reason(code: str) -> str:
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"


def answer_id(message_id: str, transaction_id: str) -> str:
    """Give the message id of an answer (35 characters at most), drawn from what it answers: a repeat has the same."""
    digest = hashlib.blake2b(f"{message_id}\n{transaction_id}".encode(), digest_size=16).hexdigest()
    return f"TR{digest}"
