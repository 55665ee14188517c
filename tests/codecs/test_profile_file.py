"""Profile files: what they state is what a link is agreed on, and what is wrong is named with its key."""

import dataclasses

import pytest

from twinrail.codecs.profile_file import FIELDS, FILE_BYTES_MAX, load, problems_of, write
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.authentication import MacAlgorithm, MacRule
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS, Frame, Number, opaque, tpdu
from twinrail.schemas.iso8583.presence import Mark, Row, When
from twinrail.schemas.iso8583.profiles import PROFILES, DeadlinePolicy, LinkProfile, NetworkFunction, SignOn
from twinrail.schemas.reasons import Reason

START = 'from = "card-1987"\nname = "north"\n'


def north(rest: str) -> LinkProfile:
    return load(START + rest, "north.toml", PROFILES)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_profile_is_good_and_comes_back_from_its_file(profile: LinkProfile) -> None:
    assert not list(problems_of(profile))
    text = write(dataclasses.replace(profile, name="copy"), profile.name)
    assert dataclasses.replace(load(text, "copy.toml", PROFILES), name=profile.name) == profile
    # All that a file can state is written into it, so that it says everything there is to say.
    stated = {line.partition(" ")[0].strip("[]").partition(".")[0] for line in text.splitlines()}
    assert stated >= set(FIELDS) - ({"mac"} if profile.mac is None else set())


def test_a_file_states_what_differs_and_takes_the_rest_over() -> None:
    found = north(
        """
        dialect = "mds"
        frame = "ascii4"
        header = "tpdu"
        deadline_s = 2
        deadline_policy = "silent"
        sign_on = "ours"
        granted = ["00", "10"]
        [codes]
        insufficient_funds = "61"
        [match]
        6 = [11, 7]
        otherwise = [11]
        [functions]
        061 = "sign_on"
        270 = "echo"
        [repeats]
        first_s = 5
        [presence.0100]
        18 = "M"
        13 = ""
        23 = { mark = "C", when = 22, values = ["051", "071"] }
        [mac]
        algorithm = "iso9797-1-alg3"
        length = 4
        """
    )
    below = PROFILES["card-1987"]
    assert (found.name, found.dialect, found.frame, found.header) == ("north", "mds", FRAMES["ascii4"], HEADERS["tpdu"])
    assert (found.deadline_s, found.deadline_policy, found.sign_on) == (2.0, DeadlinePolicy.SILENT, SignOn.OURS)
    assert found.granted == {"00", "10"}
    assert found.codes == {**below.codes, Reason.INSUFFICIENT_FUNDS: "61"}
    assert found.match == {**below.match, "6": (11, 7), "": (11,)}
    assert found.functions == {"061": NetworkFunction.SIGN_ON, "270": NetworkFunction.ECHO}
    assert found.repeats == dataclasses.replace(below.repeats, first_s=5.0)
    rows = {row.element: row for row in found.presence["0100"]}
    assert rows[18] == Row(18, Mark.MANDATORY)
    assert 13 not in rows
    assert rows[23] == Row(23, Mark.CONDITIONAL, When(22, ("051", "071")))
    assert 18 in found.mandatory["0100"]
    assert found.presence["0110"] == below.presence["0110"]
    assert found.mac == MacRule(algorithm=MacAlgorithm.RETAIL, length=4)
    untouched = {"key_elements", "refreshed", "idle_timeout_s", "hold_expiry_s", "own_elements"}
    assert all(getattr(found, key) == getattr(below, key) for key in untouched)


def test_a_frame_and_a_header_that_have_no_name_are_tables() -> None:
    found = north(
        'frame = { number = "ascii", size = 5, inclusive = true, after = "0000" }\nheader = { tpdu_and_more = 6 }'
    )
    assert found.frame == Frame(name="own", number=Number.ASCII, size=5, inclusive=True, after=b"\0\0")
    assert found.header == tpdu(6)
    assert north("header = { opaque = 12, copied = false }").header == opaque(12, copied=False)
    assert load(write(found, "card-1987").replace("north", "south"), "south.toml", PROFILES).frame == found.frame


def test_our_own_addresses_in_a_header_come_from_the_file_and_go_back_into_one() -> None:
    found = load(
        'from = "base1-like"\nname = "north"\nheader = { like = "base1", source = "400000", destination = "000003" }',
        "north.toml",
        PROFILES,
    )
    assert found.header == HEADERS["base1"].but(source=b"\x40\0\0", destination=b"\0\0\x03")
    for header in (found.header, tpdu(9), opaque(7), opaque(7, copied=False)):
        text = write(dataclasses.replace(found, name="copy", header=header), "base1-like")
        assert load(text, "copy.toml", PROFILES).header == header


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "from: is one of"),
        ('from = "nowhere"', "from: is one of"),
        ("from = []", "from: is one of"),
        (START + "codes" + ".a" * 100_000 + " = 1", "line 3 is longer, or has more dots"),
        (START + "header = { tpdu_and_more = true }", "header: as a table is"),
        (START + "key_elements = [2, 11]", "key_elements: element 2 is none that may be written down"),
        (START + "[match]\notherwise = [11, 35]", "match.otherwise: element 35 is none that may be written down"),
        ('from = "card-1987"', "name: is required"),
        ('from = "card-1987"\nname = "card-1987"', "name: is required"),
        ('from = "card-1987"\nname = "North 1"', "name: is required"),
        (START + "colour = 1", "colour: a profile has no such key"),
        (START + "mandatory = {}", "mandatory: a profile has no such key"),
        (START + 'dialect = "klingon"', "dialect: is one of"),
        (START + 'frame = "klingon"', "frame: is a table, or one of"),
        (START + "frame = { size = 9 }", "frame: frame own: a length"),
        (START + "frame = { colour = 9 }", "frame.colour: a frame has no such key"),
        (START + 'frame = { before = "0x" }', "frame.before: is text of hex digits"),
        (START + "frame = { before = 1 }", "frame.before: Expected `str`, got `int`"),
        (START + 'header = "klingon"', "header: is a table, or one of"),
        (START + "header = { opaque = 0, copied = true }", "header: as a table is"),
        (START + 'header = { like = "klingon" }', "header: as a table is"),
        (START + 'header = { like = "tpdu", source = "00" }', "header: header field source: 1 bytes for a size of 2"),
        (START + 'header = { like = "tpdu", colour = "00" }', "header: header tpdu has no field colour"),
        (START + "[codes]\napproved = '000'", "codes.approved: the dialect cannot hold such a code in element 39"),
        (START + "[accepted]\n4 = '400'", "accepted.4: the dialect cannot hold"),
        (START + "mac_failure_code = '916'", "mac_failure_code: the dialect cannot hold"),
        (START + "own_elements = [[65, '1']]", "own_elements: the dialect has no element 65"),
        (START + "failing_element_in = 65", "failing_element_in: the dialect has no element 65"),
        (START + "key_change_echo = [52]", "key_change_echo: 52 is never given back"),
        (START + "[presence.0210]\n53 = 'CE'", "presence.0210.53: is never given back"),
        (
            START + 'dialect = "iso1987-bcd"\nframe = "stx-etx"',
            "frame: a message of this dialect can hold the end of its frame",
        ),
        (START + 'deadline_s = "1.5"', "deadline_s: Expected `float`, got `str`"),
        (START + "deadline_s = 9.0", "deadline_s: is above 0 and at most 4.5"),
        (START + "deadline_s = nan", "deadline_s: is above 0"),
        (START + "hold_expiry_s = -1", "hold_expiry_s: is in seconds"),
        (START + "in_flight_max = 0", "in_flight_max: is at least 1"),
        (START + "frame_bytes_max = 100000", "frame_bytes_max: is at most"),
        (START + 'sign_on = "theirs"', "sign_on: is none of the values that there are"),
        (START + "echo_idle_s = 200", "idle_timeout_s: is above echo_idle_s"),
        (START + "echo_idle_s = 10\n[functions]\n001 = 'sign_on'", "functions: has no code for an echo"),
        (START + "sign_on = 'ours'\n[functions]\n301 = 'echo'", "functions: has no code for the sign-on"),
        (START + "key_elements = [11, 200]", "key_elements: the dialect has no element 200"),
        (START + "[match]\n6 = [65]", "match.6: the dialect has no element 65"),
        (START + "[repeats]\nsooner = 1", "repeats.sooner: there is no such key"),
        (START + "[repeats]\nfirst_s = true", "repeats.first_s: Expected `float`"),
        (START + "[places]\nversion = '1993'", "places.version: is 1993"),
        ('from = "sct-inst"\nname = "north"\n[mac]\nalgorithm = "aes-cmac"', "mac and header: are of card links"),
        (START + "[places]\nsent_at_length = 8", "places.sent_at_length: is one of 6, 10, 12, 14"),
        (START + "[places]\nstan = 0", "places.stan: the dialect has no such element"),
        (START + "[presence.0101]\n2 = 'M'", "presence.0101: is a message type"),
        (START + "[presence.0100]\n1 = 'M'", "presence.0100.1: is an element"),
        (START + "[presence.0100]\n2 = 'X'", "presence.0100.2: is none of the values"),
        (START + "[presence.0100]\n2 = 'C'", "presence.0100.2: says when"),
        (START + "[presence.0100]\n2 = { mark = 'M', when = 3 }", "presence.0100.2: as a table"),
        (START + "[presence.0110]\n35 = 'CE'", "presence.0110.35: is never given back"),
        (START + "[presence.0100]\n65 = 'M'", "presence.0100.65: the dialect has no such element"),
        (START + "presence = 1", "presence: is a table"),
        (START + "[mac]\nlength = 4", "mac.algorithm: is required"),
        (START + "[codes]\nnonsense = '1'", "codes"),
        (START + "= 1", "not TOML"),
        ("a = [\n" + "[\n" * 100_000, "nested too deep"),
        ("# " + "x" * FILE_BYTES_MAX, "a profile has"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text, "north.toml", PROFILES)
    assert str(caught.value).startswith("north.toml: ")
    assert said in str(caught.value)


def test_a_profile_may_speak_a_dialect_of_the_users_own() -> None:
    own = DIALECTS["iso1987-bcd"].but("north-bcd")
    found = load(START + 'dialect = "north-bcd"', "north.toml", PROFILES, {**DIALECTS, own.name: own})
    assert found.dialect is own
    assert found.dialect_name == "north-bcd"
    assert 'dialect = "north-bcd"' in write(found, "card-1987")


def test_text_of_any_characters_comes_back_from_its_file() -> None:
    odd = dataclasses.replace(PROFILES["card-1987"], name="odd", network='a "b"\\\n\x00\u00e9')
    assert load(write(odd, "card-1987"), "odd.toml", PROFILES).network == odd.network
