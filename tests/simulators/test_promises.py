"""The judge finds every broken promise: a decoder is planted for each."""

import random
from collections.abc import Callable

import pytest

from twinrail.codecs.iso8583 import DIALECTS, Codec, Message
from twinrail.errors import DecodeError
from twinrail.simulators.promises import Judge, Outcome, PromiseError
from twinrail.simulators.specimens import Specimens

DIALECT = DIALECTS["iso1987-ascii"]
GOOD = Codec(DIALECT).encode(Specimens(DIALECT, random.Random(1)).message())
BAD = GOOD[:-1]


class Planted(Codec):
    """A codec whose decoder is damaged once the judge has warmed it up."""

    damage: Callable[[Codec, bytes], Message] | None = None

    def decode(self, data: bytes) -> Message:
        if self.damage is None:
            return super().decode(data)
        damage, self.damage = self.damage, None
        try:
            return damage(self, data)
        finally:
            self.damage = damage


def raises_key_error(codec: Codec, data: bytes) -> Message:
    if data != GOOD:
        raise KeyError(data)
    return codec.decode(data)


def takes_what_is_cut_short(codec: Codec, data: bytes) -> Message:
    return codec.decode(GOOD if data == BAD else data)


def tells_a_value(codec: Codec, data: bytes) -> Message:
    try:
        return codec.decode(data)
    except DecodeError as error:
        error.args = (f"{error.args[0]} {data[-8:]!r}",)
        raise


def points_outside(codec: Codec, data: bytes) -> Message:
    try:
        return codec.decode(data)
    except DecodeError as error:
        error.offset = len(data) + 1
        raise


def forgets_what_it_read(codec: Codec, data: bytes) -> Message:
    try:
        return codec.decode(data)
    except DecodeError as error:
        error.partial = None
        raise


def is_spoilt_by_a_bad_message() -> Callable[[Codec, bytes], Message]:
    seen: list[bytes] = []

    def decode(codec: Codec, data: bytes) -> Message:
        if data == GOOD and seen:
            return Message("0100", {})
        seen.append(data)
        return codec.decode(data)

    return decode


def calls_everything_canonical(codec: Codec, data: bytes) -> Message:
    message = codec.decode(data)
    message.canonical = True
    return message


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        (raises_key_error, "D1: decoding raises KeyError"),
        (takes_what_is_cut_short, "D9"),
        (tells_a_value, "D9|D8"),
        (points_outside, "D1: an error without a place"),
        (forgets_what_it_read, "D9|D1"),
        (is_spoilt_by_a_bad_message(), "D7"),
    ],
)
@pytest.mark.parametrize("every", [1, 1000])
def test_a_planted_fault_is_found(damage: Callable[[Codec, bytes], Message], promise: str, every: int) -> None:
    codec = Planted(DIALECT)
    judge = Judge(codec, GOOD, every=every)
    assert judge.judge(GOOD) is Outcome.DECODED
    assert judge.judge(BAD) is Outcome.REFUSED
    codec.damage = damage
    with pytest.raises(PromiseError, match=promise):
        judge.judge(BAD)


def test_a_message_that_would_be_written_otherwise_has_to_say_so() -> None:
    empty_second = b"0800" + b"8020000000000000" + b"0" * 16 + b"654321"
    codec = Planted(DIALECT)
    judge = Judge(codec, GOOD)
    assert judge.judge(empty_second) is Outcome.NON_CANONICAL
    codec.damage = calls_everything_canonical
    with pytest.raises(PromiseError, match=r"D9|D5"):
        judge.judge(empty_second)


def test_truncation_finds_a_message_that_is_good_when_it_ends_early() -> None:
    judge = Judge(Codec(DIALECT), GOOD)
    judge.truncations(GOOD)
    with pytest.raises(PromiseError, match="when it ends at byte 20"):
        judge.truncations(b"0800" + b"0" * 16 + b"9")
