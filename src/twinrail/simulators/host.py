"""A network that listens: for links that an engine dials, with a script for what the engine asks on them.

`python -m twinrail.simulators.host --port 9000 --profile base1-like --on sign_on=silent,accept --on 0420=late:2`
takes links until it is interrupted and prints a line of JSON for everything that it is asked: what it is and what was
done, and nothing of its content. Whoever wants to send over such a link uses `hosting`, whose links are those of
`acquirer`.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.simulators.acquirer import AcquirerLink, Asked
from twinrail.simulators.profiles import card_profile_of
from twinrail.simulators.script import Act, Script, Step, read_rules

LINKS_MAX = 1000


class Host:
    """A listening network; `links` are those that were ever accepted, `script` is shared by all of them."""

    def __init__(self, profile: LinkProfile, script: Script, on_asked: Callable[[Asked], None] | None = None) -> None:
        self.profile = profile
        self.script = script
        self.port = 0
        self.links: list[AcquirerLink] = []
        self._fresh: asyncio.Queue[AcquirerLink] = asyncio.Queue()
        self._on_asked = on_asked

    def accept(self) -> AcquirerLink:
        """Make the link of a connection that has come; ConnectionRefusedError beyond LINKS_MAX."""
        if len(self.links) >= LINKS_MAX:
            raise ConnectionRefusedError(f"{LINKS_MAX} links were accepted")
        link = AcquirerLink(self.profile, self.script, self._on_asked)
        self.links.append(link)
        self._fresh.put_nowait(link)
        return link

    async def next(self, *, timeout_s: float) -> AcquirerLink:
        """Wait for the next link that is dialled; TimeoutError where none comes."""
        async with asyncio.timeout(timeout_s):
            return await self._fresh.get()

    async def close(self) -> None:
        """Close every link."""
        for link in self.links:
            await link.close()


@asynccontextmanager
async def hosting(
    profile: LinkProfile,
    rules: Mapping[str, Sequence[Step]] | None = None,
    *,
    address: tuple[str, int] = ("127.0.0.1", 0),
    on_asked: Callable[[Asked], None] | None = None,
) -> AsyncIterator[Host]:
    """Listen for as long as the block runs, by default on a free port of the loopback address.

    SettingsError for rules that links of the profile cannot keep, OSError where the port cannot be had.
    """
    host = Host(profile, Script(profile, rules or {}), on_asked)
    server = await asyncio.get_running_loop().create_server(host.accept, *address)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        await host.close()
        await server.wait_closed()


async def _listen(profile: LinkProfile, rules: Mapping[str, Sequence[Step]], address: tuple[str, int]) -> None:
    started_ns = time.monotonic_ns()

    def tell(asked: Asked) -> None:
        line = {
            "seconds": round((time.monotonic_ns() - started_ns) / 1e9, 3),
            "asked": asked.what,
            "mti": asked.message.mti,
            "act": asked.step.act.value,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    async with hosting(profile, rules, address=address, on_asked=tell) as host:
        sys.stderr.write(f"{profile.name} on {address[0]}:{host.port}\n")
        sys.stderr.flush()
        # Not left to KeyboardInterrupt: a shell starts what runs in the background with SIGINT ignored.
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Listen from the command line until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m twinrail.simulators.host", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one, which is said on standard error")
    parser.add_argument("--profile", default="card-1987", help="name of a link profile, or a file of one")
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="WHAT=STEP,...",
        help=f"steps are {', '.join(Act)}; may be repeated",
    )
    arguments = parser.parse_args(argv)
    try:
        profile = card_profile_of(arguments.profile)
        asyncio.run(_listen(profile, read_rules(arguments.on), (arguments.host, arguments.port)))
    except (OSError, SettingsError) as error:
        sys.stderr.write(f"host: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
