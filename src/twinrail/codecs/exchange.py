"""Requests read and answered without a message in between: the path of nearly every authorization.

For a bitmap that recurs two more functions are generated from the rows of the dialect. A *picker* makes every check
that decoding makes and gives just the elements that are wanted, as a tuple. A *responder* cuts what an answer echoes
out of the request's own bytes, whole runs of neighbours at a time. Between the two only the request's
bytes are held, and no decoded message waits for the commit.
Both refuse by giving None, and then the message is decoded and encoded in full; the tests hold the two ways equal.
"""

from collections.abc import Callable, Mapping
from itertools import groupby

from twinrail.codecs.compile import Place, Source, check_all, mti_table, mti_written, read_all, values_of
from twinrail.codecs.iso8583 import COMPILED_MAX, Codec
from twinrail.codecs.repertoire import ascii_tables
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.elements import Dialect

APPROVAL_CODE, RESPONSE_CODE = 38, 39  # the elements that an answer adds
_REFUSED = (KeyError, IndexError, TypeError, ValueError, AttributeError, DecodeError)

Pick = Callable[[bytes], tuple[str, ...] | None]
Respond = Callable[[bytes, bytes, bytes], bytes]


class Exchange:
    """Picks text elements out of requests and answers them, for one dialect and echo table.

    A pick is the MTI, the `wanted` elements, and those of `joined` as one text with bars between. `answers` gives the
    answer's MTI by the request's, `echo` the elements that an answer of an MTI echoes.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        wanted: tuple[int, ...],
        joined: tuple[int, ...],
        answers: Mapping[str, str],
        echo: Mapping[str, frozenset[int]],
    ) -> None:
        self._codec = codec
        self._wanted = wanted
        self._joined = joined
        self._answers = answers
        self._echo = echo
        self._pickers: dict[bytes, Pick] = {}
        self._responders: dict[bytes, Respond] = {}
        self._responders_approved: dict[bytes, Respond] = {}
        self._bits_of = codec.bits_of
        page = ascii_tables(codec.dialect.text)
        self._page = None if page is None else page[1]

    def pick(self, data: bytes) -> tuple[str, ...] | None:
        """Give the pick ("" for what is absent); None where decoding has to do the work."""
        bits = self._bits_of(data)
        fast = self._pickers.get(bits)
        if fast is None:
            known = self._codec.compiled(bits)
            if known is None or len(self._pickers) >= COMPILED_MAX:
                return None
            fast = self._pickers[bits] = picker(self._codec.dialect, *known, wanted=self._wanted, joined=self._joined)
        try:
            return fast(data)
        except _REFUSED:
            return None

    def respond(self, data: bytes, code: str, approval: str) -> bytes | None:
        """Give the answer to a request that was picked; None where encoding has to do the work."""
        head = data[: self._codec.head_bytes(data)]
        responders = self._responders_approved if approval else self._responders
        fast = responders.get(head)
        if fast is None:
            fast = self._learn(data, head, approved=bool(approval))
            if fast is None:
                return None
            responders[head] = fast
        if self._page is None:
            return fast(data, code.encode(), approval.encode())
        return fast(data, code.encode().translate(self._page), approval.encode().translate(self._page))

    def _learn(self, data: bytes, head: bytes, *, approved: bool) -> Respond | None:
        known = self._codec.compiled(self._bits_of(data))
        mti = mti_table(self._codec.dialect).get(head[: self._codec.mti_bytes])
        answer = None if mti is None else self._answers.get(mti)
        if known is None or answer is None or len(self._responders) + len(self._responders_approved) >= COMPILED_MAX:
            return None
        return responder(self._codec, *known, mti=answer, echo=self._echo[answer], approved=approved)


def picker(
    dialect: Dialect, numbers: tuple[int, ...], offset: int, *, wanted: tuple[int, ...], joined: tuple[int, ...]
) -> Pick:
    """Generate the picker of all messages whose bitmap sets these bits; what it picks must be text in the dialect."""
    source = Source(dialect, numbers, offset, "data")
    places = source.places()
    source.names["MTIS"] = mti_table(dialect)
    read_all(source, places)
    check_all(source, places, offset)
    values = values_of(source, places, frozenset((*wanted, *joined)))
    for number in set(wanted) & set(joined) & values.keys():  # cut once, used twice
        source.add(f"v{number} = {values[number]}")
        values[number] = f"v{number}"
    picked = "".join(f", {values.get(number, repr(''))}" for number in wanted)
    one = "|".join(f"{{{values[number]}}}" if number in values else "" for number in joined)
    source.add(f'return MTIS[data[:{source.mti_bytes}]]{picked}, f"{one}"')
    made: Pick = source.make()
    return made


def responder(
    codec: Codec, numbers: tuple[int, ...], offset: int, *, mti: str, echo: frozenset[int], approved: bool
) -> Respond:
    """Generate what answers such requests with `mti`: their echoed elements, DE39 and, if approved, DE38."""
    dialect = codec.dialect
    added = {RESPONSE_CODE: "code"} | ({APPROVAL_CODE: "approval"} if approved else {})
    source = Source(dialect, numbers, offset, "data, code, approval")
    places = source.places()
    echoed = [place for place in places if place.number in echo and place.number not in added]
    last = places.index(echoed[-1]) if echoed else -1
    read_all(source, places[: last + 1])
    held = sorted([place.number for place in echoed] + list(added))
    source.names["HEAD"] = mti_written(dialect)[mti] + codec.bitmap_for(held)
    source.add(f"return b''.join((HEAD, {', '.join(_pieces(places, echoed, added))},))")
    made: Respond = source.make()
    return made


def _run_of(item: tuple[int, tuple[int, int, Place | None]]) -> int:
    """Tell runs apart: neighbours share the difference of place and position, an addition stands alone."""
    position, (_, place, member) = item
    return -1 - position * 1000 if member is None else place - position


def _pieces(places: list[Place], echoed: list[Place], added: Mapping[int, str]) -> list[str]:
    """Give the expressions of an answer's elements: slices of the request, neighbours joined, and additions."""
    ordered = sorted(
        [(place.number, places.index(place), place) for place in echoed] + [(number, -1, None) for number in added]
    )
    pieces: list[str] = []
    # Neighbours in the request have consecutive places, and nothing is added between them.
    for _, run in groupby(enumerate(ordered), _run_of):
        members = [member for _, member in run]
        first, final = members[0][2], members[-1][2]
        if first is None or final is None:
            pieces += [added[number] for number, _, _ in members]
        else:
            pieces.append(f"data[{first.prefix}:{final.end}]")
    return pieces
