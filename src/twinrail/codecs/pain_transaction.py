"""What intake reads of one transaction of a customer's payment file (CdtTrfTxInf of pain.001.001.09)."""

from collections.abc import Callable

from lxml import etree

from twinrail.schemas.iso20022 import messages

_S = f"{{{messages.namespace(messages.PAIN_001)}}}"


class Fields:
    """What is read of one transaction; "" or None where it is not there, which a schema finding explains.

    One pass over two levels: it costs half of what searches by path do, and this is the hot loop of a file.
    """

    __slots__ = (
        *("address", "amount", "charge_bearer", "creditor", "currency", "end_to_end_id", "instruction_id"),
        *("kind", "name", "remittances"),
    )

    def __init__(self, part: etree._Element) -> None:
        self.amount = self.currency = self.creditor = self.name = self.charge_bearer = ""
        self.instruction_id = self.end_to_end_id = ""
        self.address: etree._Element | None = None
        self.kind: etree._Element | None = None
        self.remittances = 0
        for child in part:
            reader = _READERS.get(child.tag)
            if reader is not None:
                reader(self, child)

    def take_identifiers(self, part: etree._Element) -> None:
        """Read the identifiers."""
        for child in part:
            tag = child.tag
            if tag == _END_TO_END_ID:
                self.end_to_end_id = child.text or ""
            elif tag == _INSTRUCTION_ID:
                self.instruction_id = child.text or ""

    def take_amount(self, part: etree._Element) -> None:
        """Read the amount."""
        for child in part:
            if child.tag == _INSTRUCTED:
                self.amount = child.text or ""
                self.currency = child.get("Ccy") or ""
            else:  # an equivalent amount: no SEPA currency, yet its figure counts in the control sum
                self.amount = child.findtext(f"{_S}Amt") or ""

    def take_creditor(self, part: etree._Element) -> None:
        """Read the creditor."""
        for child in part:
            tag = child.tag
            if tag == _NAME:
                self.name = child.text or ""
            elif tag == _ADDRESS:
                self.address = child

    def take_account(self, part: etree._Element) -> None:
        """Read the account."""
        for child in part:
            if child.tag == _ID:
                for leaf in child:
                    if leaf.tag == _IBAN:
                        self.creditor = leaf.text or ""

    def take_remittance(self, part: etree._Element) -> None:
        """Read the remittance."""
        for child in part:
            self.remittances += child.tag == _UNSTRUCTURED

    def take_kind(self, part: etree._Element) -> None:
        """Read the kind."""
        self.kind = part

    def take_charge_bearer(self, part: etree._Element) -> None:
        """Read the charge bearer."""
        self.charge_bearer = part.text or ""


_END_TO_END_ID, _INSTRUCTION_ID, _INSTRUCTED = f"{_S}EndToEndId", f"{_S}InstrId", f"{_S}InstdAmt"
_NAME, _ADDRESS, _UNSTRUCTURED = f"{_S}Nm", f"{_S}PstlAdr", f"{_S}Ustrd"
_ID, _IBAN = f"{_S}Id", f"{_S}IBAN"
_READERS: dict[object, Callable[[Fields, etree._Element], None]] = {
    f"{_S}PmtId": Fields.take_identifiers,
    f"{_S}Amt": Fields.take_amount,
    f"{_S}Cdtr": Fields.take_creditor,
    f"{_S}CdtrAcct": Fields.take_account,
    f"{_S}RmtInf": Fields.take_remittance,
    f"{_S}PmtTpInf": Fields.take_kind,
    f"{_S}ChrgBr": Fields.take_charge_bearer,
}
