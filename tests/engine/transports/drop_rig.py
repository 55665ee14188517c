"""A file drop on a real State: the flows decide, effects are applied, and any step can be made to crash."""

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from twinrail.codecs.card import Tokens
from twinrail.engine.state import State
from twinrail.engine.store.contract import PaymentRow
from twinrail.engine.transports.file_drop import DropSettings, FileDrop
from twinrail.engine.transports.staging import Intake
from twinrail.handlers.flows.credit_transfer import credit_transfer
from twinrail.handlers.flows.payment_file import close_file, open_file
from twinrail.schemas.instructions import CloseFile, CreditTransfer, Instruction, OpenFile
from twinrail.schemas.iso20022.profiles import SCT, SchemeProfile
from twinrail.schemas.iso20022.staged import Limits
from twinrail.schemas.journal import AccountOpened, Answer, Effect, Entry, Leg, PaymentSettled, Posted
from twinrail.simulators import clearing_house

EUR = "978"
TODAY = date(2026, 11, 21)
NOW = 1_795_255_200 * 1_000_000_000  # 2026-11-21T10:00:00Z
KEY = b"k" * 32
TOKENS = Tokens(KEY)
SETTLEMENT = "sepa-settlement-EUR"
DEBTOR, FRIEND, STRANGER = (clearing_house.account(number) for number in (1, 2, 900))


class Crash(Exception):  # noqa: N818 - it is what happened, not what is wrong
    """The engine died here."""


class Switchboard:
    """What assembly gives a file drop: instructions are decided by the flows and applied to one State."""

    def __init__(self, *, balance: int = 1_000_000_00) -> None:
        self.state = State()
        self.seq = 0
        self.entries: list[Entry] = []
        self.rows: dict[str, list[PaymentRow]] = {}
        self.crash_at = -1  # dies at this call, before it is decided
        self.die_after = False  # ... or once it is committed
        self.calls = 0
        self._record(
            AccountOpened(account=SETTLEMENT, kind="settlement", currency=EUR),
            AccountOpened(account="A", kind="customer", currency=EUR, iban=TOKENS.iban(DEBTOR)),
            AccountOpened(account="B", kind="customer", currency=EUR, iban=TOKENS.iban(FRIEND)),
        )
        if balance:
            self._record(Posted(currency=EUR, legs=(Leg("A", balance), Leg(SETTLEMENT, -balance))))

    def _record(self, *effects: Effect) -> int:
        self.seq += 1
        self.state.apply(effects, self.seq)
        for effect in effects:
            if isinstance(effect, PaymentSettled) and effect.file:
                row = PaymentRow(self.seq, *(getattr(effect, name) for name in PaymentRow._fields[1:]))
                self.rows.setdefault(effect.file, []).append(row)
        return self.seq

    def _decide(self, instruction: Instruction) -> Entry:
        flow = {CreditTransfer: credit_transfer, OpenFile: open_file, CloseFile: close_file}[type(instruction)]
        decision = flow(instruction, self.state, NOW)  # type: ignore[operator]  # each flow takes its own kind
        seq = self._record(*decision.effects)
        entry = Entry(seq=seq, at=NOW + seq, kind="x", answer=Answer(reason=decision.reason), effects=decision.effects)
        self.entries.append(entry)
        return entry

    async def submit(self, instruction: Instruction, /) -> Entry:
        return (await self.submit_all([instruction]))[0]

    async def submit_all(self, instructions: Sequence[Instruction], /) -> Sequence[Entry]:
        call, self.calls = self.calls, self.calls + 1
        if call == self.crash_at and not self.die_after:
            raise Crash
        entries = [self._decide(instruction) for instruction in instructions]
        await asyncio.sleep(0)
        if call == self.crash_at:
            raise Crash
        return entries

    async def payments_of_file(
        self, sha256: str, *, after_position: int = 0, limit: int = 1000
    ) -> Sequence[PaymentRow]:
        return self.rows.get(sha256, [])[after_position : after_position + limit]

    def posted(self, account: str) -> int:
        found = self.state.account(account)
        assert found is not None
        return found.posted


class Drop:
    """One file drop below a folder; `drop` writes a file as a careful sender does."""

    def __init__(
        self,
        root: Path,
        board: Switchboard,
        *,
        profile: SchemeProfile = SCT,
        limits: Limits | None = None,
        window: int = 3,
        address_space_bytes: int = 512 << 20,
    ) -> None:
        self.board = board
        self.now = NOW
        usual = DropSettings.under(root)
        self.settings = DropSettings(
            **{name: getattr(usual, name) for name in ("inbox", "outbox", "work", "quarantine", "reports", "done")},
            window=window,
        )
        self.intake = Intake(
            key=KEY, profile=profile, limits=limits or Limits(), address_space_bytes=address_space_bytes
        )
        self.restart()

    def restart(self) -> None:
        self.file_drop = FileDrop(
            self.settings,
            self.intake,
            self.board,
            self.board,
            clock=lambda: self.now,
            today=lambda: TODAY,
            steady=lambda: self.now,
        )

    def drop(self, data: bytes, name: str = "orders.xml") -> Path:
        path = self.settings.inbox / name
        temporary = path.with_name(f".{name}")
        temporary.write_bytes(data)
        temporary.rename(path)
        return path

    async def sweep(self, times: int = 2) -> None:
        """Sweep as often as it takes to see that a file stands still."""
        for _ in range(times):
            await self.file_drop.sweep()

    def reports(self) -> list[clearing_house.StatusReport]:
        return [clearing_house.read_status(path.read_bytes()) for path in sorted(self.settings.outbox.iterdir())]

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in getattr(self.settings, folder).iterdir())


def order(number: int = 1, amount: str = "10.00", creditor: str = STRANGER, **more: str) -> clearing_house.Order:
    return clearing_house.Order(
        creditor=creditor, amount=amount, end_to_end_id=f"E{number}", instruction_id=f"I{number}", **more
    )


def batch(*orders: clearing_house.Order, **more: str) -> clearing_house.OrderBatch:
    terms = {"debtor": DEBTOR, "execution_date": TODAY.isoformat()} | more
    return clearing_house.OrderBatch(orders=orders, **terms)
