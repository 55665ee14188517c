"""Instant payments through the switch: no rejection before its contra entry is durable, no acceptance late."""

from datetime import UTC, datetime

import pytest

from twinrail.assembly import flows
from twinrail.codecs.card import Tokens
from twinrail.codecs.framing import Framer, frame
from twinrail.engine.journal import Batch, Found, Outcome
from twinrail.engine.switch import Switch
from twinrail.schemas.instructions import OpenAccount
from twinrail.schemas.iso8583.frames import BINARY4
from twinrail.schemas.iso8583.profiles import INSTANT
from twinrail.simulators.clearing_house import account, pacs008, read_status

NS = 1_000_000_000
WALL = 1_790_000_000 * NS
TOKENS = Tokens(bytes(32))
IBAN = account(1)


class Bench:
    """A switch with one account and one instant link; time is what the test says."""

    def __init__(self) -> None:
        self.now = NS
        self.switch = Switch(flows=flows(), tokens=TOKENS)
        self.switch.clock(WALL - self.now)
        self.switch.submit(
            OpenAccount(command="c", account="A", currency="978", iban=TOKENS.iban(IBAN), iban_last4=IBAN[-4:]),
            self.now,
        )
        self.commit()
        self.switch.opened(1, INSTANT, self.now)
        self._framer = Framer(BINARY4, 1 << 16)

    def submitted(self) -> Batch:
        """Take the next batch; there must be one."""
        batch = self.switch.next_batch(self.now)
        assert batch is not None
        return batch

    def commit(self) -> None:
        """Commit the next batch at once."""
        self.switch.settled(self.submitted(), Outcome.COMMITTED, self.now)

    def pay(self, transaction: str = "T1") -> None:
        """Send a payment whose clock starts now, and let the store know nothing of it."""
        moment = datetime.fromtimestamp((WALL + self.now - NS) // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S.1Z")
        document = pacs008(
            creditor=IBAN, debtor=account(2), amount="10.00", transaction_id=transaction, accepted_at=moment
        )
        self.switch.receive(1, frame(BINARY4, document), self.now)
        for ask in self.switch.asks():
            self.switch.found(ask.number, Found(), self.now)

    def statuses(self) -> list[str]:
        """Take the answers that have left."""
        data = b"".join(self.switch.outgoing().get(1, []))
        return [read_status(payload).transactions[0].status for payload in self._framer.receive(data)]

    @property
    def posted(self) -> int:
        """Give the balance of the account in minor units."""
        row = self.switch.state.account("A")
        assert row is not None
        return row.posted


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_payment_is_accepted_once_it_is_durable(bench: Bench) -> None:
    bench.pay()
    batch = bench.submitted()
    assert bench.statuses() == []
    bench.switch.settled(batch, Outcome.COMMITTED, bench.now)
    assert bench.statuses() == ["ACCP"]
    assert bench.posted == 1000


def test_a_late_rejection_waits_for_its_contra_entry(bench: Bench) -> None:
    bench.pay()
    first = bench.submitted()
    bench.now += 8 * NS
    bench.switch.wake(bench.now)
    assert bench.statuses() == []  # the contra entry is decided but not durable
    bench.switch.settled(first, Outcome.COMMITTED, bench.now)
    assert bench.statuses() == []  # neither an acceptance, which would be late, nor a rejection
    bench.commit()
    assert bench.statuses() == ["RJCT"]
    assert bench.posted == 0


def test_a_repeat_of_a_late_payment_gets_the_rejection(bench: Bench) -> None:
    bench.pay()
    first = bench.submitted()
    bench.now += 8 * NS
    bench.switch.settled(first, Outcome.COMMITTED, bench.now)
    bench.commit()
    assert bench.statuses() == ["RJCT"]
    bench.pay()
    assert bench.statuses() == ["RJCT"]
    assert bench.posted == 0


def test_a_repeat_between_commit_and_release_is_not_told_of_an_acceptance_that_is_taken_back(bench: Bench) -> None:
    bench.pay()
    batch = bench.submitted()
    deadline = bench.switch._deadlines.next()
    assert deadline is not None
    bench.now = deadline - 1
    bench.switch.settled(batch, Outcome.COMMITTED, bench.now)
    bench.now += 2
    bench.pay()
    while (more := bench.switch.next_batch(bench.now)) is not None:
        bench.switch.settled(more, Outcome.COMMITTED, bench.now)
    assert set(bench.statuses()) == {"RJCT"}
    assert bench.posted == 0


def test_a_joined_repeat_with_time_of_its_own_waits_for_the_contra_entry_too(bench: Bench) -> None:
    bench.pay()
    batch = bench.submitted()
    deadline = bench.switch._deadlines.next()
    assert deadline is not None
    bench.now += NS
    bench.pay()  # sent a second later, so it may wait a second longer
    bench.now = deadline
    bench.switch.settled(batch, Outcome.COMMITTED, bench.now)
    assert bench.statuses() == []  # the contra entry is decided but not durable
    bench.commit()
    assert bench.statuses() == ["RJCT", "RJCT"]
    assert bench.posted == 0
