"""A certificate authority for tests: it issues what a test needs, good or bad, into files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from twinrail.certificates import load_security
from twinrail.engine.transports.tls import Security
from twinrail.settings import LinkSettings

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else [])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """One CA whose files lie in a folder."""

    def __init__(self, folder: Path, name: str = "ca", *, ends: datetime = NOW + 10 * YEAR) -> None:
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"test {name}")
        builder = self._builder(self._name, self._key.public_key(), NOW - YEAR, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        known_by = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(known_by, critical=False)
        self.file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )

    def issue(
        self,
        name: str,
        *alternatives: str,
        common_name: str = "",
        begins: datetime = NOW - timedelta(days=30),
        ends: datetime = NOW + YEAR,
        password: bytes = b"",
    ) -> Issued:
        """Issue a certificate into files called `name`, for subject alternative names or for a common name only."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common_name), key.public_key(), begins, ends)
        signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(signed_by, critical=False)
        if alternatives:
            names = x509.SubjectAlternativeName([_alternative(text) for text in alternatives])
            builder = builder.add_extension(names, critical=not common_name)
        issued = Issued(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        certificate = builder.sign(self._key, hashes.SHA256())
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.touch(mode=0o600)
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
            )
        )
        return issued


def link_settings(**changes: Any) -> LinkSettings:
    """Give the settings of a card link; listening on a free port unless it connects."""
    where = {} if "connect" in changes else {"port": 0}
    return LinkSettings.model_validate({"name": "card", "profile": "card-1987"} | where | changes)


def accepting(authority: Authority, own: Issued, *names: str, **changes: Any) -> Security:
    """Give what secures a listening link: for peers of these names, or for everybody where there are none."""
    tls: dict[str, Any] = {"certificate": own.certificate, "key": own.key, "verify_peer": bool(names)}
    if names:
        tls |= {"ca": (authority.file,), "names": names}
    security = load_security(link_settings(tls=tls | changes))
    assert security is not None
    return security


def dialling(authority: Authority, own: Issued | None = None, **changes: Any) -> Security:
    """Give what secures a dialled link."""
    tls: dict[str, Any] = {"ca": (authority.file,)}
    if own is not None:
        tls |= {"certificate": own.certificate, "key": own.key}
    security = load_security(link_settings(connect=("localhost:1",), tls=tls | changes))
    assert security is not None
    return security
