"""Replay: the same requests in their causal order, and every outcome told apart."""

import pathlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.framing import Framer
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1993,
    CARD_2003,
    PROFILES,
    LinkProfile,
    NetworkFunction,
    Rail,
)
from twinrail.simulators import replay as module
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.plan import Planned, Shift, TimeMode, named_by, plan
from twinrail.simulators.recording import Recorder, RecordingError, read
from twinrail.simulators.replay import Settled, replay
from twinrail.simulators.report import Report
from twinrail.simulators.responder import Decide, approve, responding
from twinrail.simulators.transactions import Purchase

CODEC = codec_for("iso1987-ascii")
STARTED = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DEMO = pathlib.Path(module.__file__).parent / "data" / "demo.jsonl"
PAN = "4111111111111111"


def request(stan: str, mti: str = "0100", **more: str) -> Message:
    elements: dict[int, str | bytes] = {
        2: PAN,
        3: "000000",
        4: "000000001000",
        7: f"0105090{stan[3:]}",
        11: stan,
        12: "100000",
        13: "0105",
        32: "400001",
        37: f"000000{stan}",
        41: "TERM0001",
        49: "978",
    }
    return Message(mti, {**elements, **{int(name[1:]): value for name, value in more.items()}})


def reply(message: Message, code: str = "00") -> Message:
    answer = approve(message)[0]
    assert isinstance(answer, Message)
    return Message(answer.mti, {**answer.elements, 39: code})


def recorded(path: pathlib.Path, *pairs: tuple[Message, str | None]) -> pathlib.Path:
    """Record requests, 10 ms apart, each answered after 1 ms with a code, or not at all."""
    tap = Recorder(path, b"a key of the operator's own", start_ns=0, started=STARTED)
    tap.opened(1, "card-1987", 0)
    for number, (message, code) in enumerate(pairs):
        at = number * 10_000_000
        tap.frame(1, "in", CODEC.encode(message), at)
        if code is not None:
            tap.frame(1, "out", CODEC.encode(reply(message, code)), at + 1_000_000)
    tap.close()
    return path


async def played(
    path: pathlib.Path, decide: Decide, *, renumber: int | None = None, strict_repeats: bool = False
) -> tuple[Report, list[Message]]:
    async with responding(decide) as issuer:
        report = await replay(
            path,
            "127.0.0.1",
            issuer.port,
            speed=100,
            renumber=renumber,
            deadline_s=0.2,
            linger_s=0.01,
            budget_s=10,
            strict_repeats=strict_repeats,
        )
        return report, [heard for heard in issuer.heard if heard.mti != "0800"]


def outcomes(report: Report) -> dict[str, int]:
    return {outcome.value: count for outcome, count in report.outcomes.items() if count}


async def test_the_same_answers_are_equal_and_the_hook_hears_each(tmp_path: pathlib.Path) -> None:
    path = recorded(tmp_path / "r", *((request(f"{number:06d}"), "00") for number in range(20)))
    told: list[Settled] = []
    async with responding() as issuer:
        report = await replay(path, "127.0.0.1", issuer.port, speed=0, on_settled=told.append)
    assert outcomes(report) in ({"equal": 20}, {"equal": 19, "over budget": 1})
    assert report.ok
    assert len(told) == 20
    assert {(settled.mti, settled.code) for settled in told} == {("0100", "00")}
    assert report.response["0100"].total == 20


async def test_a_changed_decision_is_different(tmp_path: pathlib.Path) -> None:
    path = recorded(tmp_path / "r", (request("000001"), "00"), (request("000002"), "51"))

    def decide(message: Message) -> Sequence[Message | bytes]:
        return [reply(message, "05" if message.mti == "0100" else "00")]

    report, _ = await played(path, decide)
    assert outcomes(report) == {"different": 2}
    assert [tuple(pair) for pair in report.matrix] == [("00", "05"), ("51", "05")]
    assert not report.ok


async def test_no_answer_a_second_answer_and_a_stray_one(tmp_path: pathlib.Path) -> None:
    path = recorded(tmp_path / "r", *((request(f"{number:06d}"), "00") for number in range(3)))

    def decide(message: Message) -> Sequence[Message | bytes]:
        match int(str(message.elements.get(37, "0"))) % 1000:
            case 0 if message.mti == "0100":
                return ()
            case 1:
                return [reply(message), reply(message)]
            case 2:
                return [Message("0110", {**reply(message).elements, 41: "ELSEWHER"}), b"junk", reply(message)]
        return approve(message)

    report, _ = await played(path, decide, renumber=0)
    assert outcomes(report) == {"unanswered": 1, "equal": 2, "duplicate": 1, "unmatched": 1, "unparsed": 1}


async def test_a_refused_connection_refuses_every_event(tmp_path: pathlib.Path) -> None:
    path = recorded(tmp_path / "r", (request("000001"), "00"))
    async with responding() as issuer:
        port = issuer.port
    report = await replay(path, "127.0.0.1", port, speed=0)
    assert outcomes(report) == {"refused": 1}


def reversal(stan: str, of: Message, mti: str = "0420") -> Message:
    original = f"{of.mti}{of.elements[11]!s}{of.elements[7]!s}" + "0" * 22
    return request(stan, mti, e37=str(of.elements[37]), e90=original)


async def test_what_depends_on_an_answer_waits_for_it(tmp_path: pathlib.Path) -> None:
    first = request("000001")
    path = recorded(tmp_path / "r", (first, "00"), (reversal("000002", first), "00"), (request("000003"), "00"))
    held: list[Message | bytes] = []

    def decide(message: Message) -> Sequence[Message | bytes]:
        """Hold the first answer back until the third request, which waits for nothing, has come."""
        if message.mti == "0100" and not held:
            held.append(reply(message))
            return ()
        return [*held, reply(message)] if message.mti == "0100" else [reply(message)]

    report, heard = await played(path, decide)
    assert [message.mti for message in heard] == ["0100", "0100", "0420"]
    assert outcomes(report) == {"equal": 3}


async def test_without_the_answer_its_consequence_is_not_sent(tmp_path: pathlib.Path) -> None:
    first = request("000001")
    path = recorded(tmp_path / "r", (first, "00"), (reversal("000002", first), "00"))
    report, heard = await played(path, lambda message: () if message.mti == "0100" else approve(message))
    assert [message.mti for message in heard] == ["0100"]
    assert outcomes(report) == {"unanswered": 1, "not sent": 1}
    assert report.not_sent == {"its cause was not answered": 1}


async def test_a_reversal_of_what_was_never_answered_goes_after_the_time_limit(tmp_path: pathlib.Path) -> None:
    first = request("000001")
    path = recorded(tmp_path / "r", (first, None), (reversal("000002", first), "00"))
    report, heard = await played(path, lambda message: () if message.mti == "0100" else approve(message))
    assert [message.mti for message in heard] == ["0100", "0420"]
    assert outcomes(report) == {"equal": 2}


async def test_a_repeat_for_want_of_an_answer_is_held_back_when_the_answer_came(tmp_path: pathlib.Path) -> None:
    first = request("000001")
    repeat = Message("0101", first.elements)
    path = recorded(tmp_path / "r", (first, None), (repeat, "00"))
    report, heard = await played(path, approve)
    assert [message.mti for message in heard] == ["0100"]
    assert report.not_sent == {"a repeat of what is answered this time": 1}
    _, heard = await played(path, approve, strict_repeats=True)
    assert [message.mti for message in heard] == ["0100", "0101"]


async def test_two_runs_share_no_number_and_references_stay_right(tmp_path: pathlib.Path) -> None:
    first = request("000001")
    path = recorded(tmp_path / "r", (first, "00"), (reversal("000002", first), "00"))
    _, one = await played(path, approve, renumber=1_700_000_000)
    _, two = await played(path, approve, renumber=1_700_000_001)
    assert {heard.elements[37] for heard in one}.isdisjoint({heard.elements[37] for heard in two})
    for original, taken_back in (one, two):
        assert original.elements[37] == taken_back.elements[37]
        named = str(taken_back.elements[90])
        assert named[4:10] == original.elements[11]
        assert named[10:20] == original.elements[7]


async def test_the_bundled_recording_replays_against_its_own_answers() -> None:
    """An issuer that knows the recorded answers: every outcome is equal, whatever the speed."""
    kept = read(DEMO)
    steps = [step for step in plan(kept).steps if isinstance(step, Planned)]
    known = {
        (step.request.mti, step.request.elements.get(11), step.request.elements.get(37)): step.expected
        for step in steps
    }

    def decide(message: Message) -> Sequence[Message | bytes]:
        if message.mti == "0800":
            return approve(message)
        answer = known[message.mti, message.elements[11], message.elements[37]]
        assert answer is not None
        return (answer,)

    async with responding(decide) as issuer:
        report = await replay(
            DEMO, "127.0.0.1", issuer.port, speed=0, time_mode=TimeMode.KEEP, renumber=0, budget_s=30, deadline_s=30
        )
    assert report.events == len(steps) > 450
    assert outcomes(report) == {"equal": report.events}
    assert set(report.decisions) >= {"00", "14", "25", "41", "43", "51", "54", "61", "62"}
    assert {"0100", "0101", "0120", "0121", "0200", "0400", "0420", "0421", "0800"} <= set(report.response)
    assert 25 < kept.events[-1].t / 1e9 < 30


stamps = st.datetimes(datetime(2026, 1, 5), datetime(2026, 12, 20))  # noqa: DTZ001 - only its digits are used


@given(stamps, st.integers(0, 10**6))
def test_shift_moves_every_time_by_the_same_offset(moment: datetime, offset_s: int) -> None:
    shift = Shift(started=STARTED, now=STARTED + timedelta(seconds=offset_s))
    message = request(
        "000001", e7=moment.strftime("%m%d%H%M%S"), e12=moment.strftime("%H%M%S"), e13=moment.strftime("%m%d")
    )
    moved = shift.message(message).elements
    wanted = moment + timedelta(seconds=offset_s)
    assert moved[7] == wanted.strftime("%m%d%H%M%S")
    assert str(moved[13]) + str(moved[12]) == wanted.strftime("%m%d%H%M%S")


def test_what_is_no_time_and_no_number_stays() -> None:
    shift = Shift(started=STARTED, now=STARTED + timedelta(days=1), renumber=5)
    moved = shift.message(Message("0100", {7: "9999999999", 11: "999998", 37: "REF000000001", 90: "0" * 42}))
    assert moved.elements == {7: "9999999999", 11: "000003", 37: "REF000000001", 90: "0" * 42}


def test_keep_and_now() -> None:
    now = datetime(2026, 6, 7, 8, 9, 10, tzinfo=UTC)
    message = Message("0100", {7: "0105090000"})
    assert Shift(mode=TimeMode.KEEP, started=STARTED, now=now).message(message) == message
    assert Shift(mode=TimeMode.NOW, started=STARTED, now=now).message(message).elements[7] == "0607080910"


@pytest.mark.parametrize(
    "profile",
    [profile for profile in PROFILES.values() if profile.rail is Rail.CARD],
    ids=lambda profile: profile.name,
)
async def test_links_of_every_profile_replay_with_their_headers(tmp_path: pathlib.Path, profile: LinkProfile) -> None:
    """A day of a link: sign-on, request, reversal, echo; the answers of then are those of now."""
    places = profile.places
    first = transactions.request(
        profile, "100", Purchase(pan=PAN, amount=10_00, stan=2, at=STARTED, rrn="000000000002")
    )
    messages = [
        transactions.network_message(profile, profile.code_of(NetworkFunction.SIGN_ON), stan=1, at=STARTED),
        first,
        transactions.reversal(profile, first, stan=3, at=STARTED + timedelta(seconds=1)),
        transactions.network_message(profile, profile.code_of(NetworkFunction.ECHO), stan=4, at=STARTED),
    ]
    tap = Recorder(tmp_path / "r", b"a key of the operator's own", profile=profile.name, start_ns=0, started=STARTED)
    tap.opened(1, profile.name, 0)
    framer, channel = Framer(profile.frame, profile.frame_bytes_max), Channel(profile)
    for number, message in enumerate(messages):
        at = number * 10_000_000
        (asked,) = framer.receive(channel.write(message))
        answer = transactions.answer(profile, message)
        assert answer is not None
        (answered,) = framer.receive(channel.write(answer, channel.open(asked)))
        tap.frame(1, "in", asked, at)
        tap.frame(1, "out", answered, at + 1_000_000)
    tap.close()
    async with responding(profile=profile) as issuer:
        report = await replay(tmp_path / "r", "127.0.0.1", issuer.port, speed=100, renumber=7, budget_s=30)
    assert outcomes(report) == {"equal": 4}
    heard = [message for message in issuer.heard if message.mti[1] in "14"]
    assert [message.mti[1] for message in heard] == ["1", "4"]
    assert int(str(heard[0].elements[places.stan])) == 9
    named = named_by(heard[1], places)
    assert (named is not None) == bool(places.original_data)
    if named is not None:
        assert named.stan == heard[0].elements[places.stan]
        assert named.sent_at == heard[0].elements[places.sent_at]
        assert named.sent_at != first.elements[places.sent_at]  # moved to now


def test_a_profile_that_is_not_known_is_said(tmp_path: pathlib.Path) -> None:
    own = replace(CARD_1987, name="of-a-file")
    tap = Recorder(tmp_path / "r", b"a key of the operator's own", profile=own.name, profiles={own.name: own})
    tap.opened(1, own.name, 0)
    tap.close()
    with pytest.raises(RecordingError, match="of-a-file"):
        plan(read(tmp_path / "r"))
    assert plan(read(tmp_path / "r"), {own.name: own}).profiles == {1: own}


@given(st.sampled_from([CARD_1993, CARD_2003]), stamps, st.integers(0, 10**6))
def test_later_versions_move_with_their_own_lengths(profile: LinkProfile, moment: datetime, offset_s: int) -> None:
    shift = Shift(started=STARTED, now=STARTED + timedelta(seconds=offset_s), renumber=5)
    purchase = Purchase(pan=PAN, amount=1, stan=999_998, at=moment.replace(tzinfo=UTC), rrn="REF000000001")
    first = transactions.request(profile, "100", purchase)
    taken_back = transactions.reversal(profile, first, stan=1, at=purchase.at)
    places = profile.places
    moved, moved_back = shift.message(first, places), shift.message(taken_back, places)
    wanted = (moment + timedelta(seconds=offset_s)).strftime("%Y%m%d%H%M%S")
    assert wanted.endswith(str(moved.elements[places.sent_at]))
    named = named_by(moved_back, places)
    assert named is not None
    assert (named.stan, named.sent_at) == (moved.elements[places.stan], moved.elements[places.sent_at])
    assert moved.elements[places.rrn] == "REF000000001"


async def test_a_negative_speed_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="speed"):
        await replay(tmp_path / "none", "127.0.0.1", 1, speed=-1)
