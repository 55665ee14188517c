"""TLS without a socket: two channels that feed each other, whole or byte by byte, honest or not."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.transports.authority import NOW, YEAR, Authority, Issued, accepting, dialling

from twinrail.engine.transports.tls import HANDSHAKE_BYTES_MAX, Channel, Security, TlsError, names_of

CHUNKS = st.lists(st.integers(1, 700), min_size=1, max_size=20)


class Pair:
    """A CA, our certificate and a network's."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.engine = self.ca.issue("engine", "issuer.test")
        self.network = self.ca.issue("network", "network.test")

    def accepts(self, *names: str, **changes: Any) -> Security:
        return accepting(self.ca, self.engine, *names, **changes)

    def dials(self, own: Issued | None = None, **changes: Any) -> Security:
        return dialling(self.ca, own or self.network, **changes)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("tls"))


def shake(accepts: Channel, dials: Channel) -> None:
    """Carry flights to and fro until both are established; TlsError as soon as one of them refuses."""
    dials.start()
    while True:
        to_server, to_client = dials.pending(), b""
        if to_server:
            assert accepts.receive(to_server) == b""
        to_client = accepts.pending()
        if to_client:
            assert dials.receive(to_client) == b""
        if not to_server and not to_client:
            return


def ends(pair: Pair, *names: str, name: str = "issuer.test") -> tuple[Channel, Channel]:
    return Channel(pair.accepts(*names)), Channel(pair.dials(), server_name=name)


@given(messages=st.lists(st.binary(max_size=40_000), max_size=5), chunks=CHUNKS)
def test_what_one_end_encrypts_the_other_reads_however_it_is_cut(
    pair: Pair, messages: list[bytes], chunks: list[int]
) -> None:
    accepts, dials = ends(pair, "network.test")
    shake(accepts, dials)
    assert accepts.established
    assert dials.established
    session = dials._tls.session
    assert session is not None
    assert not session.has_ticket  # nothing that a later handshake could rest on
    for sender, reader in ((dials, accepts), (accepts, dials)):
        wire = b"".join(sender.encrypt(message) for message in messages)
        heard, turn = b"", 0
        while wire:
            size = chunks[turn % len(chunks)] * (1 + turn)
            heard += reader.receive(wire[:size])
            wire, turn = wire[size:], turn + 1
        assert heard == b"".join(messages)


@given(chunks=CHUNKS)
def test_a_handshake_byte_by_byte_is_the_same_handshake(pair: Pair, chunks: list[int]) -> None:
    accepts, dials = ends(pair, "network.test")
    dials.start()
    turn = 0
    while not (accepts.established and dials.established):
        for sender, reader in ((dials, accepts), (accepts, dials)):
            wire = sender.pending()
            while wire:
                size, turn = chunks[turn % len(chunks)], turn + 1
                assert reader.receive(wire[:size]) == b""
                wire = wire[size:]
    assert accepts.version == dials.version == "TLSv1.3"


def test_the_first_message_may_come_with_the_last_flight_and_waits_for_the_name(pair: Pair) -> None:
    """In TLS 1.3 the dialling end is done first, and what it sends follows its certificate at once."""
    for name, admitted in (("network.test", True), ("other.test", False)):
        accepts, dials = ends(pair, name)
        dials.start()
        accepts.receive(dials.pending())
        dials.receive(accepts.pending())
        flight = dials.pending() + dials.encrypt(b"0800")
        if admitted:
            assert accepts.receive(flight) == b"0800"
        else:
            with pytest.raises(TlsError, match="bears no name of this link"):
                accepts.receive(flight)
            assert not accepts.established


def test_a_notice_of_the_end_is_seen_and_what_came_before_it_too(pair: Pair) -> None:
    accepts, dials = ends(pair, "network.test")
    shake(accepts, dials)
    last = dials.encrypt(b"last") + dials.farewell()
    assert (accepts.receive(last), accepts.ended) == (b"last", True)
    assert accepts.farewell()
    with pytest.raises(TlsError, match="tls: "):
        accepts.encrypt(b"later")


def test_there_is_nobody_to_take_leave_of_before_the_handshake(pair: Pair) -> None:
    accepts, _ = ends(pair, "network.test")
    assert accepts.farewell() == b""


@pytest.mark.parametrize(
    "first", [b"\0\x16" + b"0800" * 6, b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\x16\x03\x01\xff\xff"]
)
def test_what_is_no_handshake_is_refused_in_words_that_repeat_none_of_it(pair: Pair, first: bytes) -> None:
    accepts, _ = ends(pair, "network.test")
    with pytest.raises(TlsError) as caught:
        accepts.receive(first + bytes(100))
    assert str(caught.value).startswith("tls: ")
    assert "0800" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_handshake_has_a_bound(pair: Pair) -> None:
    accepts, dials = ends(pair, "network.test")
    dials.start()
    hello = dials.pending()
    # Records of a message that claims 16 MiB.
    endless = (hello[:3] + (1000).to_bytes(2) + b"\x01\xff\xff\xff" + bytes(996)) * (HANDSHAKE_BYTES_MAX // 1000)
    with pytest.raises(TlsError, match="tls: "):
        accepts.receive(endless)
    assert not accepts.established


def test_a_handshake_in_crumbs_has_a_bound(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinrail.engine.transports.tls.HANDSHAKE_BYTES_MAX", 100)
    accepts, dials = ends(pair, "network.test")
    dials.start()
    hello = dials.pending()
    assert accepts.receive(hello[:100]) == b""
    with pytest.raises(TlsError, match="handshake too long"):
        accepts.receive(hello[100:101])


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        ({}, set()),
        ({"subject": ((("commonName", "Bank.Test"),),)}, {"bank.test"}),
        ({"subject": ((("commonName", "a"),),), "subjectAltName": (("DNS", "B"), ("IP Address", "::1"))}, {"b", "::1"}),
        ({"subject": ((("commonName", "a"),),), "subjectAltName": (("DirName", "x"),)}, {"a"}),
        ({"subject": ((("organizationName", "a"),), (("commonName", "b"),))}, {"b"}),
    ],
)
def test_the_names_of_a_certificate(certificate: Mapping[str, Any], names: set[str]) -> None:
    assert names_of(certificate) == names


def test_a_link_that_asks_for_certificates_without_naming_any_admits_nobody(pair: Pair) -> None:
    wanted = pair.accepts("network.test")
    nobody = Security(context=wanted.context, names=(), expiries={})
    assert nobody.context.verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(TlsError, match="bears no name"):
        shake(Channel(nobody), Channel(pair.dials(), server_name="issuer.test"))


@pytest.mark.parametrize("alternatives", [("issuer.test",), ("127.0.0.1",), ()])
def test_a_dialled_name_is_always_verified(pair: Pair, alternatives: tuple[str, ...]) -> None:
    own = pair.ca.issue("dialled", *alternatives, common_name="issuer.test", ends=NOW + YEAR)
    for name in ("issuer.test", "127.0.0.1", "other.test"):
        accepts, dials = Channel(accepting(pair.ca, own)), Channel(pair.dials(), server_name=name)
        if name in alternatives:
            shake(accepts, dials)
            assert dials.established
        else:  # neither another name nor a common name alone
            with pytest.raises(TlsError, match="certificate verify failed"):
                shake(accepts, dials)
