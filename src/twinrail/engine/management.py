"""Network management of a card link: sign-on, sign-off, echo, cutover and keys, asked by the peer and by us.

All of it is link state: nothing is journaled, and a repeat is answered alike (row G1).
"""

from typing import Protocol

from twinrail.codecs.table import Message
from twinrail.engine.network import Network
from twinrail.engine.pending import Own
from twinrail.engine.session import NS, Ports
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, SignOn
from twinrail.schemas.reasons import Reason


class KeyPort(Protocol):
    """Where the keys of links are: it takes a new one out of a key-change message, or refuses it."""

    def change(self, link: int, profile: LinkProfile, message: Message) -> bool:
        """Take the key; False to refuse it. Nothing of the message may be logged."""


class Speaker(Protocol):
    """What network management needs of its session."""

    link: int
    profile: LinkProfile
    signed_on: bool
    heard_at: int

    def ask(self, mti: str, elements: dict[int, str | bytes], *, purpose: str, now: int) -> Own | None:
        """Send a request of our own; None where it cannot wait for its answer and was not sent."""

    def reply(self, request: Message, header: bytes, reason: Reason, now: int, *, also: tuple[int, ...] = ()) -> None:
        """Answer a request at once, giving back some elements beside those of the echo table."""

    def close(self, why: str) -> None:
        """Close the link."""


class Management:
    """The management state of one link."""

    def __init__(self, speaker: Speaker, network: Network, ports: Ports, keys: KeyPort | None) -> None:
        profile = speaker.profile
        self._speaker = speaker
        self._network = network
        self._ports = ports
        self._keys = keys
        self._functions = profile.functions
        self._asked_in = profile.places.network_function
        self._ours = profile.sign_on_required and profile.sign_on is SignOn.OURS
        self._retry_ns = int(profile.sign_on_retry_s * NS)
        self._echo_idle_ns = int(profile.echo_idle_s * NS)
        self._sign_on_at = 0
        self._echo_sent: Own | None = None
        self._misses = 0

    def begin(self, now: int) -> None:
        """Sign on, where that is ours to do."""
        if self._ours and not self._ports.draining and not self._network.kept_off:
            self._sign_on(now)

    def order(self, function: NetworkFunction, now: int) -> None:
        """Ask for a function by an operator's order; a network that was signed off so stays off until ordered on."""
        if function is NetworkFunction.SIGN_ON:
            self._network.kept_off = False
            self._sign_on(now)
        elif function is NetworkFunction.SIGN_OFF:
            self._network.kept_off = True
            self._speaker.signed_on = not self._speaker.profile.sign_on_required
            self._ask(function, now)
        elif function is NetworkFunction.ECHO:
            self._echo(now)

    def wake(self, now: int) -> None:
        """Sign on again until it is accepted, and send an echo into silence."""
        off = self._speaker.signed_on or self._ports.draining or self._network.kept_off
        if self._ours and not off and now >= self._sign_on_at:
            self._sign_on(now)
        echo = self._echo_sent
        waits = echo is not None and not echo.settled  # settled also by an answer on another link of the network
        if self._echo_idle_ns and not waits and now - self._speaker.heard_at >= self._echo_idle_ns:
            self._echo(now)

    def drain(self, now: int) -> None:
        """Sign off, if anybody is signed on."""
        if self._speaker.signed_on and self._speaker.profile.sign_on_required:
            self._speaker.signed_on = False
            self._ask(NetworkFunction.SIGN_OFF, now)

    def _sign_on(self, now: int) -> None:
        self._sign_on_at = now + self._retry_ns
        self._ask(NetworkFunction.SIGN_ON, now)

    def _echo(self, now: int) -> None:
        self._echo_sent = self._ask(NetworkFunction.ECHO, now)

    def _ask(self, function: NetworkFunction, now: int) -> Own | None:
        asked = self._network.management(function, self._ports.wall(now))
        if asked is None:
            return None
        return self._speaker.ask(*asked, purpose=function.value, now=now)

    def asked(self, message: Message, header: bytes, now: int) -> None:
        """Answer what the peer asks of the link."""
        speaker = self._speaker
        function = self._functions.get(str(message.elements.get(self._asked_in, "")))
        if function is None:
            self._ports.count("unknown_function")
            speaker.reply(message, header, Reason.INVALID_TRANSACTION, now)
        elif function is NetworkFunction.KEY_CHANGE:
            self._key_change(message, header, now)
        elif function is NetworkFunction.SIGN_ON and self._ports.draining:
            speaker.reply(message, header, Reason.SIGNED_OFF, now)
        else:
            self._ports.count(function.value)
            speaker.reply(message, header, Reason.ACCEPTED, now)
            self._changed(function)

    def _changed(self, function: NetworkFunction) -> None:
        """Follow what was agreed to; a link that needs no sign-on cannot be signed off."""
        if function is NetworkFunction.SIGN_ON:
            self._speaker.signed_on = True
            self._ports.signed_on(self._speaker.link)
        elif function is NetworkFunction.SIGN_OFF:
            self._speaker.signed_on = not self._speaker.profile.sign_on_required

    def _key_change(self, message: Message, header: bytes, now: int) -> None:
        """Hand a new key to where keys are kept; without such a place it is refused, and somebody is told."""
        profile = self._speaker.profile
        taken = self._keys is not None and self._keys.change(self._speaker.link, profile, message)
        what = "key_change" if taken else "key_change_refused"
        self._ports.count(what)
        self._ports.note(self._speaker.link, what)
        if taken:
            self._speaker.reply(message, header, Reason.ACCEPTED, now, also=profile.key_change_echo)
        else:
            self._speaker.reply(message, header, Reason.NOT_PERMITTED, now)

    def answered(self, own: Own, *, accepted: bool) -> None:
        """Take the answer to something that we asked of the peer."""
        if own.purpose == NetworkFunction.ECHO:
            self._echo_sent = None
            self._misses = 0
        elif own.purpose == NetworkFunction.SIGN_ON:
            self._ports.count("sign_on_accepted" if accepted else "sign_on_refused")
            if accepted and not self._ports.draining:
                self._changed(NetworkFunction.SIGN_ON)

    def unanswered(self, own: Own, now: int, *, held: bool) -> None:
        """Take it that a request of ours has no answer; while reading is `held` by our own order that says nothing.

        An echo without an answer is a miss unless anything was heard since; too many in a row close the link.
        """
        if own.purpose != NetworkFunction.ECHO:
            return
        self._echo_sent = None
        if held or self._speaker.heard_at > own.sent_at:
            self._misses = 0
            return
        self._misses += 1
        self._ports.count("echo_missed")
        if self._misses >= self._speaker.profile.echo_misses_max:
            self._speaker.close("echoes not answered")
        else:
            self._echo(now)
