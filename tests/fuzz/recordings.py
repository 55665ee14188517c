"""Target: the reader of recordings; they come from other machines."""

import gzip
import tempfile
from pathlib import Path

from tests.fuzz.target import Target, messages

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import DIALECTS
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import PROFILES
from twinrail.simulators.recording import RecordingError, payload_of, read

HEADER = b'{"format":"twinrail-recording","version":1,"profile":"card-1987","dialect":"iso1987-ascii"}\n'


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.jsonl"
        path.write_bytes(bytes(data))
        try:
            recording = read(path)
        except RecordingError:
            return
        for event in recording.events:
            try:
                payload_of(event, PROFILES["card-1987"])
            except RecordingError:
                continue


def seeds() -> list[bytes]:
    lines = [HEADER, b'{"t":0,"k":"open","c":1,"profile":"card-1987"}\n']
    for number, wire in enumerate(messages(DIALECTS["iso1987-ascii"], 3)):
        lines.append(b'{"t":%d,"c":1,"d":"in","hex":"%s"}\n' % (number, frame(BINARY2, wire).hex().encode()))
    whole = b"".join(lines)
    return [whole, whole[:-7], gzip.compress(whole, mtime=0), b"\x1f\x8b\x08\x00", HEADER]


TARGETS = {"reader": Target(seeds, check)}
