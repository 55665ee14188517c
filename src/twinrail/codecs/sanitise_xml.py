"""Take personal data out of an ISO 20022 document so that what is left still has its shape.

Default is to wipe: only identifiers, codes, amounts and times that say nothing about a person stay. IBANs become
keyed synthetic ones, everything else becomes filler of the same length in the same character classes.
"""

from lxml import etree

from twinrail.codecs.iso20022 import read_unvalidated
from twinrail.codecs.sanitise import Sanitised, SanitiseError, Sanitiser
from twinrail.errors import SchemaError

DOCUMENT_BYTES_MAX = 64 * 1024

# Local names whose text stays, searched for card numbers and IBANs all the same.
_KEPT = frozenset(
    {
        "MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "TtlIntrBkSttlmAmt", "IntrBkSttlmAmt", "IntrBkSttlmDt", "InstdAmt",
        "SttlmMtd", "Cd", "Prtry", "BICFI", "ChrgBr", "AccptncDtTm", "InstrId", "EndToEndId", "TxId", "UETR",
        "PmtInfId", "PmtMtd", "BtchBookg", "ReqdExctnDt", "Dt", "DtTm", "StsId", "OrgnlMsgId", "OrgnlMsgNmId",
        "OrgnlCreDtTm", "OrgnlNbOfTxs", "OrgnlCtrlSum", "OrgnlInstrId", "OrgnlEndToEndId", "OrgnlTxId", "OrgnlPmtInfId",
        "OrgnlUETR", "TxSts", "GrpSts", "PmtInfSts", "InstrPrty", "MmbId",
    }
)  # fmt: skip


def document(sanitiser: Sanitiser, payload: bytes) -> Sanitised:
    """Give what may be kept of a document: nothing but its length where it is no XML, too large or carries a DTD."""
    length = len(payload)
    try:
        root = read_unvalidated(payload, bytes_max=DOCUMENT_BYTES_MAX)
    except SchemaError:
        return Sanitised(None, length, why="undecodable")
    try:
        for element in root.iter():
            _clean(sanitiser, element)
    except SanitiseError:
        return Sanitised(None, length, why="cannot be made safe")
    clean = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    if sanitiser.leaks(clean):
        return Sanitised(None, length, why="a number seen before")
    return Sanitised(clean, length)


def _clean(sanitiser: Sanitiser, element: etree._Element) -> None:
    """Clean the text and the attributes of one element in place."""
    name = etree.QName(element).localname
    for attribute, value in element.attrib.items():
        if attribute != "Ccy":
            element.set(attribute, filler(str(value)))
    element.tail = None if element.tail is None or not element.tail.strip() else filler(element.tail)
    text = element.text
    if text is None or not text.strip():
        return
    if name == "IBAN":
        element.text = sanitiser.iban(text.replace(" ", ""))
    elif name in _KEPT:
        element.text = sanitiser.text(text)
    else:
        element.text = filler(text)


def filler(text: str) -> str:
    """Give a text of the same length and character classes: digits become 1, letters X or x, the rest stays.

    >>> filler("Jane Roe, 1980-12-24")
    'Xxxx Xxx, 1111-11-11'
    """
    return "".join(
        "1" if character.isdigit() else "X" if character.isupper() else "x" if character.isalpha() else character
        for character in text
    )
