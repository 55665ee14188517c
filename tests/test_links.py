"""Links out of settings: what they become, what is said of them, and certificates that are read again."""

import asyncio
import logging
from pathlib import Path

import pytest
from tests.engine.transports.authority import Authority, Issued, link_settings
from tests.engine.transports.line_rig import Network, lives, running
from tests.scenarios.wire import Wire, until

from twinrail.engine.transports.dial import Endpoint
from twinrail.errors import SettingsError
from twinrail.links import Links
from twinrail.settings import LimitSettings, LinkSettings, Settings


def tls(ca: Authority, own: Issued) -> dict[str, object]:
    return {"certificate": own.certificate, "key": own.key, "ca": [ca.file], "names": ["network.test"]}


def links(*each: LinkSettings, connections_max: int = 100) -> Links:
    settings = Settings(links=each, limits=LimitSettings(connections_max=connections_max))
    return Links(settings, settings.catalogue())


def test_settings_become_lines(tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    own = ca.issue("own", "issuer.test")
    made = links(
        link_settings(connections_per_address_max=3, tls=tls(ca, own) | {"handshakes_per_s_max": 7}),
        link_settings(
            name="visa",
            connect=("a.example:1", "[::1]:2"),
            connections=4,
            retry_first_s=1,
            retry_max_s=2,
            connect_timeout_s=3,
        ),
        connections_max=10,
    )
    (listener,), (dialler,) = made.listeners, made.diallers
    assert [line.name for line in made.lines] == ["card", "visa"]
    assert (listener.per_address_max, listener.handshakes._per_s) == (3, 7)
    assert listener.places.free == 6  # those who are dialled have theirs for themselves
    assert listener.security is not None
    assert made.are_secured
    assert dialler.endpoints == (Endpoint("a.example", 1), Endpoint("::1", 2))
    assert (dialler.wanted, dialler.redial.first_s, dialler.redial.max_s, dialler.redial.connect_s) == (4, 1, 2, 3)
    assert dialler.security is None


def test_ports_are_given_back_where_one_of_them_is_taken() -> None:
    free = links(link_settings())
    with free.ports():
        port = free.listeners[0].port
        assert free.listeners[0].bound is not None
        free.listeners[0].bound.listen()
        both = links(link_settings(name="one"), link_settings(name="two", port=port))
        with pytest.raises(SettingsError, match="link two: cannot listen"), both.ports():
            pytest.fail("the second port is taken")
        assert both.listeners[0].bound is None
    assert free.listeners[0].bound is None


async def _both(wire: Wire, network: Network) -> Links:
    await network.listen()
    made = links(link_settings(), link_settings(name="visa", connect=(f"127.0.0.1:{network.port}",)))
    await made.listen(wire.pump)
    return made


async def test_a_dialled_link_is_served_beside_a_listening_one_and_both_are_closed_at_the_end() -> None:
    network = Network()
    async with running() as wire:
        made = await _both(wire, network)
        async with made.dialling(wire.pump) as tasks:
            peer = await network.next()
            await lives(peer)
            status = made.status(wire.pump.switch)
            assert (status["visa"]["state"], status["visa"]["open"], status["visa"]["signed_on"]) == ("connected", 1, 0)
            assert (status["card"]["listening"], status["card"]["port"]) == (True, made.listeners[0].port)
            assert "certificate_days" not in status["card"]
        assert all(task.cancelled() for task in tasks)
        await lives(peer)
        made.stop_listening()
        closing = asyncio.create_task(made.close("drained"))
        assert await peer.ended()
        await closing
        assert not any(line.connections for line in made.lines)
        await network.close()
        await until(lambda: not wire.pump.switch.sessions)


async def test_certificates_are_read_again_and_kept_where_the_new_ones_do_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ca = Authority(tmp_path)
    own = ca.issue("own", "issuer.test")
    async with running() as wire:
        made = links(link_settings(tls=tls(ca, own)), link_settings(name="clear"))
        first = made.lines[0].security
        before = made.status(wire.pump.switch)["card"]["certificate_days"]
        ca.issue("own", "issuer.test")
        made.reload_certificates()
        second = made.lines[0].security
        assert second is not first
        assert made.status(wire.pump.switch)["card"]["certificate_days"] == before
        own.key.write_text("nonsense")
        made.reload_certificates()
        assert made.lines[0].security is second
        assert made.lines[1].security is None
    assert caplog.messages.count("certificates read again") == 1
    assert caplog.messages.count("certificates not read again") == 1


def test_a_link_whose_profile_has_a_mac_gets_its_key_and_one_that_has_none_is_refused(tmp_path: Path) -> None:
    profile = tmp_path / "north.toml"
    profile.write_text('from = "card-1987"\nname = "north"\n[mac]\nalgorithm = "aes-cmac"', encoding="utf-8")
    key = tmp_path / "key"
    key.write_text("2b7e151628aed2a6abf7158809cf4f3c", encoding="utf-8")
    key.chmod(0o400)

    def made(**own: object) -> Links:
        settings = Settings(links=(link_settings(), link_settings(name="mac", **own)), profiles=(profile,))
        return Links(settings, settings.catalogue())

    found = made(profile="north", mac_key_file=key)
    plain, secured = found.listeners
    assert found.authenticate(plain.profile) is None
    assert found.authenticate(secured.profile) is not None
    with pytest.raises(SettingsError, match=r"links\.mac\.mac_key_file: is required"):
        made(profile="north")
    with pytest.raises(SettingsError, match=r"links\.mac\.mac_key_file: the profile card-1987 has no mac"):
        made(mac_key_file=key)
