"""Operators' orders for links, in virtual time: recorded first, carried out after, and refused in words."""

from dataclasses import replace

import pytest
from tests.scenarios.rig import NS, Rig

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.sessions import Outside
from twinrail.schemas.instructions import AskNetwork, Command, SendMessage
from twinrail.schemas.iso8583.profiles import CARD_1987, INSTANT, LinkProfile, SignOn
from twinrail.schemas.journal import CommandDone, Entry

CODEC = codec_for("iso1987-ascii")
OURS = replace(CARD_1987, name="net", sign_on=SignOn.OURS, sign_on_retry_s=30, idle_timeout_s=86_400.0)
THEIRS = replace(CARD_1987, name="net", idle_timeout_s=86_400.0)


def heard(rig: Rig, link: int) -> list[tuple[str, object]]:
    """Give type and network function of what was sent on a link since the last call."""
    data, rig.inbox[link] = rig.inbox[link], b""
    messages = [CODEC.decode(payload) for payload in Framer(CARD_1987.frame, 4096).receive(data)]
    return [(message.mti, message.elements.get(70, message.elements.get(37))) for message in messages]


def opened(rig: Rig, profile: LinkProfile) -> int:
    link = rig.open(profile)
    rig.run()
    return link


def accept_all(rig: Rig, link: int) -> list[str]:
    """Accept every network message that waits on a link, and give their functions."""
    data, rig.inbox[link] = rig.inbox[link], b""
    asked = [CODEC.decode(payload) for payload in Framer(CARD_1987.frame, 4096).receive(data)]
    for message in asked:
        answer = Message("0810", dict(sorted((message.elements | {39: "00"}).items())))
        rig.receive(link, frame(CARD_1987.frame, CODEC.encode(answer)))
    return [str(message.elements[70]) for message in asked]


def done(rig: Rig, command: Command) -> CommandDone:
    """Give an order to the engine and wait for what it says."""
    ticket = rig.switch.submit(command, rig.now)
    rig.run()
    entry: Entry = rig.completed.pop(ticket)
    (effect,) = [effect for effect in entry.effects if isinstance(effect, CommandDone)]
    return effect


def ask(network: str, function: str, command: str = "c1") -> AskNetwork:
    return AskNetwork(command=command, network=network, function=function)


def test_an_echo_is_asked_on_every_link_of_the_network_and_on_no_other() -> None:
    rig = Rig()
    links = [opened(rig, THEIRS), opened(rig, THEIRS)]
    other = opened(rig, CARD_1987)
    said = done(rig, ask("net", "echo"))
    assert (said.status, said.result) == ("done", "asked on 2 links")
    assert [heard(rig, link) for link in links] == [[("0800", "301")], [("0800", "301")]]
    assert heard(rig, other) == []


def test_a_network_that_was_signed_off_stays_off_until_it_is_ordered_on() -> None:
    rig = Rig()
    link = opened(rig, OURS)
    assert accept_all(rig, link) == ["001"]
    assert rig.switch.sessions[link].signed_on
    assert done(rig, ask("net", "sign_off")).status == "done"
    assert accept_all(rig, link) == ["002"]
    assert not rig.switch.sessions[link].signed_on
    rig.advance(120 * NS)  # no sign-on of its own, however long it takes, and none on a new link
    second = opened(rig, OURS)
    assert accept_all(rig, link) == accept_all(rig, second) == []
    assert done(rig, ask("net", "sign_on", "c2")).result == "asked on 2 links"
    assert accept_all(rig, link) == accept_all(rig, second) == ["001"]
    assert rig.switch.sessions[link].signed_on


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (ask("nobody", "echo"), "no link of this network is open"),
        (ask("net", "cutover"), "a network is asked for echo, sign_off, sign_on"),
        (ask("net", "dance"), "a network is asked for echo, sign_off, sign_on"),
        (SendMessage(command="c1", network="nobody", mti="0620", elements={}), "no card link leads to this network"),
        (SendMessage(command="c1", network="sct-inst", mti="0620", elements={}), "no card link leads to this network"),
        (SendMessage(command="c1", network="net", mti="4620", elements={}), "cannot be sent: mti"),
        (SendMessage(command="c1", network="net", mti="0620", elements={2: "4" * 16}), "cannot be sent: 2: may not be"),
        (SendMessage(command="c1", network="net", mti="0620", elements={65: "1"}), "cannot be sent: 65"),
        (SendMessage(command="c1", network="net", mti="0620", elements={3: "x"}), "cannot be sent: 3: "),
    ],
)
def test_what_cannot_be_done_is_refused_in_words_and_nothing_leaves(order: Command, why: str) -> None:
    rig = Rig()
    link = opened(rig, THEIRS)
    opened(rig, INSTANT)
    said = done(rig, order)
    assert said.status == "refused"
    assert said.result.startswith(why)
    assert heard(rig, link) == []
    assert not rig.switch.state.obligations.by_id


def test_a_message_is_owed_from_now_on_also_where_no_link_was_ever_up() -> None:
    rig = Rig(outside=Outside(profiles={"net": THEIRS}))
    said = done(rig, SendMessage(command="c1", network="net", mti="0620", elements={37: "REF000000001"}))
    assert said.status == "done"
    assert said.result.startswith("owed as forward-net-0620-")
    assert len(rig.switch.state.obligations.by_id) == 1
    link = opened(rig, replace(THEIRS, sign_on_required=False))
    rig.advance(2 * NS)
    assert heard(rig, link) == [("0620", "REF000000001")]
