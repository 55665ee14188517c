"""Certificates: files that do not fit are refused by name, and the end of those that do is announced in time."""

import logging
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.transports.authority import NOW, YEAR, Authority, Issued, accepting, dialling, link_settings

from twinrail.certificates import DAY_S, ExpiryWatch, days_left, load_security
from twinrail.engine.transports.tls import Security
from twinrail.errors import SettingsError


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_link_without_tls_has_no_security() -> None:
    assert load_security(link_settings()) is None


def test_what_secures_a_listening_and_a_dialled_link(ca: Authority) -> None:
    own = ca.issue("own", "issuer.test")
    listening = accepting(ca, own, "network.test", handshake_timeout_s=2, version_min="1.3")
    assert listening.names == ("network.test",)
    assert listening.handshake_s == 2
    assert listening.context.verify_mode is ssl.CERT_REQUIRED
    assert listening.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert accepting(ca, own).context.verify_mode is ssl.CERT_NONE
    dialled = dialling(ca, names=("switch.test",))
    assert (dialled.server_name, dialled.names) == ("switch.test", ())
    assert dialled.context.verify_mode is ssl.CERT_REQUIRED
    assert dialled.context.check_hostname
    assert dialled.context.minimum_version is ssl.TLSVersion.TLSv1_2


def _open_to_others(ca: Authority, own: Issued) -> tuple[Issued, Path]:
    own.key.chmod(0o644)
    return own, ca.file


def _of_another(ca: Authority, own: Issued) -> tuple[Issued, Path]:
    return Issued(own.certificate, ca.issue("another", "issuer.test").key), ca.file


def _encrypted(ca: Authority, _own: Issued) -> tuple[Issued, Path]:
    return ca.issue("encrypted", "issuer.test", password=b"canary-7f3a"), ca.file


def _absent(ca: Authority, own: Issued) -> tuple[Issued, Path]:
    return Issued(own.certificate.with_name("absent"), own.key), ca.file


def _no_ca(ca: Authority, own: Issued) -> tuple[Issued, Path]:
    return own, ca.file.with_name("absent")


def _no_pem(ca: Authority, own: Issued) -> tuple[Issued, Path]:
    ca.file.write_text("canary-7f3a")
    return own, ca.file


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_open_to_others, "link card: tls.key: .* is open to others: chmod"),
        (_of_another, "link card: tls: certificate and key cannot be used .*mismatch"),
        (_encrypted, "link card: tls: certificate and key cannot be used"),
        (_absent, "link card: tls: certificate and key cannot be used .*no such file"),
        (_no_ca, "link card: tls.ca: .* cannot be read as PEM .*no such file"),
        (_no_pem, "link card: tls.ca: .* cannot be read as PEM"),
    ],
)
def test_files_that_do_not_fit_are_named_and_not_shown(
    ca: Authority, spoil: Callable[[Authority, Issued], tuple[Issued, Path]], named: str
) -> None:
    own, ca_file = spoil(ca, ca.issue("own", "issuer.test"))
    tls = {"certificate": own.certificate, "key": own.key, "ca": [ca_file], "names": ["network.test"]}
    with pytest.raises(SettingsError, match=named) as caught:
        load_security(link_settings(tls=tls))
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", [".switch.test", "a" * 64 + ".test"])
def test_a_name_that_no_certificate_can_bear_is_refused_before_anybody_is_dialled(ca: Authority, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be the name in a certificate"):
        dialling(ca, names=(name,))


# Until they end


def test_what_ends_first_counts_of_our_own_and_what_ends_last_of_authorities(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = Authority(tmp_path / "old", ends=NOW + timedelta(days=3))
    own = ca.issue("own", "issuer.test", ends=NOW + YEAR)
    chain = own.certificate.read_bytes() + old.file.read_bytes()
    own.certificate.write_bytes(chain)
    security = accepting(ca, own, "network.test", ca=(old.file, ca.file))
    now = NOW.timestamp()
    assert security.expiries["certificate"] - now == 3 * DAY_S
    assert security.expiries["ca"] - now == 10 * YEAR.total_seconds()
    assert days_left(security, now) == 3


def ending(in_days: float) -> Security:
    return Security(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), expiries={"certificate": in_days * DAY_S})


class LogCapture(logging.Handler):
    """What is logged about certificates within a block."""

    def __enter__(self) -> list[logging.LogRecord]:
        self.heard: list[logging.LogRecord] = []
        logging.getLogger("twinrail.certificates").addHandler(self)
        return self.heard

    def __exit__(self, *_: object) -> None:
        logging.getLogger("twinrail.certificates").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


def test_the_end_is_announced_30_7_and_1_days_before_and_when_it_has_come(caplog: pytest.LogCaptureFixture) -> None:
    watch, security = ExpiryWatch(), ending(100)
    for day in range(0, 110, 1):
        for _ in range(3):
            watch.look("card", security, day * DAY_S)
    said = [(record.levelno, record.message, record.__dict__["days"]) for record in caplog.records]
    assert said == [
        (logging.WARNING, "certificate ends soon", 30),
        (logging.WARNING, "certificate ends soon", 7),
        (logging.ERROR, "certificate ends soon", 1),
        (logging.ERROR, "certificate has ended", 0),
    ]


@given(st.floats(-10, 200))
def test_at_a_start_one_line_says_it_all(days: float) -> None:
    with LogCapture() as heard:
        ExpiryWatch().look("card", ending(days), 0)
    assert len(heard) == (days <= 30)


def test_a_certificate_that_took_the_place_of_another_has_alerts_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    watch = ExpiryWatch()
    watch.look("card", ending(5), 0)
    watch.look("card", ending(6), 0)
    watch.look("other", ending(6), 0)
    assert len(caplog.records) == 3
