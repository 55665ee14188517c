"""The ISO 8583 codec: bytes of a dialect to a message and back, strictly.

Two mechanisms do the same work. `table` walks the rows of the dialect, reads any bitmap and is the only one that words
errors. For a bitmap that recurs, `compile` writes a straight-line function from the same rows; it either gives the
result or refuses, and what it refuses the table judges again. Each is the other's oracle in the tests.

Strict means: every length, every character of every element and the end of the message are checked, an unknown bit
is an error naming the element, and text is never repaired. What cannot be misread is accepted although `encode` would
write it otherwise: hex digits in lower case, and a bitmap announced without a bit set. Such a message says so
(`Message.canonical`); nothing else decodes to a message that encodes to other bytes.
"""

from collections.abc import Callable, Iterable
from functools import cache

from twinrail.codecs import bitmap
from twinrail.codecs import compile as compiler
from twinrail.codecs.table import Message, Step, Table
from twinrail.errors import DecodeError, EncodeError, SettingsError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Bitmaps, Dialect, Third

__all__ = ["COMPILED_MAX", "COMPILE_AFTER", "DIALECTS", "Codec", "Message", "codec_for", "dialect_of"]

COMPILE_AFTER = 16  # good messages with the same bitmap
COMPILED_MAX = 256  # functions a dialect and direction; beyond them the table does the work
_COUNTED_MAX = 4096  # bitmaps that are being counted; at this the count starts again
_ORDERS_MAX = 1024  # orders of elements that are remembered for encoding; at this the memory starts again
_REFUSED = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    DecodeError,
    EncodeError,
)  # how a generated function may refuse


class Codec:
    """Decodes and encodes messages of one dialect; SettingsError where its rows contradict themselves.

    Holds no state of any message: only counters and generated functions, all bounded.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._table = Table(dialect)
        self._first, self._both = self._table.first, self._table.both
        self._three = self._table.three
        self._first_end, self._both_end, self._three_end = self._first.stop, self._both.stop, self._three.stop
        # Bit 1 is set where the first byte of the bitmap is one of `_announcing`; one byte is found there in 20 ns.
        # Where there are always two bitmaps bit 1 says nothing, and all that is left to ask is for the third.
        self._announcing = bitmap.announcing(dialect.bitmap)
        self._bit1_at = slice(self._first.start, self._first.start + 1)
        second = (self._both.start + self._both.stop) // 2
        self._bit65_at = slice(second, second + 1)
        if dialect.bitmaps is Bitmaps.ALWAYS_TWO:
            self._bit1_at = self._bit65_at
        self._decoders: dict[bytes, Callable[[bytes], Message | None]] = {}
        self._encoders: dict[tuple[int, ...], Callable[[str, dict[int, str | bytes]], bytes | None]] = {}
        self._decoded: dict[bytes, int] = {}
        self._encoded: dict[tuple[int, ...], int] = {}
        self._compiled: dict[tuple[int, ...], Callable[[str, dict[int, str | bytes]], bytes | None]] = {}
        self._steps: dict[bytes, tuple[Step, ...] | None] = {}
        self._mtis = self._table.mtis
        self._mti_at = slice(0, self._table.mti_bytes)
        self._stan_bytes = self._table.stan_bytes
        self.mti_bytes = self._table.mti_bytes

    def decode(self, data: bytes) -> Message:
        """Read one message, without its frame and header.

        DecodeError names the element and the byte. Its `partial` holds every element that could be read: those before
        the fault, and those after it where all of them fit up to the last byte, so that an answer can echo them.
        """
        key = data[self._both if data[self._bit1_at] in self._announcing else self._first]
        fast = self._decoders.get(key)
        if fast is None:
            key = self.bits_of(data)  # with a third bitmap there is more to it
            fast = self._decoders.get(key)
        if fast is None:
            message = self._table.decode(data)
            self._count_decoded(key, data, message)
            return message
        try:
            message_or_none = fast(data)
        except _REFUSED:
            message_or_none = None
        return self._table.decode(data) if message_or_none is None else message_or_none

    def encode(self, message: Message) -> bytes:
        """Write one message, without frame and header; the message is left as it is.

        Fixed a, an and ans values that are short are filled with blanks on the right; nothing else is repaired.
        EncodeError names the element that the dialect cannot carry.
        """
        elements = message.elements
        key = tuple(elements)
        fast = self._encoders.get(key)
        if fast is None:
            data = self._table.encode(message)
            self._count_encoded(key)
            return data
        try:
            data_or_none = fast(message.mti, elements)
        except _REFUSED:
            data_or_none = None
        return self._table.encode(message) if data_or_none is None else data_or_none

    def peek(self, data: bytes) -> tuple[str, str] | None:
        """Give the MTI and the STAN (DE11), or None where they cannot be read; nothing else is looked at.

        Costs a quarter of decoding: enough to answer a message that is refused before it is decoded.
        """
        mti = self._mtis.get(data[self._mti_at])
        if mti is None:
            return None
        bits = self.bits_of(data)
        try:
            steps = self._steps[bits]
        except KeyError:
            steps = self._learn_steps(bits)
        if steps is None:
            return None
        offset = self._first.start + len(bits)
        for skip, prefix, table in steps:
            offset += skip
            if table is not None:
                length = table.get(data[offset : offset + prefix])
                if length is None:
                    return None
                offset += prefix + length
        stan = self._table.stan(data[offset : offset + self._stan_bytes])
        return None if stan is None else (mti, stan)

    def bits_of(self, data: bytes) -> bytes:
        """Give the bitmaps of a message as they stand on the wire, each that the one before it announces."""
        if data[self._bit1_at] not in self._announcing:
            return data[self._first]
        return data[self._three if data[self._bit65_at] in self._announcing else self._both]

    def head_bytes(self, data: bytes) -> int:
        """Give how many bytes MTI and bitmap of a message take."""
        if data[self._bit1_at] not in self._announcing:
            return self._first_end
        return self._three_end if data[self._bit65_at] in self._announcing else self._both_end

    def bitmap_for(self, numbers: list[int]) -> bytes:
        """Give the leading bitmaps, as they stand on the wire, of a message with these elements in ascending order."""
        return bitmap.to_wire(self._table.bits_of(numbers), self.dialect.bitmap)

    def compiled(self, bits: bytes) -> tuple[tuple[int, ...], int] | None:
        """Give elements and their offset for a bitmap that recurs; None for one that has not been compiled."""
        if bits not in self._decoders:
            return None
        return self._table.read_bitmap(bytes(self._first.start) + bits, Message("", {}))

    # What recurs is compiled.

    def recurs(self, numbers: Iterable[int]) -> bool:
        """Say whether messages with these elements can be recognised by their first bytes.

        Those whose third bitmap stands among the elements cannot: they are the table's.
        """
        return self.dialect.third is not Third.IN_ELEMENT or max(numbers, default=0) <= 2 * bitmap.ELEMENTS

    def _count_decoded(self, key: bytes, data: bytes, message: Message) -> None:
        """Count a good message; the sixteenth of its bitmap makes a function."""
        if len(self._decoders) >= COMPILED_MAX or not message.canonical or not self.recurs(message.elements):
            return
        count = self._decoded.get(key, 0) + 1
        if count < COMPILE_AFTER:
            if len(self._decoded) >= _COUNTED_MAX:
                self._decoded.clear()
            self._decoded[key] = count
            return
        self._decoded.pop(key, None)
        present, offset = self._table.read_bitmap(data, Message("", {}))
        self._decoders[key] = compiler.decoder(self.dialect, present, offset, Message)

    def _count_encoded(self, key: tuple[int, ...]) -> None:
        """Count a good message; the sixteenth of its elements makes a function, for whatever order they come in."""
        numbers = tuple(sorted(key))
        if not self.recurs(numbers):
            return
        function = self._compiled.get(numbers)
        if function is None:
            if len(self._compiled) >= COMPILED_MAX:
                return
            count = self._encoded.get(numbers, 0) + 1
            if count < COMPILE_AFTER:
                if len(self._encoded) >= _COUNTED_MAX:
                    self._encoded.clear()
                self._encoded[numbers] = count
                return
            self._encoded.pop(numbers, None)
            function = self._compiled[numbers] = compiler.encoder(self.dialect, numbers, self.bitmap_for(list(numbers)))
        if len(self._encoders) >= _ORDERS_MAX:
            self._encoders.clear()
        self._encoders[key] = function

    def _learn_steps(self, bits: bytes) -> tuple[Step, ...] | None:
        """Work out how to reach DE11 behind a bitmap; None where it holds none, or an unknown element before it."""
        try:
            numbers, _ = self._table.read_bitmap(bytes(self._first.start) + bits, Message("", {}))
        except DecodeError:
            return None
        steps = self._table.steps_to(11, numbers) if 11 in numbers else None
        if len(self._steps) >= _COUNTED_MAX:
            self._steps.clear()
        self._steps[bits] = steps
        return steps


@cache
def codec_for(dialect: str | Dialect) -> Codec:
    """Give the one codec of a dialect or of the name of a built-in one; SettingsError names those where it is none."""
    return Codec(dialect_of(dialect))


def dialect_of(word: str | Dialect) -> Dialect:
    """Give a dialect itself, or the built-in one of a name; SettingsError names those where it is none of them."""
    if isinstance(word, Dialect):
        return word
    if word not in DIALECTS:
        raise SettingsError(f"dialect {word!r} is not known; known are {', '.join(sorted(DIALECTS))}")
    return DIALECTS[word]
