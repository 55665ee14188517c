"""Card messages and instructions: from decoded elements to what is asked, and from a decision to the answer.

The PAN becomes a keyed token here (HMAC-SHA-256, 128 bits; PCI DSS 3.5.1.1 asks for a keyed hash). Nothing downstream
sees the PAN; the request's elements stay with the request until its answer has left, and only `to_response` reads them.
"""

import hashlib
from collections.abc import Callable, Collection
from functools import lru_cache

from twinrail.codecs.card_places import KEY_MASK, advice_of, amount_of, digits_of, pan_of_track, reversal_of
from twinrail.codecs.exchange import Exchange
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.codecs.leaf import axes_of
from twinrail.codecs.repertoire import judge_of
from twinrail.errors import DecodeError, check
from twinrail.money import CURRENCIES
from twinrail.schemas.instructions import Advice, Authorization, CardInstruction, CardMessage, Financial, Reversal
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.presence import When
from twinrail.schemas.iso8583.profiles import LinkProfile, wide
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import CODES, Reason

_BLOCK = 64  # bytes, the block of SHA-256


class Tokens:
    """Keyed tokens of card numbers and IBANs: HMAC-SHA-256 cut to 128 bits, as 32 hex digits.

    The two padded keys are hashed once and their states copied: a token costs 0.7 µs, with `hmac.digest` 1.7 µs.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("a token key has at least 32 bytes")
        short = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
        padded = short.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "Tokens()"

    def pan(self, pan: str) -> str:
        """Give the token of a card number (digits)."""
        inner = self._inner.copy()
        inner.update(pan.encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:32]

    def iban(self, iban: str) -> str:
        """Give the token of an IBAN; spaces and case do not count."""
        return self.pan("IBAN" + iban.replace(" ", "").upper())


def life_key(rrn: str, acquirer: str) -> int:
    """Give the 63-bit lifecycle key of a retrieval reference number (DE37) at an acquirer (DE32); 0 without one.

    Blanks and zeros alone are how acquirers say that they have none: taken for a number, all messages of a card would
    be one lifecycle.
    """
    try:
        number = int(rrn, 36)  # twelve letters and digits fit into 63 bits, so most keys need no hash
    except ValueError:
        number = _hash_of(rrn) if rrn.strip(" 0") else 0
    if not number:
        return 0
    return (number ^ _hash_of(acquirer)) & KEY_MASK or 1


@lru_cache(maxsize=4096)
def _hash_of(text: str) -> int:
    """Give a number for a short public text, the same in every process; acquirers are few, so it is remembered."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") & KEY_MASK


class CardRules:
    """A link profile made ready for speed: what its messages must hold, where, and what its answers echo."""

    def __init__(self, profile: LinkProfile, tokens: Tokens) -> None:
        self.profile = profile
        self.codec = codec_for(profile.dialect)
        self.places = at = profile.places
        dialect = self.codec.dialect
        rows = {row.number: row for row in dialect.elements}
        self._token: Callable[[str], str] = tokens.pan
        if at.pan in rows and (axes := axes_of(rows[at.pan], dialect)).packed and axes.counts is Counts.BYTES:
            self._token = _filled(tokens.pan)
        self._hold_expiry_s = profile.hold_expiry_s
        self._tombstone_s = profile.tombstone_s
        digit = VERSION_DIGITS[at.version]
        self._kinds = {digit + mti: kind for mti, kind in _KINDS.items()}
        always = frozenset({at.processing_code, at.amount, at.sent_at, at.stan, at.currency}) - {0}
        self._mandatory = {mti: frozenset(profile.mandatory.get(original_of(mti), ())) | always for mti in self._kinds}
        self._conditions = {mti: profile.conditions.get(original_of(mti), ()) for mti in self._kinds}
        self._codes_of = {digit: _codes(profile, digit) for digit in "0123456789"}
        self._codes = self._codes_of["1"]
        self._echo = {mti: frozenset(elements) - NEVER_ECHOED for mti, elements in profile.echo.items()}
        self._echo_minimum = frozenset(
            {at.pan, at.transmitted_at, at.acquirer, at.rrn, at.terminal, at.merchant, *always}
        )
        self._echoed: dict[tuple[object, ...], tuple[str, tuple[int, ...]]] = {}
        self._key_elements = profile.key_elements
        self._empty = ("",) * len(profile.key_elements)
        # A repeat may come on any link of its network, and another network's requests are never repeats.
        self._key_starts = {mti: f"{profile.counterpart}|{mti[1:3]}|" for mti in self._kinds}
        self._quick, self._extra = self._quick_kinds(always)
        answers = {mti: answer for mti in self._quick if (answer := response_to(mti)) in self._echo}
        self._writes_quickly = all(
            self._fits(rows.get(number), value)
            for number, values in ((at.response_code, self._codes.values()), (at.approval_code, (_APPROVAL_CODE,)))
            for value in values
        )
        self._exchange = Exchange(
            self.codec,
            wanted=(
                *(at.pan, at.processing_code, at.amount, at.sent_at, at.currency, at.stan),
                *(at.expiry, at.mcc, at.acquirer, at.rrn, at.terminal, at.merchant),
                *self._extra,
            ),
            joined=profile.key_elements,
            answers={mti: str(answer) for mti, answer in answers.items()},
            echo=self._echo,
        )

    def _quick_kinds(self, always: frozenset[int]) -> tuple[dict[str, type[CardInstruction]], tuple[int, ...]]:
        """Say which requests may be read without decoding them in full, and what they must hold beside `always`.

        Those whose mandatory elements are all text, since only text is picked, and which have no condition but that of
        the card number: the quick way demands it in its own element.
        """
        at = self.places
        text = {row.number for row in self.codec.dialect.elements if row.kind is not Kind.B}
        digits = {row.number for row in self.codec.dialect.elements if row.kind is Kind.N}
        quick: dict[str, type[CardInstruction]] = {
            mti: kind
            for mti, kind in self._kinds.items()
            if kind in {Authorization, Financial}
            and at.currency
            and {at.amount, at.sent_at, at.stan} <= digits
            and self._mandatory[mti] <= text
            and all(number == at.pan for number, _ in self._conditions[mti])
        }
        extra: set[int] = set().union(*(self._mandatory[mti] for mti in quick)) - always - {at.pan}
        return quick, tuple(sorted(extra))

    def _fits(self, row: Element | None, value: str) -> bool:
        """Say whether an answer may hold a value as plain characters, which is how the quick way puts it in.

        A length, a fill, digits that share a byte and a page of its own are left to the encoder.
        """
        if row is None:
            return False
        dialect = self.codec.dialect
        axes = axes_of(row, dialect)
        plain = axes.fixed and axes.coding is Coding.CHARACTERS and axes.page == dialect.text
        return plain and axes.length == len(value) and judge_of(row.kind, fixed=True)(value.encode()) < 0

    def read(self, payload: bytes) -> CardInstruction | None:
        """Say what a request asks, the quick way; None where it has to be decoded first."""
        picked = self._exchange.pick(payload)
        if picked is None:
            return None
        if self._extra:
            if not all(picked[_PICKED:-1]):
                return None
            picked = (*picked[:_PICKED], picked[-1])
        (
            mti, pan, processing_code, amount, sent_at, currency,
            stan, expiry, mcc, acquirer, rrn, terminal, merchant, key,
        ) = picked  # fmt: skip
        kind = self._quick.get(mti)
        if kind is None or not (pan and processing_code and amount and sent_at and stan):
            return None
        if currency not in CURRENCIES:
            return None
        card = self._token(pan)
        return kind(
            mti=mti,
            key=f"{self._key_starts[mti]}{key}|{card}",
            life_keys=(life_key(rrn, acquirer), int(sent_at + stan) % KEY_MASK + 1),
            card=card,
            amount=int(amount),
            currency=currency,
            processing_code=processing_code,
            stan=stan,
            rrn=rrn,
            acquirer=acquirer,
            terminal=terminal,
            merchant=merchant,
            mcc=mcc,
            expiry=expiry,
            hold_expiry_s=self._hold_expiry_s,
            tombstone_s=self._tombstone_s,
        )

    def answer(self, request: bytes | Message, answer: Answer) -> bytes:
        """Write the answer to a request, which may be given as it came or decoded."""
        if isinstance(request, bytes) and self._writes_quickly and not answer.extra:
            quick = self._exchange.respond(request, self._codes[answer.reason], answer.approval_code)
            if quick is not None:
                return quick
        return self.codec.encode(self.response(request, answer))

    def response(self, request: bytes | Message, answer: Answer) -> Message:
        """Build the answer to a request, which may be given as it came or decoded."""
        return self.to_response(self.codec.decode(request) if isinstance(request, bytes) else request, answer)

    def to_instruction(self, message: Message) -> CardInstruction | None:
        """Say what a request, advice or reversal asks; None for a message type that asks nothing of an issuer.

        DecodeError names the element that is missing or cannot be (format error: DE39 30 / action 904).
        """
        mti = message.mti
        kind = self._kinds.get(mti)
        if kind is None:
            return None
        self.require(message, self._mandatory[mti], self._conditions[mti])
        elements: dict[int, str] = message.elements  # type: ignore[assignment]  # those read here are text everywhere
        at = self.places
        get = elements.get
        pan = get(at.pan)
        if pan is None:
            pan = pan_of_track(message, at)
        amount, currency = amount_of(message, at)
        card = self._token(pan)
        stan = digits_of(message, at.stan)
        sent_at = digits_of(message, at.sent_at)
        rrn = get(at.rrn, "")
        acquirer = get(at.acquirer, "")
        asked = kind(
            mti=mti,
            key=f"{self._key_starts[mti]}{'|'.join(map(get, self._key_elements, self._empty))}|{card}",
            life_keys=(life_key(rrn, acquirer), int(sent_at + stan) % KEY_MASK + 1),
            card=card,
            amount=amount,
            currency=currency,
            processing_code=elements[at.processing_code],
            stan=stan,
            rrn=rrn,
            acquirer=acquirer,
            terminal=get(at.terminal, ""),
            merchant=get(at.merchant, ""),
            mcc=get(at.mcc, ""),
            expiry=get(at.expiry, ""),
            hold_expiry_s=self._hold_expiry_s,
            tombstone_s=self._tombstone_s,
        )
        if kind is Advice:
            return advice_of(message, asked, self.profile)
        if kind is Reversal:
            return reversal_of(message, asked, at)
        return asked

    def require(
        self, message: Message, mandatory: Collection[int], conditions: tuple[tuple[int, When], ...] = ()
    ) -> None:
        """Raise DecodeError for the first element that is not there although the profile demands it."""
        elements = message.elements
        missing = [number for number in mandatory if number not in elements]
        missing += [number for number, when in conditions if number not in elements and when.holds(elements)]
        if missing:
            number = min(missing)
            raise DecodeError("mandatory element missing", path=str(number), offset=0, element=number, partial=message)

    def require_all(self, message: Message) -> None:
        """Raise DecodeError for the first element that a message of any type lacks."""
        mti = original_of(message.mti)
        self.require(message, self.profile.mandatory.get(mti, ()), self.profile.conditions.get(mti, ()))

    def to_response(self, request: Message, answer: Answer) -> Message:
        """Build the answer: what the profile echoes of the request, the code, and what the decision adds.

        Never echoes 14, 35, 36, 45, 52 or 53, whatever a profile's echo table holds.
        """
        values = request.elements
        # Requests of one shape echo the same elements: which ones is worked out once a shape.
        shape = (request.mti, *values)
        echoed = self._echoed.get(shape)
        if echoed is None:
            echoed = self._shape(request, shape)
        mti, numbers = echoed
        elements = {number: values[number] for number in numbers}
        if answer.approval_code:
            elements[38] = answer.approval_code
        elements[39] = self._codes_of[mti[1]][answer.reason]
        if answer.extra:
            elements.update(answer.extra)
        return Message(mti, elements)

    def format_error(self, request: Message, element: int) -> Message:
        """Build the answer to what could be read of a bad message; `element` is the failing one, 0 where unknown."""
        answer = self.to_response(request, Answer(reason=Reason.FORMAT_ERROR))
        where = self.profile.failing_element_in
        if where and element:
            answer.elements[where] = f"{element:03d}"
        return answer

    def _shape(self, request: Message, shape: tuple[object, ...]) -> tuple[str, tuple[int, ...]]:
        mti = response_to(request.mti)
        check(mti is not None, "only a request is answered")
        assert mti is not None  # noqa: S101 - for the type checker; the check above is the one that counts
        echo = self._echo.get(mti, self._echo_minimum)
        echoed = (mti, tuple(sorted(number for number in request.elements if number in echo)))
        if len(self._echoed) < SHAPES_MAX:
            self._echoed[shape] = echoed
        return echoed


NEVER_ECHOED = frozenset({14, 35, 36, 45, 52, 53})  # expiry, tracks, PIN block, security data
SHAPES_MAX = 1024  # shapes of requests whose echo is remembered; more are worked out each time
_PICKED = 13  # the message type and the twelve elements that every quick read picks
_APPROVAL_CODE = "000000"  # what ours look like


def _filled(token: Callable[[str], str]) -> Callable[[str], str]:
    """Give the token of card numbers where a length counts packed bytes: what fills an odd one is read as a digit.

    No card number of a payment system begins with 0 (ISO/IEC 7812-1: it would be one of another industry).
    """
    return lambda pan: token(pan[1:] if pan[:1] == "0" else pan)


def _codes(profile: LinkProfile, digit: str) -> dict[str, str]:
    """Give the code of every reason in answers of one MTI class, by the text of the reason."""
    version = profile.places.version
    codes: dict[str, str] = {}
    for reason, standard in CODES.items():
        code = standard.de39 if version == "1987" else standard.action if version == "1993" else wide(standard.action)
        codes[str(reason)] = profile.codes.get(reason, code)
    if Reason.ACCEPTED not in profile.codes and digit in profile.accepted:
        codes[str(Reason.ACCEPTED)] = profile.accepted[digit]
    return codes


# By the message type without its version digit.
_KINDS: dict[str, type[CardInstruction]] = {
    "100": Authorization,
    "101": Authorization,
    "120": Advice,
    "121": Advice,
    "200": Financial,
    "201": Financial,
    "400": Reversal,
    "401": Reversal,
    "420": Reversal,
    "421": Reversal,
}


def content_of(instruction: CardMessage) -> str:
    """Give what a repeat shares with its original: amount, currency, processing code, and what a reversal leaves."""
    content = f"{instruction.amount} {instruction.currency} {instruction.processing_code}"
    if type(instruction) is Reversal and instruction.replacement_amount is not None:
        return f"{content} {instruction.replacement_amount}"
    return content
