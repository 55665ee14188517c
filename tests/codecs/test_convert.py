"""Elements go by name: what means the same is carried over, and whatever is not carried is named."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.convert import Converted, convert
from twinrail.codecs.evidence import PRESENCE
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.codecs.sample import PAN, sample

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
TODAY = NOW.date()
TYPES = [(name, mti) for name, dialect in DIALECTS.items() for mti in PRESENCE[dialect.version]]
ASCII_1987 = [name for name, row in DIALECTS.items() if row.version == "1987"]
SHOP = "A SHOP".ljust(25) + "TOWN".ljust(13) + "DE"
RICH = {"35": PAN + "=29121010000000000", "52": "0123456789abcdef", "55": "9f02060000000010008a023030", "43": SHOP}


def converted(source: str, message: Message, target: str) -> Converted:
    return convert(DIALECTS[source], message, DIALECTS[target], TODAY)


@given(
    st.sampled_from(sorted(PRESENCE["1987"])),
    st.sampled_from(["iso1987-bcd", "iso1987-ebcdic", "base1", "pos-unionpay"]),
)
def test_there_and_back_within_a_version_is_the_identity(mti: str, other: str) -> None:
    rich = RICH if mti[2] == "0" and mti[1] in "12" else {}
    given_values = {number: value for number, value in rich.items() if other != "pos-unionpay" or number != "43"}
    if other == "pos-unionpay" and mti == "0800":
        return  # it has no DE70, and says so
    if other == "pos-unionpay" and mti[1] in "48":
        return  # no DE90 either
    message = sample(codec_for("iso1987-ascii"), mti, NOW, given_values)
    there = converted("iso1987-ascii", message, other)
    assert there.left == ()
    back = converted(other, codec_for(other).decode(codec_for(other).encode(there.message)), "iso1987-ascii")
    assert back.message == message
    assert back.left == ()


@given(st.sampled_from(TYPES), st.sampled_from(sorted(DIALECTS)))
def test_every_sample_becomes_a_message_of_every_dialect_and_nothing_is_lost_in_silence(
    of: tuple[str, str], target: str
) -> None:
    name, mti = of
    source = DIALECTS[name]
    message = sample(codec_for(name), mti, NOW)
    found = converted(name, message, target)
    assert codec_for(target).decode(codec_for(target).encode(found.message)) == found.message
    told = {note.name for note in (*found.left, *found.adapted)}
    names = {row.name for row in DIALECTS[target].elements if row.number in found.message.elements}
    missing = {row.name for row in source.elements if row.number in message.elements} - names - told
    # What goes on under other names: codes, times, functions and amounts, by the tables between versions.
    assert missing <= {
        *("response_code", "action_code", "network_management_code", "function_code", "local_time", "local_date"),
        *("local_date_time", "amount", "amount_with_currency", "currency"),
    }
    if source.version == DIALECTS[target].version:
        assert not missing


def test_the_same_dialect_changes_nothing() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"64": "0123456789abcdef"})
    assert converted("iso1987-ascii", message, "iso1987-ascii").message is message


def test_a_mac_is_never_carried_for_it_is_over_other_bytes() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"64": "0123456789abcdef"})
    found = converted("iso1987-ascii", message, "iso1987-bcd")
    assert 64 not in found.message.elements
    assert [(note.path, note.name) for note in found.left] == [("64", "mac")]


def test_an_entry_mode_is_no_pos_data_code() -> None:
    found = converted("iso1987-ascii", sample(codec_for("iso1987-ascii"), "0100", NOW), "iso1993-ascii")
    assert 22 not in found.message.elements
    assert ("22", "entry_mode") in [(note.path, note.name) for note in found.left]


def test_chip_data_goes_into_its_dataset_and_out_of_it() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"55": "9f0206000000001000"})
    there = converted("iso1987-ascii", message, "base1").message
    assert there.elements[55] == bytes.fromhex("0100099f0206000000001000")
    assert converted("base1", there, "iso1987-ascii").message == message
    two = Message(there.mti, there.elements | {55: bytes.fromhex("010000020000")})
    assert "55" in {note.path for note in converted("base1", two, "iso1987-ascii").left}


def test_parts_go_by_their_names_and_those_that_do_not_fit_are_named() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"43": SHOP})
    found = converted("iso1987-ascii", message, "mds")
    assert found.message.elements[43] == "A SHOP".ljust(22) + " " + "TOWN".ljust(13) + " " + "   "
    assert [note.path for note in found.left] == ["43.3"], "two letters of a country are not three"
    assert converted("iso1987-ascii", message, "base1").message.elements[22] == "0510"


def test_tracks_have_the_separator_of_their_coding() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"35": PAN + "=2912101"})
    packed = codec_for("iso1987-bcd").decode(
        codec_for("iso1987-bcd").encode(converted("iso1987-ascii", message, "iso1987-bcd").message)
    )
    assert packed.elements[35] == PAN + "D2912101"
    assert converted("iso1987-bcd", packed, "iso1987-ebcdic").message.elements[35] == PAN + "=2912101"


def test_text_is_fitted_by_its_blanks_and_never_cut() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW)
    wide = converted("iso1987-ascii", message, "base24")
    assert wide.message.elements[41] == "TERM0001".ljust(16)
    assert converted("base24", wide.message, "iso1987-ascii").message.elements[41] == "TERM0001"
    longer = Message(message.mti, wide.message.elements | {41: "TERMINAL00000001"})
    assert [note.path for note in converted("base24", longer, "iso1987-ascii").left] == ["41"]


def test_no_note_holds_a_value() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, RICH | {"48": f"NUMBER {PAN}", "62": PAN})
    for target in DIALECTS:
        found = converted("iso1987-ascii", message, target)
        assert PAN not in repr((found.left, found.adapted))


def test_text_never_becomes_bytes() -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"48": "TEXT"})
    assert [note.path for note in converted("iso1987-ascii", message, "mds").left] == ["48"]
    mds = sample(codec_for("mds"), "0100", NOW, {"48.category": "R"})
    assert [note.path for note in converted("mds", mds, "iso1987-ascii").left] == ["48"]


@pytest.mark.parametrize("target", ["iso1993-ascii", "iso2003-ascii"])
def test_digits_of_another_length_are_another_thing_unless_they_are_numbers_or_dates(target: str) -> None:
    message = sample(codec_for("iso1987-ascii"), "0100", NOW, {"15": "1122", "71": "0007"})
    found = converted("iso1987-ascii", message, target)
    digits = {"iso1993-ascii": ("261122", "00000007"), "iso2003-ascii": ("20261122", None)}[target]
    assert (found.message.elements[15], found.message.elements.get(71)) == digits
    assert converted(target, found.message, "iso1987-ascii").message.elements[15] == "1122"


def test_a_number_that_would_come_back_with_another_digit_is_not_carried() -> None:
    message = sample(codec_for("iso1993-bcd"), "1100", NOW, {"2": "378282246310005"})
    found = converted("iso1993-bcd", message, "elavon")
    assert [note.path for note in found.left] == ["2"]
    assert 2 not in found.message.elements
