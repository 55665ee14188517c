"""Target: dialect files. What loads must make a codec, and come out again as it went in."""

from tests.fuzz.target import Target

from twinrail.codecs.dialect_file import read
from twinrail.codecs.dialect_text import write
from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.axes import Length
from twinrail.schemas.iso8583.elements import Dialect

ROW = 'name = "pin_block", kind = "b", length_kind = "llvar", length = 16, mask = "sensitive"'
SMALL = f"""name = "northbank"
from = "iso1987-ascii"
text = "cp500"
without = [54, 55]
[elements]
52 = {{ {ROW} }}
[elements.48]
name = "private"
kind = "ans"
length_kind = "lllvar"
length = 999
mask = "personal"
layout = {{ kind = "tagged", tag_digits = 2, parts = {{ 42 = {{ {ROW} }} }} }}
"""


def resolve(word: str) -> Dialect | str:
    if word in DIALECTS:
        return DIALECTS[word]
    if word == "small.toml":
        return SMALL
    raise SettingsError("no such dialect")


def check(data: bytes) -> None:
    text = bytes(data).decode("utf-8", "replace")
    reading = read(text, resolve)
    if reading.dialect is None:
        assert reading.problems
        return
    Codec(reading.dialect)
    assert read(write(reading.dialect), resolve).dialect == reading.dialect


def seeds() -> list[bytes]:
    rows = [row for row in DIALECTS["base1"].elements if row.length_kind is not Length.FIXED][:6]
    few = DIALECTS["base1"].but("few", without=tuple(range(2, 193)), elements=tuple(rows))
    texts = [SMALL, 'name = "x"\nfrom = "small.toml"\n', 'name = "again"\nfrom = "pos"\n', write(few)]
    return [text.encode("utf-8") for text in texts]


TARGETS = {"toml": Target(seeds, check)}
