"""Bytes come back out of every way in which people write them down."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.wrapping import PLAIN, odd_hex, unwrapped


def rows_of(data: bytes, size: int = 16) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + size]) for at in range(0, len(data), size)]


def text_of(row: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)


def xxd(data: bytes) -> str:
    return "\n".join(f"{at:08x}: {row.hex(' ', -2):<39}  {text_of(row)}" for at, row in rows_of(data))


def hexdump_c(data: bytes) -> str:
    lines = [f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{text_of(row)}|" for at, row in rows_of(data)]
    return "\n".join([*lines, f"{len(data):08x}"])


def hexdump(data: bytes) -> str:
    words = [(at, row + bytes(len(row) % 2)) for at, row in rows_of(data)]
    lines = [
        f"{at:07x} " + " ".join(row[i : i + 2][::-1].hex() for i in range(0, len(row), 2)).ljust(39)
        for at, row in words
    ]
    return "\n".join([*lines, f"{len(data):07x}"])


def od(data: bytes) -> str:
    return "\n".join([*(f"{at:07o} {row.hex(' ')}" for at, row in rows_of(data)), f"{len(data):07o}"])


def wireshark(data: bytes) -> str:
    return "\n".join(f"{at:04x}   {row.hex(' '):<47}   {text_of(row)}" for at, row in rows_of(data))


def tcpdump(data: bytes) -> str:
    return "\n".join(f"\t0x{at:04x}:  {row.hex(' ', -2):<39}  {text_of(row)}" for at, row in rows_of(data))


WAYS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "capital hex in lines": lambda data: "\n".join(row.hex(" ").upper() for _, row in rows_of(data)),
    "C": lambda data: ", ".join(f"0x{byte:02x}" for byte in data),
    "escaped": lambda data: '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"',
    "dashes": lambda data: data.hex("-"),
    "base64": lambda data: base64.encodebytes(data).decode(),
    "xxd": xxd,
    "hexdump -C": hexdump_c,
    "hexdump": hexdump,
    "od -t x1": od,
    "Wireshark": wireshark,
    "tcpdump -X": tcpdump,
}


@pytest.mark.parametrize("way", WAYS)
@given(st.binary(min_size=1, max_size=100))
def test_bytes_come_back(way: str, data: bytes) -> None:
    assert data in [wrapped.data for wrapped in unwrapped(WAYS[way](data).encode())]


@given(st.binary(max_size=200) | st.text("0123456789abcdef *|:\nx.", max_size=200).map(str.encode))
def test_whatever_comes_is_given_in_a_few_ways_none_twice(content: bytes) -> None:
    found = [wrapped.data for wrapped in unwrapped(content)]
    assert len(found) == len(set(found)) <= 10
    assert not content or found


def test_repeated_lines_of_a_dump_are_filled_in_within_a_bound() -> None:
    dump = b"00000000  30 31 30 30  |0100|\n*\n00000010  39 37 38           |978|\n00000013\n"
    assert unwrapped(dump)[0].data == b"0100" * 4 + b"978"
    huge = b"00000000  30\n*\n" + b"ffffffff  31\n"
    assert len(unwrapped(huge)[0].data) <= len(huge)


def test_lines_whose_offsets_leave_gaps_are_no_dump() -> None:
    assert "hex dump" not in {wrapped.wrapping for wrapped in unwrapped(b"0000  30 31\n0010  32 33\n")}


def test_text_beside_the_bytes_is_not_read_as_bytes() -> None:
    dump = wireshark(b"\x30\x30\x20\x31\x31")  # its text is "00 11"
    assert unwrapped(dump.encode())[0].data == b"\x30\x30\x20\x31\x31"


def test_a_packet_is_given_without_the_headers_of_its_network() -> None:
    payload = b"0800822000000000"
    ip = bytes((0x45, 0)) + (40 + len(payload)).to_bytes(2, "big") + bytes(5) + b"\x06" + bytes(10)
    tcp = bytes(12) + b"\x50" + bytes(7)
    ethernet = bytes(12) + b"\x08\x00"
    padding = bytes(6)  # of a short Ethernet frame
    for packet in (ip + tcp + payload, ethernet + ip + tcp + payload + padding):
        found = unwrapped(wireshark(packet).encode())
        assert (found[0].wrapping, found[0].data) == ("hex dump, TCP packet", payload)
        assert packet in [wrapped.data for wrapped in found]


def test_a_last_line_end_may_be_the_editors() -> None:
    found = {wrapped.data: wrapped.wrapping for wrapped in unwrapped(b"0800!\r\n")}
    assert found == {b"0800!\r\n": PLAIN, b"0800!": PLAIN}


@pytest.mark.parametrize(
    ("text", "odd"), [(b"080", True), (b"08 0\n", True), (b"0800", False), (b"08x", False), (b"", False)]
)
def test_hex_that_lost_a_digit_is_told(text: bytes, odd: bool) -> None:  # noqa: FBT001 - a table
    assert odd_hex(text) is odd
