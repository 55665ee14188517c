"""Every scenario, by the switch alone in virtual time, and over TCP and PostgreSQL; notation.py explains them."""

import asyncpg
import pytest
from _pytest.mark import ParameterSet
from tests.scenarios.notation import Player, Pure, scenarios
from tests.scenarios.rig import Mode
from tests.scenarios.wire import Wire, until

from twinrail.engine.journal import decode_entry
from twinrail.engine.store.postgres import PostgresStore


def _texts(*, timeless: bool = False) -> list[ParameterSet]:
    files = scenarios(timeless=timeless)
    return [pytest.param(file.read_text(encoding="utf-8"), id=file.stem) for file in files]


@pytest.mark.parametrize("text", _texts())
async def test_in_virtual_time(text: str) -> None:
    world = Pure()
    await Player(world).play(text)
    world.rig.settle(Mode.FINE)
    assert world.rig.switch.idle
    world.rig.rows.verify()


class OverPostgres(Wire):
    """Real sockets, and PostgreSQL behind them."""

    def __init__(self, dsn: str) -> None:
        super().__init__(PostgresStore(dsn, connect_timeout_s=10.0, allow_unsafe=True))
        self._dsn = dsn

    async def _read(self, query: str) -> list[asyncpg.Record]:
        if self.gate.mode is Mode.FINE:
            await until(lambda: self.pump.switch.idle)
        connection = await asyncpg.connect(self._dsn)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    async def markers(self) -> list[str]:
        """Read the exception queue."""
        return [str(row["marker"]) for row in await self._read("SELECT marker FROM exception ORDER BY id")]

    async def approval_code(self, key: str) -> int:
        """Give the id of the lifecycle that the newest message of this stan opened."""
        rows = await self._read("SELECT body FROM journal ORDER BY seq")
        entries = [decode_entry(bytes(row["body"])) for row in rows]
        return [entry.seq for entry in entries if f"|{key}|" in entry.key][-1]

    async def balances(self) -> list[tuple[str, int, int]]:
        """Read all accounts as they are stored."""
        return [tuple(row) for row in await self._read("SELECT id, posted, held FROM account ORDER BY id")]


@pytest.mark.parametrize("text", _texts(timeless=True))
async def test_over_tcp_and_postgres(text: str, database: str) -> None:
    world = OverPostgres(database)
    await world.start()
    try:
        await Player(world).play(text)
        stored = await world.balances()
        mine = world.pump.switch.state.ledger.accounts.values()
        assert stored == sorted((row.id, row.posted, row.held) for row in mine)
        assert sum(posted for _, posted, _ in stored) == 0
        await world.restart()  # loading verifies that the rows agree with each other
        mine = world.pump.switch.state.ledger.accounts.values()
        assert stored == sorted((row.id, row.posted, row.held) for row in mine)
    finally:
        await world.close()
