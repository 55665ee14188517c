"""The registry: every dialect that comes with Twinrail, by its name.

Dialects named after a network or a product are like it, no more: they are drawn from public sources, and the agreement
with the network replaces them.
"""

from twinrail.schemas.iso8583 import (
    amex,
    b24,
    basei,
    ifsf,
    iso1987,
    iso1987_bcd,
    iso1993,
    iso2003,
    mds,
    pos,
    postilion,
)
from twinrail.schemas.iso8583.elements import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        *iso1987.DIALECTS,
        *iso1987_bcd.DIALECTS,
        *iso1993.DIALECTS,
        *iso2003.DIALECTS,
        *basei.DIALECTS,
        *mds.DIALECTS,
        *ifsf.DIALECTS,
        *pos.DIALECTS,
        *postilion.DIALECTS,
        *amex.DIALECTS,
        *b24.DIALECTS,
    )
}
