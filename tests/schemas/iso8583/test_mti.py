"""Message types: the answer, the repeat and the original of each."""

import pytest

from twinrail.schemas.iso8583.mti import is_repeat, original_of, response_to


@pytest.mark.parametrize(
    ("mti", "answer"),
    [
        ("0100", "0110"),
        ("0101", "0110"),
        ("0120", "0130"),
        ("0421", "0430"),
        ("0402", "0412"),
        ("0403", "0412"),
        ("0425", "0434"),
        ("1804", "1814"),
        ("0140", "0150"),
        ("0160", "0170"),
        ("0110", None),
        ("0150", None),
        ("0190", None),
        ("0108", None),
    ],
)
def test_the_answer_to_a_message(mti: str, answer: str | None) -> None:
    assert response_to(mti) == answer


def test_repeats_have_an_odd_origin_and_lose_it() -> None:
    assert [mti for mti in ("0100", "0101", "0422", "0423", "0804", "0805") if is_repeat(mti)] == [
        "0101",
        "0423",
        "0805",
    ]
    assert [original_of(mti) for mti in ("0101", "0423", "0805", "0400")] == ["0100", "0422", "0804", "0400"]
