"""A message is equal to itself, every change is told by its path, and nothing that is masked is shown."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import paths
from twinrail.codecs.compare import HIDDEN, OTHERWISE, Difference, compare
from twinrail.codecs.evidence import PRESENCE
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.codecs.sample import PAN, sample

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
TYPES = [(name, mti) for name, dialect in DIALECTS.items() for mti in PRESENCE[dialect.version]]
DIALECT = DIALECTS["iso1987-ascii"]
CHIP = "9f02060000000010009f260811223344556677885a084111111111111111"
MESSAGE = sample(codec_for("iso1987-ascii"), "0100", NOW, {"55": CHIP, "52": "0123456789abcdef"})


@given(st.sampled_from(TYPES))
def test_a_message_is_equal_to_itself(of: tuple[str, str]) -> None:
    name, mti = of
    message = sample(codec_for(name), mti, NOW)
    found = compare(DIALECTS[name], message, DIALECTS[name], message)
    assert found.equal
    assert found.same > len(message.elements) // 2


@given(st.sampled_from(sorted(MESSAGE.elements)))
def test_what_one_has_and_the_other_has_not(number: int) -> None:
    without = Message(MESSAGE.mti, {key: value for key, value in MESSAGE.elements.items() if key != number})
    found = compare(DIALECT, MESSAGE, DIALECT, without)
    assert {one.path.partition(".")[0] for one in found.only_a} == {str(number)}
    assert not found.only_b
    assert not found.different
    back = compare(DIALECT, without, DIALECT, MESSAGE)
    assert [one.path for one in back.only_b] == [one.path for one in found.only_a]
    assert compare(DIALECT, MESSAGE, DIALECT, without, ignore=[str(number)]).equal


@pytest.mark.parametrize(
    ("path", "value", "a", "b"),
    [
        ("11", "000002", "000001", "000002"),
        ("2", "4111111111111129", "411111******1111", "411111******1129"),
        ("2", "4111110000001111", HIDDEN, HIDDEN),
        ("52", bytes(8), HIDDEN, HIDDEN),
        ("55.9F02", bytes.fromhex("000000002000"), "000000001000", "000000002000"),
        ("55.9F26", bytes(8), HIDDEN, HIDDEN),
        ("55.5A", bytes.fromhex("4222222222222220"), HIDDEN, HIDDEN),
    ],
)
def test_a_change_is_told_by_its_path_and_masked(path: str, value: str | bytes, a: str, b: str) -> None:
    changed = paths.put(DIALECT, MESSAGE, path, value)
    found = compare(DIALECT, MESSAGE, DIALECT, changed)
    assert [(one.path, one.a, one.b) for one in found.different] == [(path, a, b)]
    assert (found.only_a, found.only_b) == ((), ())
    assert PAN not in repr(found)
    assert compare(DIALECT, MESSAGE, DIALECT, changed, ignore=[path]).equal


def test_the_same_parts_written_otherwise_are_told_and_parts_that_are_ignored_are_not() -> None:
    padded = Message(MESSAGE.mti, MESSAGE.elements | {55: b"\0" + bytes.fromhex(CHIP)})
    found = compare(DIALECT, MESSAGE, DIALECT, padded)
    assert found.different == (Difference("55", "icc_data", "[30 bytes]", "[31 bytes]"),)
    longer = CHIP.replace("5a08", "5a8108", 1)
    other = CHIP.replace("9f0206", "9f028106", 1)
    same_size = [Message(MESSAGE.mti, MESSAGE.elements | {55: bytes.fromhex(one)}) for one in (longer, other)]
    assert [one.a for one in compare(DIALECT, same_size[0], DIALECT, same_size[1]).different] == [OTHERWISE]


def test_two_dialects_are_compared_by_what_they_mean() -> None:
    bcd = DIALECTS["iso1987-bcd"]
    read = codec_for("iso1987-bcd").decode(codec_for("iso1987-bcd").encode(MESSAGE))
    assert compare(DIALECT, MESSAGE, bcd, read).equal


def test_the_message_type_is_compared_and_can_be_ignored() -> None:
    answer = Message("0110", MESSAGE.elements)
    assert [one.path for one in compare(DIALECT, MESSAGE, DIALECT, answer).different] == ["mti"]
    assert compare(DIALECT, MESSAGE, DIALECT, answer, ignore=["mti"]).equal


def test_repeated_tags_are_told_apart() -> None:
    twice = Message(MESSAGE.mti, MESSAGE.elements | {55: bytes.fromhex(CHIP + "9f0206000000003000")})
    found = compare(DIALECT, MESSAGE, DIALECT, twice)
    assert [one.path for one in found.only_b] == ["55.9F02[2]"]
    assert compare(DIALECT, MESSAGE, DIALECT, twice, ignore=["55.9F02"]).equal
