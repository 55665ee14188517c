"""What the doctor finds on a machine that lacks something; each finding names its remedy."""

import resource
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from tests.engine.transports.authority import NOW, Authority

from twinrail import doctor
from twinrail.doctor import Finding, Grade
from twinrail.settings import FileSettings, LimitSettings, LinkSettings, Settings


def link(port: int, **changes: object) -> LinkSettings:
    return LinkSettings.model_validate({"name": "card", "profile": "card-1987", "port": port} | changes)


def one(findings: list[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def test_a_port_that_is_taken_fails_and_a_free_one_does_not(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(state_dir=tmp_path, links=(link(taken.getsockname()[1]),))
        found = one(list(doctor._links(settings)), "link card")
    assert (found.grade, bool(found.remedy)) == (Grade.FAIL, True)
    assert one(list(doctor._links(Settings(state_dir=tmp_path, links=(link(0),)))), "link card").grade is Grade.OK


def test_an_empty_allow_list_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, links=(link(0, allow=[]),))
    assert one(list(doctor._links(settings)), "link card").grade is Grade.WARN


def test_a_network_that_cannot_be_reached_is_a_warning_and_one_that_can_is_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as network:
        there = f"127.0.0.1:{network.getsockname()[1]}"
        for addresses, grade in (([there], Grade.OK), ([there, "nobody.invalid:1"], Grade.WARN)):
            dialled = LinkSettings.model_validate({"name": "visa", "profile": "card-1987", "connect": addresses})
            found = one(list(doctor._links(Settings(state_dir=tmp_path, links=(dialled,)))), "link visa")
            assert found.grade is grade
    assert "nobody.invalid:1" in found.text
    assert there not in found.text


def test_certificates_are_looked_at_before_they_end(tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    for days, grade in ((31, Grade.OK), (29, Grade.WARN), (-1, Grade.FAIL)):
        own = ca.issue(f"own{days}", "issuer.test", ends=NOW + timedelta(days=days, hours=1))
        tls = {"certificate": own.certificate, "key": own.key, "verify_peer": False}
        settings = Settings(links=(link(0, tls=tls),))
        assert one(list(doctor._certificates(settings)), "tls card").grade is grade
    own.key.chmod(0o644)
    found = one(list(doctor._certificates(settings)), "tls card")
    assert (found.grade, "chmod" in found.text) == (Grade.FAIL, True)
    assert list(doctor._certificates(Settings(links=(link(0),)))) == []


def test_too_few_descriptors_fail() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    settings = Settings(limits=LimitSettings(connections_max=300))
    try:
        for allowed, grade in ((499, Grade.FAIL), (500, Grade.OK)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            assert one(list(doctor._descriptors(settings)), "file descriptors").grade is grade
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_disk_is_measured_where_the_state_will_lie(tmp_path: Path) -> None:
    findings = list(doctor._disk(Settings(state_dir=tmp_path / "not" / "yet" / "there")))
    assert str(tmp_path) in one(findings, "disk").text
    assert "median" in one(findings, "fsync").text
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_file_folders_need_one_file_system(tmp_path: Path) -> None:
    together = Settings(files=FileSettings.model_validate({"inbox": tmp_path / "inbox"}))
    assert one(list(doctor._folders(together)), "file folders").grade is Grade.OK
    apart = Settings(files=FileSettings.model_validate({"inbox": tmp_path / "inbox", "work": "/proc/work"}))
    assert one(list(doctor._folders(apart)), "file folders").grade is Grade.FAIL
    assert list(doctor._folders(Settings())) == []


def test_a_key_that_others_can_read_fails(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    found = one(list(doctor._key(Settings(token_key_file=key))), "token key")
    assert found.grade is Grade.FAIL
    assert "chmod" in found.text


def test_an_unreachable_database_fails_without_its_address(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, database_url="postgresql://u:canary-7f3a@127.0.0.1:1/d")
    (found,) = doctor._postgres(settings)
    assert found.grade is Grade.FAIL
    assert "canary" not in found.text


def test_the_exit_code_follows_the_worst_finding(capsys: pytest.CaptureFixture[str]) -> None:
    well, warned, failed = (Finding("x", grade, "text", "remedy") for grade in Grade)
    assert doctor.report(iter([well, warned]), as_json=False) == 0
    assert doctor.report(iter([failed, well]), as_json=True) == 3
    assert "-> remedy" in capsys.readouterr().out


def test_a_state_folder_that_cannot_be_made_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = one(list(doctor._postgres(Settings(state_dir=tmp_path / "file" / "state"))), "postgresql")
    assert found.grade is Grade.FAIL
    assert "set database_url" in found.remedy
