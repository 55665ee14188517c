"""Store-and-forward in virtual time: due, sent, repeated, accepted, and all of it across a restart."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scenarios.rig import NS, Mode, Rig

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine import forwarding
from twinrail.engine.bounds import Bounds
from twinrail.engine.forwarding import owed, read, wait_ns
from twinrail.engine.journal import decode_entry
from twinrail.engine.sessions import Outside
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.axes import Mask
from twinrail.schemas.iso8583.profiles import CARD_1987, LinkProfile, Repeats, SignOn
from twinrail.schemas.journal import ObligationMet

CODEC = codec_for("iso1987-ascii")
MINUTE = 60 * NS
NETWORK = replace(
    CARD_1987,
    name="net",
    sign_on=SignOn.OURS,
    idle_timeout_s=10 * 86_400.0,
    repeats=Repeats(first_s=60, factor=2, wait_max_s=600, expiry_s=3600, again=frozenset({"91"})),
)


def _heard(rig: Rig, link: int) -> list[Message]:
    data, rig.inbox[link] = rig.inbox[link], b""
    return [CODEC.decode(payload) for payload in Framer(NETWORK.frame, 4096).receive(data)]


def _say(rig: Rig, link: int, mti: str, elements: dict[int, str | bytes]) -> None:
    rig.receive(link, frame(NETWORK.frame, CODEC.encode(Message(mti, dict(sorted(elements.items()))))))


def _open(rig: Rig, profile: LinkProfile = NETWORK) -> int:
    """Open a link and accept the sign-on that we send on it."""
    link = rig.open(profile)
    rig.run()
    (sign_on,) = _heard(rig, link)
    _say(rig, link, "0810", sign_on.elements | {39: "00"})
    return link


def _forward(rig: Rig) -> str:
    """Owe the network an 0620; gives its STAN."""
    ticket = rig.switch.forward(NETWORK, "0620", {37: "REF000000001"}, rig.now)
    rig.run()
    entry = rig.completed.pop(ticket)
    assert entry.kind == "forward"
    (obligation,) = rig.switch.state.obligations.by_id.values()
    return str(read(obligation.subject).elements[11])


def _owed(rig: Rig) -> int:
    stored = [row for row in rig.rows.keyed["obligation"].values() if not row[-1]]
    assert len(stored) == len(rig.switch.state.obligations.by_id)
    return len(stored)


def _types(messages: list[Message]) -> list[str]:
    return [message.mti for message in messages]


def test_what_is_owed_goes_out_and_is_met_when_it_is_accepted() -> None:
    rig = Rig()
    link = _open(rig)
    stan = _forward(rig)
    assert _owed(rig) == 1
    rig.advance(NS)
    (sent,) = _heard(rig, link)
    assert (sent.mti, sent.elements[11], sent.elements[37]) == ("0620", stan, "REF000000001")
    _say(rig, link, "0630", sent.elements | {39: "00"})
    assert _owed(rig) == 0
    rig.advance(60 * MINUTE)
    assert _heard(rig, link) == []
    assert rig.switch.counters["forward_accepted"] == 1
    assert any(isinstance(effect, ObligationMet) for entry in rig.rows.entries() for effect in entry.effects)


def test_without_an_answer_it_is_repeated_ever_more_slowly_as_a_repeat() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    times: list[tuple[int, str]] = []
    began = rig.now
    while rig.now < began + 20 * MINUTE:
        rig.advance(NS)
        times += [((rig.now - began) // NS, message.mti) for message in _heard(rig, link)]
    seconds = [second for second, _ in times]
    assert [mti for _, mti in times] == ["0620"] + ["0621"] * (len(times) - 1)
    # At once (seen at the end of the first second), then after 60, 120, 240 and 480 seconds.
    assert seconds[:5] == [1, 60, 180, 420, 900]
    assert _owed(rig) == 1


def test_all_copies_are_the_same_message() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.advance(10 * MINUTE)
    first, *repeats = _heard(rig, link)
    assert len(repeats) >= 3
    assert all(message.elements == first.elements for message in repeats)
    _say(rig, link, "0630", repeats[-1].elements | {39: "00"})
    assert _owed(rig) == 0


def test_an_answer_that_asks_for_another_try_gets_it() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.advance(NS)
    (sent,) = _heard(rig, link)
    _say(rig, link, "0630", sent.elements | {39: "91"})
    assert (_owed(rig), rig.switch.counters["forward_again"]) == (1, 1)
    rig.advance(MINUTE)
    (again,) = _heard(rig, link)
    assert again.mti == "0621"
    _say(rig, link, "0630", again.elements | {39: "00"})
    assert _owed(rig) == 0


def test_a_refusal_for_good_ends_it_and_tells_a_person() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.advance(NS)
    (sent,) = _heard(rig, link)
    _say(rig, link, "0630", sent.elements | {39: "12"})
    assert _owed(rig) == 0
    assert [row[1] for row in rig.rows.appended["exception"]] == ["FORWARD_REFUSED"]


def test_after_its_time_it_is_given_up_and_tells_a_person() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.advance(61 * MINUTE)
    assert _owed(rig) == 0
    assert [row[1] for row in rig.rows.appended["exception"]] == ["FORWARD_EXPIRED"]
    copies = len(_heard(rig, link))
    rig.advance(60 * MINUTE)
    assert copies > 3
    assert _heard(rig, link) == []


def test_it_waits_for_a_link_of_its_network_and_leaves_when_that_is_signed_on() -> None:
    rig = Rig()
    other = _open(rig, replace(NETWORK, name="other"))
    _forward(rig)
    rig.advance(5 * MINUTE)
    assert _heard(rig, other) == []
    link = rig.open(NETWORK)
    rig.run()
    rig.advance(NS)
    (sign_on,) = _heard(rig, link)  # not signed on: nothing else goes out
    _say(rig, link, "0810", sign_on.elements | {39: "00"})
    rig.advance(NS)
    assert _types(_heard(rig, link)) == ["0620"]


def test_links_of_one_network_stand_in_for_each_other() -> None:
    rig = Rig()
    one = _open(rig, replace(NETWORK, name="one", network="net"))
    two = _open(rig, replace(NETWORK, name="two", network="net"))
    _forward(rig)
    rig.advance(NS)
    sent = _heard(rig, one) + _heard(rig, two)
    assert _types(sent) == ["0620"]
    rig.hang_up(one)
    _say(rig, two, "0630", sent[0].elements | {39: "00"})  # wherever it was asked
    assert _owed(rig) == 0


def test_without_any_link_it_is_given_up_in_time_too() -> None:
    rig = Rig()
    _forward(rig)
    rig.advance(62 * MINUTE)
    assert _owed(rig) == 0
    assert [row[1] for row in rig.rows.appended["exception"]] == ["FORWARD_EXPIRED"]


@given(st.sampled_from(["before", "sent", "repeated"]), st.sampled_from(["answered", ""]))
def test_a_restart_forgets_nothing_and_never_makes_two_new_messages_of_one(moment: str, answered: str) -> None:
    rig = Rig()
    link = _open(rig)
    stan = _forward(rig)
    before: list[Message] = []
    if moment != "before":
        rig.advance(NS if moment == "sent" else 2 * MINUTE)
        before = _heard(rig, link)
    rig.restart()
    assert _owed(rig) == 1
    link = _open(rig)
    rig.advance(5 * MINUTE)
    after = _heard(rig, link)
    types = _types(before + after)
    assert types.count("0620") == 1
    assert set(types) == {"0620", "0621"}
    assert {message.elements[11] for message in before + after} == {stan}
    if answered:
        _say(rig, link, "0630", after[-1].elements | {39: "00"})
        rig.restart()
        assert _owed(rig) == 0


def test_attempts_that_pile_up_in_the_store_leave_once() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.settle(Mode.HELD)
    rig.advance(4 * MINUTE)
    rig.settle(Mode.FINE)
    assert _types(_heard(rig, link)) == ["0621"]  # it may have left before, for all that is known after a restart
    assert _owed(rig) == 1


def test_nothing_leaves_on_a_link_that_is_not_signed_on() -> None:
    rig = Rig()
    link = rig.open(NETWORK)
    _forward(rig)
    rig.advance(10 * NS)
    assert _types(_heard(rig, link)) == ["0800"]


def test_what_waited_for_a_link_leaves_in_slices_and_all_of_it() -> None:
    rig = Rig(bounds=Bounds(due_at_once=2))
    for _ in range(7):
        rig.switch.forward(NETWORK, "0620", {}, rig.now)
        rig.advance(NS)
    link = _open(rig)
    for count in (2, 2, 2, 1):
        assert rig.switch.wake_at() <= rig.now
        rig.switch.wake(rig.now)
        rig.run()
        assert _types(_heard(rig, link)) == ["0620"] * count
    assert rig.switch.wake_at() > rig.now


def test_nothing_leaves_before_its_attempt_is_durable() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.settle(Mode.HELD)
    rig.advance(NS)
    assert _heard(rig, link) == []
    rig.settle(Mode.FINE)
    assert _types(_heard(rig, link)) == ["0620"]


def test_one_that_was_settled_while_its_repeat_was_on_its_way_to_the_store_is_not_sent() -> None:
    rig = Rig()
    link = _open(rig)
    _forward(rig)
    rig.advance(NS)
    (sent,) = _heard(rig, link)
    rig.settle(Mode.HELD)
    rig.advance(MINUTE)
    _say(rig, link, "0630", sent.elements | {39: "00"})
    rig.settle(Mode.FINE)
    assert _heard(rig, link) == []
    assert _owed(rig) == 0


def test_a_message_that_must_not_be_kept_is_refused() -> None:
    rig = Rig()
    for number, value in ((2, "4111111111111111"), (35, "4111111111111111=3012"), (48, "x"), (52, bytes(8))):
        with pytest.raises(EncodeError) as caught:
            rig.switch.forward(NETWORK, "0620", {number: value}, rig.now)
        assert caught.value.path == str(number)
    assert _owed(rig) == 0


@pytest.mark.parametrize("mti", ["0630", "0690"])
def test_what_nobody_answers_is_never_owed(mti: str) -> None:
    rig = Rig()
    _open(rig)
    with pytest.raises(EncodeError, match="only a request"):
        rig.switch.forward(NETWORK, mti, {37: "REF000000001"}, rig.now)
    assert _owed(rig) == 0


def test_a_message_is_never_put_over_another_that_is_owed() -> None:
    rig = Rig()
    _open(rig)
    numbered: dict[int, str | bytes] = {7: "0101000000", 11: "000042"}
    rig.switch.forward(NETWORK, "0620", numbered | {37: "REF000000001"}, rig.now)
    with pytest.raises(EncodeError, match="owed already"):
        rig.switch.forward(NETWORK, "0620", numbered | {37: "REF000000002"}, rig.now)
    rig.run()
    assert _owed(rig) == 1


def test_only_public_elements_are_kept() -> None:
    dialect = CODEC.dialect
    for row in dialect.elements:
        value: str | bytes = "1"
        if row.mask is Mask.PUBLIC:
            assert owed(dialect, "n", "0620", {row.number: value}, expires_at=1).elements == {row.number: "1"}
        else:
            with pytest.raises(EncodeError):
                owed(dialect, "n", "0620", {row.number: value}, expires_at=1)


def test_a_vault_puts_the_card_number_in_when_the_message_leaves() -> None:
    class Vault:
        def pan(self, token: str) -> str | None:
            return {"t" * 32: "4111111111111111"}.get(token)

    rig = Rig(outside=Outside(vault=Vault()))
    link = _open(rig)
    rig.switch.forward(NETWORK, "0420", {3: "000000"}, rig.now, card="t" * 32)
    rig.switch.forward(NETWORK, "0420", {3: "000000"}, rig.now, card="u" * 32)
    rig.run()
    rig.advance(NS)
    assert [message.elements.get(2) for message in _heard(rig, link)] == ["4111111111111111"]
    assert (rig.switch.counters["forward_sent"], rig.switch.counters["forward_card_unknown"]) == (1, 1)
    assert _owed(rig) == 2  # what the vault does not know now is asked for again
    bodies = [row[4] for row in rig.rows.appended["journal"]]
    assert all(b"4111111111111111" not in body for body in bodies if isinstance(body, bytes))
    assert all(decode_entry(body).kind for body in bodies if isinstance(body, bytes))


def test_what_is_owed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "OWED_MAX", 1)
    rig = Rig()
    _forward(rig)
    with pytest.raises(EncodeError, match="too much is owed"):
        rig.switch.forward(NETWORK, "0620", {}, rig.now)


@given(st.integers(1, 500), st.floats(1, 600), st.floats(1, 4))
def test_waits_grow_up_to_their_maximum(sent: int, first_s: float, factor: float) -> None:
    repeats = Repeats(first_s=first_s, factor=factor, wait_max_s=3600)
    wait, later = wait_ns(repeats, sent), wait_ns(repeats, sent + 1)
    assert 0 < wait <= later <= 3600 * NS
    if sent == 1:
        assert wait == int(first_s * NS)
