"""The ISO 20022 messages that are spoken here: their names, namespaces and the elements that intake cuts them at."""

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

PAIN_001 = "pain.001.001.09"  # customer credit transfer initiation
PAIN_002 = "pain.002.001.10"  # customer payment status report
PACS_008 = "pacs.008.001.08"  # credit transfer between banks
PACS_002 = "pacs.002.001.10"  # payment status report between banks
HEAD_001 = "head.001.001.02"  # business application header

# Where a customer credit transfer file is cut: each part is validated alone, so that one bad transaction spoils
# neither its neighbours nor the memory bound.
PAIN_001_MESSAGE = ("Document",)
PAIN_001_INITIATION = ("Document", "CstmrCdtTrfInitn")
PAIN_001_HEADER = ("Document", "CstmrCdtTrfInitn", "GrpHdr")
PAIN_001_BATCH = ("Document", "CstmrCdtTrfInitn", "PmtInf")
PAIN_001_TRANSACTION = ("Document", "CstmrCdtTrfInitn", "PmtInf", "CdtTrfTxInf")


def namespace(name: str) -> str:
    """Give the namespace of a message by its name, as in "pain.001.001.09"."""
    return NAMESPACE + name


def unversioned(name: str) -> str:
    """Give the name without its variant and version, as R-messages carry it since the 2025 guidelines ("pacs.008")."""
    return ".".join(name.split(".")[:2])
