"""A server with the whole switch and the in-memory store, for the benchmark: `memory_server.py CARDS`.

Prints its port, then serves until its standard input closes.
"""

import asyncio
import sys
import time
from ipaddress import IPv4Network

import uvloop
from benchmarks.rig import KEY, commands

from twinrail.assembly import RULESET, flows, tune_memory
from twinrail.codecs.card import Tokens
from twinrail.engine.store.memory import MemoryStore
from twinrail.engine.switch import Switch
from twinrail.engine.transports.listen import Listener
from twinrail.engine.transports.pump import Pump
from twinrail.schemas.iso8583.profiles import PROFILES


async def main(cards: int) -> None:
    """Open the cards, listen, and serve until the input ends."""
    store = MemoryStore()
    position = await store.claim(0)
    loaded = await store.load(0, recent=1000, recent_since=0, now_wall=time.time_ns())
    assert loaded.position == position, RULESET  # noqa: S101 - a benchmark may stop here
    switch = Switch(flows=flows(), tokens=Tokens(KEY))
    switch.restore(loaded)
    pump = Pump(switch, store)
    listener = Listener(
        name="card", profile=PROFILES["card-1987"], host="127.0.0.1", port=0,
        allow=(IPv4Network("127.0.0.0/8"),), connections_max=64,
    )  # fmt: skip
    running = asyncio.create_task(pump.run())
    wanted = list(commands(cards))
    for start in range(0, len(wanted), 1000):
        await pump.submit_all(wanted[start : start + 1000])
    tune_memory()
    await listener.open(pump)
    print(listener.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    pump.stopped.set()
    await running


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
