"""Certificates: what the settings of a link name, read and made ready, and looked after until they end.

Files are read at the start and at SIGHUP; connections that are open keep what they began with. Two certificates of a
peer overlap by listing the CAs of both, our own are exchanged by replacing the files.
"""

import logging
import ssl
from pathlib import Path

from twinrail.engine.transports.tls import Security
from twinrail.errors import SettingsError
from twinrail.keys import read_secret
from twinrail.settings import LinkSettings

_LOG = logging.getLogger("twinrail.certificates")
ALERT_DAYS = (0, 1, 7, 30)  # before the end of a certificate
ERROR_DAYS = 1  # up to here an alert is an error, before it a warning
DAY_S = 86_400
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def load_security(link: LinkSettings) -> Security | None:
    """Make ready what secures a link; None where it has no [links.tls].

    SettingsError where a file is missing, open to others, or does not fit; certificates that have ended are no error
    here, since the peer is the one to refuse them.
    """
    tls = link.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if link.connect else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.version_min]
    # Links stay open for days: a resumed session spares nothing, and would let a handshake rest on an earlier one.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    if link.connect:
        context.hostname_checks_common_name = False
    else:
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_REQUIRED if tls.verify_peer else ssl.CERT_NONE
    where = f"link {link.name}: tls"
    expiries = {}
    if tls.certificate is not None and tls.key is not None:
        _load_own(context, tls.certificate, tls.key, where)
        expiries["certificate"] = min(_ends_of(tls.certificate, f"{where}.certificate"))
    for path in tls.ca:
        try:
            context.load_verify_locations(cafile=path)
        except OSError as error:  # an ssl.SSLError is one
            raise SettingsError(f"{where}.ca: {path} cannot be read as PEM ({_said(error)})") from None
    if tls.ca:
        expiries["ca"] = max(end for path in tls.ca for end in _ends_of(path, f"{where}.ca"))
    handshake_s = tls.handshake_timeout_s
    if not link.connect:
        return Security(context=context, names=tls.names, handshake_s=handshake_s, expiries=expiries)
    for name in tls.names or [host for host, _ in link.endpoints()]:
        try:
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
        except ValueError:
            raise SettingsError(f"{where}: {name} cannot be the name in a certificate") from None
    server_name = tls.names[0] if tls.names else ""
    return Security(context=context, server_name=server_name, handshake_s=handshake_s, expiries=expiries)


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path, where: str) -> None:
    read_secret(key, name=f"{where}.key")  # for its mode
    try:
        context.load_cert_chain(certificate, key, password="")  # never ask a terminal for one
    except OSError as error:
        text = f"{where}: certificate and key cannot be used ({_said(error)}): both PEM, the key its own and in clear?"
        raise SettingsError(text) from None


def _said(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or type(error).__name__).replace("_", " ").lower()


def _ends_of(path: Path, where: str) -> list[float]:
    """Give when the certificates of a file end, unix seconds."""
    from cryptography import x509  # noqa: PLC0415 - 30 ms that only links with TLS need

    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{where}: {path} cannot be read as PEM ({type(error).__name__})") from None
    return [certificate.not_valid_after_utc.timestamp() for certificate in certificates]


def days_left(security: Security, now: float) -> float:
    """Give for how many days a link's certificates are good at `now` (unix seconds); negative when one has ended."""
    return min((end - now) / DAY_S for end in security.expiries.values())


class ExpiryWatch:
    """Says once for each of ALERT_DAYS that a certificate is about to end; ask it often."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, float], int] = {}

    def look(self, link: str, security: Security, now: float) -> None:
        """Log what has become due for a link at `now` (unix seconds)."""
        for what, end in security.expiries.items():
            days = (end - now) / DAY_S
            due = next((limit for limit in ALERT_DAYS if days <= limit), None)
            if due is None or self._told.get((link, what, end)) == due:
                continue
            self._told[link, what, end] = due
            level = logging.ERROR if due <= ERROR_DAYS else logging.WARNING
            text = "certificate ends soon" if due else "certificate has ended"
            _LOG.log(level, text, extra={"link": link, "file": what, "days": round(days, 1)})
