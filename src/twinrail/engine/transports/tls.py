"""TLS of one connection without a socket: ciphertext in, plaintext and ciphertext out, identity checked in between.

The connection keeps its plain transport and passes what it reads through a `Channel`. So one order holds on every event
loop: allow-list, handshake, identity, and only then the first byte for the switch; a byte that was sent before the
handshake is part of the handshake or its end (CVE-2023-40217). And what waits for a slow peer lies in one buffer, that
of the transport, since every write is encrypted at once.
"""

import contextlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

READ_BYTES = 64 * 1024  # plaintext taken from OpenSSL in one go
# Ciphertext of a handshake, both flights with long chains of certificates; OpenSSL itself takes 100 KiB of them.
HANDSHAKE_BYTES_MAX = 128 * 1024


class TlsError(Exception):
    """A handshake or a record that is refused; the text is constant, out of this module or of OpenSSL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How the connections of one link are secured.

    `names` are what a peer that connects must be called (one of them); a network that is dialled must be called
    `server_name`, or what was dialled where that is empty. `expiries` are the ends of what the handshake rests on, unix
    seconds by what ends.
    """

    context: ssl.SSLContext
    names: tuple[str, ...] = ()
    server_name: str = ""
    handshake_s: float = 5.0
    expiries: Mapping[str, float]


def names_of(certificate: Mapping[str, Any]) -> set[str]:
    """Give the names in a verified certificate, as `getpeercert` shows it, in lower case.

    The common name counts only where there is no subject alternative name (RFC 6125, 6.4.4).
    """
    kinds = ("DNS", "IP Address", "URI", "email")
    names = {str(name).lower() for kind, name in certificate.get("subjectAltName", ()) if kind in kinds}
    if names:
        return names
    subject: Sequence[Sequence[tuple[str, str]]] = certificate.get("subject", ())
    return {value.lower() for parts in subject for key, value in parts if key == "commonName"}


class Channel:
    """One end of a TLS connection."""

    def __init__(self, security: Security, *, server_name: str | None = None) -> None:
        """Take the accepting end, or with a `server_name` the dialling one, which checks it."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = security.context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._names = frozenset(name.lower() for name in security.names)
        self._asks = server_name is None and security.context.verify_mode is not ssl.CERT_NONE
        self._shaken = 0  # bytes of the handshake so far
        self.established = False
        self.ended = False  # the peer has said that it sends nothing more

    @property
    def version(self) -> str:
        """Give the version that was agreed."""
        return self._tls.version() or ""

    def start(self) -> None:
        """Have the first flight of the dialling end written; the accepting end waits for it."""
        self._shake()

    def receive(self, data: bytes) -> bytes:
        """Take ciphertext and give the plaintext in it, none before the peer is known; TlsError ends the connection."""
        self._incoming.write(data)
        if not self.established:
            self._shaken += len(data)
            if not self._shake():
                if self._shaken > HANDSHAKE_BYTES_MAX:
                    raise TlsError("tls: handshake too long")
                return b""
        plain = []
        try:
            while chunk := self._tls.read(READ_BYTES):
                plain.append(chunk)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # both have taken leave
            self.ended = True
        except ssl.SSLError as error:
            raise TlsError(_why(error)) from None
        return plain[0] if len(plain) == 1 else b"".join(plain)

    def encrypt(self, data: bytes) -> bytes:
        """Give the ciphertext of what is to be sent, all of it: writing to memory never waits."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]  # a record at a time
        except ssl.SSLError as error:
            raise TlsError(_why(error)) from None
        return self._outgoing.read()

    def pending(self) -> bytes:
        """Take what TLS itself has to say: flights of the handshake, alerts."""
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Give the notice that nothing more is sent, where there is anybody to read it."""
        if self.established:
            with contextlib.suppress(ssl.SSLError, ValueError):  # the peer's own notice is not waited for
                self._tls.unwrap()
        return self._outgoing.read()

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise TlsError(_why(error)) from None
        if self._asks and not self._names & names_of(self._tls.getpeercert() or {}):
            raise TlsError("tls: the peer's certificate bears no name of this link")
        self.established = True
        return True


def _why(error: ssl.SSLError) -> str:
    """Say what OpenSSL refused in its own words, which hold nothing that was sent."""
    reason = (error.reason or type(error).__name__).replace("_", " ").lower()
    detail = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    return f"tls: {reason}" + (f" ({detail})" if detail else "")
