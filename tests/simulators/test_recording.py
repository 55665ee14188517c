"""Recordings: what is written is clean, complete and readable; what is broken is said."""

import gzip
import pathlib
import resource
import stat
from datetime import UTC, datetime

import pytest

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.schemas.iso8583.profiles import CARD_1987
from twinrail.simulators import recording
from twinrail.simulators.clearing_house import account, pacs008
from twinrail.simulators.recording import Event, Header, Recorder, RecordingError, Writer, payload_of, read
from twinrail.simulators.responder import approve

KEY = b"a key of the operator's own"
PAN = "4999990000000014"
CODEC = codec_for("iso1987-ascii")
STARTED = datetime(2026, 1, 5, tzinfo=UTC)


def request(stan: str, *, pan: str = PAN, **more: str) -> Message:
    elements: dict[int, str | bytes] = {2: pan, 3: "000000", 4: "000000001000", 7: "0102030405", 11: stan, 49: "978"}
    return Message("0100", {**elements, **{int(name[1:]): value for name, value in more.items()}})


def answer(message: Message) -> bytes:
    reply = approve(message)[0]
    assert isinstance(reply, Message)
    return CODEC.encode(reply)


def recorder(path: pathlib.Path, *, queue_max: int = 1_000, file_bytes_max: int = 1 << 20) -> Recorder:
    return Recorder(path, KEY, start_ns=1_000, started=STARTED, queue_max=queue_max, file_bytes_max=file_bytes_max)


def test_what_crossed_the_link_is_there_clean_and_with_its_times(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "run.jsonl"
    tap = recorder(path)
    first, second = request("000001"), request("000002")
    tap.opened(7, "card-1987", 1_100)
    tap.frame(7, "in", CODEC.encode(first), 2_000)
    tap.frame(7, "in", CODEC.encode(second), 2_500)
    tap.frame(7, "out", answer(second), 3_000)
    tap.frame(7, "out", answer(first), 4_000)
    tap.closed(7, 5_000)
    assert tap.close() == (6, 0, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PAN.encode() not in path.read_bytes()
    assert PAN.encode().hex().encode() not in path.read_bytes()
    kept = read(path)
    assert (kept.header.started, kept.header.masked, kept.torn) == ("2026-01-05T00:00:00.000+00:00", True, False)
    assert [(event.k, event.t, event.of, event.rt) for event in kept.events] == [
        ("open", 100, -1, -1),
        ("frame", 1_000, -1, -1),
        ("frame", 1_500, -1, -1),
        ("frame", 2_000, 2, 500),
        ("frame", 3_000, 1, 2_000),
        ("close", 4_000, -1, -1),
    ]
    payload = payload_of(kept.events[1], CARD_1987)
    assert payload is not None
    message = CODEC.decode(payload)
    assert message.elements[11] == "000001"
    assert str(message.elements[2]).startswith("9999")


def test_an_undecodable_frame_leaves_its_length_only(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl")
    tap.frame(1, "in", f"garbage {PAN}".encode(), 2_000)
    assert tap.close().reduced == 1
    (event,) = read(tmp_path / "run.jsonl").events
    assert (event.hex, event.n, event.why) == ("", 24, "undecodable")
    assert payload_of(event, CARD_1987) is None


def test_a_number_that_shows_itself_later_removes_the_recording(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "run.jsonl"
    hidden = "499999000001"  # twelve digits in DE37: no rule takes it for a card number until DE2 names it
    tap = recorder(path)
    tap.frame(1, "in", CODEC.encode(request("000001", e37=hidden)), 2_000)
    tap.frame(1, "in", CODEC.encode(request("000002", pan=hidden)), 3_000)
    with pytest.raises(RecordingError, match="removed") as refused:
        tap.close()
    assert hidden not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_queue_drops_counts_and_says_so_in_the_file(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl", queue_max=2)
    for number in range(5):
        tap.frame(1, "in", CODEC.encode(request(f"{number:06d}")), 2_000 + number)
    assert tap.close().dropped == 3
    events = read(tmp_path / "run.jsonl").events
    assert [(event.k, event.n) for event in events] == [("frame", 0), ("frame", 0), ("drop", 3)]


def test_a_full_file_ends_the_recording_and_not_the_link(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl", file_bytes_max=400)
    for number in range(5):
        tap.frame(1, "in", CODEC.encode(request(f"{number:06d}")), 2_000)
    summary = tap.close()
    assert summary.events + summary.dropped == 5
    assert summary.dropped > 0


def test_a_recording_of_nothing_leaves_no_file(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl.part"]  # a folder that takes no file is said early
    tap.start()
    assert tap.close() == (0, 0, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", ["frame", "count"])
def test_a_full_disk_ends_the_recording_and_raises_nothing(tmp_path: pathlib.Path, at: str) -> None:
    path = tmp_path / "run.jsonl"
    tap = recorder(path, queue_max=2 if at == "count" else 1_000)
    tap.opened(1, "card-1987", 1_000)
    tap.drain()
    for number in range(3):
        tap.frame(1, "in", CODEC.encode(request(f"{number:06d}")), 2_000)
    if at == "count":
        tap.drain()  # what did not fit was counted, and its line is there
        tap.dropped += 1
    size = path.with_name("run.jsonl.part").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # the next line is torn
    try:
        tap.drain()
        assert tap.failure
        tap.frame(1, "in", CODEC.encode(request("000009")), 2_000)
        summary = tap.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert summary.dropped == 3  # what came after the torn line, or was counted before it, and the last frame
    assert read(path).torn


def test_the_thread_writes_what_the_tap_took(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl")
    tap.start()
    for number in range(100):
        tap.frame(1, "in", CODEC.encode(request(f"{number:06d}")), 2_000 + number)
    assert tap.close() == (100, 0, 0)


def test_instant_payments_are_recorded_with_their_answers(tmp_path: pathlib.Path) -> None:
    tap = recorder(tmp_path / "run.jsonl")
    tap.opened(1, "sct-inst", 2_000)
    tap.frame(1, "in", pacs008(creditor=account(1), debtor=account(2), transaction_id="T9"), 3_000)
    tap.frame(1, "out", b"<Document><OrgnlTxId>T9</OrgnlTxId><TxSts>ACCP</TxSts></Document>", 4_500)
    tap.close()
    events = read(tmp_path / "run.jsonl").events
    assert (events[2].of, events[2].rt) == (1, 1_500)
    assert account(1).encode().hex() not in (tmp_path / "run.jsonl").read_text()


def test_an_earlier_recording_is_never_written_over(tmp_path: pathlib.Path) -> None:
    first = recorder(tmp_path / "run.jsonl")
    first.opened(1, "card-1987", 2_000)
    first.close()
    with pytest.raises(FileExistsError):
        recorder(tmp_path / "run.jsonl")


def written(path: pathlib.Path, *events: Event) -> pathlib.Path:
    writer = Writer(path, Header(format="twinrail-recording", version=1))
    for event in events:
        writer.append(event)
    writer.close()
    return path


def test_a_torn_last_line_is_left_out_and_said(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "run.jsonl", Event(t=1), Event(t=2))
    path.write_bytes(path.read_bytes()[:-4])
    kept = read(path)
    assert kept.torn
    assert [event.t for event in kept.events] == [1]


def test_a_broken_line_before_the_last_is_an_error_that_names_it(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "run.jsonl", Event(t=1), Event(t=2))
    path.write_bytes(path.read_bytes().replace(b'{"t":1}', b'{"t":'))
    with pytest.raises(RecordingError, match="line 2"):
        read(path)


def test_gzip_reads_like_the_plain_file(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "run.jsonl", Event(t=1))
    packed = tmp_path / "run.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read(packed) == read(path)


@pytest.mark.parametrize("damage", [slice(0, 2), slice(0, 40), slice(0, -9), slice(9, None)])
def test_a_compressed_recording_that_is_damaged_is_said_to_be(tmp_path: pathlib.Path, damage: slice) -> None:
    packed = gzip.compress(b'{"format":"twinrail-recording","version":1}\n' + b'{"t":0}\n' * 50)
    path = tmp_path / "damaged.jsonl.gz"
    path.write_bytes(packed[:2] + packed[damage])
    with pytest.raises(RecordingError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{}\n",
        b'{"format":"other","version":1}\n',
        b'{"format":"twinrail-recording","version":99}\n',
        b"\xff\xfe\n",
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: pathlib.Path, head: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(head)
    with pytest.raises(RecordingError):
        read(path)


def test_bounds_of_lines_and_events(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "run.jsonl", Event(t=1), Event(t=2), Event(t=3))
    monkeypatch.setattr(recording, "EVENTS_MAX", 2)
    with pytest.raises(RecordingError, match="more than 2 events"):
        read(path)
    monkeypatch.setattr(recording, "LINE_BYTES_MAX", 20)
    with pytest.raises(RecordingError, match="20 bytes"):
        read(path)


def test_an_event_that_is_not_one_whole_frame_is_refused() -> None:
    good = frame(CARD_1987.frame, b"0800")
    for hexed in (good.hex() + "00", good.hex()[:-2], "zz"):
        with pytest.raises(RecordingError):
            payload_of(Event(t=0, hex=hexed), CARD_1987)
