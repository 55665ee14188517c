"""Make the recording and the world of `twinrail demo`: run as `python tools/make_demo_recording.py`.

Writes src/twinrail/simulators/data: `demo.jsonl` (card traffic with the answer that each request must get),
`demo-world.json` (the accounts and cards that make those answers right) and `demo-pain001.xml` (a payment file, with
@MESSAGE@, @CREATED@ and @DAY@ where a run puts its own). Card numbers are drawn from published test
ranges and pass through the recorder, so they are synthetic twice over. The same seed gives the same bytes.
"""

# ruff: noqa: INP001, S311 - a script in no package, and seeded numbers that must be the same every time
import json
import pathlib
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twinrail.codecs.card_numbers import luhn_digit
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.codecs.sanitise import Sanitiser
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.profiles import CARD_1987 as PROFILE
from twinrail.schemas.reasons import CODES, Reason
from twinrail.simulators.clearing_house import Order, OrderBatch, pain001_parts
from twinrail.simulators.clearing_house import account as iban_of
from twinrail.simulators.recording import Recorder
from twinrail.simulators.transactions import reversal

SEED = 8583
SECONDS = 26.0
RATE = 20.0  # messages a second
STARTED = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEY = b"twinrail demo, no secret at all."
CURRENCY = "978"
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "src" / "twinrail" / "simulators" / "data"
GOOD_EXPIRY, PAST_EXPIRY = "4912", "2406"
POOR, LIMITED = "demo-17", "demo-18"
MERCHANTS = (
    ("5411", "GROCER 0001    ", "Corner Grocer            Bremen       DE", 400, 9_000),
    ("5812", "DINER 0002     ", "Harbour Diner            Hamburg      DE", 900, 6_500),
    ("5541", "FUEL 0003      ", "Ring Road Fuel           Kassel       DE", 2_000, 9_500),
    ("5999", "WEBSHOP 0004   ", "Everything Webshop       Utrecht      NL", 1_200, 24_000),
    ("4111", "TRAMS 0005     ", "City Trams               Leipzig      DE", 210, 3_900),
    ("5732", "ELECTRO 0006   ", "Plug And Play            Wien         AT", 4_900, 89_000),
)


@dataclass(slots=True)
class Holder:
    """A card with the source number it was made from, and what the issuer must know of it."""

    source: str
    account: str
    expiry: str = GOOD_EXPIRY
    status: str = "active"
    amount_limit: int = 0
    issued: bool = True


@dataclass(slots=True)
class World:
    """What the issuer's ledger must say while the recording runs: just enough to know every answer."""

    available: dict[str, int]
    held: dict[tuple[str, str], int] = field(default_factory=dict)  # by card and retrieval reference
    posted: dict[tuple[str, str], int] = field(default_factory=dict)

    def decide(self, holder: Holder, message: Message) -> Reason:
        """Say what a request must be answered, in the order of the issuer's checks."""
        amount = int(message.elements[4])
        if not holder.issued:
            return Reason.UNKNOWN_CARD
        by_status = {"frozen": Reason.CARD_RESTRICTED, "lost": Reason.CARD_LOST, "stolen": Reason.CARD_STOLEN}
        if holder.status != "active":
            return by_status[holder.status]
        if holder.expiry < STARTED.strftime("%y%m"):
            return Reason.EXPIRED_CARD
        if 0 < holder.amount_limit < amount:
            return Reason.AMOUNT_LIMIT
        if amount > self.available[holder.account]:
            return Reason.INSUFFICIENT_FUNDS
        self.available[holder.account] -= amount
        place = (holder.source, str(message.elements[37]))
        (self.posted if message.mti.startswith("02") else self.held)[place] = amount
        return Reason.APPROVED

    def advised(self, holder: Holder, message: Message) -> Reason:
        """Hold what the network approved on our behalf."""
        amount = int(message.elements[4])
        self.available[holder.account] -= amount
        self.held[holder.source, str(message.elements[37])] = amount
        return Reason.ACCEPTED

    def reversed(self, holder: Holder, message: Message) -> Reason:
        """Give back a hold or a posting, whole or down to the replacement amount."""
        place = (holder.source, str(message.elements[37]))
        replacement = int(str(message.elements.get(95, "0"))[:12])
        for amounts in (self.held, self.posted):
            if place in amounts:
                self.available[holder.account] += amounts[place] - replacement
                amounts[place] = replacement
                return Reason.ACCEPTED
        return Reason.ACCEPTED if message.mti[2] == "2" else Reason.ORIGINAL_NOT_FOUND


class Script:
    """Everything that happens, in order of time."""

    def __init__(self) -> None:
        self.draw = random.Random(SEED)
        self.holders = self._holders()
        balances = {holder.account: 2_000_000 + 25_000 * number for number, holder in enumerate(self.good)}
        self.balances = {**balances, POOR: 20_000, LIMITED: 400_000, "demo-19": 150_000, "demo-20": 150_000}
        self.world = World(dict(self.balances))
        self.events: list[tuple[float, int, Message, Holder | None]] = []
        self.stans = {1: 100, 2: 500_100}
        self.references = 0
        self.ended = 0.0  # seconds

    def _holders(self) -> dict[str, list[Holder]]:
        good = [Holder(self._number(), f"demo-{1 + number:02d}") for number in range(16)]
        return {
            "good": good,
            "poor": [Holder(self._number(), POOR)],
            "limited": [Holder(self._number(), LIMITED, amount_limit=25_000)],
            "expired": [Holder(self._number(), "demo-19", expiry=PAST_EXPIRY)],
            "frozen": [Holder(self._number(), "demo-19", status="frozen")],
            "lost": [Holder(self._number(), "demo-20", status="lost")],
            "stolen": [Holder(self._number(), "demo-20", status="stolen")],
            "unknown": [Holder(self._number(), "", issued=False) for _ in range(3)],
        }

    @property
    def good(self) -> list[Holder]:
        """Give the cards that pay."""
        return self.holders["good"]

    def _number(self) -> str:
        body = self.draw.choice(("411111", "424242", "555555", "222300")) + f"{self.draw.randrange(10**9):09d}"
        return body + luhn_digit(body)

    def write(self) -> None:
        """Plan the whole run: sign-on, traffic with its follow-ups, echoes, sign-off."""
        for link in (1, 2):
            self._network(0.05 * link, link, "001")
            for at in (8.0, 16.0, 24.0):
                self._network(at + 0.3 * link, link, "301")
        at = 0.5
        while at < SECONDS - 1.5:
            at += self.draw.expovariate(RATE)
            self._one(at, 1 if self.draw.random() < 0.7 else 2)
        self.ended = max(at for at, *_ in self.events) + 0.2
        for link in (1, 2):
            self._network(self.ended + 0.05 * link, link, "002")
        self.events.sort(key=lambda event: event[0])

    def _one(self, at: float, link: int) -> None:
        kinds = {"good": 74, "poor": 4, "limited": 4, "expired": 2, "frozen": 3, "lost": 1, "stolen": 1, "unknown": 4}
        kind = self.draw.choices([*kinds, "debit", "stand_in", "orphan"], [*kinds.values(), 10, 3, 2])[0]
        holder = self.draw.choice(self.holders.get(kind, self.good))
        mti = {"debit": "0200", "stand_in": "0120", "orphan": self.draw.choice(("0400", "0420"))}.get(kind, "0100")
        request = self._request(at, link, "0100" if kind == "orphan" else mti, holder, kind)
        if kind == "orphan":  # its original never reached the issuer
            self._add(at, link, self._later(_reversal_of(request), at, link, mti), holder)
            return
        self._add(at, link, request, holder)
        if kind in {"good", "debit"}:
            self._follow_up(at, link, request, holder)
        elif kind == "stand_in" and self.draw.random() < 0.5:
            self._add(at + 1.1, link, Message("0121", dict(request.elements)), holder)

    def _follow_up(self, at: float, link: int, request: Message, holder: Holder) -> None:
        """Ask for some payments again, take some back, in whole or in part."""
        fate, later = self.draw.random(), at + self.draw.uniform(0.4, 1.6)
        if fate < 0.04:
            self._add(later, link, Message(request.mti[:3] + "1", dict(request.elements)), holder)
        elif fate < 0.09:
            mti = self.draw.choice(("0400", "0420"))
            self._add(later, link, self._later(_reversal_of(request), later, link, mti), holder)
        elif fate < 0.12:
            part = self._later(_reversal_of(request), later, link, "0420")
            left = int(request.elements[4]) // 3
            part.elements[95] = f"{left:012d}{'0' * 12}C00000000C00000000"
            self._add(later, link, part, holder)
            if fate < 0.10:
                self._add(later + 0.8, link, Message("0421", dict(part.elements)), holder)

    def _request(self, at: float, link: int, mti: str, holder: Holder, kind: str) -> Message:
        mcc, merchant, place, least, most = self.draw.choice(MERCHANTS)
        amount = self.draw.randrange(least, most)
        if kind == "poor":
            amount = self.draw.randrange(5_000, 30_000)
        elif kind == "limited":
            amount = self.draw.choice((self.draw.randrange(500, 20_000), self.draw.randrange(26_000, 90_000)))
        self.references += 1
        elements: dict[int, str | bytes] = {
            2: holder.source, 3: "000000", 4: f"{amount:012d}", **self._stamps(at, link), 14: holder.expiry, 18: mcc,
            22: "051", 25: "00", 32: f"40000{link}", 37: f"600509{self.references:06d}",
            41: f"TERM{link}{self.draw.randrange(8):03d}", 42: merchant, 43: place, 49: CURRENCY,
        }  # fmt: skip
        if mti == "0120":
            elements |= {38: "STND01", 39: "00"}
        return Message(mti, elements)

    def _stamps(self, at: float, link: int) -> dict[int, str | bytes]:
        self.stans[link] += 1
        utc = STARTED + timedelta(seconds=at)
        local = utc + timedelta(hours=1)
        return {
            7: utc.strftime("%m%d%H%M%S"),
            11: f"{self.stans[link]:06d}",
            12: local.strftime("%H%M%S"),
            13: local.strftime("%m%d"),
        }

    def _later(self, reversal: Message, at: float, link: int, mti: str) -> Message:
        return Message(mti, {**reversal.elements, **self._stamps(at, link)})

    def _network(self, at: float, link: int, function: str) -> None:
        stamps = self._stamps(at, link)
        self._add(at, link, Message("0800", {7: stamps[7], 11: stamps[11], 70: function}), None)

    def _add(self, at: float, link: int, message: Message, holder: Holder | None) -> None:
        self.events.append((at, link, message, holder))


def _reversal_of(request: Message) -> Message:
    """Give the reversal of a request; when it is sent, and as what, is put in afterwards."""
    return reversal(PROFILE, request, stan=0, at=STARTED)


def answers(script: Script) -> list[Message]:
    """Work out the answer of every event, in order: repeats get what their original got."""
    decided: dict[tuple[object, ...], Reason] = {}
    replies = []
    for _, _, message, holder in script.events:
        key = (original_of(message.mti), holder.source if holder else "", *map(message.elements.get, (11, 12, 13, 37)))
        if key not in decided:
            decided[key] = _decide(script.world, message, holder)
        replies.append(_reply(message, decided[key]))
    return replies


def _decide(world: World, message: Message, holder: Holder | None) -> Reason:
    if holder is None:
        return Reason.ACCEPTED
    if message.mti[1] == "4":
        return world.reversed(holder, message)
    return world.advised(holder, message) if message.mti[2] == "2" else world.decide(holder, message)


def _reply(message: Message, reason: Reason) -> Message:
    mti = response_to(message.mti)
    assert mti is not None  # noqa: S101 - the script holds requests only
    elements = {number: value for number, value in message.elements.items() if number in PROFILE.echo[mti]}
    if reason is Reason.APPROVED:
        elements[38] = "A" + str(message.elements[11])[1:]
    elements[39] = CODES[reason].de39
    return Message(mti, dict(sorted(elements.items())))


def main(folder: pathlib.Path = FOLDER) -> int:
    """Write the three files."""
    script = Script()
    script.write()
    replies = answers(script)
    folder.mkdir(exist_ok=True)
    target = folder / "demo.jsonl"
    target.unlink(missing_ok=True)
    target.with_name("demo.jsonl.part").unlink(missing_ok=True)
    recorder = Recorder(target, KEY, start_ns=0, started=STARTED)
    codec = codec_for(PROFILE.dialect)
    taps: list[tuple[int, int, str, bytes]] = []
    for (at, link, message, _), reply in zip(script.events, replies, strict=True):
        took = 0.0011 + script.draw.expovariate(1 / 0.0009)
        sorted_message = Message(message.mti, dict(sorted(message.elements.items())))
        taps.append((int(at * 1e6) * 1000, link, "in", codec.encode(sorted_message)))
        taps.append((int((at + took) * 1e6) * 1000, link, "out", codec.encode(reply)))
    for link in (1, 2):
        recorder.opened(link, PROFILE.name, 10_000_000 * link)
    for t_ns, link, direction, payload in sorted(taps):
        recorder.frame(link, direction, payload, t_ns)
        recorder.drain()
    for link in (1, 2):
        recorder.closed(link, int((script.ended + 0.3) * 1e9))
    summary = recorder.close()
    target.chmod(0o644)
    _write_world(script, folder)
    _write_payments(script, folder)
    codes: dict[str, int] = {}
    for reply in replies:
        codes[str(reply.elements[39])] = codes.get(str(reply.elements[39]), 0) + 1
    sys.stdout.write(f"{summary} answers by code: {dict(sorted(codes.items()))}\n")
    return 0 if summary.reduced == summary.dropped == 0 else 1


def _write_world(script: Script, folder: pathlib.Path) -> None:
    sanitiser = Sanitiser(KEY)
    accounts = [
        {"account": account, "available": script.balances[account], "iban": iban_of(1000 + number)}
        for number, account in enumerate(sorted(script.balances))
    ]
    cards = [
        {
            "pan": sanitiser.pan(holder.source),
            "expiry": holder.expiry,
            "status": holder.status,
            "amount_limit": holder.amount_limit,
            "account": holder.account,
        }
        for holders in script.holders.values()
        for holder in holders
        if holder.issued
    ]
    world = {"currency": CURRENCY, "accounts": accounts, "cards": cards}
    (folder / "demo-world.json").write_text(json.dumps(world, indent=1) + "\n", "ascii")


def _write_payments(script: Script, folder: pathlib.Path) -> None:
    """Write five payments of the first account, of which the last is more than it has: the file is accepted in part."""
    names = sorted(script.balances)
    own = {name: iban_of(1000 + number) for number, name in enumerate(names)}
    payees = [own[names[2]], own[names[3]], iban_of(77_001), iban_of(77_002), iban_of(77_003)]
    amounts = ["120.00", "75.50", "39.99", "240.10", "99999.00"]
    orders = [
        Order(
            creditor=payee,
            amount=amount,
            end_to_end_id=f"DEMO-{number}",
            instruction_id=f"DEMO-I-{number}",
            name=f"Payee {number}",
            remittance=f"Demo invoice {number}",
        )
        for number, (payee, amount) in enumerate(zip(payees, amounts, strict=True), start=1)
    ]
    batch = OrderBatch(debtor=own[names[0]], orders=orders, execution_date="@DAY@", name="Demo Customer")
    pieces = pain001_parts([batch], message_id="@MESSAGE@", initiator="Demo Customer", created_at="@CREATED@")
    (folder / "demo-pain001.xml").write_text("".join(pieces), "ascii")


if __name__ == "__main__":
    sys.exit(main())
