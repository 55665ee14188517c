"""What every store does alike: the same tests over memory and over PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest
from tests.engine.store.rows import ACCOUNT, account, authorization, batch, entry, opening, posting

from twinrail.engine.journal import Ask, Outcome, Position, key_hash
from twinrail.engine.lifecycle import stays
from twinrail.engine.store.commands import await_command, put_command
from twinrail.engine.store.contract import FOUND_MAX, CommandOutcome, Reports, Store
from twinrail.engine.store.memory import MemoryStore, MemoryTables
from twinrail.engine.store.postgres import PostgresStore
from twinrail.engine.store.reports import MemoryReports, PostgresReports
from twinrail.errors import StoreError
from twinrail.schemas.instructions import Command, OpenAccount, ReleaseHold
from twinrail.schemas.journal import FLAG_CLEARED

P = 3  # the partition under test
NOW = 10**18
Row = tuple[object, ...]


class Place(Protocol):
    """Where the rows are: gives owners, and acts as an operator."""

    async def owner(self) -> Store: ...
    async def put(self, command: Command) -> None: ...
    async def outcome(self, command: str) -> CommandOutcome: ...
    def reports(self) -> Reports: ...


class InMemory:
    def __init__(self) -> None:
        self.tables = MemoryTables()

    async def owner(self) -> Store:
        return MemoryStore(self.tables)

    async def put(self, command: Command) -> None:
        self.tables.put_command(P, command, "test")

    async def outcome(self, command: str) -> CommandOutcome:
        return self.tables.command_outcome(P, command)

    def reports(self) -> Reports:
        return MemoryReports(self.tables, partition=P)


class InPostgres:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.opened: list[PostgresStore] = []
        self.read: list[PostgresReports] = []

    async def owner(self) -> Store:
        store = PostgresStore(self.dsn, connect_timeout_s=10, allow_unsafe=True)
        await store.open()
        self.opened.append(store)
        return store

    async def put(self, command: Command) -> None:
        await put_command(self.dsn, P, command, "test")

    async def outcome(self, command: str) -> CommandOutcome:
        return await await_command(self.dsn, P, command, timeout_s=0)

    def reports(self) -> Reports:
        self.read.append(PostgresReports(self.dsn, partition=P))
        return self.read[-1]


@pytest.fixture(params=["memory", "postgres"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "memory":
        yield InMemory()
        return
    there = InPostgres(request.getfixturevalue("database"))
    yield there
    for store in there.opened:
        await store.close()
    for reports in there.read:
        await reports.close()


@pytest.fixture
async def store(place: Place) -> Store:
    owner = await place.owner()
    assert await owner.claim(P) == Position(1, 0)
    return owner


async def loaded_rows(store: Store, table: str, *, now: int = NOW) -> list[Row]:
    loaded = await store.load(P, recent=100, recent_since=0, now_wall=now)
    return [tuple(row) for row in loaded.rows[table]]


async def test_what_was_committed_is_loaded_by_the_next_owner(place: Place, store: Store) -> None:
    first = opening(P, accounts=3)
    assert await store.commit(first) is Outcome.COMMITTED
    held = authorization(4, remaining=500)
    rows: dict[str, list[Row]] = {
        "journal": [entry(4, key="k4"), entry(5)],
        "account": [account(1, held=500, changed_seq=4)],
        "authorization": [held],
        "card": [("c1", ACCOUNT.format(1), "3012", "1234", "active", 0, "")],
        "tombstone": [(5, "c1", 7, 8, -1, NOW + 1)],
        "obligation": [
            ("late", "answer", 20, "4", False),
            ("soon", "answer", 10, "4", False),
            ("met", "x", 5, "", True),
        ],
    }
    assert await store.commit(batch(P, 4, 5, rows)) is Outcome.COMMITTED
    other = await place.owner()
    assert await other.claim(P) == Position(2, 5)
    loaded = await other.load(P, recent=10, recent_since=0, now_wall=NOW)
    assert loaded.position == Position(2, 5)
    assert loaded.last_at == 5_000
    assert sorted(map(tuple, loaded.rows["account"])) == [account(1, held=500, changed_seq=4), account(2), account(3)]
    assert [tuple(row) for row in loaded.rows["authorization"]] == [held]
    assert [tuple(row) for row in loaded.rows["card"]] == rows["card"]
    assert [tuple(row) for row in loaded.rows["tombstone"]] == rows["tombstone"]
    assert [row[0] for row in loaded.rows["obligation"]] == ["soon", "late"]
    assert [found.key for found in loaded.recent] == ["k4"]
    assert set(loaded.rows) == {"account", "card", "authorization", "tombstone", "obligation", "payment_file"}


async def test_a_second_owner_fences_the_first(place: Place, store: Store) -> None:
    other = await place.owner()
    assert await other.claim(P) == Position(2, 0)
    assert await store.commit(opening(P)) is Outcome.FENCED
    assert await other.look_up(P) == Position(2, 0)
    assert await other.commit(opening(P, epoch=2)) is Outcome.COMMITTED
    assert await store.commit(opening(P)) is Outcome.FENCED  # even where the numbers would fit
    assert await store.look_up(P) == Position(2, 1)


async def test_a_committed_batch_handed_over_again_is_committed_and_written_once(store: Store) -> None:
    first = opening(P, accounts=2)
    for _ in range(3):
        assert await store.commit(first) is Outcome.COMMITTED
    assert await store.look_up(P) == Position(1, 2)
    assert len(await loaded_rows(store, "account")) == 2


async def test_a_batch_that_leaves_a_gap_is_refused(store: Store) -> None:
    assert await store.commit(batch(P, 2, 2, {"journal": [entry(2)]})) is Outcome.REFUSED
    assert await store.look_up(P) == Position(1, 0)


async def test_an_older_batch_is_refused(store: Store) -> None:
    assert await store.commit(batch(P, 1, 1, {"journal": [entry(1)]})) is Outcome.COMMITTED
    assert await store.commit(batch(P, 2, 2, {"journal": [entry(2)]})) is Outcome.COMMITTED
    assert await store.commit(batch(P, 1, 1, {"journal": [entry(1)]})) is Outcome.REFUSED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows["account"].append(account(2, opened_seq=2, held=-1)),
        lambda rows: rows["account"].append(account(9, opened_seq=1, changed_seq=2)),  # changed, but never opened
        lambda rows: rows["account"].append(account(1, opened_seq=2)),  # opened twice
        lambda rows: rows["account"].extend([account(1, changed_seq=2)] * 2),
        lambda rows: rows["authorization"].append(authorization(2, remaining=-5)),
        lambda rows: rows["authorization"].append(authorization(1)),  # changed, but never made
        lambda rows: rows["journal"].append(entry(4)),
        lambda rows: rows["journal"].append((3, 3_000, None, None, b"{}")),
        lambda rows: rows["account"].append(account(1)[:-1]),
        lambda rows: rows["posting"].extend(posting(2, 0, 1, 5) * 2),
        lambda rows: rows.update({"no_such_table": [(1,)]}),
    ],
)
async def test_rows_that_can_never_be_are_refused_and_leave_no_trace(
    store: Store, spoil: Callable[[dict[str, list[Row]]], None]
) -> None:
    assert await store.commit(opening(P)) is Outcome.COMMITTED
    rows: dict[str, list[Row]] = {"journal": [entry(2)], "account": [], "authorization": [], "posting": []}
    good = {"journal": [entry(2)], "account": [account(2, opened_seq=2)]}
    spoil(rows)
    last = 1 + len(rows["journal"])
    assert await store.commit(batch(P, 2, last, rows)) is Outcome.REFUSED
    assert await store.look_up(P) == Position(1, 1)
    assert await store.commit(batch(P, 2, 2, good)) is Outcome.COMMITTED
    assert len(await loaded_rows(store, "account")) == 2


async def test_a_changed_authorization_keeps_what_never_changes(store: Store) -> None:
    assert await store.commit(opening(P)) is Outcome.COMMITTED
    fresh = {"journal": [entry(2)], "authorization": [authorization(2, remaining=700)]}
    held = {"account": [account(1, held=700, changed_seq=2)]}
    assert await store.commit(batch(P, 2, 2, fresh | held)) is Outcome.COMMITTED
    less = authorization(2, remaining=300, changed_seq=3)
    rows = {"journal": [entry(3)], "authorization": [less], "account": [account(1, held=300, changed_seq=3)]}
    assert await store.commit(batch(P, 3, 3, rows)) is Outcome.COMMITTED
    assert await loaded_rows(store, "authorization") == [less]
    done = authorization(2, remaining=0, flags=FLAG_CLEARED, changed_seq=4)
    rows = {"journal": [entry(4)], "authorization": [done], "account": [account(1, changed_seq=4)]}
    assert await store.commit(batch(P, 4, 4, rows)) is Outcome.COMMITTED
    assert await loaded_rows(store, "authorization") == []
    found = await store.find(P, Ask(1, life_hashes=(less[10],)))  # type: ignore[arg-type]  # the hash is an int
    assert [tuple(row) for row in found.authorizations] == [done]


async def test_the_authorizations_that_stay_in_memory_are_loaded_and_others_not(store: Store) -> None:
    flags = list(range(512))
    rows: dict[str, list[Row]] = {
        "journal": [entry(1), *(entry(2 + at) for at in range(len(flags)))],
        "account": [account(1, opened_seq=1)],
        "authorization": [authorization(2 + at, flags=flag, remaining=0) for at, flag in enumerate(flags)],
    }
    assert await store.commit(batch(P, 1, 1 + len(flags), rows)) is Outcome.COMMITTED
    assert [row[0] for row in await loaded_rows(store, "authorization")] == [2 + at for at in flags if stays(at)]


async def test_recent_entries_are_bounded_by_number_and_by_age(store: Store) -> None:
    keys = ["k1", "", "k3", "k4", "", "k6"]
    rows = {"journal": [entry(at, key=key) for at, key in enumerate(keys, start=1)]}
    assert await store.commit(batch(P, 1, len(keys), rows)) is Outcome.COMMITTED

    async def recent(number: int, since: int) -> list[str]:
        loaded = await store.load(P, recent=number, recent_since=since, now_wall=NOW)
        return [found.key for found in loaded.recent]

    assert await recent(100, 0) == ["k1", "k3", "k4", "k6"]
    assert await recent(2, 0) == ["k4", "k6"]
    assert await recent(100, 3_000) == ["k3", "k4", "k6"]
    assert await recent(100, 3_001) == ["k4", "k6"]
    assert await recent(100, 6_001) == []
    assert await recent(0, 0) == []


async def test_an_empty_partition_loads_as_empty(store: Store) -> None:
    loaded = await store.load(P, recent=10, recent_since=0, now_wall=NOW)
    assert loaded.position == Position(1, 0)
    assert loaded.last_at == 0
    assert not any(loaded.rows.values())
    assert not loaded.recent


async def test_expired_tombstones_and_reported_files_are_not_loaded(store: Store) -> None:
    rows: dict[str, list[Row]] = {
        "journal": [entry(1), entry(2)],
        "tombstone": [(1, "c", 1, 2, -1, NOW), (2, "c", 3, 4, 5, NOW + 1)],
        "payment_file": [
            file_row("open", status="open"),
            file_row("refused", status="refused"),
            file_row("told", status="refused", report="r.xml"),
            file_row("closed", status="closed", report="r.xml"),
        ],
    }
    assert await store.commit(batch(P, 1, 2, rows)) is Outcome.COMMITTED
    assert [row[0] for row in await loaded_rows(store, "tombstone")] == [2]
    assert sorted(str(row[0]) for row in await loaded_rows(store, "payment_file")) == ["open", "refused"]


def file_row(sha256: str, *, status: str, report: str = "", message_id: str = "m", position: int = 0) -> Row:
    return (sha256, message_id, "initiator", 3, 600, status, "", position, 0, 0, report, "")


async def test_rows_with_a_key_are_written_over(store: Store) -> None:
    for number, position in enumerate((0, 2, 3), start=1):
        rows = {"journal": [entry(number)], "payment_file": [file_row("f", status="open", position=position)]}
        assert await store.commit(batch(P, number, number, rows)) is Outcome.COMMITTED
    assert await loaded_rows(store, "payment_file") == [file_row("f", status="open", position=3)]


async def test_find_answers_by_key_by_life_hash_and_by_file(store: Store) -> None:
    rows: dict[str, list[Row]] = {
        "journal": [entry(1, key="a"), entry(2, key="b"), entry(3, key="a"), entry(4)],
        "account": [account(1, opened_seq=4)],
        "authorization": [
            authorization(1, life=11, origin=12, remaining=0),
            authorization(2, life=21, origin=11, remaining=0),
        ],
        "tombstone": [(3, "c", 11, 99, -1, 1)],
        "payment_file": [file_row("f1", status="open"), file_row("f2", status="closed", message_id="n", report="r")],
    }
    assert await store.commit(batch(P, 1, 4, rows)) is Outcome.COMMITTED
    found = await store.find(P, Ask(1, key_hash=key_hash("a")))
    assert [one.seq for one in found.entries] == [1, 3]
    assert found[1:] == ([], [], [])
    found = await store.find(P, Ask(2, life_hashes=(11,)))
    assert [row[0] for row in found.authorizations] == [1, 2]
    assert [row[0] for row in found.tombstones] == [3]
    found = await store.find(P, Ask(3, file="f2", message_id="m", initiator="initiator"))
    assert sorted(str(row[0]) for row in found.files) == ["f1", "f2"]
    found = await store.find(P, Ask(4, file="none", message_id="m", initiator="another"))
    assert not found.files
    assert await store.find(P, Ask(5, key_hash=key_hash("never"))) == ([], [], [], [])


async def test_of_many_entries_of_a_key_the_newest_are_found(store: Store) -> None:
    last = FOUND_MAX + 3
    rows = {"journal": [entry(number, key="a") for number in range(1, last + 1)]}
    assert await store.commit(batch(P, 1, last, rows)) is Outcome.COMMITTED
    found = await store.find(P, Ask(1, key_hash=key_hash("a")))
    assert [one.seq for one in found.entries] == [*range(4, last + 1)]


async def test_a_question_about_a_card_is_answered_with_its_rows_alone(store: Store) -> None:
    others = range(3, 4 + FOUND_MAX)  # newer, and so many that they would fill the answer
    rows: dict[str, list[Row]] = {
        "journal": [entry(number) for number in range(1, others.stop)],
        "account": [account(1, opened_seq=1)],
        "authorization": [
            authorization(1, card="mine", life=11, remaining=0),
            authorization(2, card="mine", origin=11, remaining=0),
            *(authorization(number, card="other", life=11, origin=12, remaining=0) for number in others),
        ],
        "tombstone": [
            (1, "mine", 11, 99, -1, 1),
            (2, "mine", 99, 11, -1, 1),
            *((number, "other", 11, 12, -1, 1) for number in others),
        ],
    }
    assert await store.commit(batch(P, 1, others.stop - 1, rows)) is Outcome.COMMITTED
    mine = await store.find(P, Ask(1, life_hashes=(11,), card="mine"))
    assert ([row[0] for row in mine.authorizations], [row[0] for row in mine.tombstones]) == ([1, 2], [1, 2])
    nobodys = await store.find(P, Ask(2, life_hashes=(11,), card="third"))
    assert (list(nobodys.authorizations), list(nobodys.tombstones)) == ([], [])
    anybodys = await store.find(P, Ask(3, life_hashes=(11,)))
    assert [row[0] for row in anybodys.authorizations] == [row[0] for row in anybodys.tombstones] == [*others[1:]]


async def test_texts_survive_whatever_they_hold(store: Store) -> None:
    hostile = ["", "\x1f", "a\x1fb", '"{}\\', "\x1f0\x1f", "NULL", "ü €\U0001f600", "\r\n\t", "x" * 5000]
    rows: dict[str, list[Row]] = {
        "journal": [entry(number) for number in range(1, 3 + len(hostile))],
        "card": [(f"t{number}", text, text, "", text, 0, text) for number, text in enumerate(hostile)],
    }
    assert await store.commit(batch(P, 1, 2 + len(hostile), rows)) is Outcome.COMMITTED
    assert sorted(await loaded_rows(store, "card")) == sorted(rows["card"])


@pytest.mark.parametrize("text", ["", "\x1f", "plain"])
async def test_a_single_row_survives_too(store: Store, text: str) -> None:
    card: Row = ("t", text, text, text, text, 0, text)
    assert await store.commit(batch(P, 1, 1, {"journal": [entry(1)], "card": [card]})) is Outcome.COMMITTED
    assert await loaded_rows(store, "card") == [card]


async def test_numbers_survive_to_their_limits(store: Store) -> None:
    high, low = 2**63 - 1, -(2**63)
    rows: dict[str, list[Row]] = {
        "journal": [entry(1)],
        "account": [account(1, opened_seq=1)],
        "authorization": [authorization(1, life=high, origin=low, remaining=0)],
    }
    assert await store.commit(batch(P, 1, 1, rows)) is Outcome.COMMITTED
    found = await store.find(P, Ask(1, life_hashes=(low,)))
    assert [(row[10], row[11]) for row in found.authorizations] == [(high, low)]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"account": [account(1, held=5, changed_seq=2)]}, "held"),
        ({"authorization": [authorization(2, remaining=5)]}, "held"),
        ({"authorization": [authorization(2, remaining=5, of=8)]}, "held"),
        ({"account": [account(1, posted=7, changed_seq=2)]}, "sum to zero"),
        ({"posting": posting(2, 0, 1, 5)}, "postings"),
    ],
)
async def test_rows_that_do_not_agree_are_named_when_loaded(
    store: Store, spoil: dict[str, list[Row]], says: str
) -> None:
    assert await store.commit(opening(P)) is Outcome.COMMITTED
    assert await store.commit(batch(P, 2, 2, {"journal": [entry(2)], **spoil})) is Outcome.COMMITTED
    with pytest.raises(StoreError, match=says):
        await store.load(P, recent=0, recent_since=0, now_wall=NOW)


async def test_commands_come_in_the_order_of_request_until_they_are_done(place: Place, store: Store) -> None:
    asked: list[Command] = [ReleaseHold(command=name, authorization=1) for name in ("z", "a", "m")]
    for command in (*asked, asked[0]):  # asking twice is asking once
        await place.put(command)
    assert await store.commands(P, 10) == asked
    assert await store.commands(P, 2) == asked[:2]
    assert await place.outcome("a") == ("pending", "")
    done: dict[str, list[Row]] = {
        "journal": [entry(1)],
        "command": [("z", "done", "released", 1), ("a", "refused", "no such hold", 1)],
    }
    assert await store.commit(batch(P, 1, 1, done)) is Outcome.COMMITTED
    assert await store.commands(P, 10) == asked[2:]
    assert await place.outcome("z") == ("done", "released")
    assert await place.outcome("a") == ("refused", "no such hold")
    await place.put(asked[0])
    assert await place.outcome("z") == ("done", "released")
    with pytest.raises(StoreError, match="no command"):
        await place.outcome("never")


async def test_a_command_id_stands_for_one_command_only(place: Place, store: Store) -> None:
    await place.put(ReleaseHold(command="x", authorization=1))
    with pytest.raises(StoreError, match="another command"):
        await place.put(ReleaseHold(command="x", authorization=2))
    assert await store.commands(P, 10) == [ReleaseHold(command="x", authorization=1)]


async def test_a_command_without_a_row_leaves_one(place: Place, store: Store) -> None:
    rows: dict[str, list[Row]] = {"journal": [entry(1)], "command": [("direct", "done", "", 1)]}
    assert await store.commit(batch(P, 1, 1, rows)) is Outcome.COMMITTED
    assert await place.outcome("direct") == ("done", "")
    assert await store.commands(P, 10) == []


async def test_partitions_do_not_see_each_other(place: Place, store: Store) -> None:
    assert await store.commit(opening(P)) is Outcome.COMMITTED
    other = await place.owner()
    assert await other.claim(P + 1) == Position(1, 0)
    loaded = await other.load(P + 1, recent=10, recent_since=0, now_wall=NOW)
    assert not any(loaded.rows.values())
    assert await other.commit(opening(P + 1)) is Outcome.COMMITTED
    assert await store.look_up(P) == Position(1, 1)
    await place.put(OpenAccount(command="o", account="a", currency="978"))
    assert await other.commands(P + 1, 10) == []


async def test_reports_show_accounts_cards_files_and_balances(place: Place, store: Store) -> None:
    paid: list[Row] = [
        (number, ACCOUNT.format(1), True, 10 * number, "978", "ACSP", "", "m", "p", f"e{number}", "", "", "f", at)
        for number, at in ((4, 2), (5, 1), (6, 3))
    ]
    rows: dict[str, list[Row]] = {
        "journal": [entry(number) for number in range(4, 8)],
        "account": [account(1, posted=-50, changed_seq=4), account(2, posted=50, changed_seq=4)],
        "posting": posting(4, 1, 2, 50),
        "card": [(f"t{at}", ACCOUNT.format(1), "3012", "1234", "active", at, "") for at in (2, 1)],
        "payment": [*paid, (7, "", False, 1, "978", "RJCT", "late", "i", "", "e", "", "t", "", 0)],
        "payment_file": [file_row("f", status="open", position=3)],
    }
    assert await store.commit(opening(P, accounts=3)) is Outcome.COMMITTED
    assert await store.commit(batch(P, 4, 7, rows)) is Outcome.COMMITTED
    reports = place.reports()
    one = await reports.account_row(ACCOUNT.format(1))
    assert one is not None
    assert (one.posted, one.held, one.available) == (-50, 0, -50)
    assert await reports.account_row("none") is None
    names = [ACCOUNT.format(number) for number in (1, 2, 3)]
    assert [row.id for row in await reports.accounts(limit=2)] == names[:2]
    assert [row.id for row in await reports.accounts(after=names[1])] == names[2:]
    card = await reports.card_row("t2")
    assert card is not None
    assert card.amount_limit == 2
    assert await reports.card_row("none") is None
    assert [row.token for row in await reports.cards_of_account(names[0])] == ["t1", "t2"]
    file = await reports.file_row("f")
    assert file is not None
    assert file.position == 3
    assert await reports.file_row("none") is None
    assert [row.position for row in await reports.payments_of_file("f", limit=2)] == [1, 2]
    assert [row.end_to_end_id for row in await reports.payments_of_file("f", after_position=2)] == ["e6"]
    assert await reports.payments_of_file("") == []
    assert await reports.balances() == [("customer", "978", 3, 0, 0)]
