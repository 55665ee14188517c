"""Scripts: rules are read or refused, and steps follow each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.iso8583 import Message
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import BASE1_LIKE, CARD_1987, CARD_1993
from twinrail.simulators.script import Act, Script, Step, read_rules


def sign_on() -> Message:
    return Message("0800", {11: "000001", 70: "001"})


@given(
    st.text(max_size=40)
    | st.from_regex(r"(sign_on|0420|\*)=(accept|late:[0-9.]{1,6}|refuse:[0-9A-Z]{0,5})", fullmatch=True)
)
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        rules = read_rules([text])
    except SettingsError:
        return
    (steps,) = rules.values()
    assert all(0 <= step.seconds <= 3600 for step in steps)


def test_steps_follow_each_other_and_the_last_one_stays() -> None:
    script = Script(CARD_1987, read_rules(["sign_on=silent,refuse:91,accept", "0420=late:2.5"]))
    acts = [script.step(sign_on()) for _ in range(4)]
    assert acts == [Step(Act.SILENT), Step(Act.REFUSE, "91"), Step(Act.ACCEPT), Step(Act.ACCEPT)]
    assert script.step(Message("0421", {})).seconds == 2.5  # a repeat is the same thing once more


def test_what_no_rule_names_is_accepted_or_falls_under_any() -> None:
    assert Script(CARD_1987).step(sign_on()).act is Act.ACCEPT
    script = Script(CARD_1993, read_rules(["echo=accept", "*=silent"]))
    assert script.step(Message("1804", {24: "831"})).act is Act.ACCEPT
    assert script.step(Message("1804", {24: "801"})).act is Act.SILENT
    assert script.name(Message("1804", {24: "999"})) == "1804"  # a code that the profile does not know


def test_only_a_header_that_can_refuses() -> None:
    rules = read_rules(["0420=reject:42"])
    assert Script(BASE1_LIKE, rules).step(Message("0420", {})).act is Act.REJECT
    with pytest.raises(SettingsError, match="cannot refuse"):
        Script(CARD_1987, rules)


@pytest.mark.parametrize(
    "text", ["sign_on", "0100x=accept", "sign_on=dance", "sign_on=late", "echo=accept:1", "=accept"]
)
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        read_rules([text])
