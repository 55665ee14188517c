"""Message authentication: a MAC over the exact bytes of a message, verified on receipt and filled in on sending.

The one module that knows psec and `cryptography`. A MAC is verified before anything else of a message is believed:
found by the bitmap alone, computed over the bytes as they came and never over a re-encoding, compared in constant time.
Whatever cannot be verified is not valid: there is no way to switch the check off for want of a key.
"""

import hmac
import warnings
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import NamedTuple, Never

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from psec import des, mac

from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.leaf import Leaf, Span, axes_of
from twinrail.codecs.table import THIRD_BIT, Message, Table
from twinrail.errors import AuthenticationError, DecodeError, EncodeError, SettingsError
from twinrail.schemas.iso8583.authentication import Covered, MacAlgorithm, MacRule, Padding
from twinrail.schemas.iso8583.axes import Kind, Length
from twinrail.schemas.iso8583.elements import Third
from twinrail.schemas.iso8583.mti import original_of

# psec asks `cryptography` for TripleDES under its old name whenever it computes, and is warned each time. The day that
# name goes, psec raises, no MAC is valid any more and the vectors of the tests fail: nothing is hidden by this.
warnings.filterwarnings("ignore", message="TripleDES has been moved", category=UserWarning, module=r"psec\.(des|mac)\Z")

KEY_BYTES = {MacAlgorithm.RETAIL: (16,), MacAlgorithm.AES_CMAC: (16, 24, 32)}
LENGTHS = (4, 8)  # bytes of a MAC
_PARITY = 0xFE  # the lowest bit of a byte is no part of a DES key
_LASTS_MAX = 4096  # bitmaps whose last element is remembered; at this the memory starts again


@unique
class Outcome(StrEnum):
    """What the verification of a message came to; only the first three let it pass."""

    VALID = "mac_valid"
    PREVIOUS = "mac_valid_previous_key"  # valid by the other key of an overlap
    NOT_REQUIRED = "mac_not_required"  # an exempt message type without one
    MISSING = "mac_missing"  # none where one must be: at the end of the message
    WRONG = "mac_wrong"
    NO_KEY = "mac_key_away"  # nothing can be said: answer 96 [909], never let pass

    @property
    def accepted(self) -> bool:
        """Say whether the message may be believed."""
        return self in _ACCEPTED


_ACCEPTED = frozenset({Outcome.VALID, Outcome.PREVIOUS, Outcome.NOT_REQUIRED})


class MacKey:
    """A key that computes MACs and never shows itself; SettingsError where it is no key of the algorithm.

    `kcv` is its check value, six hex digits: for DES the encryption of a zero block, for AES its CMAC (ANSI X9.24-1).
    """

    __slots__ = ("_cmac", "_left", "_right", "algorithm", "kcv")

    def __init__(self, algorithm: MacAlgorithm, key: bytes) -> None:
        if len(key) not in KEY_BYTES[algorithm]:
            lengths = " or ".join(map(str, KEY_BYTES[algorithm]))
            raise SettingsError(f"a key of {algorithm} has {lengths} bytes")
        self.algorithm = algorithm
        if algorithm is MacAlgorithm.AES_CMAC:
            self._cmac = CMAC(AES(key))
            self.kcv = self.mac(bytes(16))[:3].hex().upper()
            return
        left, right = key[:8], key[8:]
        if all((a ^ b) & _PARITY == 0 for a, b in zip(left, right, strict=True)):
            raise SettingsError(f"a key of {algorithm} has two different halves: with equal ones it is single DES")
        # DES as TripleDES with one key three times: `cryptography` is about to drop the shorter forms.
        self._left, self._right = left * 3, right * 3
        self.kcv = des.generate_kcv(left + right + left, 3).hex().upper()

    def mac(self, data: bytes, padding: Padding = Padding.ZEROS) -> bytes:
        """Compute the MAC of some bytes: 8 bytes, or 16 by AES-CMAC, which does not look at the padding."""
        if self.algorithm is MacAlgorithm.RETAIL:
            return mac.generate_retail_mac(self._left, self._right, data, padding)
        cmac = self._cmac.copy()  # a third of the time that a new one takes
        cmac.update(data)
        return cmac.finalize()

    def __repr__(self) -> str:
        return f"MacKey({self.algorithm}, kcv={self.kcv})"

    def __reduce__(self) -> Never:
        """Refuse to be pickled or copied: a key stays where it was loaded."""
        raise TypeError("a key is not pickled")


@dataclass(frozen=True, slots=True)
class MacKeys:
    """The keys of a link: `current` signs, and both are accepted; `previous` is there while a change is under way."""

    current: MacKey
    previous: MacKey | None = None


class _Place(NamedTuple):
    """How an element holds a MAC: `octets` bytes, carried by the last `wire_bytes` of a message."""

    leaf: Leaf
    octets: int
    wire_bytes: int

    def read(self, body: bytes) -> bytes | None:
        """Give the value at the end of a message; None where it is not even hex digits."""
        try:
            value = self.leaf.value(body, Span(len(body) - self.wire_bytes, len(body), self.octets))
        except DecodeError:
            return None
        return value if isinstance(value, bytes) else None


class Authenticator:
    """Verifies and signs the messages of a link; SettingsError where rule, keys and dialect do not fit together.

    `keys` is None while they are away: then nothing that carries or needs a MAC passes, and nothing is signed.
    """

    def __init__(self, rule: MacRule, keys: MacKeys | None, codec: Codec) -> None:
        if rule.length not in LENGTHS:
            raise SettingsError("MAC rule: a MAC has 4 or 8 bytes")
        for key in () if keys is None else (keys.current, keys.previous):
            if key is not None and key.algorithm is not rule.algorithm:
                raise SettingsError(f"MAC rule: {rule.algorithm} with a key of {key.algorithm}")
        self.rule = rule
        self._keys = keys
        self._codec = codec
        self._table = Table(codec.dialect)
        self._places = {number: self._place(number) for number in sorted(rule.elements)}
        if not self._places:
            raise SettingsError("MAC rule: no element to hold a MAC")
        for mti in rule.exempt:
            if mti not in self._table.mtis.values() or original_of(mti) != mti:
                raise SettingsError(f"MAC rule: {mti!r} is no message type of {codec.dialect.name} with no repeat bit")
        self._lasts: dict[bytes, int] = {}
        known = () if keys is None else (keys.current, keys.previous)
        self.key_check_values = " ".join(key.kcv for key in known if key is not None)

    def verify(self, body: bytes, *, header: bytes = b"") -> Outcome:
        """Judge a message as it came: `body` from its message type on, without the header before it. Never raises.

        Costs about as much as its MAC; a body that is no message is MISSING one.
        """
        bits = self._codec.bits_of(body)
        place = self._places.get(self._last_element(bits))
        if place is None:
            return Outcome.NOT_REQUIRED if self._exempt(body) else Outcome.MISSING
        start = len(body) - place.wire_bytes
        if start < self._table.mti_bytes + len(bits):
            return Outcome.MISSING
        if self._keys is None:
            return Outcome.NO_KEY
        given = place.read(body)
        if given is None:
            return Outcome.WRONG
        covered = self._covered(body, start, header)
        if hmac.compare_digest(self._value(self._keys.current, covered, place), given):
            return Outcome.VALID
        previous = self._keys.previous
        if previous is not None and hmac.compare_digest(self._value(previous, covered, place), given):
            return Outcome.PREVIOUS
        return Outcome.WRONG

    def with_room(self, message: Message) -> Message:
        """Give a message that ends in a MAC of zeros, to be encoded and then signed; an exempt one has none.

        EncodeError where an element stands behind all that may hold a MAC. The message given is left as it is.
        """
        elements = {number: value for number, value in message.elements.items() if number not in self._places}
        if original_of(message.mti) in self.rule.exempt:
            return Message(message.mti, elements)
        behind = max(elements, default=0)
        for number, place in self._places.items():
            if number > behind:
                elements[number] = bytes(place.octets)
                return Message(message.mti, elements)
        raise EncodeError("stands behind every element that may hold the MAC", path=str(behind))

    def sign(self, body: bytes, *, header: bytes = b"") -> bytes:
        """Fill the MAC in: `body` is an encoded message `with_room`; an exempt one without room comes back as it is.

        AuthenticationError where the key is away, EncodeError where a MAC is needed and has no room.
        """
        bits = self._codec.bits_of(body)
        place = self._places.get(self._last_element(bits))
        if place is None and self._exempt(body):
            return body
        start = len(body) - (place.wire_bytes if place is not None else 0)
        if place is None or start < self._table.mti_bytes + len(bits):
            raise EncodeError("no room for the MAC at the end", path=str(next(iter(self._places))))
        if self._keys is None:
            raise AuthenticationError("the MAC key of this link is away")
        value = self._value(self._keys.current, self._covered(body, start, header), place)
        return body[:start] + place.leaf.write(value)

    def _place(self, number: int) -> _Place:
        """Find the row of an element that may hold the MAC; it has to be fixed, and bytes."""
        dialect = self._codec.dialect
        where = f"MAC rule: element {number} of {dialect.name}"
        row = next((row for row in dialect.elements if row.number == number), None)
        if row is None or row.kind is not Kind.B or row.length_kind is not Length.FIXED or row.layout is not None:
            raise SettingsError(f"{where} must be plain bytes of fixed length")
        if row.length < self.rule.length:
            raise SettingsError(f"{where} has no room for {self.rule.length} bytes")
        axes = axes_of(row, dialect)
        return _Place(Leaf(str(number), number, axes), row.length, axes.wire_bytes(row.length))

    def _exempt(self, body: bytes) -> bool:
        """Say whether a message is of a type that may go without a MAC; bytes that are no type are not."""
        mti = self._table.mtis.get(body[: self._table.mti_bytes])
        return mti is not None and original_of(mti) in self.rule.exempt

    def _last_element(self, bits: bytes) -> int:
        """Give the number of the last element that bitmaps announce, 0 where that cannot be told."""
        last = self._lasts.get(bits)
        if last is None:
            if len(self._lasts) >= _LASTS_MAX:
                self._lasts.clear()
            last = self._lasts[bits] = self._find_last(bits)
        return last

    def _find_last(self, bits: bytes) -> int:
        try:
            numbers, _ = self._table.read_bitmap(bytes(self._table.mti_bytes) + bits, Message("", {}))
        except DecodeError:
            return 0
        # With the third bitmap among the data, what comes last is not known before the data are.
        if self._table.third is Third.IN_ELEMENT and THIRD_BIT in numbers:
            return 0
        return numbers[-1] if numbers else 0

    def _covered(self, body: bytes, start: int, header: bytes) -> bytes:
        covered = body[:start]
        return header + covered if self.rule.covered is Covered.HEADER_AND_BODY else covered

    def _value(self, key: MacKey, covered: bytes, place: _Place) -> bytes:
        """Give the value of the MAC element: the leftmost bytes of the MAC, then zero bytes up to its length."""
        return key.mac(covered, self.rule.padding)[: self.rule.length].ljust(place.octets, b"\0")
