"""The judge of the decoder's promises: what must hold for any bytes, whether they are a message or not.

D1 a message or a DecodeError, and nothing else. D5 what is decoded is encoded to the same bytes, or says that it is
not canonical. D7 a bad message leaves nothing behind: the next good one is decoded. D8 no error and no representation
holds a value. D9 both mechanisms of the codec say the same. Time and memory, D2 and D3, are what `twinrail fuzz`
measures; D4 is a bound of `codecs.composites`, and D6 is the framer's.
"""

from enum import StrEnum, unique
from typing import Never

from twinrail.codecs import paths
from twinrail.codecs.iso8583 import COMPILE_AFTER, Codec, Message
from twinrail.codecs.table import Table
from twinrail.errors import DecodeError, TwinrailError
from twinrail.simulators.specimens import leaks

STEP_CHARACTERS_MAX = 40  # of one step of a path: a key and how many of it came before


@unique
class Outcome(StrEnum):
    """What came of a frame."""

    DECODED = "decoded"
    NON_CANONICAL = "not canonical"
    REFUSED = "refused"


class PromiseError(TwinrailError):
    """A promise of the decoder that does not hold; the text names it and says how, without a byte of the frame."""

    def __init__(self, promise: str, how: str) -> None:
        super().__init__(f"{promise}: {how}")
        self.promise = promise


class Judge:
    """Judges what a codec makes of frames; the good message between them is `good`.

    `codec` is warmed up with the good message, so that from the first frame on both mechanisms are at work. What takes
    longest is done for every frame that is accepted, and of those that are refused for one of so many: `every`.
    """

    def __init__(self, codec: Codec, good: bytes, *, every: int = 1) -> None:
        self.codec = codec
        self._every, self._count = every, 0
        self._table = Table(codec.dialect)
        self._good, self._message = good, self._table.decode(good)
        self.warm(good)

    def warm(self, wire: bytes) -> None:
        """Decode a good message until a function has been generated for its bitmap."""
        for _ in range(COMPILE_AFTER + 1):
            self.codec.encode(self.codec.decode(wire))

    def judge(self, wire: bytes) -> Outcome:
        """Judge one frame; PromiseError for the first promise that does not hold."""
        self._count += 1
        found = self._decoded(self.codec, wire)
        whole = isinstance(found, Message) or self._count % self._every == 0
        if whole:
            self._agree(found, self._decoded(self._table, wire))
        if isinstance(found, DecodeError):
            outcome = self._refused(wire, found, whole=whole)
        else:
            outcome = self._accepted(wire, found)
        self._peeked(wire, found)
        if self._decoded(self.codec, self._good) != self._message:
            _broken("D7", "the next good message is not decoded as before")
        return outcome

    def truncations(self, wire: bytes) -> None:
        """Judge a good message that ends at every byte: none of these may be one."""
        for end in range(len(wire)):
            if self.judge(wire[:end]) is not Outcome.REFUSED:
                _broken("D1", f"a message of {len(wire)} bytes is taken for one when it ends at byte {end}")

    @staticmethod
    def _decoded(codec: Codec | Table, wire: bytes) -> Message | DecodeError:
        try:
            return codec.decode(wire)
        except DecodeError as error:
            return error
        except Exception as error:  # noqa: BLE001 - that nothing else comes is the promise
            _broken("D1", f"decoding raises {type(error).__name__}")

    @staticmethod
    def _agree(found: Message | DecodeError, expected: Message | DecodeError) -> None:
        if isinstance(found, Message) or isinstance(expected, Message):
            same = found == expected
        else:
            same = str(found) == str(expected) and found.element == expected.element
            same = same and found.partial == expected.partial
        if not same:
            _broken("D9", "the generated function and the table do not say the same")

    def _refused(self, wire: bytes, error: DecodeError, *, whole: bool) -> Outcome:
        if not (error.path and error.problem and 0 <= error.offset <= len(wire)):
            _broken("D1", "an error without a place")
        if error.path.isdigit() and error.element != int(error.path):
            _broken("D1", "an error that names another element than its path")
        partial = error.partial
        if (partial is None) is not (error.path == "mti"):
            _broken("D1", "an error without what could be read")
        if isinstance(partial, Message) and whole:
            self._usable(partial)
        if leaks(f"{error} {error!r} {partial!r}"):
            _broken("D8", "an error holds a value")
        return Outcome.REFUSED

    def _usable(self, partial: Message) -> None:
        """Write what could be read: an answer is made from it."""
        try:
            self._table.encode(partial)
        except Exception as error:  # noqa: BLE001 - likewise
            _broken("D1", f"what could be read cannot be written: {type(error).__name__}")

    def _accepted(self, wire: bytes, message: Message) -> Outcome:
        try:
            written = self.codec.encode(message)
        except Exception as error:  # noqa: BLE001 - likewise
            _broken("D5", f"what is decoded cannot be encoded: {type(error).__name__}")
        if (written == wire) is not message.canonical:
            _broken("D5", "other bytes come back" if message.canonical else "called not canonical, and it is")
        if not message.canonical:
            again = self._decoded(self._table, written)
            if again != Message(message.mti, message.elements):
                _broken("D5", "what comes back is another message")
        if leaks(repr(message)):
            _broken("D8", "a representation holds a value")
        self._walked(message)
        return Outcome.DECODED if message.canonical else Outcome.NON_CANONICAL

    def _walked(self, message: Message) -> None:
        """Open every composite: what does not parse is an entry with its fault, and nothing is raised."""
        try:
            entries = list(paths.walk(self.codec, message))
        except Exception as error:  # noqa: BLE001 - likewise
            _broken("D1", f"walking raises {type(error).__name__}")
        for entry in entries:
            fault = entry.fault
            if fault is None:
                continue
            # A path holds tags, and tags come from the message: they have to be short, and the rest is ours.
            if max(map(len, fault.path.split("."))) > STEP_CHARACTERS_MAX or leaks(
                f"{fault.problem} at byte {fault.offset}"
            ):
                _broken("D8", "the fault of a composite holds a value")

    def _peeked(self, wire: bytes, found: Message | DecodeError) -> None:
        try:
            peeked = self.codec.peek(wire)
        except Exception as error:  # noqa: BLE001 - likewise
            _broken("D1", f"peeking raises {type(error).__name__}")
        if isinstance(found, Message):
            stan = found.elements.get(11)
            if peeked != (None if stan is None else (found.mti, stan)):
                _broken("D9", "peeking gives another type or number than decoding")


def _broken(promise: str, how: str) -> Never:
    raise PromiseError(promise, how)
