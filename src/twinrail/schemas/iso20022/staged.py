"""What intake makes of a payment file before anything is booked: one row a transaction, and a summary.

No IBAN is in here, only keyed tokens. The rows are written by the child that reads the file and read by the engine.
"""

import msgspec

from twinrail.schemas.iso20022.profiles import SchemeProfile

NOT_ISOLATED = "none"  # nothing but the lack of a credential keeps the reading process from the network


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a file may hold; what is over a limit refuses the whole file."""

    bytes_max: int = 512 << 20
    part_bytes_max: int = 1 << 20  # between two parts that can be judged and dropped
    transactions_max: int = 1_000_000
    batches_max: int = 100_000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told about the file it reads; `key` is the token key and comes by its standard input only."""

    key: bytes
    profile: SchemeProfile
    limits: Limits
    today: str  # ISO 8601, the banking day
    file_size: int  # bytes
    address_space_bytes: int = 512 << 20

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return f"Job(today={self.today!r}, file_size={self.file_size})"


class Staged(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One transaction of a file; `refused` is the Reason value that intake found, "" if none."""

    position: int  # 1-based within the file
    batch: int  # 1-based ordinal of its PmtInf
    payment_information_id: str
    instruction_id: str
    end_to_end_id: str
    account: str  # keyed IBAN token of the debtor's account
    counterparty: str
    amount: int  # minor units; 0 where it could not be read
    refused: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What intake found in a file.

    `problem` is the finding that makes the document unusable (not an XML document of the schema, too large ...), with
    its ISO 20022 `code`, `line` and `path`; such a file is never opened. `explanation` says in lines what its
    schema refused, without any value. `refused` is the Reason value for a good document whose totals are wrong.
    `refused_batches` holds the Reason value of each refused PmtInf by its ordinal. `totals` says in words which count
    or sum was declared and which was found: of the group under "", of a PmtInf under its id.
    """

    sha256: str = ""
    message_id: str = ""
    initiator: str = ""
    message_name: str = ""
    transactions: int = 0
    control_sum: int = 0  # minor units
    refused: str = ""
    refused_batches: dict[int, str] = {}
    totals: dict[str, str] = {}
    problem: str = ""
    code: str = ""
    line: int = 0
    path: str = ""
    explanation: tuple[str, ...] = ()
    isolation: str = ""  # what kept the child from the network
    peak_kib: int = 0  # the child's largest resident set
