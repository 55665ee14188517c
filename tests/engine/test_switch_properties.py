"""The properties of the decision table, under drops, duplicates, reorders, doubt and crashes, drawn by hypothesis.

Their numbers are those of docs/architecture.md, "What always holds".
"""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.handlers.bank import AT
from tests.scenarios.rig import NS, TOKENS, Mode, Rig

from twinrail.codecs.card import life_key
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.state import State
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import CARD_1987, DeadlinePolicy

PAN = "4111111111111111"
START = 100
CODEC = codec_for("iso1987-ascii")
amounts = st.integers(1, 60)
pick = st.integers(0, 10**6)


class Network(RuleBasedStateMachine):
    """One network with one card, and all that can go wrong between it and us."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()
        self.stan = 0
        self.transactions: list[dict[str, Any]] = []  # what was asked for, delivered or not
        self.sent: list[tuple[str, dict[int, str | bytes]]] = []
        self.answers: dict[int, dict[int, str | bytes]] = {}
        self.reversals: dict[int, str] = {}  # full ones, by stan: the reference
        self.gone: set[int] = set()  # lifecycle keys whose full reversal was answered

    @initialize(silent=st.booleans(), limit=st.integers(0, 50))
    def begin(self, silent: bool, limit: int) -> None:  # noqa: FBT001 - a drawn value
        policy = DeadlinePolicy.SILENT if silent else DeadlinePolicy.DECLINE
        self.profile = replace(CARD_1987, name="drawn", deadline_policy=policy, hold_expiry_s=40, late_window_s=20)
        rig = self.rig
        rig.submit(OpenAccount(command="1", account="A", currency="978", credit_limit=limit))
        rig.submit(Transfer(command="2", debit="suspense-EUR", credit="A", amount=START, currency="978"))
        rig.submit(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="3012", last4=PAN[-4:]))
        self.connect()

    def connect(self) -> None:
        self.link = self.rig.open(self.profile)
        self.framer = Framer(BINARY2, 4096)
        self.rig.receive(self.link, frame(BINARY2, CODEC.encode(Message("0800", _timed(0, {70: "001"})))))
        self.hear()

    # What is said

    def say(self, mti: str, elements: dict[int, str | bytes]) -> None:
        before = self.account
        asks = mti[1] in "12" and mti[2] == "0"
        self.sent.append((mti, elements))
        self.rig.receive(self.link, frame(BINARY2, CODEC.encode(Message(mti, elements))))
        after = self.account
        if asks and after != before:  # property 4: a request never makes available negative
            assert after[1] - after[0] >= -self.limit
        self.hear()

    def new(self, amount: int, more: dict[int, str | bytes], rrn: str = "") -> dict[int, str | bytes]:
        self.stan += 1
        shared: dict[int, str | bytes] = {
            2: PAN,
            3: "000000",
            4: f"{amount:012d}",
            37: rrn or f"{self.stan:012d}",
            49: "978",
        }
        return _timed(self.stan, shared | more)

    @property
    def account(self) -> tuple[int, int]:
        row = self.rig.switch.state.ledger.accounts["A"]
        return row.held, row.posted

    @property
    def limit(self) -> int:
        return self.rig.switch.state.ledger.accounts["A"].credit_limit

    @rule(amount=amounts, direct=st.booleans(), delivered=st.booleans())
    def ask(self, amount: int, direct: bool, delivered: bool) -> None:  # noqa: FBT001 - drawn values
        elements = self.new(amount, {})
        mti = "0200" if direct else "0100"
        self.transactions.append({"rrn": elements[37], "amount": amount, "mti": mti, "elements": elements})
        if delivered:
            self.say(mti, elements)

    @precondition(lambda self: self.transactions)
    @rule(which=pick, amount=amounts, granted=st.booleans())
    def advise(self, which: int, amount: int, granted: bool) -> None:  # noqa: FBT001 - a drawn value
        transaction = self.transactions[which % len(self.transactions)]
        if transaction["mti"] == "0100":
            code = "00" if granted else "05"
            self.say("0120", self.new(amount, {39: code}, transaction["rrn"]))

    @precondition(lambda self: self.transactions)
    @rule(which=pick, replacement=st.integers(0, 60), advice=st.booleans())
    def reverse(self, which: int, replacement: int, advice: bool) -> None:  # noqa: FBT001 - a drawn value
        transaction = self.transactions[which % len(self.transactions)]
        more: dict[int, str | bytes] = {95: f"{replacement:012d}{'0' * 30}"} if replacement else {}
        elements = self.new(transaction["amount"], more, transaction["rrn"])
        if not replacement:
            self.reversals[self.stan] = transaction["rrn"]
        self.say("0420" if advice else "0400", elements)

    @rule(
        amount=amounts,
        order=st.permutations(["ask", "advise", "reverse"]),
        left_out=st.sampled_from(["", "ask", "advise"]),
        replacement=st.sampled_from([0, 0, 1, 2, 60]),
    )
    def all_in_any_order(self, amount: int, order: list[str], left_out: str, replacement: int) -> None:
        """One transaction, its advice and its reversal, in any order: what the reversal leaves is held (property 6)."""
        self.rig.settle(Mode.FINE)
        elements = self.new(amount, {})
        rrn = str(elements[37])
        self.transactions.append({"rrn": rrn, "amount": amount, "mti": "0100", "elements": elements})
        for step in order:
            if step == "ask" and left_out != step:
                self.say("0100", elements)
            elif step == "advise" and left_out != step:
                self.say("0120", self.new(amount, {39: "00"}, rrn))
            elif step == "reverse":
                self.reverse(len(self.transactions) - 1, replacement, advice=True)
        first = next(step for step in order if step != left_out)
        asked = self.answers.get(int(str(elements[11])))
        if left_out == "advise" and order.index("reverse") < order.index("ask"):
            replacement = 0  # A10: the late original is refused whole
        if first == "ask" and (asked is None or asked[39] != "00"):
            return  # declined first: a partial reversal of nothing leaves no mark (F10)
        key = life_key(rrn, "")
        held = sum(row.remaining for row in self.rig.switch.state.life.by_id.values() if row.life_hash == key)
        assert held == (min(replacement, amount) if replacement else 0)

    @precondition(lambda self: self.transactions)
    @rule(which=pick, marked=st.booleans())
    def deliver_late(self, which: int, marked: bool) -> None:  # noqa: FBT001 - a drawn value
        transaction = self.transactions[which % len(self.transactions)]
        self.say(transaction["mti"][:3] + ("1" if marked else "0"), transaction["elements"])

    @precondition(lambda self: self.sent)
    @rule(which=pick, marked=st.booleans(), other=st.integers(0, 3))
    def say_again(self, which: int, marked: bool, other: int) -> None:  # noqa: FBT001 - a drawn value
        mti, elements = self.sent[which % len(self.sent)]
        if mti[1] == "8":
            return
        again = dict(elements) | {7: "0202020202"}
        if other == 3:  # the same key with another amount
            again[4] = f"{int(str(elements[4])) + 1:012d}"
            known = any(int(str(elements[11])) == int(key.split("|")[2]) for key in self.keys())
            before = self.account
            self.sent.append((mti, elements))
            self.rig.receive(self.link, frame(BINARY2, CODEC.encode(Message(mti[:3] + "1", again))))
            if known:
                assert self.account == before
            self.skip()
            return
        self.say(mti[:3] + ("1" if marked else "0"), again)

    def keys(self) -> list[str]:
        return [entry.key for entry in self.rig.rows.entries() if entry.key]

    # What is heard

    def skip(self) -> None:
        self.rig.inbox[self.link] = b""
        self.framer = Framer(BINARY2, 4096)

    def hear(self) -> None:
        data, self.rig.inbox[self.link] = self.rig.inbox[self.link], b""
        durable: set[int] = set()
        for payload in self.framer.receive(data):
            message = CODEC.decode(payload)
            stan, code = int(str(message.elements[11])), message.elements[39]
            if message.mti == "0810" or code in {"91", "94"}:
                continue
            if stan in self.reversals:
                self.gone.add(life_key(self.reversals[stan], ""))
            durable = durable or {int(key.split("|")[2]) for key in self.keys()}
            assert stan in durable  # property 8: no response without a durable row
            told = message.elements | {7: ""}
            assert self.answers.setdefault(stan, told) == told  # property 5: one effect, one answer

    # What goes wrong

    @rule(seconds=st.sampled_from([1, 2, 15, 60]))
    def time_passes(self, seconds: int) -> None:
        self.rig.advance(seconds * NS)
        self.hear()
        if self.link in self.rig.closed:
            self.connect()

    @rule(mode=st.sampled_from([Mode.HELD, Mode.AWAY, Mode.LOSES, Mode.HIDES]))
    def store_fails(self, mode: Mode) -> None:
        if self.rig.mode is Mode.FINE:
            self.rig.settle(mode)

    @rule()
    def store_recovers(self) -> None:
        self.rig.settle(Mode.FINE)
        self.hear()

    @rule(written=st.booleans())
    def crash(self, written: bool) -> None:  # noqa: FBT001 - a drawn value
        rig = self.rig
        self.hear()
        if written and rig._batch is not None:  # the commit was sent, and nobody lived to hear of it
            rig.rows.commit(rig._batch)
        rig.mode = Mode.FINE
        # A plain 0100 asks nothing of the store, and closed lifecycles are not loaded: one that comes for the first
        # time after the restart, behind its own advice and reversal, is held until it expires or is reversed again.
        answered = {str(asked["rrn"]) for asked in self.transactions if int(asked["elements"][11]) in self.answers}
        self.gone &= {life_key(rrn, "") for rrn in answered}
        rig.restart()
        self.connect()

    # What always holds

    @invariant()
    def books_are_right(self) -> None:
        state = self.rig.switch.state
        assert sum(row.posted for row in state.ledger.accounts.values()) == 0  # property 1
        rows = state.life.by_id.values()
        held = sum(row.remaining for row in rows)
        assert state.ledger.accounts.get("A") is None or self.account[0] == held  # property 2
        for row in rows:
            assert row.remaining >= 0
            assert row.authorized == row.remaining + row.cleared + row.released  # property 3
            if row.life_hash in self.gone:  # property 6: whatever came before it or comes after it
                assert (row.remaining, row.cleared) == (0, 0)

    @invariant()
    def memory_is_what_the_rows_say_when_all_is_settled(self) -> None:
        if not self.rig.switch.idle:
            return
        rows = self.rig.rows
        rows.verify()  # property 11: the journal from empty gives the rows
        loaded = State()
        loaded.restore(rows.load(AT + self.rig.now))
        mine = self.rig.switch.state.ledger
        assert loaded.ledger.accounts == mine.accounts
        assert loaded.ledger.cards == mine.cards

    def teardown(self) -> None:
        """Reverse everything: whatever happened, nothing is held and nothing is posted (properties 6 and 7)."""
        self.rig.settle(Mode.FINE)
        if not hasattr(self, "link"):
            return
        if self.link in self.rig.closed:
            self.connect()
        self.hear()
        for transaction in self.transactions:
            self.say("0420", self.new(transaction["amount"], {}, transaction["rrn"]))
        self.rig.advance(100 * NS)
        assert self.rig.switch.idle
        assert self.account == (0, START)
        self.rig.rows.verify()


def _timed(stan: int, elements: dict[int, str | bytes]) -> dict[int, str | bytes]:
    named: dict[int, str | bytes] = {7: f"01010000{stan % 60:02d}", 11: f"{stan:06d}"}
    return dict(sorted((elements | named).items()))


Network.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_network = Network.TestCase
