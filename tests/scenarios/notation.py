"""The notation of scenarios: what a network says (>), what it hears (<), and what the books say (=, !).

One statement a line, `#` starts a comment; `name=value` pairs in any order, an amount is followed by its currency:

    link main policy=silent             open a link and sign on; `unsigned` leaves the sign-on out
    account A limit=0.00 EUR balance=100.00
    card 4111111111111111 account=A expiry=3012 [status=frozen] [amount_limit=50.00]
    > 0100 stan=000001 card=4111111111111111 amount=10.00 EUR rrn=000000000001   [on=LINK]
    > 0420 original=000001              repeats card, amount and reference of that message; [replacement=4.00]
    > 0101 again=000001                 the very message again under another type; DE7 moves on
    > raw 0004DEADBEEF                  bytes as they are, without a frame
    < 0110 response_code=00 [same=000001]   the next answer; same: equal to that stan's first answer, DE7 apart
    < nothing                           nothing has come (an echo is sent and answered to show it)
    < closed                            the link was closed by the engine
    = A available 90.00 EUR [held 10.00] [posted 100.00]
    ! LATE_ANSWER                       the markers that came to the exception queue since the last such line
    + 2s                                time passes
    store held | away | fine | loses | hides      (see rig.Mode)
    restart                             kill -9 and start again from the rows; links must be opened anew
    drain | vanish LINK | change card PAN status=frozen | change account A status=blocked | release 000001

A world plays a scenario: `Pure` in virtual time, and the one over TCP and PostgreSQL.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tests.scenarios.rig import NS, TOKENS, Mode, Rig

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.engine.lifecycle import approval_code
from twinrail.engine.store.contract import AccountRow
from twinrail.money import exponent, numeric, to_minor
from twinrail.schemas.instructions import (
    ChangeAccount,
    ChangeCard,
    Command,
    OpenAccount,
    OpenCard,
    ReleaseHold,
    Transfer,
)
from twinrail.schemas.iso8583.mti import original_of
from twinrail.schemas.iso8583.profiles import PROFILES, DeadlinePolicy, LinkProfile

FOLDER = Path(__file__).parent
NUMBERS = {row.name: row.number for row in DIALECTS["iso1987-ascii"].elements}
TIME = ("+",)  # statements that only virtual time can play
_UNITS = {"ms": NS // 1000, "s": NS, "m": 60 * NS, "h": 3600 * NS, "d": 86_400 * NS}


class World(Protocol):
    """What can be done to an engine, and what can be seen of it."""

    async def open(self, name: str, profile: LinkProfile) -> None:
        """Open a link."""

    async def send(self, name: str, data: bytes) -> None:
        """Send bytes on a link."""

    async def hear(self, name: str) -> bytes | None:
        """Take the next payload of a link; None when nothing comes or the link is closed."""

    async def is_closed(self, name: str) -> bool:
        """Say whether the engine closed the link."""

    async def vanish(self, name: str) -> None:
        """Close a link from the peer's side."""

    async def order(self, command: Command) -> None:
        """Have an operator's command carried out; it has to succeed."""

    async def account(self, account: str) -> AccountRow:
        """Read an account."""

    async def markers(self) -> list[str]:
        """Read the exception queue, oldest first."""

    async def pass_time(self, nanoseconds: int) -> None:
        """Let time pass."""

    async def store(self, mode: Mode) -> None:
        """Change how the store behaves."""

    async def restart(self) -> None:
        """Kill the engine and start another one."""

    async def drain(self) -> None:
        """Stop taking requests."""

    async def approval_code(self, key: str) -> int:
        """Give the id of the lifecycle that the newest message of this stan opened."""


@dataclass(frozen=True)
class Line:
    """One statement."""

    number: int
    words: tuple[str, ...]
    values: dict[str, str]
    currency: str


def read(text: str) -> list[Line]:
    """Read a scenario."""
    lines = []
    for number, raw in enumerate(text.splitlines(), 1):
        parts = raw.split("#", 1)[0].split()
        if not parts:
            continue
        currency = next((part for part in parts if len(part) == 3 and part.isalpha() and part.isupper()), "EUR")
        values = dict(part.split("=", 1) for part in parts if "=" in part and part != "=")
        words = tuple(part for part in parts if ("=" not in part or part == "=") and part != currency)
        lines.append(Line(number, words, values, numeric(currency)))
    return lines


def scenarios(*, timeless: bool = False) -> list[Path]:
    """List the scenario files; `timeless` leaves out those that let time pass."""
    files = sorted(FOLDER.glob("*.txt"))
    if not timeless:
        return files
    return [file for file in files if not any(line.words[0] in TIME for line in read(file.read_text(encoding="utf-8")))]


class Player:
    """Plays one scenario in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._said: dict[str, Message] = {}  # by stan: the first message
        self._heard: dict[str, Message] = {}  # by stan: the first answer
        self._profiles: dict[str, LinkProfile] = {}
        self._framers: dict[str, Framer] = {}
        self._clock = 0  # counts messages, so that DE7 moves on
        self._markers = 0
        self._commands = 0

    async def play(self, text: str) -> None:
        """Play all lines; a failing one is named by its number."""
        for line in read(text):
            try:
                await self._play(line)
            except AssertionError as error:
                error.add_note(f"line {line.number}: {' '.join(line.words)} {line.values}")
                raise
        assert len(await self._world.markers()) == self._markers, "a marker that no line expects"

    async def _play(self, line: Line) -> None:
        first, *rest = line.words
        verbs: dict[str, Any] = {
            ">": self._say,
            "<": self._hear,
            "=": self._balance,
            "!": self._exception,
            "+": self._time,
            "link": self._link,
            "account": self._account,
            "card": self._card,
            "change": self._change,
            "release": self._release,
            "store": self._store,
            "vanish": self._vanish,
        }
        if first == "restart":
            await self._world.restart()
        elif first == "drain":
            await self._world.drain()
        else:
            await verbs[first](line, *rest)

    # What is set up

    async def _link(self, line: Line, name: str, *words: str) -> None:
        values = line.values
        profile = PROFILES[values.get("profile", "card-1987")]
        changes: dict[str, Any] = {"name": f"{profile.name}-scenario"}
        if "policy" in values:
            changes["deadline_policy"] = DeadlinePolicy(values["policy"])
        for field in ("deadline_s", "frame_timeout_s", "idle_timeout_s"):
            if field in values:
                changes[field] = float(values[field])
        for field in ("hold_expiry_s", "tombstone_s", "late_window_s", "frame_bytes_max"):
            if field in values:
                changes[field] = int(values[field])
        profile = self._profiles[name] = replace(profile, **changes)
        await self._world.open(name, profile)
        if "unsigned" not in words:
            await self._play(_line("> 0800 network_management_code=001", name))
            await self._play(_line("< 0810 response_code=00", name))

    def _command(self) -> str:
        self._commands += 1
        return f"scenario-{self._commands}"

    async def _account(self, line: Line, account: str) -> None:
        currency = line.currency
        limit = to_minor(line.values.get("limit", "0"), currency)
        await self._world.order(
            OpenAccount(command=self._command(), account=account, currency=currency, credit_limit=limit)
        )
        balance = to_minor(line.values.get("balance", "0"), currency)
        if balance:
            alpha = next(part for part in ("EUR", "JPY", "KWD", "USD") if numeric(part) == currency)
            await self._world.order(
                Transfer(
                    command=self._command(),
                    debit=f"suspense-{alpha}",
                    credit=account,
                    amount=balance,
                    currency=currency,
                )
            )

    async def _card(self, line: Line, pan: str) -> None:
        values = line.values
        await self._world.order(
            OpenCard(
                command=self._command(),
                card=TOKENS.pan(pan),
                account=values["account"],
                expiry=values.get("expiry", "3012"),
                last4=pan[-4:],
                amount_limit=to_minor(values.get("amount_limit", "0"), line.currency),
                status=values.get("status", "active"),
            )
        )

    async def _change(self, line: Line, kind: str, which: str) -> None:
        values = line.values
        if kind == "card":
            await self._world.order(
                ChangeCard(command=self._command(), card=TOKENS.pan(which), status=values.get("status"))
            )
            return
        limit = to_minor(values["limit"], line.currency) if "limit" in values else None
        await self._world.order(
            ChangeAccount(command=self._command(), account=which, status=values.get("status"), credit_limit=limit)
        )

    async def _release(self, _line: Line, stan: str) -> None:
        number = await self._world.approval_code(stan)
        await self._world.order(ReleaseHold(command=self._command(), authorization=number))

    # What is said and heard

    async def _say(self, line: Line, mti: str, *words: str) -> None:
        name = line.values.get("on", next(iter(self._profiles)))
        if mti == "raw":
            await self._world.send(name, bytes.fromhex("".join(words)))
            return
        profile = self._profiles[name]
        message = await self._message(mti, line)
        data = codec_for(profile.dialect).encode(message)
        await self._world.send(name, frame(profile.frame, data))

    async def _message(self, mti: str, line: Line) -> Message:
        values = line.values
        self._clock += 1
        again = values.get("again")
        elements = dict(self._said[again].elements) if again else {}
        original = values.get("original")
        if original:
            first = self._said[original]
            elements |= {n: first.elements[n] for n in (2, 3, 4, 12, 13, 32, 37, 41, 49) if n in first.elements}
            acquirer = str(first.elements.get(32, ""))
            elements[90] = f"{first.mti}{original}{first.elements[7]!s}{acquirer.zfill(11)}{'0' * 11}"
        elements[7] = f"0101{self._clock // 3600 % 24:02d}{self._clock // 60 % 60:02d}{self._clock % 60:02d}"
        elements.setdefault(11, f"9{self._clock:05d}")
        if original_of(mti) != "0800" and not again and not original:
            elements |= {3: "000000", 12: "120000", 13: "0101", 32: "12345", 41: "TERM0001"}
        if original and "rrn" not in values and "without" not in values:
            elements.setdefault(37, "000000000000")
        for key, value in values.items():
            if key == "amount":
                elements |= {4: f"{to_minor(value, line.currency):012d}", 49: line.currency}
            elif key == "card":
                elements[2] = value
            elif key == "replacement":
                elements[95] = f"{to_minor(value, line.currency):012d}{'0' * 30}"
            elif key == "approval_of":
                elements[38] = approval_code(await self._world.approval_code(value))
            elif key in NUMBERS:
                elements[NUMBERS[key]] = value
        if "without" in values:
            for part in values["without"].split(","):
                elements.pop(int(part), None)
        message = Message(mti, elements)
        self._said.setdefault(str(elements.get(11, "")), message)
        return message

    async def _hear(self, line: Line, what: str) -> None:
        name = line.values.get("on", next(iter(self._profiles)))
        if what == "closed":
            assert await self._world.is_closed(name), "the link is open"
            return
        if what == "nothing":
            await self._play(_line("> 0800 network_management_code=301", name))
            await self._play(_line("< 0810 response_code=00 network_management_code=301", name))
            return
        payload = await self._world.hear(name)
        assert payload is not None, "no answer"
        message = codec_for(self._profiles[name].dialect).decode(payload)
        shown = {number: message.elements.get(number) for number in (11, 38, 39)}
        assert message.mti == what, f"heard {message.mti} {shown}"
        for key, value in line.values.items():
            if key in NUMBERS:
                heard = message.elements.get(NUMBERS[key])
                assert heard == value, f"{key} is {heard!s}, not {value}"
            elif key == "has":
                assert set(map(int, value.split(","))) <= set(message.elements)
            elif key == "lacks":
                assert not set(map(int, value.split(","))) & set(message.elements)
            elif key == "same":
                apart = {7: ""}
                assert message.elements | apart == self._heard[value].elements | apart
        self._heard.setdefault(str(message.elements.get(11, "")), message)

    # What the books say

    async def _balance(self, line: Line, account: str, *pairs: str) -> None:
        row = await self._world.account(account)
        assert pairs, "a balance of what"
        for name, text in zip(pairs[::2], pairs[1::2], strict=True):
            value = getattr(row, name)
            assert value == to_minor(text, line.currency), (
                f"{account} {name} is {value / 10 ** exponent(line.currency)}, not {text}"
            )

    async def _exception(self, _line: Line, *markers: str) -> None:
        heard = await self._world.markers()
        assert heard[self._markers :] == list(markers)
        self._markers = len(heard)

    # What happens

    async def _time(self, _line: Line, span: str) -> None:
        unit = span.lstrip("0123456789.")
        await self._world.pass_time(int(float(span.removesuffix(unit)) * _UNITS[unit]))

    async def _store(self, _line: Line, mode: str) -> None:
        await self._world.store(Mode[mode.upper()])

    async def _vanish(self, _line: Line, name: str) -> None:
        await self._world.vanish(name)


def _line(text: str, name: str) -> Line:
    (line,) = read(text)
    line.values["on"] = name
    return line


class Pure:
    """The switch alone, in virtual time."""

    def __init__(self) -> None:
        self.rig = Rig()
        self._links: dict[str, int] = {}
        self._framers: dict[str, Framer] = {}
        self._payloads: dict[str, list[bytes]] = {}

    async def open(self, name: str, profile: LinkProfile) -> None:
        """Open a link."""
        self._links[name] = self.rig.open(profile)
        self._framers[name] = Framer(profile.frame, profile.frame_bytes_max)
        self._payloads[name] = []

    async def send(self, name: str, data: bytes) -> None:
        """Send bytes on a link."""
        self.rig.receive(self._links[name], data)

    async def hear(self, name: str) -> bytes | None:
        """Take the next payload of a link."""
        link = self._links[name]
        data, self.rig.inbox[link] = self.rig.inbox[link], b""
        payloads = self._payloads[name]
        payloads.extend(self._framers[name].receive(data))
        return payloads.pop(0) if payloads else None

    async def is_closed(self, name: str) -> bool:
        """Say whether the link is closed."""
        return self._links[name] in self.rig.closed

    async def vanish(self, name: str) -> None:
        """Close a link from the peer's side."""
        self.rig.hang_up(self._links[name])

    async def order(self, command: Command) -> None:
        """Have an operator's command carried out."""
        entry = self.rig.submit(command)
        assert entry.answer is not None
        assert entry.answer.reason == "accepted", entry.effects

    async def account(self, account: str) -> AccountRow:
        """Read an account as it stands in memory; the rows are held against it at the end."""
        row = self.rig.switch.state.ledger.accounts[account]
        return AccountRow(*(getattr(row, name) for name in AccountRow._fields))

    async def markers(self) -> list[str]:
        """Read the exception queue."""
        return [str(row[1]) for row in self.rig.rows.appended["exception"]]

    async def pass_time(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.rig.advance(nanoseconds)

    async def store(self, mode: Mode) -> None:
        """Change how the store behaves."""
        self.rig.settle(mode)

    async def restart(self) -> None:
        """Kill the engine and start another one."""
        self.rig.restart()

    async def drain(self) -> None:
        """Stop taking requests."""
        self.rig.switch.drain(self.rig.now)
        self.rig.run()

    async def approval_code(self, key: str) -> int:
        """Give the id of the lifecycle that the newest message of this stan opened."""
        entries = [entry for entry in self.rig.rows.entries() if f"|{key}|" in entry.key]
        return entries[-1].seq
