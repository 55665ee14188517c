"""Evidence tells what looks like a message from what only reads to its end, and never says a value."""

import pytest

from twinrail.codecs.evidence import evidence
from twinrail.codecs.iso8583 import DIALECTS, Message

DIALECT = DIALECTS["iso1987-ascii"]
GOOD: dict[int, str | bytes] = {
    2: "4111111111111111",
    3: "000000",
    4: "000000001000",
    7: "1121143005",
    11: "000001",
    14: "2912",
    49: "978",
}
BAD: list[tuple[int, str, str]] = [
    (2, "4111111111111112", "check digit"),
    (3, "990000", "processing code"),
    (4, "999999999999", "beyond all measure"),
    (7, "1321143005", "transmission time"),
    (11, "000000", "STAN"),
    (14, "2913", "expiry"),
    (49, "999", "currency"),
    (12, "246060", "local time"),
    (13, "1232", "local date"),
    (35, "4111111111111112=2912101", "track 2"),
    (39, "ZZ", "response code"),
    (70, "999", "network function"),
]


@pytest.mark.parametrize(("number", "value", "said"), BAD)
def test_what_does_not_look_like_its_name_counts_against(number: int, value: str, said: str) -> None:
    good = evidence(DIALECT, Message("0100", GOOD))
    worse = evidence(DIALECT, Message("0100", GOOD | {number: value}))
    assert not good.bad
    assert worse.score < good.score
    assert said in " ".join(worse.bad)
    assert value not in " ".join((*worse.good, *worse.bad))


def test_a_type_that_nobody_uses_and_one_that_lacks_nearly_everything() -> None:
    whole = evidence(DIALECT, Message("0100", GOOD))
    assert "it has what its type must have" in whole.good
    assert evidence(DIALECT, Message("0700", GOOD)).score < whole.score
    assert evidence(DIALECT, Message("0100", {11: "000001"})).score < 2


def test_tags_that_are_known_speak_for_a_dialect_and_what_does_not_open_against() -> None:
    chip = Message("0100", GOOD | {55: bytes.fromhex("9f0206000000001000")})
    broken = Message("0100", GOOD | {55: bytes.fromhex("9f02ff")})
    assert evidence(DIALECT, chip).score > evidence(DIALECT, Message("0100", GOOD)).score
    assert "DE55 does not open" in evidence(DIALECT, broken).bad
    assert evidence(DIALECT, broken).score < evidence(DIALECT, Message("0100", GOOD)).score
    unknown = Message("0100", GOOD | {55: bytes.fromhex("df1101aa")})
    assert evidence(DIALECT, unknown).score == evidence(DIALECT, Message("0100", GOOD)).score


def test_names_carry_it_to_every_version() -> None:
    elements: dict[int, str | bytes] = {2: "4111111111111111", 4: "9782000000001000", 12: "20261121143005"}
    assert not evidence(DIALECTS["iso2003-ascii"], Message("2100", elements)).bad
    wrong = evidence(DIALECTS["iso2003-ascii"], Message("2100", elements | {4: "9783000000001000"}))
    assert "currency" in wrong.bad[0]
