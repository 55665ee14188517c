"""A store between the engine and its real store that behaves as a test says (see rig.Mode)."""

import asyncio

from tests.scenarios.rig import Mode

from twinrail.engine.journal import Ask, Batch, Found, Loaded, Outcome, Position
from twinrail.engine.store.contract import Store, StoreAway
from twinrail.schemas.instructions import Command


class Gate:
    """The `Store` contract, passed on, held, lost or hidden."""

    def __init__(self, store: Store) -> None:
        self.mode = Mode.FINE
        self.commits = 0
        self._store = store
        self._changed = asyncio.Event()

    def set(self, mode: Mode) -> None:
        """Behave otherwise from now on."""
        self.mode = mode
        self._changed.set()

    async def claim(self, partition: int) -> Position:
        """Pass on."""
        return await self._store.claim(partition)

    async def load(self, partition: int, *, recent: int, recent_since: int, now_wall: int) -> Loaded:
        """Pass on."""
        return await self._store.load(partition, recent=recent, recent_since=recent_since, now_wall=now_wall)

    async def commit(self, batch: Batch) -> Outcome:
        """Commit as the mode says."""
        while self.mode is Mode.HELD:
            self._changed.clear()
            await self._changed.wait()
        self.commits += 1
        if self.mode is Mode.AWAY:
            return Outcome.UNKNOWN
        if self.mode is Mode.FINE:
            return await self._store.commit(batch)
        if self.mode is Mode.HIDES:
            await self._store.commit(batch)
        self.mode = Mode.FINE
        return Outcome.UNKNOWN

    async def look_up(self, partition: int) -> Position:
        """Look up, where the store can be reached."""
        self._reach()
        return await self._store.look_up(partition)

    async def find(self, partition: int, ask: Ask) -> Found:
        """Find, where the store can be reached."""
        self._reach()
        return await self._store.find(partition, ask)

    async def commands(self, partition: int, limit: int) -> list[Command]:
        """Read commands, where the store can be reached."""
        self._reach()
        return await self._store.commands(partition, limit)

    async def close(self) -> None:
        """Pass on."""
        await self._store.close()

    def _reach(self) -> None:
        if self.mode is Mode.AWAY:
            raise StoreAway("the test has taken the store away")
