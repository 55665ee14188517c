"""Operators' orders for links: ask a network for a function, or owe it a message.

What an order needs to know of links is put in before it is decided, and what it wants of them is done once the decision
is durable: an order that was carried out is always on record.
"""

import msgspec

from twinrail.engine.card_session import CardSession
from twinrail.engine.forwarding import Forwarding
from twinrail.engine.sessions import Sessions
from twinrail.errors import EncodeError
from twinrail.schemas.instructions import AskNetwork, Forward, SendMessage
from twinrail.schemas.iso8583.profiles import NetworkFunction, Rail
from twinrail.schemas.journal import CommandDone, Entry


class Orders:
    """Prepares orders for their decision and carries them out after it."""

    def __init__(self, sessions: Sessions, forwarding: Forwarding) -> None:
        self._sessions = sessions
        self._forwarding = forwarding

    def prepared(self, order: AskNetwork | SendMessage, wall: int) -> AskNetwork | Forward:
        """Give the instruction to decide; one that cannot be carried out says why in it."""
        if isinstance(order, AskNetwork):
            return msgspec.structs.replace(order, links=len(self._open(order.network)))
        profile = self._sessions.profile_of(order.network)
        if profile is None or profile.rail is not Rail.CARD:
            return Forward(
                obligation="", subject="", command=order.command, refusal="no card link leads to this network"
            )
        try:
            made = self._forwarding.order(profile, order.mti, dict(order.elements), wall)
        except EncodeError as error:
            return Forward(obligation="", subject="", command=order.command, refusal=f"cannot be sent: {error}")
        return msgspec.structs.replace(made, command=order.command)

    def carry_out(self, order: AskNetwork, entry: Entry, now: int) -> None:
        """Ask on every open link of the network, unless the order was refused."""
        if not any(isinstance(effect, CommandDone) and effect.status == "done" for effect in entry.effects):
            return
        for session in self._open(order.network):
            session.manage(NetworkFunction(order.function), now)

    def _open(self, network: str) -> list[CardSession]:
        return [
            session
            for session in self._sessions.by_link.values()
            if isinstance(session, CardSession) and session.open and session.profile.counterpart == network
        ]
