"""Diagnosis: why a message does not read as somebody believes, in plain words, and what would read it.

Three ways lead to a cause. The bytes where reading ended are of a kind (ASCII digits, EBCDIC digits, hex digits) that
says what was written there. A dialect with one axis changed that reads all of it names the axis. And whatever else is
known and reads it is compared with the belief. Bytes are told by their kind and their number, never by their value.
"""

from collections.abc import Iterator
from typing import NamedTuple

from twinrail.codecs.dialect_changes import dialect_differences
from twinrail.codecs.evidence import evidence
from twinrail.codecs.framing import Framer
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Codec, codec_for
from twinrail.codecs.likely_cause import likely_causes
from twinrail.codecs.recognise import NO_FRAME, Reading, recognise, whole
from twinrail.codecs.table import Message
from twinrail.codecs.wrapping import odd_hex, unwrapped
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS

_SKIPPED_MAX = 64  # bytes in front of a message that may be a header nobody knows
_INSTEAD_MAX = 3  # readings that are offered
_SURE = 2  # evidence above this is no accident
_LEFT_MAX = 4  # bytes behind it that may be its trailer
_STRANGERS = (
    (b"\x16\x03", "a TLS handshake"),
    (b"GET ", "an HTTP request"),
    (b"POST", "an HTTP request"),
    (b"HTTP", "an HTTP answer"),
    (b"<", "XML"),
    (b"{", "JSON"),
    (b"\x1f\x8b", "gzip"),
)


class Diagnosis(NamedTuple):
    """What there is to say: whether it reads as believed, how far it went, findings, and what reads it."""

    reads: bool
    reading: Reading | None  # as believed; None where frame or header do not even fit
    findings: tuple[str, ...]
    instead: tuple[Reading, ...]  # what reads it, the likeliest first


def diagnose(
    content: bytes, codec: Codec | None = None, *, frame: str | None = None, header: str | None = None
) -> Diagnosis:
    """Say whether the input reads as believed, and if not why; what is not believed is left open."""
    believed = recognise(content, [codec] if codec else [], frame=frame, header=header)
    best = believed[0] if believed else None
    if best is not None and best.message is not None:
        return Diagnosis(True, best, (), ())
    findings = list(_of_input(content, frame, header))
    if best is not None:
        findings += likely_causes(best.dialect, best.body, best.error) if best.error else []
    instead = [one for one in whole(recognise(content)) if one.evidence.score > 0][:_INSTEAD_MAX]
    if instead:
        findings += _differences(codec, frame, header, instead[0])
    else:
        findings += _behind_something(content, codec)
    return Diagnosis(False, best, tuple(dict.fromkeys(findings)), tuple(instead))


# The input and what is around the message.


def _of_input(content: bytes, frame: str | None, header: str | None) -> Iterator[str]:
    """Judge wrapping, frame and header, as far as they are believed."""
    if odd_hex(content):
        yield "the input is hex with an odd number of digits: one is lost, or one is too many"
    data = unwrapped(content)[0].data if content else b""
    if not data:
        yield "the input is empty"
        return
    yield from (f"it begins as {what} does" for start, what in _STRANGERS if data.startswith(start))
    if frame not in {None, NO_FRAME}:
        yield from _of_frame(data, str(frame))
    if header is not None and frame in {None, NO_FRAME}:
        try:
            header_codec(HEADERS[header]).split(data)
        except DecodeError as error:
            yield f"not a header {header}: {error.problem} at byte {error.offset}"


def _of_frame(data: bytes, name: str) -> Iterator[str]:
    """Say why the bytes are not whole frames of a kind."""
    framer = Framer(FRAMES[name], len(data))
    payloads = framer.receive(data)
    if framer.error is not None:
        error = framer.error
        # A length is judged by what is there: that nothing longer can be whole is said in other words.
        problem = error.problem if "maximum" not in error.problem else "its length is more than there is"
        yield f"not in a frame {name}: {problem} ({error.hint})" if error.hint else f"not in a frame {name}: {problem}"
    elif framer.partial:
        yield f"not in a frame {name}: the length says more bytes than there are"
    elif not payloads:
        yield f"the frame {name} is empty: a keep-alive and no message"
    elif len(payloads) > 1:
        yield f"it is {len(payloads)} messages in frames {name}; only the first is looked at"


def _behind_something(content: bytes, codec: Codec | None) -> Iterator[str]:
    """Look for a message behind bytes that no known frame or header explains."""
    codecs = [codec] if codec else [codec_for(name) for name in DIALECTS]
    data = unwrapped(content)[0].data if content else b""
    for skipped in range(1, min(_SKIPPED_MAX, len(data)) + 1):
        for each in codecs:
            message = _nearly_whole(each, data[skipped:])
            if message is not None and evidence(each.dialect, message).score > _SURE:
                yield f"behind {skipped} bytes it reads as {each.dialect.name}: a frame or header that is not known"
                return


def _nearly_whole(codec: Codec, data: bytes) -> Message | None:
    """Read a message behind which a trailer may stand."""
    try:
        return codec.decode(data)
    except DecodeError as error:
        if error.path == "end" and len(data) - error.offset <= _LEFT_MAX and isinstance(error.partial, Message):
            return error.partial
        return None


def _differences(codec: Codec | None, frame: str | None, header: str | None, found: Reading) -> Iterator[str]:
    """Say what is otherwise in that which reads it."""
    route = found.route
    if frame is not None and frame not in {one.frame for one in found.routes}:
        yield f"what reads it has {'no frame' if route.frame == NO_FRAME else f'a frame {route.frame}'}, not {frame}"
    if header is not None and header not in {one.header for one in found.routes}:
        yield f"what reads it has {'no header' if route.header == 'none' else f'a header {route.header}'}, not {header}"
    if codec is not None and codec.dialect.name not in (found.dialect.name, *found.also):
        told = dialect_differences(codec.dialect, found.dialect, found.message)
        if told:
            yield f"{found.dialect.name} reads it, and differs from {codec.dialect.name}: {'; '.join(told)}"
