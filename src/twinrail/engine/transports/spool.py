"""The spool: staged transactions of one file on disk, written by the child that read the file, read back in windows.

One JSON array a line. What a reader takes back is judged again, since it was made by a process that handled untrusted
bytes: positions follow each other, lengths and amounts are within bounds.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from twinrail.errors import TwinrailError
from twinrail.money import AMOUNT_MAX
from twinrail.schemas.iso20022.staged import Staged

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Staged)
LINE_BYTES_MAX = 2048
_ID_MAX, _TOKEN_MAX = 35, 64


class SpoolError(TwinrailError):
    """A spool is not what the child wrote: it has to be made again from its file."""


def write(stream: BinaryIO, rows: Sequence[Staged]) -> None:
    """Append rows."""
    stream.write(_ENCODER.encode_lines(rows))


def read(stream: BinaryIO, *, after: int, window: int) -> Iterator[list[Staged]]:
    """Give the rows behind position `after` in windows; SpoolError where the spool is not what was written."""
    position = 0
    rows: list[Staged] = []
    while line := stream.readline(LINE_BYTES_MAX):
        position += 1
        if position <= after:
            continue
        rows.append(_row(line, position))
        if len(rows) == window:
            yield rows
            rows = []
    if rows:
        yield rows


def _row(line: bytes, position: int) -> Staged:
    try:
        row = _DECODER.decode(line)
    except msgspec.DecodeError:
        raise SpoolError("the spool of a payment file is damaged") from None
    if (
        row.position != position
        or not 0 <= row.amount <= AMOUNT_MAX
        or max(len(row.payment_information_id), len(row.instruction_id), len(row.end_to_end_id)) > _ID_MAX
        or max(len(row.account), len(row.counterparty)) > _TOKEN_MAX
    ):
        raise SpoolError("the spool of a payment file is out of order")
    return row
