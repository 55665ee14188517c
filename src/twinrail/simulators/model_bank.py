"""A model of a bank that sends instant payments: it asks, waits for the status, and asks again where none comes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twinrail.codecs.framing import Framer, frame
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.simulators.clearing_house import account, pacs008, read_status
from twinrail.simulators.faults import NS
from twinrail.simulators.model_network import Streets
from twinrail.simulators.wire import Wire

_DEBTOR = account(999)


@dataclass(slots=True, eq=False)
class Paid:
    """One delivered copy of an instant payment; times are virtual ns."""

    profile: LinkProfile
    transaction: str
    cents: int


@dataclass(slots=True, eq=False)
class ModelBank:
    """One peer on an instant link; `owed` counts payments whose fate it does not know."""

    profile: LinkProfile
    ibans: Sequence[str]
    rng: random.Random
    streets: Streets
    owed: dict[str, tuple[bytes, Paid]] = field(default_factory=dict)
    _wire: Wire | None = None
    _framer: Framer | None = None
    _next: int = 0

    def start(self, payments: int, seconds: float) -> None:
        """Connect, and plan the traffic."""
        self._connect()
        for _ in range(payments):
            self.streets.after(int(self.rng.uniform(0.5, seconds) * NS), self._pay)

    def _connect(self) -> None:
        self._wire = self.streets.connect(self)
        if self._wire is None:
            self.streets.after(int(self.rng.uniform(0.1, 0.5) * NS), self._connect)
        else:
            self._framer = Framer(self.profile.frame, self.profile.frame_bytes_max)

    def cut(self, wire: Wire) -> None:
        """Connect again."""
        if wire is self._wire:
            self._connect()

    def heard(self, wire: Wire, data: bytes) -> None:
        """Take the status of a payment."""
        if wire is not self._wire or self._framer is None:
            return
        for payload in self._framer.receive(data):
            for row in read_status(payload).transactions:
                self.owed.pop(row.transaction_id, None)

    def _pay(self) -> None:
        self._next += 1
        number = f"INST{self._next:08d}"
        cents = self.rng.choice((self.rng.randrange(1, 5000), 100))
        stamp = datetime.fromtimestamp(self.streets.wall / NS, UTC)
        document = pacs008(
            creditor=self.rng.choice(self.ibans),
            debtor=_DEBTOR,
            amount=f"{cents // 100}.{cents % 100:02d}",
            message_id=f"M{self._next:08d}",
            transaction_id=number,
            end_to_end_id=f"E{self._next:08d}",
            accepted_at=stamp.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            settled_on=stamp.strftime("%Y-%m-%d"),
        )
        self.streets.count("instant")
        self.owed[number] = (document, Paid(self.profile, number, cents))
        self._send(number)

    def _send(self, number: str) -> None:
        """Send a payment until its status is known; a time stamp that has run out is answered with a rejection."""
        if number not in self.owed:
            return
        document, paid = self.owed[number]
        if self._wire is not None and self.rng.random() >= self.streets.swarm.lost_p:
            self._wire.send(frame(self.profile.frame, document), Paid(paid.profile, paid.transaction, paid.cents))
            if self.rng.random() < self.streets.swarm.duplicate_p:
                self._wire.send(frame(self.profile.frame, document), Paid(paid.profile, paid.transaction, paid.cents))
        self.streets.after(int(self.rng.uniform(2, 4) * NS), lambda: self._send(number))
