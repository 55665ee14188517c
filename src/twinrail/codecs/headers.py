"""Headers: what stands between the length of a frame and the message type, taken off, answered and made.

The header of a request is kept with it until its answer, which copies, swaps or computes each field as the table in
`schemas.iso8583.frames` says. A header can also say that the other side refuses an earlier message of ours: what
follows is then no request, whatever its message type is.
"""

from functools import lru_cache
from typing import NamedTuple

from twinrail.codecs.framing import largest_number, read_number, write_number
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.frames import FRESH, Header, HeaderField, Holds, Number


class Reject(NamedTuple):
    """What a header says of an earlier message of ours that was refused."""

    code: str  # digits as they stand, or hex where they are none; empty where the header names none
    header: bytes  # of our message


class Split(NamedTuple):
    """A payload without its header; where there is a `reject`, `body` is our own message come back."""

    header: bytes
    body: bytes
    reject: Reject | None = None


class HeaderCodec:
    """Takes the header off payloads, and makes headers for answers and for messages of our own.

    Every error says the field and the offset in the payload, and never what stood there.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.size = header.size
        self._at = _places(header.fields)
        self._rejected_size = self.size + sum(field.size for field in header.reject_fields)
        self._rejected_at = _places(header.reject_fields, self.size)
        self._judged = tuple(field for field in header.fields if field.holds in _JUDGED)
        self._length = next((field for field in header.fields if field.holds is Holds.HEADER_LENGTH), None)
        self._total = next((field for field in header.fields if field.holds is Holds.TOTAL_LENGTH), None)
        self._fresh = b"".join(field.fresh or bytes(field.size) for field in header.fields)
        # Where each field of an answer comes from: a place in the request's header, or bytes that are always the same.
        self._answer = tuple(
            self._fresh[self._at[field.name]] if field.answer == FRESH else self._at[field.answer or field.name]
            for field in header.fields
        )

    def split(self, payload: bytes) -> Split:
        """Take the header off a payload; DecodeError where it is none of this kind, or nothing follows it.

        A header longer than its fields is one that refuses a message of ours: nothing else may be behind its length.
        """
        if not self.size:
            return Split(b"", payload)
        size = self.size
        if len(payload) <= size:
            raise DecodeError("payload ends in its header", path="header", offset=len(payload))
        for field in self._judged:
            self._judge(field, payload)
        if self._length is not None:
            size = self._read(self._length, payload)
            if size != self.size:
                return self._refused(payload, size)
        header = payload[:size]
        code = self._code(self.header.fields, self._at, header)
        return Split(header, payload[size:], None if code is None else Reject(code, header))

    def reply(self, header: bytes, body_bytes: int) -> bytes:
        """Make the header of an answer from that of its request, as `split` gave it, for a body of so many bytes.

        EncodeError where the header is not a whole one, or the total length does not fit its field.
        """
        if len(header) != self.size:
            raise EncodeError("not the header of a request", path="header")
        made = b"".join([header[source] if isinstance(source, slice) else source for source in self._answer])
        return self._with_total(made, body_bytes)

    def fresh(self, body_bytes: int) -> bytes:
        """Make the header of a message of our own; EncodeError where the total length does not fit its field."""
        return self._with_total(self._fresh, body_bytes)

    def _with_total(self, header: bytes, body_bytes: int) -> bytes:
        field = self._total
        if field is None:
            return header
        total = self.size + body_bytes
        if total > largest_number(field.number, field.size):
            raise EncodeError("message longer than its header can say", path=f"header.{field.name}")
        at = self._at[field.name]
        return header[: at.start] + write_number(field.number, total, field.size) + header[at.stop :]

    def _refused(self, payload: bytes, size: int) -> Split:
        """Take apart a header that refuses a message of ours, which follows with its own header."""
        if not self.header.reject_fields or size < self._rejected_size:
            raise self._error("not the length of such a header", self._length)
        if len(payload) <= size + self.size:
            raise DecodeError("no message behind a header that refuses one", path="header", offset=len(payload))
        code = self._code(self.header.reject_fields, self._rejected_at, payload)
        ours = payload[size : size + self.size]
        return Split(payload[:size], payload[size + self.size :], Reject(code or "", ours))

    def _judge(self, field: HeaderField, payload: bytes) -> None:
        """Hold one field to what it must be."""
        written = payload[self._at[field.name]]
        if field.holds is Holds.CONSTANT and written != field.fresh:
            raise self._error("not what such a header holds here", field)
        if field.holds is Holds.DIGITS and not written.isdigit():
            raise self._error("not digits", field)
        if field.holds is Holds.TOTAL_LENGTH and self._read(field, payload) != len(payload):
            raise self._error("not the length of header and message", field)

    def _read(self, field: HeaderField, payload: bytes) -> int:
        number = read_number(field.number, payload[self._at[field.name]])
        if number < 0:
            raise self._error("not digits", field)
        return number

    def _error(self, problem: str, field: HeaderField | None) -> DecodeError:
        if field is None:
            return DecodeError(problem, path="header", offset=0)
        return DecodeError(problem, path=f"header.{field.name}", offset=self._at[field.name].start)

    @staticmethod
    def _code(fields: tuple[HeaderField, ...], at: dict[str, slice], header: bytes) -> str | None:
        """Give the reject code among some fields of a header; None where they hold none."""
        for field in fields:
            written = header[at[field.name]]
            if field.holds is Holds.REJECT and written != (field.fresh or bytes(field.size)):
                is_text = field.number is Number.ASCII and written.isdigit()
                return written.decode("ascii") if is_text else written.hex()
        return None


_JUDGED = {Holds.CONSTANT, Holds.DIGITS, Holds.TOTAL_LENGTH}


@lru_cache(maxsize=64)
def header_codec(header: Header) -> HeaderCodec:
    """Give the codec of a header; links of one kind share it."""
    return HeaderCodec(header)


def _places(fields: tuple[HeaderField, ...], start: int = 0) -> dict[str, slice]:
    places = {}
    for field in fields:
        places[field.name] = slice(start, start + field.size)
        start += field.size
    return places
