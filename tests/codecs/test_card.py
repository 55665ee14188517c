import hashlib
import hmac
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.transactions import PAN, partial_reversal, transaction

from twinrail.codecs.card import CardRules, Tokens, content_of, life_key
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.errors import DecodeError
from twinrail.schemas.instructions import Advice, Authorization, CardMessage, Financial, Reversal
from twinrail.schemas.iso8583.axes import Kind, Length
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.presence import When, but, rows
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1993,
    CARD_1993_BCD,
    CARD_2003,
    PROFILES,
    LinkProfile,
    wide,
)
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import CODES, Reason

KEY = b"k" * 32
TOKENS = Tokens(KEY)
RULES = CardRules(CARD_1987, TOKENS)
NEVER_ECHOED = {14, 35, 36, 45, 52, 53}  # PCI DSS 3.3.1 and the networks' own tables


def _elements(**named: Any) -> dict[int, str | bytes]:
    elements: dict[int, str | bytes] = {
        2: PAN,
        3: "000000",
        4: "000000001000",
        7: "0101120000",
        11: "000001",
        12: "120000",
        13: "0101",
        14: "3012",
        32: "12345",
        37: "000000000001",
        41: "TERM0001",
        49: "978",
    }
    return elements | {int(name[2:]): value for name, value in named.items()}


def _asked(mti: str, **named: Any) -> CardMessage:
    instruction = RULES.to_instruction(Message(mti, _elements(**named)))
    assert instruction is not None
    return instruction


# Tokens


@given(st.text("0123456789", min_size=12, max_size=19), st.binary(min_size=32, max_size=200))
def test_a_token_is_the_keyed_hash_of_the_standard_library(pan: str, key: bytes) -> None:
    assert Tokens(key).pan(pan) == hmac.digest(key, pan.encode(), hashlib.sha256).hex()[:32]


def test_an_iban_token_knows_no_spaces_and_no_case_and_is_no_card_token() -> None:
    assert TOKENS.iban("DE89 3704 0044 0532 0130 00") == TOKENS.iban("de89370400440532013000")
    assert TOKENS.iban("123456789012") != TOKENS.pan("123456789012")


def test_a_short_key_is_refused_and_no_key_is_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens(b"k" * 31)
    assert KEY.decode() not in repr(TOKENS)


# Keys


rrns = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ", min_size=12, max_size=12)


@given(rrns, st.text("0123456789", max_size=11))
def test_a_life_key_fits_a_bigint_and_is_the_same_every_time(rrn: str, acquirer: str) -> None:
    key = life_key(rrn, acquirer)
    assert (1 if rrn.strip(" 0") else 0) <= key < 2**63
    assert key == life_key(rrn, acquirer)
    assert life_key("", acquirer) == life_key(" " * 12, acquirer) == life_key("0" * 12, acquirer) == 0


@given(st.integers(1, 10**12 - 1), st.integers(1, 10**12 - 1))
def test_two_references_of_one_acquirer_have_two_keys(one: int, other: int) -> None:
    keys = (life_key(f"{one:012d}", "12345"), life_key(f"{other:012d}", "12345"))
    assert (keys[0] == keys[1]) == (one == other)


def test_keys_never_change_since_they_are_stored() -> None:
    assert life_key("000000000001", "") == 7252660547403494069
    assert life_key("000000000001", "12345") == 8383533804853196448
    assert life_key("no digits 1!", "12345") == 4788487558440296479


@given(st.sampled_from([7, 14, 22, 43]), st.integers(0, 10**9))
def test_what_a_resend_may_change_is_not_in_the_message_key(number: int, value: int) -> None:
    first = _asked("0100")
    again = _asked("0101", **{f"de{number}": f"{value:010d}"})
    assert again.key == first.key
    assert again.repeat
    assert not first.repeat


@pytest.mark.parametrize("number", [2, 11, 12, 13, 32, 37, 41])
def test_everything_else_that_identifies_it_is(number: int) -> None:
    other = {2: "4222222222222220"}.get(number, "000000000777"[-len(str(_elements()[number])) :])
    assert _asked("0100", **{f"de{number}": other}).key != _asked("0100").key


def test_request_advice_and_reversal_of_the_same_numbers_are_different_messages() -> None:
    keys = {_asked(mti, de39="00").key for mti in ("0100", "0120", "0200", "0400", "0420")}
    assert len(keys) == 5


def test_a_reversal_finds_its_original_by_reference_or_by_original_data() -> None:
    original = _asked("0100")
    by_reference = _asked("0420", de11="000002", de7="0101130000")
    assert by_reference.life_keys[0] == original.life_keys[0]
    data = "0100" + "000001" + "0101120000" + "00000012345" + "00000000000"
    by_data = _asked("0420", de11="000002", de37="", de90=data)
    assert by_data.life_keys == (original.life_keys[1],)
    assert _asked("0420", de37="", de90="0" * 42).life_keys == ()


# Instructions


@pytest.mark.parametrize(
    ("mti", "kind"),
    [
        *((mti, Authorization) for mti in ("0100", "0101")),
        *((mti, Financial) for mti in ("0200", "0201")),
        *((mti, Advice) for mti in ("0120", "0121")),
        *((mti, Reversal) for mti in ("0400", "0401", "0420", "0421")),
    ],
)
def test_a_message_type_asks_for_one_thing(mti: str, kind: type[CardMessage]) -> None:
    asked = _asked(mti, de39="00")
    assert type(asked) is kind
    assert (asked.amount, asked.currency, asked.stan, asked.expiry) == (10_00, "978", "000001", "3012")
    assert asked.card == TOKENS.pan(PAN)
    assert content_of(asked).startswith("1000 978 000000")


@pytest.mark.parametrize("mti", ["0110", "0130", "0220", "0300", "0800", "0102"])
def test_what_asks_nothing_of_an_issuer_is_no_instruction(mti: str) -> None:
    assert RULES.to_instruction(Message(mti, _elements())) is None


@pytest.mark.parametrize("number", [3, 4, 7, 11, 49])
@pytest.mark.parametrize("mti", ["0100", "0120", "0200", "0400", "0420"])
def test_a_mandatory_element_that_is_missing_is_named(mti: str, number: int) -> None:
    elements = _elements(de39="00")
    del elements[number]
    message = Message(mti, elements)
    with pytest.raises(DecodeError) as caught:
        RULES.to_instruction(message)
    assert (caught.value.element, caught.value.partial) == (number, message)
    assert PAN not in str(caught.value)


def test_an_advice_without_its_decision_is_incomplete() -> None:
    with pytest.raises(DecodeError) as caught:
        RULES.to_instruction(Message("0120", _elements()))
    assert caught.value.element == 39


@pytest.mark.parametrize("separator", ["=", "D"])
def test_the_card_may_be_in_the_track(separator: str) -> None:
    elements = _elements(de35=f"{PAN}{separator}30122010000000000")
    del elements[2]
    asked = RULES.to_instruction(Message("0100", elements))
    assert asked is not None
    assert asked.card == TOKENS.pan(PAN)


@pytest.mark.parametrize("track", [None, "", PAN, f"={PAN}", "ABC=3012", f"{PAN}{PAN}=3012"])
def test_no_card_anywhere_is_a_format_error(track: str | None) -> None:
    elements = _elements() if track is None else _elements(de35=track)
    del elements[2]
    with pytest.raises(DecodeError) as caught:
        RULES.to_instruction(Message("0100", elements))
    assert caught.value.element == 2
    assert PAN not in str(caught.value)


def test_an_unknown_currency_is_a_format_error() -> None:
    with pytest.raises(DecodeError, match="unknown currency"):
        RULES.to_instruction(Message("0100", _elements(de49="999")))


@given(st.sampled_from(["00", "01", "05", "08", "10", "51", "85", "91", "94"]))
def test_an_advice_says_how_the_network_decided(code: str) -> None:
    asked = _asked("0120", de39=code, de38="A1B2C3")
    assert isinstance(asked, Advice)
    assert (asked.granted, asked.approval_code) == (code in CARD_1987.granted, "A1B2C3")


@pytest.mark.parametrize(
    ("amounts", "replacement"), [("0" * 42, None), ("000000000400" + "0" * 30, 400), ("000000000400" + "C" * 30, 400)]
)
def test_a_replacement_of_nothing_is_a_full_reversal(amounts: str, replacement: int | None) -> None:
    asked = _asked("0420", de95=amounts)
    assert isinstance(asked, Reversal)
    assert (asked.replacement_amount, asked.advice) == (replacement, True)
    request = _asked("0400")
    assert isinstance(request, Reversal)
    assert (request.replacement_amount, request.advice) == (None, False)


def test_a_replacement_that_is_no_number_is_a_format_error() -> None:
    for amounts in ("X" * 42, "00000000040\u0660" + "0" * 30):
        with pytest.raises(DecodeError) as caught:
            RULES.to_instruction(Message("0420", _elements(de95=amounts)))
        assert caught.value.element == 95


def test_the_terms_of_the_link_travel_with_the_message() -> None:
    rules = CardRules(replace(CARD_1987, name="other", hold_expiry_s=5, tombstone_s=6), TOKENS)
    asked = rules.to_instruction(Message("0100", _elements()))
    assert asked is not None
    assert (asked.hold_expiry_s, asked.tombstone_s) == (5, 6)
    assert asked.key != _asked("0100").key  # a key is of one link profile


# Versions: the same transaction asks for the same, whatever the standard's year


def _plain(asked: CardMessage) -> CardMessage:
    """Leave out what the version or the profile names otherwise: 2003 fills terminals to 16 and STANs to 12."""
    return msgspec.structs.replace(
        asked, mti="", key="", life_keys=(), stan=f"{int(asked.stan):06d}", terminal=asked.terminal.rstrip()
    )


later_versions = pytest.mark.parametrize(
    "profile", [CARD_1993, CARD_1993_BCD, CARD_2003], ids=lambda profile: profile.name
)


@later_versions
@pytest.mark.parametrize("kind", ["100", "101", "120", "121", "200", "201", "400", "401", "420", "421"])
def test_every_version_asks_for_the_same(profile: LinkProfile, kind: str) -> None:
    rules = CardRules(profile, TOKENS)
    message = rules.codec.decode(rules.codec.encode(transaction(profile, kind)))
    asked, plain = rules.to_instruction(message), RULES.to_instruction(transaction(CARD_1987, kind))
    assert asked is not None
    assert plain is not None
    assert type(asked) is type(plain)
    assert _plain(asked) == _plain(plain)
    assert asked.mti == message.mti
    assert all(0 < key < 2**63 for key in asked.life_keys)


@later_versions
def test_a_partial_reversal_is_the_same_in_every_version(profile: LinkProfile) -> None:
    rules = CardRules(profile, TOKENS)
    message = rules.codec.decode(rules.codec.encode(partial_reversal(profile)))
    asked, plain = rules.to_instruction(message), RULES.to_instruction(partial_reversal(CARD_1987))
    assert isinstance(asked, Reversal)
    assert isinstance(plain, Reversal)
    assert _plain(asked) == _plain(plain)
    assert (asked.amount, asked.replacement_amount) == (10_00, 4_00)
    del message.elements[profile.places.original_amounts]
    with pytest.raises(DecodeError) as caught:
        rules.to_instruction(message)
    assert caught.value.element == profile.places.original_amounts


@later_versions
def test_original_data_lead_to_the_original_in_every_version(profile: LinkProfile) -> None:
    rules, at = CardRules(profile, TOKENS), profile.places
    request = transaction(profile, "100")
    original = rules.to_instruction(request)
    assert original is not None
    reversal = transaction(profile, "420")
    del reversal.elements[at.rrn]
    named = request.mti + str(request.elements[at.stan]) + str(request.elements[at.sent_at])
    reversal.elements |= {at.stan: "2".zfill(at.stan_length), at.original_data: f"{named}00000012345"}
    asked = rules.to_instruction(reversal)
    assert asked is not None
    assert asked.life_keys == (original.life_keys[1],)
    reversal.elements[at.original_data] = named[:-1]
    short = rules.to_instruction(reversal)
    assert short is not None
    assert short.life_keys == ()


@later_versions
def test_an_answer_has_the_code_of_its_version_and_class(profile: LinkProfile) -> None:
    rules = CardRules(profile, TOKENS)
    for kind, reason, code in (
        ("100", Reason.APPROVED, "000"),
        ("100", Reason.INSUFFICIENT_FUNDS, "116"),
        ("120", Reason.ACCEPTED, "000"),
        ("420", Reason.ACCEPTED, "400"),
        ("420", Reason.FORMAT_ERROR, "904"),
    ):
        request = transaction(profile, kind)
        answer = rules.codec.decode(rules.answer(request, Answer(reason=reason)))
        assert answer.mti == response_to(request.mti)
        assert answer.elements[39] == (code if profile.places.version == "1993" else wide(code))
        at = profile.places
        assert answer.elements[at.stan] == request.elements[at.stan]
        assert not (NEVER_ECHOED | {49} - {at.currency}) & set(answer.elements)


@later_versions
def test_the_quick_way_is_the_thorough_one_in_every_version(profile: LinkProfile) -> None:
    rules = CardRules(profile, TOKENS)
    message = transaction(profile, "100")
    payload = rules.codec.encode(message)
    for _ in range(20):
        rules.codec.decode(payload)
    quick = rules.read(payload)
    assert (quick is None) == (profile is CARD_2003)  # its amount holds a currency
    if quick is not None:
        assert quick == rules.to_instruction(message)
    for answer in (Answer(reason=Reason.APPROVED, approval_code="000042"), Answer(reason=Reason.AMOUNT_LIMIT)):
        for _ in range(20):
            assert rules.answer(payload, answer) == rules.codec.encode(rules.to_response(message, answer))
    del message.elements[profile.places.function]  # mandatory in these versions
    payload = rules.codec.encode(message)
    for _ in range(20):
        rules.codec.decode(payload)
    assert rules.read(payload) is None
    with pytest.raises(DecodeError):
        rules.to_instruction(message)


def test_a_currency_in_letters_is_the_number() -> None:
    rules = CardRules(CARD_1993, TOKENS)
    message = transaction(CARD_1993, "100")
    message.elements[49] = "EUR"
    asked = rules.to_instruction(message)
    assert asked is not None
    assert asked.currency == "978"
    message.elements[49] = "XXX"
    with pytest.raises(DecodeError, match="unknown currency"):
        rules.to_instruction(message)


def test_an_amount_whose_exponent_is_not_its_currencys_is_a_format_error() -> None:
    message = transaction(CARD_2003, "100")
    message.elements[4] = "9783000000001000"
    with pytest.raises(DecodeError) as caught:
        CardRules(CARD_2003, TOKENS).to_instruction(message)
    assert caught.value.element == 4


# Conditions


def test_a_condition_makes_an_element_mandatory() -> None:
    presence = but(CARD_1987.presence, mti_0100=rows(c={14: When(22, ("012",)), 42: When(41, unless=True)}))
    rules = CardRules(replace(CARD_1987, presence=presence), TOKENS)
    assert rules.to_instruction(Message("0100", _elements(de22="021"))) is not None
    for number, elements in ((14, _elements(de22="012")), (42, _elements(de22="021"))):
        elements.pop(14 if number == 14 else 41)
        with pytest.raises(DecodeError) as caught:
            rules.to_instruction(Message("0100", elements))
        assert caught.value.element == number
    payload = rules.codec.encode(Message("0100", dict(sorted(_elements().items()))))
    for _ in range(20):
        rules.codec.decode(payload)
    assert rules.read(payload) is None  # conditions need the whole message


# Answers


@pytest.mark.parametrize(("where", "number", "held"), [(44, 4, "004"), (38, 49, "049"), (0, 4, None), (44, 0, None)])
def test_a_format_error_says_where_if_the_profile_does(where: int, number: int, held: str | None) -> None:
    rules = CardRules(replace(CARD_1987, failing_element_in=where), TOKENS)
    answer = rules.format_error(Message("0100", {11: "000001"}), number)
    assert (answer.mti, answer.elements.get(39)) == ("0110", "30")
    assert answer.elements.get(where) == held
    assert rules.codec.decode(rules.codec.encode(answer)).elements[11] == "000001"


every_element = st.dictionaries(st.integers(2, 128).filter(lambda n: n not in {39, 65}), st.just("1"), max_size=40)


@given(every_element, st.sampled_from(["0100", "0121", "0200", "0401", "0420", "0800", "0300"]))
def test_an_answer_never_holds_what_must_not_be_echoed(elements: dict[int, str | bytes], mti: str) -> None:
    answer = RULES.to_response(Message(mti, elements), Answer(reason=Reason.APPROVED))
    assert not NEVER_ECHOED & set(answer.elements)
    assert set(answer.elements) - {39} <= set(elements)
    assert all(not echoed for echoed in (set(table) & NEVER_ECHOED for table in CARD_1987.echo.values()))


@given(st.sampled_from(list(Reason)))
def test_an_answer_carries_the_code_of_its_reason(reason: Reason) -> None:
    answer = RULES.to_response(Message("0100", _elements()), Answer(reason=reason))
    assert (answer.mti, answer.elements[39]) == ("0110", CODES[reason].de39)


def test_a_link_may_name_its_own_codes() -> None:
    profile = replace(CARD_1987, codes=MappingProxyType({Reason.DUPLICATE: "12"}))
    answer = CardRules(profile, TOKENS).to_response(Message("0100", _elements()), Answer(reason=Reason.DUPLICATE))
    assert answer.elements[39] == "12"


def test_an_approval_has_its_code_and_what_the_decision_adds() -> None:
    decided = Answer(reason=Reason.APPROVED, approval_code="000042", extra=((54, "x"),))
    answer = RULES.to_response(Message("0101", _elements()), decided)
    assert (answer.elements[38], answer.elements[54]) == ("000042", "x")
    assert codec_for("iso1987-ascii").decode(codec_for("iso1987-ascii").encode(answer)).mti == "0110"


def test_the_same_decision_answers_a_repeat_alike_but_for_its_own_time() -> None:
    decided = Answer(reason=Reason.APPROVED, approval_code="000042")
    first = RULES.to_response(Message("0100", _elements()), decided)
    again = RULES.to_response(Message("0101", _elements(de7="0101120100")), decided)
    assert again.elements | {7: ""} == first.elements | {7: ""}
    assert again.elements[7] == "0101120100"


# The quick way and the thorough one


PRESENT = st.sets(st.sampled_from([5, 12, 13, 14, 18, 22, 32, 33, 35, 37, 38, 41, 42, 43, 52, 55, 63, 102, 128]))


@pytest.mark.parametrize("name", ["card-1987", "card-1987-bcd"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_reading_and_answering_quickly_is_reading_and_answering(name: str, data: st.DataObject) -> None:
    rules = CardRules(PROFILES[name], TOKENS)
    by_number = {row.number: row for row in DIALECTS[PROFILES[name].dialect_name].elements}
    present = data.draw(PRESENT)
    mti = data.draw(st.sampled_from(["0100", "0101", "0200", "0201", "0400", "0420", "0120"]))
    dropped = data.draw(st.sampled_from([0, 0, 0, 2, 4, 49]))

    def draw_message(stan: int) -> Message:
        elements: dict[int, str | bytes] = {
            2: PAN,
            3: data.draw(st.sampled_from(["000000", "010000"])),
            4: f"{stan * 7:012d}",
            7: f"01011200{stan:02d}",
            11: f"{stan:06d}",
            39: "00",
            49: data.draw(st.sampled_from(["978", "392", "999"])),
        }
        for number in present:
            row = by_number[number]
            length = row.length if row.length_kind is Length.FIXED else min(row.length, 6)
            elements[number] = bytes(length) if row.kind is Kind.B else f"{stan}".rjust(length, "0")
        if 35 in present:
            elements[35] = f"{PAN}=3012"
        elements.pop(dropped, None)
        return Message(mti, dict(sorted(elements.items())))

    warm = [rules.codec.encode(draw_message(stan)) for stan in range(1, 20)]
    for payload in warm:
        rules.codec.decode(payload)
    for payload in warm:
        message = rules.codec.decode(payload)
        try:
            asked = rules.to_instruction(message)
        except DecodeError:
            asked = None
        quick = rules.read(payload)
        assert quick is None or quick == asked
        if asked is None or quick is None:
            continue
        for decided in (
            Answer(reason=Reason.APPROVED, approval_code="000042"),
            Answer(reason=Reason.INSUFFICIENT_FUNDS),
            Answer(reason=Reason.APPROVED, extra=((54, "x"),)),
        ):
            assert rules.answer(payload, decided) == rules.codec.encode(rules.to_response(message, decided))


def test_a_plain_request_is_read_the_quick_way_once_its_shape_recurs() -> None:
    payload = RULES.codec.encode(Message("0100", dict(sorted(_elements().items()))))
    for _ in range(20):
        RULES.codec.decode(payload)
    quick = RULES.read(payload)
    assert quick is not None
    assert quick == RULES.to_instruction(RULES.codec.decode(payload))
    assert RULES.read(payload[:-1]) is None
    assert RULES.read(payload + b"0") is None
    assert RULES.read(b"") is None


# Dialects and profiles of the user's own


def _own(name: str, *, number: int, **axes: Any) -> LinkProfile:
    """Give a profile whose dialect says something else of one element."""
    dialect = DIALECTS["iso1987-ascii"]
    row = next(row for row in dialect.elements if row.number == number)
    return replace(CARD_1987, name=name, dialect=dialect.but(name, elements=(replace(row, **axes),)))


@pytest.mark.parametrize(
    ("number", "value"), [(4, "-00000000100"), (4, "       1_000"), (11, " 1_2+3"), (7, "01011200 0")]
)
def test_a_dialect_that_calls_a_number_text_lets_no_other_number_in(number: int, value: str) -> None:
    rules = CardRules(_own("own", number=number, kind=Kind.ANS), TOKENS)
    payload = rules.codec.encode(Message("0100", _elements() | {number: value}))
    for _ in range(20):
        message = rules.codec.decode(payload)
    assert rules.read(payload) is None
    with pytest.raises(DecodeError) as caught:
        rules.to_instruction(message)
    assert caught.value.element == number


@pytest.mark.parametrize(
    "profile",
    [
        _own("longer", number=39, length=4),
        _own("variable", number=39, length_kind=Length.LLVAR),
        _own("page", number=39, page="cp500"),
        _own("approval", number=38, length_kind=Length.LLVAR),
        replace(CARD_1987, name="codes", codes=MappingProxyType({Reason.AMOUNT_LIMIT: "1"})),
    ],
    ids=lambda profile: profile.name,
)
def test_an_answer_that_takes_more_than_plain_characters_is_left_to_the_encoder(profile: LinkProfile) -> None:
    rules = CardRules(profile, TOKENS)
    message = Message("0100", _elements())
    payload = rules.codec.encode(message)
    for answer in (Answer(reason=Reason.APPROVED, approval_code="000042"), Answer(reason=Reason.AMOUNT_LIMIT)):
        for _ in range(20):
            rules.codec.decode(payload)
            assert rules.answer(payload, answer) == rules.codec.encode(rules.to_response(message, answer))


@given(st.text("0123456789", min_size=11, max_size=18).map("4".__add__))
def test_what_fills_an_odd_card_number_is_no_part_of_it(pan: str) -> None:
    profile = PROFILES["elavon-like"]
    rules = CardRules(profile, TOKENS)
    message = transaction(profile, "100")
    message.elements[2] = pan
    asked = rules.to_instruction(rules.codec.decode(rules.codec.encode(message)))
    assert asked is not None
    assert asked.card == TOKENS.pan(pan)


def test_no_echo_table_brings_back_what_must_never_come_back() -> None:
    table = but(CARD_1987.presence, mti_0110=rows(ce=tuple(NEVER_ECHOED)))
    rules = CardRules(replace(CARD_1987, presence=table), TOKENS)
    secret: dict[str, Any] = {"de35": f"{PAN}=3012", "de36": PAN, "de45": PAN, "de52": bytes(8), "de53": "1" * 16}
    message = Message("0100", _elements(**secret))
    assert not NEVER_ECHOED & rules.to_response(message, Answer(reason=Reason.APPROVED)).elements.keys()
    payload = rules.codec.encode(message)
    for _ in range(20):
        rules.codec.decode(payload)
    answer = rules.codec.decode(rules.answer(payload, Answer(reason=Reason.APPROVED, approval_code="000042")))
    assert not NEVER_ECHOED & answer.elements.keys()


def test_a_repeat_may_come_on_any_link_of_its_network_and_on_no_other() -> None:
    def key(name: str, network: str) -> str:
        asked = CardRules(replace(CARD_1987, name=name, network=network), TOKENS).to_instruction(
            Message("0100", _elements())
        )
        assert asked is not None
        return asked.key

    assert key("old", "north") == key("new", "north")
    assert key("card-1987", "north") != key("card-1987", "south")
    assert key("card-1987", "") == key("card-1987", "card-1987")  # keys that are stored stay what they are
