"""Dialects are compared in words, and one change is named only where it lets all of a message be read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinrail.codecs.dialect_changes import dialect_differences, one_change
from twinrail.codecs.iso8583 import DIALECTS, Codec, Message, codec_for
from twinrail.codecs.sample import PAN, sample
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import Counts, Prefix, PrefixForm

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
ASCII = DIALECTS["iso1987-ascii"]
MESSAGE = sample(codec_for("iso1987-ascii"), "0100", NOW, {"35": PAN + "=2912101"})
# Elements that leave room for a length that counts itself.
SHORT = ASCII.but("short", without=tuple(row.number for row in ASCII.elements if row.length in {999, 99}))


def error_of(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        codec_for("iso1987-ascii").decode(data)
    return caught.value


def test_dialects_are_compared_in_words_and_by_what_a_message_holds() -> None:
    told = dialect_differences(ASCII, DIALECTS["iso1993-ascii"], Message("1100", {22: "x" * 12, 28: ""}))
    assert told == ["version is 1993, not 1987", "DE22 is an 12, not n 3", "DE28 is n 6, not x+n 9"]
    assert dialect_differences(ASCII, ASCII, None) == []
    assert "text is cp1047, not ascii" in dialect_differences(ASCII, DIALECTS["iso1987-ebcdic"], None)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        (Prefix(inclusive=True), "all lengths counted themselves"),
        (Prefix(form=PrefixForm.BINARY), "all lengths were binary"),
        (Prefix(form=PrefixForm.BINARY, counts=Counts.BYTES), "all lengths were binary"),
    ],
)
def test_lengths_of_another_form_are_named(lengths: Prefix, words: str) -> None:
    data = Codec(SHORT.but("peer", lengths=lengths)).encode(MESSAGE)
    assert words in "".join(one_change(ASCII, data, error_of(data)))


@settings(max_examples=40)  # each tries every change that is known
@given(st.integers(1, 250), st.binary(min_size=1, max_size=3))
def test_a_message_that_is_only_damaged_names_few_changes_and_no_value(where: int, put: bytes) -> None:
    whole = codec_for("iso1987-ascii").encode(MESSAGE)
    at = 20 + where % (len(whole) - 20)
    data = whole[:at] + put + whole[at:]
    try:
        codec_for("iso1987-ascii").decode(data)
    except DecodeError as error:
        said = list(one_change(ASCII, data, error))
        assert len(said) <= 3
        assert PAN[:8] not in "".join(said)


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_what_is_cut_short_or_followed_by_something_blames_no_element(cut: int) -> None:
    whole = codec_for("iso1987-ascii").encode(MESSAGE)
    for data in (whole[:-cut], whole + bytes(cut)):
        assert list(one_change(ASCII, data, error_of(data))) == []
