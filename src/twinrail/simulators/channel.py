"""Channels: what one end of a card link writes and reads, in the frame, the header and the dialect of its profile."""

from typing import NamedTuple

from twinrail.codecs.framing import Framer, framed, write_number
from twinrail.codecs.headers import Reject, header_codec
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.frames import HeaderField, Holds, Number
from twinrail.schemas.iso8583.profiles import LinkProfile


class Heard(NamedTuple):
    """What a frame held. Where there is a `reject`, body and message are our own, come back unread."""

    message: Message | None  # None where header or message cannot be read
    header: bytes = b""
    body: bytes = b""
    reject: Reject | None = None


class Channel:
    """One end of one link; it keeps what is half received."""

    def __init__(self, profile: LinkProfile) -> None:
        self.profile = profile
        self.codec = codec_for(profile.dialect)
        self._headers = header_codec(profile.header)
        self._framer = Framer(profile.frame, profile.frame_bytes_max)
        self._framed = framed(profile.frame)

    @property
    def is_lost(self) -> bool:
        """Say whether framing is lost: nothing more will be heard."""
        return self._framer.error is not None

    def receive(self, data: bytes) -> list[Heard]:
        """Take bytes as they came and give what they complete; keep-alives are passed over."""
        return [self.open(payload) for payload in self._framer.receive(data)]

    def open(self, payload: bytes) -> Heard:
        """Read the header and the message of one frame."""
        try:
            split = self._headers.split(payload)
        except DecodeError:
            return Heard(None)
        try:
            message = self.codec.decode(split.body)
        except DecodeError:
            message = None
        return Heard(message, split.header, split.body, split.reject)

    def write(self, message: Message, request: Heard | None = None) -> bytes:
        """Write a framed message: of our own, or the answer to a request. EncodeError where it does not fit."""
        return self._framed(self.payload(message, request))

    def payload(self, message: Message, request: Heard | None = None) -> bytes:
        """Write a message behind its header, that of an answer where a request is given."""
        headers, body = self._headers, self.codec.encode(message)
        return (headers.fresh(len(body)) if request is None else headers.reply(request.header, len(body))) + body

    def refuse(self, request: Heard, code: str) -> bytes:
        """Write the framed header that refuses a message, and the message behind it, with a code of digits.

        EncodeError where the header of the profile cannot say that, or the code does not fit.
        """
        header = self.profile.header
        if not can_refuse(self.profile):
            raise EncodeError("a header that cannot refuse", path="header")
        come_back = (request.header if header.reject_fields else b"") + request.body
        own = self._headers.reply(request.header, len(request.body))
        fields = (*header.fields, *header.reject_fields)
        size = sum(field.size for field in fields)
        made, at = b"", 0
        for field in fields:
            if field.holds is Holds.HEADER_LENGTH:
                made += write_number(field.number, size, field.size)
            elif field.holds is Holds.TOTAL_LENGTH:
                made += write_number(field.number, size + len(come_back), field.size)
            elif field.holds is Holds.REJECT:
                made += _code(field, code)
            else:
                made += own[at : at + field.size] or field.fresh or bytes(field.size)
            at += field.size
        return self._framed(made + come_back)

    def frame(self, payload: bytes) -> bytes:
        """Put a frame around bytes that need not be a message."""
        return self._framed(payload)


def can_refuse(profile: LinkProfile) -> bool:
    """Say whether a header of the profile can refuse a message."""
    header = profile.header
    return any(field.holds is Holds.REJECT for field in (*header.fields, *header.reject_fields))


def _code(field: HeaderField, code: str) -> bytes:
    digits = 2 * field.size if field.number is Number.BCD else field.size
    if not (code.isascii() and code.isdigit() and len(code) <= digits):
        raise EncodeError("not a code of its digits", path=f"header.{field.name}")
    return write_number(field.number, int(code), field.size)
