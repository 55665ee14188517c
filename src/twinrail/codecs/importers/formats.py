"""Which foreign specification a text is, and its import."""

from collections.abc import Callable
from types import MappingProxyType

from twinrail.codecs.importers import jpos, moov, pyiso8583
from twinrail.codecs.importers.foreign import Imported

READERS: MappingProxyType[str, Callable[[str, str], Imported]] = MappingProxyType(
    {"pyiso8583": pyiso8583.read, "moov": moov.read, "jpos": jpos.read}
)


def guess_format(text: str) -> str:
    """Say which format a text looks like: XML is jPOS's, a table of "fields" moov's, everything else pyiso8583's.

    >>> guess_format('{"name": "x", "fields": {}}')
    'moov'
    """
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        return "jpos"
    return "moov" if start.startswith("{") and '"fields"' in start and '"data_enc"' not in start else "pyiso8583"
