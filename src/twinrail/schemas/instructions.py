"""What a message asks of the engine, free of dialect.

Instructions are made by `codecs.card.to_instruction`, by `codecs.sepa` and by operators; they are frozen and hold no
PAN, track, PIN block or IBAN in clear: a card is its keyed token, an account its own id or a keyed IBAN token.
Amounts are integers in minor units, currencies ISO 4217 numeric codes.
An Authorization costs 0.26 µs to make as a msgspec struct, 1.27 µs as a frozen slotted dataclass of these fields.
"""

import msgspec


class CardMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What all card instructions share.

    `key` is the message key K_msg of the link profile; `life_keys` are the 64-bit keys by which a lifecycle of the
    same card is found (K_life, strongest first). All are built from the token and public elements only.
    """

    mti: str  # as received; repeats keep their odd digit
    key: str
    life_keys: tuple[int, ...]
    card: str  # keyed token, 32 hex digits
    amount: int  # minor units, DE4
    currency: str  # ISO 4217 numeric, DE49
    processing_code: str  # n6, DE3
    stan: str  # n6, DE11
    rrn: str = ""  # DE37
    acquirer: str = ""  # DE32
    terminal: str = ""  # DE41
    merchant: str = ""  # DE42
    mcc: str = ""  # DE18
    expiry: str = ""  # YYMM, DE14
    transmitted_at: str = ""  # MMDDhhmmss UTC, DE7
    hold_expiry_s: int = 7 * 24 * 3600  # how long a hold lives, as agreed for the link
    tombstone_s: int = 72 * 3600  # how long a reversal without its original is remembered

    @property
    def repeat(self) -> bool:
        """Say whether the message is marked as a repeat."""
        return self.mti[3] in "135"


class Authorization(CardMessage, frozen=True, gc=False, kw_only=True, tag="authorization"):
    """A request to reserve an amount (0100)."""


class Financial(CardMessage, frozen=True, gc=False, kw_only=True, tag="financial"):
    """A request to debit an amount at once (0200)."""


class Advice(CardMessage, frozen=True, gc=False, kw_only=True, tag="advice"):
    """A decision that the network took on our behalf (0120); `granted` says which way it went."""

    granted: bool = True
    approval_code: str = ""  # DE38


class Reversal(CardMessage, frozen=True, gc=False, kw_only=True, tag="reversal"):
    """Take back an earlier message, whole or down to `replacement_amount` (0400, 0420)."""

    replacement_amount: int | None = None  # minor units, DE95; None for a full reversal
    approval_code: str = ""  # DE38 of the original
    advice: bool = True  # 0420 must be accepted, 0400 may be refused


class CreditTransfer(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="credit_transfer"):
    """Move money by SEPA credit transfer, out of a file (pain.001) or as an instant payment (pacs.008).

    `outgoing`: our customer is the debtor; else our customer is the creditor. `account` is the keyed IBAN token of
    our customer's account, `counterparty` that of the other side. `file` and `position` make a transaction of a file
    unique; an instant payment has file "" and its key is (sender, transaction_id).
    """

    key: str
    outgoing: bool
    account: str  # keyed IBAN token, 32 hex digits
    counterparty: str  # keyed IBAN token
    amount: int  # minor units
    currency: str  # ISO 4217 numeric
    message_id: str
    end_to_end_id: str
    transaction_id: str = ""
    instruction_id: str = ""
    payment_information_id: str = ""
    file: str = ""  # sha256 of the file, hex
    position: int = 0  # 1-based within the file
    accepted_at: str = ""  # AccptncDtTm of an instant payment, as received
    refused: str = ""  # Reason value found by intake before any account was looked at; "" if none


class OpenFile(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="open_file"):
    """Accept a staged payment file for booking; its identity is its bytes, and (initiator, message id)."""

    file: str  # sha256, hex
    message_id: str
    initiator: str
    transactions: int
    control_sum: int  # minor units
    refused: str = ""  # Reason value for the whole file; "" if none


class CloseFile(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="close_file"):
    """Record that every transaction of a file is booked and its report is written."""

    file: str
    report: str  # file name of the report in the outbox
    report_sha256: str


class OpenAccount(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="open_account"):
    """Open an account; `kind` is customer, settlement or suspense."""

    command: str  # id of the command row; idempotent
    account: str
    currency: str
    kind: str = "customer"
    credit_limit: int = 0  # minor units
    iban: str = ""  # keyed IBAN token; "" where the account has none
    iban_last4: str = ""


class ChangeAccount(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="change_account"):
    """Change an account's status (open, blocked, closed) or credit limit; None leaves as is."""

    command: str
    account: str
    status: str | None = None
    credit_limit: int | None = None


class OpenCard(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="open_card"):
    """Issue a card on an account."""

    command: str
    card: str  # keyed token
    account: str
    expiry: str  # YYMM
    last4: str
    amount_limit: int = 0  # minor units a transaction; 0 for none
    status: str = "active"


class ChangeCard(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="change_card"):
    """Change a card's status (active, inactive, frozen, lost, stolen, closed), expiry or limit; None leaves as is."""

    command: str
    card: str
    status: str | None = None
    expiry: str | None = None
    amount_limit: int | None = None


class Transfer(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="transfer"):
    """Book an amount from one account to another by an operator's order."""

    command: str
    debit: str  # account id
    credit: str  # account id
    amount: int  # minor units, > 0
    currency: str
    text: str = ""


class ReleaseHold(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="release_hold"):
    """Release what remains of an authorization by an operator's order."""

    command: str
    authorization: int


class ExpireHold(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="expire_hold"):
    """Release what remains of an authorization whose time is up; made by the engine's own clock."""

    authorization: int


class WatchLate(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="watch_late"):
    """A posted 0200 was answered late and no 0220 or 0420 came in its window: put it in the exception queue."""

    authorization: int


class AskNetwork(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="ask_network"):
    """Ask a network for a function (sign_on, sign_off, echo) on each of its open links, of which there are `links`."""

    command: str
    network: str
    function: str
    links: int = 0  # as the engine finds them


class SendMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="send_message"):
    """Owe a network a message of an operator's (0620, 0420 ...): public elements only, its time and number are ours."""

    command: str
    network: str
    mti: str
    elements: dict[int, str]


class Forward(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="forward"):
    """Owe a network a message of our own until it accepts it; `subject` is the message as it is kept, without a PAN.

    Where an operator asked for it, `command` is what is answered, with `refusal` where it cannot be done.
    """

    obligation: str  # id
    subject: str
    command: str = ""
    refusal: str = ""


class SendForward(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="send_forward"):
    """A message that we owe is due: it goes out, and again at `again_at` unless it is accepted before."""

    obligation: str
    subject: str  # as it is kept from now on
    again_at: int  # ns since 1970, wall
    expires_at: int  # ns since 1970, wall


class SettleForward(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag="settle_forward"):
    """A network answered what we owed it, once and for all."""

    obligation: str
    accepted: bool


Command = OpenAccount | ChangeAccount | OpenCard | ChangeCard | Transfer | ReleaseHold | AskNetwork | SendMessage
CardInstruction = Authorization | Financial | Advice | Reversal
Due = ExpireHold | WatchLate | SendForward
Instruction = CardInstruction | CreditTransfer | OpenFile | CloseFile | Command | Due | Forward | SettleForward
