"""Lifecycles: what became of each authorization, and the tombstones of reversals that came before their original.

A hold is a lifecycle with a remaining amount: authorized = remaining + cleared + released, always. A lifecycle is found
by its card and a 64-bit key: that of its retrieval reference number, or that of its original data elements (ISO
8583:1987 DE37 and DE90). Closed ones stay in memory for a while, bounded by count; the store answers for older ones.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from twinrail.engine.ledger import Ledger
from twinrail.engine.pages import Pages
from twinrail.engine.pipeline import LifecycleView, View
from twinrail.errors import check
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_EXPIRED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    FLAG_STANDIN,
    Changed,
    Effect,
    Entry,
    Leg,
    ObligationSet,
    Opened,
    PaymentSettled,
    Posted,
    Tombstoned,
)

KEY_IDS_MAX = 64  # lifecycles that one key finds
PARTS = 64  # dicts of cards; a power of two
EXPIRY_QUEUES = 8  # lengths of holds that need no sorting
_id_of = attrgetter("id")
TOMBSTONES_MAX = 1_000_000  # keys of tombstones in memory
LATE_POSTING = "late_posting"  # the obligation that watches a posted 0200 whose answer was late
APPROVAL_CODES = 1_000_000  # DE38 holds six characters; ours are digits


class Lifecycle(msgspec.Struct, gc=False):
    """One authorization. Field order is the column order of table `authorization`."""

    id: int
    account: str
    card: str
    currency: str
    authorized: int
    remaining: int
    cleared: int
    released: int
    flags: int
    expires_at: int
    life_hash: int
    origin_hash: int
    changed_seq: int


class Tombstone(msgspec.Struct, gc=False):
    """A reversal without its original. Field order is the column order of table `tombstone`."""

    id: int
    card: str
    life_hash: int
    origin_hash: int
    replacement_amount: int
    expires_at: int


Keyed = dict[int, Lifecycle | tuple[Lifecycle, ...]]


def approval_code(number: int) -> str:
    """Give the DE38 of a lifecycle: the last six digits of its id."""
    return str(APPROVAL_CODES + number % APPROVAL_CODES)[1:]


def stays(flags: int) -> bool:
    """Say whether a lifecycle stays in memory: it is open, or a posted 0200 whose answer was late and still stands."""
    return bool(flags & FLAG_OPEN) or flags & (FLAG_LATE | FLAG_DIRECT | FLAG_DECLINED) == FLAG_LATE | FLAG_DIRECT


class Lifecycles:
    """All open lifecycles of a partition, the newest closed ones, and the tombstones."""

    def __init__(self, ledger: Ledger, closed_max: int = 200_000) -> None:
        self._ledger = ledger
        self._closed_max = closed_max
        self._closed: deque[int] = deque()
        # By card, then by key. A key nearly always has one lifecycle, which stands alone; several are a tuple.
        # Many small dicts, for one of a million cards would stop the loop when it outgrows its room.
        self._cards: tuple[dict[str, Keyed], ...] = tuple({} for _ in range(PARTS))
        # Holds of one length expire in the order in which they came, so each length gets a queue of its own: of times,
        # and of ids beside it, since a pair would be one more object of each hold for the collector to look at. What
        # fits no queue goes to the heap.
        self._expiries: list[tuple[deque[int], deque[int]]] = []
        self._odd_expiries: list[tuple[int, int]] = []
        self._tombstones: OrderedDict[tuple[int, str], Tombstone] = OrderedDict()  # oldest first
        self.tombstones_lost = 0
        self.by_id: Pages[Lifecycle] = Pages()
        self.changed: dict[int, Lifecycle] = {}
        self.new_tombstones: list[Tombstone] = []

    def find(self, card: str, keys: tuple[int, ...]) -> Sequence[Lifecycle]:
        """Find a card's lifecycles by the first key that finds any, oldest first."""
        held = self.of_card(card)
        if held is not None:
            for key in keys:
                rows = held.get(key)
                if rows is not None:
                    return rows if isinstance(rows, tuple) else (rows,)
        return ()

    def of_card(self, card: str) -> "Keyed | None":
        """Give a card's lifecycles by key, or None where memory has none."""
        return self._cards[hash(card) & PARTS - 1].get(card)

    def tombstone(self, card: str, keys: tuple[int, ...], at: int) -> Tombstone | None:
        """Find a card's unexpired tombstone."""
        if not self._tombstones:
            return None
        for key in keys:
            stone = self._tombstones.get((key, card))
            if stone is not None and stone.expires_at > at:
                return stone
        return None

    def opened(self, effect: Opened, seq: int) -> None:
        """Add the lifecycle that the entry `seq` opened."""
        keys = effect.life_keys
        row = Lifecycle(
            seq,
            effect.account,
            effect.card,
            effect.currency,
            effect.authorized,
            effect.remaining,
            effect.cleared,
            effect.released,
            effect.flags,
            effect.expires_at,
            keys[0] if keys else 0,
            keys[1] if len(keys) > 1 else 0,
            seq,
        )
        if row.remaining + row.cleared + row.released != row.authorized or row.remaining < 0:
            check(condition=False, problem="lifecycle amounts do not add up")
        self._insert(row)
        self.changed[seq] = row
        if row.remaining:
            self._ledger.move_held(row.account, row.remaining, seq)

    def changed_to(self, effect: Changed, seq: int) -> None:
        """Set a lifecycle's new values and move what is held by the difference."""
        row = self.by_id[effect.authorization]
        check(
            effect.remaining >= 0 and effect.remaining + effect.cleared + effect.released == effect.authorized,
            "lifecycle amounts do not add up",
        )
        moved = effect.remaining - row.remaining
        was_kept = stays(row.flags)
        row.authorized = effect.authorized
        row.remaining = effect.remaining
        row.cleared = effect.cleared
        row.released = effect.released
        row.flags = effect.flags
        if effect.expires_at != row.expires_at:
            row.expires_at = effect.expires_at
            if row.flags & FLAG_OPEN and row.expires_at:
                self._watch_expiry(row)
        row.changed_seq = seq
        self.changed[row.id] = row
        if moved:
            self._ledger.move_held(row.account, moved, seq)
        if was_kept and not stays(row.flags):
            self._closed.append(row.id)

    def tombstoned(self, effect: Tombstoned, seq: int) -> None:
        """Remember a reversal that came before its original."""
        keys = effect.life_keys
        stone = Tombstone(
            seq,
            effect.card,
            keys[0] if keys else 0,
            keys[1] if len(keys) > 1 else 0,
            effect.replacement_amount,
            effect.expires_at,
        )
        self.bury(stone)
        self.new_tombstones.append(stone)

    def bury(self, stone: Tombstone) -> None:
        """Take a tombstone into memory unless a newer one is there; at TOMBSTONES_MAX the oldest leaves it, counted."""
        for key in (stone.life_hash, stone.origin_hash):
            held = self._tombstones.get((key, stone.card))
            if key and (held is None or held.id <= stone.id):
                self._tombstones[(key, stone.card)] = stone
        while len(self._tombstones) > TOMBSTONES_MAX:
            self._tombstones.popitem(last=False)
            self.tombstones_lost += 1

    def restore(self, row: Lifecycle) -> None:
        """Take a lifecycle of the store into memory; one that is there already stays as it is."""
        if row.id not in self.by_id:
            self._insert(row)

    def _insert(self, row: Lifecycle) -> None:
        self.by_id[row.id] = row
        part = self._cards[hash(row.card) & PARTS - 1]
        held = part.get(row.card)
        if held is None:
            held = part[row.card] = {}
        if row.life_hash:
            first = held.setdefault(row.life_hash, row)
            if first is not row:
                held[row.life_hash] = _joined(first, row)
        if row.origin_hash and row.origin_hash != row.life_hash:  # a sender can choose DE37 so that they are equal
            first = held.setdefault(row.origin_hash, row)
            if first is not row:
                held[row.origin_hash] = _joined(first, row)
        if not (row.flags & FLAG_OPEN or stays(row.flags)):
            self._closed.append(row.id)
        elif row.expires_at:
            self._watch_expiry(row)

    def _watch_expiry(self, row: Lifecycle) -> None:
        expires_at = row.expires_at
        for times, numbers in self._expiries:
            if not times or times[-1] <= expires_at:
                times.append(expires_at)
                numbers.append(row.id)
                return
        if len(self._expiries) < EXPIRY_QUEUES:
            self._expiries.append((deque((expires_at,)), deque((row.id,))))
        else:
            heapq.heappush(self._odd_expiries, (expires_at, row.id))

    def forget(self, committed_seq: int) -> None:
        """Drop the oldest closed lifecycles beyond the bound; none that the store does not yet hold."""
        while len(self._closed) > self._closed_max:
            row = self.by_id.find(self._closed[0])
            if row is not None and row.changed_seq > committed_seq:
                return
            self._closed.popleft()
            if row is None or stays(row.flags):
                continue
            del self.by_id[row.id]
            self._forget_keys(row)

    def _forget_keys(self, row: Lifecycle) -> None:
        part = self._cards[hash(row.card) & PARTS - 1]
        held = part.get(row.card)
        if held is None:
            return  # it had left its keys at KEY_IDS_MAX, and those that stayed are forgotten already
        for key in {row.life_hash, row.origin_hash}:
            rows = held.get(key)
            if rows is row:
                del held[key]
            elif isinstance(rows, tuple):
                left = tuple(each for each in rows if each is not row)
                held[key] = left if len(left) > 1 else left[0]
        if not held:
            del part[row.card]

    def bury_expired(self, at: int) -> None:
        """Drop tombstones whose time is up, oldest first; one that lives longer keeps those behind it a while."""
        while self._tombstones and next(iter(self._tombstones.values())).expires_at <= at:
            self._tombstones.popitem(last=False)

    def next_expiry(self) -> int | None:
        """Give the earliest expiry of an open lifecycle, ns since 1970; None if nothing expires."""
        fronts = [times[0] for times, _ in self._expiries if times]
        if self._odd_expiries:
            fronts.append(self._odd_expiries[0][0])
        return min(fronts, default=None)

    def take_expired(self, at: int, limit: int) -> list[int]:
        """Take up to `limit` ids of open lifecycles whose time is up at `at`."""
        due: list[int] = []
        while len(due) < limit and (first := self.next_expiry()) is not None and first <= at:
            number = self._take_at(first)
            row = self.by_id.find(number)
            if row is not None and row.flags & FLAG_OPEN and row.expires_at == first:
                due.append(number)
        return due

    def _take_at(self, first: int) -> int:
        for times, numbers in self._expiries:
            if times and times[0] == first:
                times.popleft()
                return numbers.popleft()
        return heapq.heappop(self._odd_expiries)[1]


def _joined(held: Lifecycle | tuple[Lifecycle, ...], row: Lifecycle) -> tuple[Lifecycle, ...]:
    """Add a lifecycle to those of a key, oldest first: one that the store answered may be older than what memory holds.

    At KEY_IDS_MAX the oldest closed one leaves the key, so that a constant reference number stays cheap.
    """
    rows = held if isinstance(held, tuple) else (held,)
    rows = (*rows, row) if row.id > rows[-1].id else tuple(sorted((*rows, row), key=_id_of))
    if len(rows) <= KEY_IDS_MAX:
        return rows
    leaving = next((each for each in rows if not stays(each.flags)), rows[0])
    return tuple(each for each in rows if each is not leaving)


def released(row: LifecycleView, flags: int) -> Changed:
    """Give the effect that releases all that remains and sets the flags."""
    return Changed(
        authorization=row.id,
        account=row.account,
        authorized=row.authorized,
        remaining=0,
        cleared=row.cleared,
        released=row.released + row.remaining,
        flags=flags,
        expires_at=row.expires_at,
    )


def taken_back(entry: Entry, view: View) -> tuple[Effect, ...]:
    """Give the effects that take back an approval whose answer came too late (decision table, row L2).

    A hold is released and its lifecycle flagged LATE and DECLINED; a posting gets its contra entry, less what a
    reversal has taken back meanwhile; a payment is rejected.
    """
    effects: list[Effect] = []
    row = view.lifecycle(entry.seq)
    for effect in entry.effects:
        if row is not None and row.flags & FLAG_STANDIN:
            continue  # an advice came meanwhile: what the network has granted stands
        if isinstance(effect, Opened) and row is not None:
            effects.append(
                Changed(
                    authorization=row.id,
                    account=row.account,
                    authorized=row.authorized,
                    remaining=0,
                    cleared=0,
                    released=row.authorized,
                    flags=(row.flags & ~(FLAG_OPEN | FLAG_CLEARED)) | FLAG_LATE | FLAG_DECLINED,
                    expires_at=row.expires_at,
                )
            )
        elif isinstance(effect, Posted) and row is not None:
            if row.cleared:
                legs = tuple(Leg(leg.account, -row.cleared if leg.amount > 0 else row.cleared) for leg in effect.legs)
                effects.append(Posted(currency=effect.currency, legs=legs, authorization=row.id, text="contra"))
        elif isinstance(effect, Posted):
            legs = tuple(Leg(leg.account, -leg.amount) for leg in effect.legs)
            effects.append(Posted(currency=effect.currency, legs=legs, text="contra"))
        elif isinstance(effect, PaymentSettled):
            effects.append(msgspec.structs.replace(effect, status="RJCT", reason="late"))
    return tuple(effects)


def kept_late(entry: Entry, view: View, at: int, window_s: int) -> tuple[Effect, ...]:
    """Give the effects that keep an approval nobody was told of in time (decision table, row L3).

    The lifecycle is flagged LATE until a reversal, an advice or its expiry ends it; a posted 0200 gets a durable timer
    of `window_s`, after which a person looks at it.
    """
    row = view.lifecycle(entry.seq)
    if row is None or row.flags & (FLAG_DECLINED | FLAG_REVERSED | FLAG_EXPIRED):
        return ()  # nothing was kept, or the truth has come already
    late = Changed(
        authorization=row.id,
        account=row.account,
        authorized=row.authorized,
        remaining=row.remaining,
        cleared=row.cleared,
        released=row.released,
        flags=row.flags | FLAG_LATE,
        expires_at=row.expires_at,
    )
    if not row.flags & FLAG_DIRECT:
        return (late,)
    watch = ObligationSet(
        obligation=f"late-posting-{row.id}",
        kind=LATE_POSTING,
        due_at=at + window_s * 1_000_000_000,
        subject=str(row.id),
    )
    return (late, watch)
