"""The journal: entries, and the effects that say all that an entry changed.

Entries are the truth. An effect carries absolute new values, so folding entries from empty gives the state without
deciding anything again. Every entry names its version; a change of meaning is a new version, and old ones are kept
readable by a test. Encoded as JSON by msgspec; no entry holds a PAN, track, PIN block or IBAN.
"""

import msgspec

VERSION = 1


class Opened(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="opened"):
    """A lifecycle came to be: its id is the sequence number of the entry that holds this effect."""

    account: str
    card: str
    currency: str
    authorized: int  # minor units
    remaining: int  # minor units still held
    cleared: int = 0
    released: int = 0
    flags: int = 0
    expires_at: int = 0  # ns since 1970, wall; 0 for never
    life_keys: tuple[int, ...] = ()


class Changed(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="changed"):
    """A lifecycle's new values; held moves by the change of `remaining`."""

    authorization: int
    account: str
    authorized: int
    remaining: int
    cleared: int = 0
    released: int = 0
    flags: int = 0
    expires_at: int = 0


class Leg(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One side of a posting: a positive amount raises the account's posted balance, a negative one lowers it."""

    account: str
    amount: int


class Posted(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="posted"):
    """Money moved: legs of one currency that sum to zero."""

    currency: str
    legs: tuple[Leg, ...]
    authorization: int = 0  # the lifecycle it belongs to; 0 for none
    text: str = ""


class Tombstoned(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="tombstoned"):
    """A reversal came before its original: the original will be refused, or held at the replacement amount."""

    card: str
    life_keys: tuple[int, ...]
    expires_at: int  # ns since 1970, wall
    replacement_amount: int = -1  # minor units; -1 for a full reversal


class AccountOpened(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="account_opened"):
    """An account came to be."""

    account: str
    kind: str
    currency: str
    credit_limit: int = 0
    iban: str = ""  # keyed token
    iban_last4: str = ""


class AccountChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="account_changed"):
    """An account's new status and credit limit."""

    account: str
    status: str
    credit_limit: int


class CardOpened(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="card_opened"):
    """A card came to be."""

    card: str
    account: str
    expiry: str
    last4: str
    status: str
    amount_limit: int = 0


class CardChanged(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="card_changed"):
    """A card's new status, expiry and limit."""

    card: str
    status: str
    expiry: str
    amount_limit: int


class PaymentSettled(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="payment_settled"):
    """A credit transfer was decided: one row of `payment`, keyed by the sequence number of its entry."""

    account: str = ""  # account id; "" where none was found
    outgoing: bool
    amount: int
    currency: str
    status: str  # ISO 20022: ACSP, ACCP, RJCT
    reason: str = ""  # Reason value where refused
    message_id: str
    payment_information_id: str = ""
    end_to_end_id: str = ""
    instruction_id: str = ""
    transaction_id: str = ""
    file: str = ""
    position: int = 0


class FileOpened(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="file_opened"):
    """A payment file was accepted for booking, or refused whole."""

    file: str
    message_id: str
    initiator: str
    transactions: int
    control_sum: int
    status: str  # open, refused
    reason: str = ""


class FileAdvanced(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="file_advanced"):
    """The checkpoint of a file: everything up to and with `position` is booked."""

    file: str
    position: int
    accepted: int  # transactions accepted so far
    accepted_sum: int  # minor units


class FileClosed(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="file_closed"):
    """The report of a file is written."""

    file: str
    report: str
    report_sha256: str


class ObligationSet(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="obligation_set"):
    """Something must happen at `due_at`: a durable timer."""

    obligation: str  # id, unique
    kind: str
    due_at: int  # ns since 1970, wall
    subject: str  # what it is about: the id of a lifecycle, payment or file


class ObligationMet(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="obligation_met"):
    """The durable timer has done its work or is needless."""

    obligation: str


class ExceptionRaised(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="exception_raised"):
    """Something for a person: a row of the exception queue, keyed by the sequence number of its entry."""

    marker: str  # LATE_ANSWER, OVER_REVERSAL, LATE_POSTING, AMBIGUOUS, STANDIN_BLOCKED ...
    account: str = ""
    authorization: int = 0


class CommandDone(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="command_done"):
    """An operator's command was carried out or refused."""

    command: str
    status: str  # done, refused
    result: str = ""


Effect = (
    Opened
    | Changed
    | Posted
    | Tombstoned
    | AccountOpened
    | AccountChanged
    | CardOpened
    | CardChanged
    | PaymentSettled
    | FileOpened
    | FileAdvanced
    | FileClosed
    | ObligationSet
    | ObligationMet
    | ExceptionRaised
    | CommandDone
)


class Answer(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What was decided for the wire, free of dialect: enough to answer a repeat, never bytes."""

    reason: str  # Reason value
    approval_code: str = ""  # DE38
    amount: int = -1  # minor units where it differs from the request's; -1 where not
    extra: tuple[tuple[int, str], ...] = ()  # other elements of the answer, DE54 for one


class Entry(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One decision and all it changed."""

    seq: int
    at: int  # ns since 1970, wall, strictly increasing
    kind: str  # tag of the instruction
    version: int = VERSION
    mti: str = ""  # as received
    key: str = ""  # message key; "" where the instruction has none
    content: str = ""  # what a repeat must share with its original: amount, currency, processing code
    card: str = ""  # keyed token
    answer: Answer | None = None
    trace: tuple[str, ...] = ()  # "stage.check: verdict" of what declined; every earlier stage passed
    ruleset: str = ""  # version of the pipeline that decided
    effects: tuple[Effect, ...] = ()


FLAG_OPEN = 1
FLAG_CLEARED = 2
FLAG_REVERSED = 4
FLAG_EXPIRED = 8
FLAG_DECLINED = 16
FLAG_STANDIN = 32
FLAG_FORCE = 64
FLAG_LATE = 128
FLAG_DIRECT = 256  # posted at once by a 0200, no hold
