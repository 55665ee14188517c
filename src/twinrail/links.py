"""Links: made out of settings, opened, looked after and closed, listening and dialled ones alike."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator

from twinrail.catalogue import Catalogue
from twinrail.certificates import ExpiryWatch, days_left, load_security
from twinrail.engine.card_session import Authenticates
from twinrail.engine.switch import Switch
from twinrail.engine.transports.dial import Dialler, Endpoint, Redial
from twinrail.engine.transports.listen import Listener, Rate
from twinrail.engine.transports.pump import Pump
from twinrail.engine.transports.tcp import Line, Places
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.settings import LinkSettings, Settings

_LOG = logging.getLogger("twinrail.links")


def listener(link: LinkSettings, profile: LinkProfile, places: Places) -> Listener:
    """Make a listening link; it takes its port, so SettingsError where that is taken."""
    made = Listener(
        name=link.name,
        profile=profile,
        host=link.host,
        port=link.port or 0,
        allow=link.allow,
        connections_max=link.connections_max,
        per_address_max=link.connections_per_address_max or 0,
        places=places,
        security=load_security(link),
    )
    if link.tls is not None:
        made.handshakes = Rate(link.tls.handshakes_per_s_max)
    return made


def dialler(link: LinkSettings, profile: LinkProfile, draw: Callable[[], float]) -> Dialler:
    """Make a dialled link; `draw` gives the jitter of its pauses, 0 to below 1."""
    return Dialler(
        name=link.name,
        profile=profile,
        endpoints=tuple(Endpoint(host, port) for host, port in link.endpoints()),
        wanted=link.connections,
        redial=Redial(first_s=link.retry_first_s, max_s=link.retry_max_s, connect_s=link.connect_timeout_s),
        draw=draw,
        security=load_security(link),
    )


def _authenticator(link: LinkSettings, profile: LinkProfile) -> Authenticates | None:
    """Make what authenticates the messages of a link; which key it has is logged by its check value."""
    from twinrail.mac_keys import authenticator  # noqa: PLC0415 - loads cryptography, only where a link has a MAC

    made = authenticator(profile, link.mac_key_file, link.mac_previous_key_file, name=f"links.{link.name}")
    if made is not None:
        _LOG.info("message authentication", extra={"link": link.name, "key_check_values": made.key_check_values})
    return made


class Links:
    """All links of an engine; SettingsError where the files of one cannot be used."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        profiles = {link.name: link.link_profile(catalogue.profiles) for link in settings.links}
        dialled = [link for link in settings.links if link.connect]
        # Dialled connections have their places for themselves: nobody who connects can take them.
        places = Places(settings.limits.connections_max - sum(link.connections for link in dialled))
        draw = random.SystemRandom().random
        self.listeners = [listener(link, profiles[link.name], places) for link in settings.links if not link.connect]
        self.diallers = [dialler(link, profiles[link.name], draw) for link in dialled]
        self._settings = {link.name: link for link in settings.links}
        self._authenticators = [
            (profile, _authenticator(link, profile))
            for link in settings.links
            if (profile := profiles[link.name]).mac is not None or link.mac_key_file or link.mac_previous_key_file
        ]
        self._expiries = ExpiryWatch()

    @property
    def networks(self) -> dict[str, LinkProfile]:
        """Give the profile by which each network is spoken to, that of its first link."""
        found: dict[str, LinkProfile] = {}
        for line in self.lines:
            found.setdefault(line.profile.counterpart, line.profile)
        return found

    def authenticate(self, profile: LinkProfile) -> Authenticates | None:
        """Give what authenticates the messages of the link that has this very profile, None for nothing."""
        return next((one for known, one in self._authenticators if known is profile), None)

    @property
    def lines(self) -> list[Line]:
        """Give all links."""
        return [*self.listeners, *self.diallers]

    @property
    def are_secured(self) -> bool:
        """Say whether any link has TLS."""
        return any(line.security is not None for line in self.lines)

    @contextlib.contextmanager
    def ports(self) -> Iterator[None]:
        """Take the ports to listen on, before the partition is claimed; leave none taken at the end of the block."""
        try:
            for line in self.listeners:
                line.bind()
            yield
        finally:
            self.stop_listening()

    async def listen(self, pump: Pump) -> None:
        """Listen on all ports."""
        for line in self.listeners:
            await line.open(pump)
            _LOG.info("listening", extra={"link": line.name, "host": line.host, "port": line.port})

    def stop_listening(self) -> None:
        """Take no new connections; those that are open stay."""
        for line in self.listeners:
            line.stop_listening()

    @contextlib.asynccontextmanager
    async def dialling(self, pump: Pump) -> AsyncIterator[list["asyncio.Task[None]"]]:
        """Dial for as long as the block runs; connections that are open at its end stay open."""
        tasks = [asyncio.create_task(line.run(pump)) for line in self.diallers]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, why: str) -> None:
        """Close all connections and wait until their peers have what was queued; at most tcp.CLOSE_S."""
        left = [link for line in self.lines for link in line.connections]
        self.shut(why)
        for link in left:
            await link.gone.wait()

    def shut(self, why: str) -> None:
        """Close all connections behind what is queued on them."""
        for line in self.lines:
            for link in list(line.connections):
                link.shut(why)

    def reload_certificates(self) -> None:
        """Read the certificates again for connections to come; a link whose files do not fit keeps what it has."""
        for line in self.lines:
            try:
                line.security = load_security(self._settings[line.name])
            except SettingsError as error:
                why = str(error)  # the text says it all
                _LOG.error("certificates not read again", extra={"link": line.name, "why": why})
            else:
                if line.security is not None:
                    _LOG.info("certificates read again", extra={"link": line.name})

    def status(self, switch: Switch) -> dict[str, dict[str, object]]:
        """Say how each link is, by name; this is also where certificates are looked at, every second."""
        now = time.time()
        found = {}
        for line in self.lines:
            sessions = (session for session in switch.sessions.values() if session.profile is line.profile)
            signed_on = sum(session.signed_on for session in sessions)
            found[line.name] = line.status() | {"profile": line.profile.name, "signed_on": signed_on}
            if line.security is not None:
                self._expiries.look(line.name, line.security, now)
                found[line.name]["certificate_days"] = round(days_left(line.security, now), 1)
        return found
