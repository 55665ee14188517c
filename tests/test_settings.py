"""Settings: where they come from, which wins, and what is refused without showing a value."""

import json
import tomllib
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from twinrail.errors import SettingsError
from twinrail.keys import database_url, read_key, token_key
from twinrail.schemas.iso8583.profiles import PROFILES, DeadlinePolicy
from twinrail.settings import LinkSettings, Section, Settings, load_settings, section_of

LINK = {"name": "card", "profile": "card-1987", "port": 0}
SECRET = "postgresql://twinrail:canary-7f3a@db/twinrail"


def write(folder: Path, text: str) -> Path:
    path = folder / "twinrail.toml"
    path.write_text(text, encoding="utf-8")
    return path


def every_section(section: type[Section]) -> Iterator[type[Section]]:
    yield section
    for name in section.model_fields:
        inner = section_of(section, name)
        if inner is not None:
            yield from every_section(inner)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_environment_wins_over_the_file_and_the_file_over_the_default(ours: int, theirs: int) -> None:
    text = f"[store]\nbatch_entries_max = {theirs}\n"
    given = tomllib.loads(text)
    assert Settings.model_validate(given).store.batch_entries_max == theirs
    assert load_settings(None, {"TWINRAIL_STORE__BATCH_ENTRIES_MAX": str(ours)}).store.batch_entries_max == ours


def test_layers_meet_in_one_table(tmp_path: Path) -> None:
    path = write(tmp_path, "[store]\nretry_max_s = 2\ncommand_poll_s = 3\n")
    settings = load_settings(path, {"TWINRAIL_STORE__RETRY_MAX_S": "0.5", "PATH": "/bin"})
    assert (settings.store.retry_max_s, settings.store.command_poll_s) == (0.5, 3)
    assert settings.store.batch_entries_max == 1000


def test_lists_and_tables_come_as_json() -> None:
    settings = load_settings(None, {"TWINRAIL_LINKS": json.dumps([LINK | {"allow": ["192.0.2.0/24"]}])})
    assert settings.links[0].allow == (IPv4Network("192.0.2.0/24"),)
    with pytest.raises(SettingsError, match="TWINRAIL_LINKS: must be JSON"):
        load_settings(None, {"TWINRAIL_LINKS": "card"})
    assert load_settings(None, {"TWINRAIL_FILES__INBOX": "a/inbox"}).files is not None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lopp = 'uvloop'", "lopp: there is no such setting"),
        ("[store]\nretry = 1", "store.retry: there is no such setting"),
        (
            "[[links]]\nname = 'a'\nprofile = 'card-1987'\nport = 1\nhsot = 'x'",
            "links.0.hsot: there is no such setting",
        ),
        ("partition = 'x'", "partition: "),
        ("[files]\npoll_s = 1", "files.inbox: "),
        ("[store]\nretry_max_s = inf", "store.retry_max_s: "),
        ("[[links]]\nname = 'a'\nprofile = 'card-1787'\nport = 1", "links.0: profile is not one of"),
    ],
)
def test_unknown_and_wrong_keys_are_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text), {})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "name", ["TWINRAIL_LOPP", "TWINRAIL_STORE__RETRY", "TWINRAIL_SOTRE__RETRY_MAX_S", "TWINRAIL_LOOP__X"]
)
def test_unknown_variables_are_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: there is no such setting"):
        load_settings(None, {name: "1"})


def test_variables_of_the_launcher_are_no_settings() -> None:
    load_settings(None, {"TWINRAIL_PYTHON": "x", "TWINRAIL_VENV": "y", "TWINRAIL_CONFIG": "z"})


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "absent.toml", {})
    with pytest.raises(SettingsError, match="not TOML"):
        load_settings(write(tmp_path, "a = "), {})


def test_no_error_and_no_representation_shows_the_database_url() -> None:
    assert "canary" not in repr(Settings(database_url=SECRET))
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"TWINRAIL_DATABASE_URL": "mysql://canary-7f3a"})
    assert "canary" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"TWINRAIL_DATABASE_URL": SECRET, "TWINRAIL_PARTITION": "canary-7f3a"})
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_are_frozen_and_every_section_refuses_strangers() -> None:
    for section in every_section(Settings):
        assert section.model_config.get("frozen"), section
        assert section.model_config.get("extra") == "forbid", section
        for name, field in section.model_fields.items():
            assert section_of(section, name) or field.description, f"{section.__name__}.{name} says nothing"
    with pytest.raises(ValidationError):
        Settings().partition = 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "token_key_file is required"),
        ("token_key_file = 'k'", "database_url or database_url_file is required"),
        ("token_key_file = 'k'\ndatabase_url_file = 'd'\n[store]\nallow_unsafe = true", "allow_unsafe is refused"),
    ],
)
def test_production_asks_for_more(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load_settings(write(tmp_path, f"environment = 'production'\n{text}"), {})


def test_links_override_their_profile() -> None:
    link = LinkSettings.model_validate(LINK | {"deadline_s": 0.5, "deadline_policy": "silent"})
    profile = link.link_profile(PROFILES)
    assert (profile.deadline_s, profile.deadline_policy) == (0.5, DeadlinePolicy.SILENT)
    assert profile.hold_expiry_s == PROFILES["card-1987"].hold_expiry_s
    assert LinkSettings.model_validate(LINK).link_profile(PROFILES) == PROFILES["card-1987"]
    assert LinkSettings.model_validate(LINK | {"network": "north"}).link_profile(PROFILES).counterpart == "north"
    with pytest.raises(SettingsError, match=r"links\.0: deadline_s is above 4\.5 for a card link"):
        load_settings(None, {"TWINRAIL_LINKS": json.dumps([LINK | {"deadline_s": 5}])})
    newer = LINK | {"name": "newer", "port": 1, "profile": "card-1993", "network": "card-1987"}
    with pytest.raises(SettingsError, match=r"links\.1: places or match"):
        load_settings(None, {"TWINRAIL_LINKS": json.dumps([LINK, newer])}).catalogue()
    instant = LINK | {"profile": "sct-inst", "deadline_s": 5}
    assert LinkSettings.model_validate(instant).link_profile(PROFILES).deadline_s == 5
    with pytest.raises(SettingsError, match="nobody stands in"):
        load_settings(None, {"TWINRAIL_LINKS": json.dumps([instant | {"deadline_policy": "silent"}])})
    with pytest.raises(SettingsError, match="same name"):
        load_settings(None, {"TWINRAIL_LINKS": json.dumps([LINK, LINK])})


def test_dialects_and_profiles_of_files_are_known_to_links(tmp_path: Path) -> None:
    north = tmp_path / "north.toml"
    north.write_text(
        """
        name = "north"
        from = "iso1987-bcd"
        [elements]
        52 = { name = "pin_block", kind = "b", length_kind = "llvar", length = 16, mask = "sensitive" }
        """
    )
    profile = tmp_path / "north-link.toml"
    profile.write_text('from = "card-1987-bcd"\nname = "north-link"\ndialect = "north"\ndeadline_s = 1.0')
    second = tmp_path / "second.toml"
    second.write_text('from = "north-link"\nname = "second"\nframe = "ascii4"')
    link = "[[links]]\nname = 'a'\nport = 0\nprofile = 'second'\ndeadline_s = 0.5"
    files = f"dialects = ['{north}']\nprofiles = ['{profile}', '{second}']\n"
    settings = load_settings(write(tmp_path, files + link), {})
    found = settings.links[0].link_profile(settings.catalogue().profiles)
    assert (found.name, found.dialect_name, found.frame.name, found.deadline_s) == ("second", "north", "ascii4", 0.5)
    with pytest.raises(SettingsError, match=r"second\.toml: from: is one of"):
        load_settings(write(tmp_path, f"dialects = ['{north}']\nprofiles = ['{second}']\n" + link), {})
    with pytest.raises(SettingsError, match=r"north-link\.toml: dialect: is one of"):
        load_settings(write(tmp_path, f"profiles = ['{profile}']\n" + link), {})
    with pytest.raises(SettingsError, match=r"links\.0: profile is not one of"):
        load_settings(write(tmp_path, link), {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(write(tmp_path, f"profiles = ['{tmp_path}/nowhere.toml']\n" + link), {})


def test_every_override_is_a_field_of_link_and_profile() -> None:
    own = (
        {"name", "profile", "connect", "tls", "mac_key_file", "mac_previous_key_file"}
        | LinkSettings.LISTENING
        | LinkSettings.DIALLED
    )
    assert set(LinkSettings.model_fields) - own == set(LinkSettings.OVERRIDES)


DIALLED = {"name": "card", "profile": "card-1987", "connect": ["switch.example:8583"]}
OWN = {"certificate": "c", "key": "k"}


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ({"name": "card", "profile": "card-1987"}, "port (to listen) or connect (to dial) is required"),
        (DIALLED | {"port": 1}, "port cannot be set for a link that is dialled"),
        (DIALLED | {"host": "x", "allow": []}, "allow, host cannot be set for a link that is dialled"),
        (DIALLED | {"connections_max": 1}, "connections_max cannot be set"),
        (LINK | {"connections": 2}, "connections cannot be set for a link that is listening"),
        (LINK | {"retry_max_s": 2, "retry_first_s": 1}, "retry_first_s, retry_max_s cannot be set"),
        (DIALLED | {"connect": ["switch.example:65536"]}, "a port is above 65535"),
        (LINK | {"tls": {}}, "tls.certificate and tls.key are required to listen"),
        (LINK | {"tls": {"certificate": "c"}}, "certificate and key belong together"),
        (LINK | {"tls": OWN}, "tls.names says who may connect"),
        (LINK | {"tls": OWN | {"names": ["a"]}}, "tls.ca says whose certificates count"),
        (LINK | {"tls": OWN | {"verify_peer": False, "names": ["a"]}}, "tls.names says who may connect"),
        (LINK | {"tls": OWN | {"verify_peer": False, "ca": ["a"]}}, "tls.ca says whose certificates count"),
        (DIALLED | {"tls": {}}, "tls.ca says whose certificates count"),
        (DIALLED | {"tls": {"ca": ["a"], "verify_peer": False}}, "cannot be switched off"),
        (DIALLED | {"tls": {"ca": ["a"], "names": ["a", "b"]}}, "at most one name"),
    ],
)
def test_a_link_listens_or_connects_and_its_tls_is_whole(link: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LinkSettings.model_validate(link)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:0", ":1", "host:1:2", "::1:5", "ho st:1", "host:x", "[x]:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LinkSettings.model_validate(DIALLED | {"connect": [text]})


def test_addresses_to_dial_are_hosts_and_ports() -> None:
    link = LinkSettings.model_validate(DIALLED | {"connect": ["a.example:1", "192.0.2.1:65535", "[2001:db8::1]:8583"]})
    assert link.endpoints() == (("a.example", 1), ("192.0.2.1", 65535), ("2001:db8::1", 8583))


def test_dialled_connections_fit_into_the_limit_of_all() -> None:
    for most, fits in ((4, True), (3, False)):
        given = {"links": [DIALLED | {"connections": 4}], "limits": {"connections_max": most}}
        if fits:
            Settings.model_validate(given)
        else:
            with pytest.raises(ValidationError, match="is below the connections of the links that are dialled"):
                Settings.model_validate(given)


def test_only_loopback_may_connect_by_default_and_an_empty_list_is_nobody() -> None:
    assert all(network.is_loopback for network in LinkSettings.model_validate(LINK).allow)
    assert LinkSettings.model_validate(LINK | {"allow": []}).allow == ()


def test_folders_lie_beside_the_inbox_unless_said_otherwise(tmp_path: Path) -> None:
    files = load_settings(write(tmp_path, "[files]\ninbox = 'in/box'\nwork = 'elsewhere'"), {}).files
    assert files is not None
    assert (files.outbox, files.work, files.quarantine) == (Path("in/outbox"), Path("elsewhere"), Path("in/quarantine"))


# Secrets


def test_a_key_is_made_once_in_development_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    key = token_key(settings)
    assert len(key) == 32
    assert token_key(settings) == key
    assert (tmp_path / "state" / "token.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["token.key"]


@pytest.mark.parametrize(
    ("mode", "good"), [(0o400, True), (0o440, True), (0o444, False), (0o620, False), (0o602, False)]
)
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int, *, good: bool) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(range(32)))
    path.chmod(mode)
    if good:
        assert read_key(path, name="token_key_file") == bytes(range(32))
    else:
        with pytest.raises(SettingsError, match=r"token_key_file: .* is open to others"):
            read_key(path, name="token_key_file")


@pytest.mark.parametrize("content", [b"", b"\n", b"abc", b"zz" * 32, b"0" * 70_000])
def test_a_file_without_a_key_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o400)
    with pytest.raises(SettingsError) as caught:
        read_key(path, name="token_key_file")
    assert content.decode()[:8].strip() not in str(caught.value) or not content.strip()


def test_the_database_url_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(SECRET + "\n", encoding="utf-8")
    path.chmod(0o400)
    assert database_url(Settings(database_url_file=path)) == SECRET
    assert database_url(Settings()) is None
    path.chmod(0o600)
    path.write_text("canary-7f3a", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        database_url(Settings(database_url_file=path))
    assert "canary" not in str(caught.value)


def test_the_example_is_valid(tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[1] / "twinrail.toml.example"
    settings = load_settings(write(tmp_path, example.read_text(encoding="utf-8")), {})
    assert settings.environment == "production"
    assert [link.name for link in settings.links] == ["northbank", "instant"]
