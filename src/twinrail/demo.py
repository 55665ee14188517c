"""The demo: a database, an engine, and traffic over real links, out of nothing but this package.

It starts an embedded PostgreSQL and an engine as processes of their own, sets accounts and cards right, plays the
bundled recording with its original timing, drops a payment file and sends an instant payment, and says what came of
it. Run after run on the same state folder works: each shifts times, numbers and message ids. However it ends, it
leaves no process behind.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from twinrail import demo_world, health
from twinrail.codecs.card import Tokens
from twinrail.demo_view import FileOutcome, InstantOutcome, Live, Outcome, rewritten
from twinrail.engine.store import become
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.migrate import migrate
from twinrail.engine.store.reports import PostgresReports
from twinrail.errors import SchemaError, SettingsError, StoreError
from twinrail.keys import token_key
from twinrail.settings import load_settings
from twinrail.simulators import clearing_house
from twinrail.simulators.acquirer import LinkError
from twinrail.simulators.instant import InstantLink
from twinrail.simulators.replay import replay
from twinrail.simulators.report import Report
from twinrail.simulators.traffic import instant_time

T = TypeVar("T")
STATE = pathlib.Path(".twinrail")
HOST = "127.0.0.1"
BUDGET_S = 0.1  # what the live line measures latency against
FILE_AT_S, INSTANT_AT_S = 3.0, 6.0  # into the recording
READY_TIMEOUT_S = 60.0
REPORT_TIMEOUT_S = 30.0
INSTANT_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 20.0  # above the engine's own limit for draining
BANKING_ZONE = ZoneInfo("Europe/Berlin")
_POLL_S = 0.05
_WATCH_S = 0.25
_LOG_TAIL_BYTES = 4096

_SETTINGS = """\
# Written by `twinrail demo`; a port of 0 takes a free one, and status.json says which.
state_dir = {state}

[[links]]
name = "card"
profile = "card-1987"
port = 0

[[links]]
name = "instant"
profile = "sct-inst"
port = 0

[files]
inbox = {inbox}
poll_s = 0.2

[store]
command_poll_s = 0.2

[log]
level = "info"
"""


class _Stopped(Exception):  # noqa: N818 - a signal within this module, never an error anyone sees
    """Somebody asked the demo to end."""


def run(*, once: bool, as_json: bool) -> int:
    """Run the demo; give 0 where every expected answer came, 1 where not, and 130 where it was stopped before.

    SettingsError or StoreError where this machine or what is left in the state folder prevents it.
    """
    say = _quiet if as_json else _say
    state = STATE.absolute()
    _claim(state)
    try:
        say("starting an embedded PostgreSQL under .twinrail")
        with EmbeddedPostgres(state / "pg") as server:
            return asyncio.run(_demo(state, server.dsn(), once=once, as_json=as_json))
    except (_Stopped, KeyboardInterrupt):
        say("stopped")
        return 130


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def _quiet(_text: str) -> None:
    pass


def _claim(state: pathlib.Path) -> None:
    """Make the state folder, and refuse one that an engine is using."""
    try:
        for folder in (state, state / "sepa" / "inbox", state / "sepa" / "outbox"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"{state} cannot be made ({error.strerror}): run the demo in a folder of yours") from None
    status = health.read_status(state / "status.json", now=time.time())
    if status.alive:
        raise SettingsError(f"an engine (process {status.status.get('pid')}) runs on {state}: stop it first")


async def _demo(state: pathlib.Path, dsn: str, *, once: bool, as_json: bool) -> int:
    say = _quiet if as_json else _say
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    say("bringing its tables up to date")
    await migrate(dsn)
    config = _write_settings(state)
    tokens = Tokens(token_key(load_settings(config, {})))
    with _engine(state, config) as engine:
        ports = await _unless(stop, engine, _ready(state, engine))
        say(f"engine ready: cards on {HOST}:{ports['card']}, instant payments on {HOST}:{ports['instant']}")
        reports = PostgresReports(dsn)
        try:
            outcome = await _unless(stop, engine, _play(state, dsn, reports, tokens, ports, is_shown=not as_json))
        finally:
            await reports.close()
        print(json.dumps(outcome.to_dict()) if as_json else f"\n{outcome.text()}", flush=True)
        if not once:
            _invite(say, state, ports)
            await _until_stopped(stop, engine)
            say("draining")
    return 0 if outcome.ok else 1


def _write_settings(state: pathlib.Path) -> pathlib.Path:
    config = state / "demo.toml"
    text = _SETTINGS.format(state=json.dumps(str(state)), inbox=json.dumps(str(state / "sepa" / "inbox")))
    config.write_text(text, encoding="utf-8")
    return config


@contextlib.contextmanager
def _engine(state: pathlib.Path, config: pathlib.Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `twinrail serve` beside us, in a session of its own so that Ctrl-C is ours alone; drain it at the end."""
    (state / "status.json").unlink(missing_ok=True)
    serve = [sys.executable, "-P", "-m", "twinrail", "serve", "--config", str(config)]
    # Through `become`, which ties its life to ours: an engine without its database would be left behind.
    tied = [
        sys.executable,
        "-I",
        "-S",
        str(become.__file__),
        str(os.getpid()),
        "-1",
        "-1",
        str(pathlib.Path.cwd()),
        *serve,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
    package = str(pathlib.Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH", ""))))
    with (state / "engine.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and package
            tied, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _ready(state: pathlib.Path, engine: "subprocess.Popen[bytes]") -> dict[str, int]:
    """Wait until the engine says that it is ready, and give the ports of its links."""
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until:
        seen = health.read_status(state / "status.json", now=time.time())
        if seen.ready and seen.status.get("pid") == engine.pid:
            return {name: int(link["port"]) for name, link in seen.status["links"].items()}
        await asyncio.sleep(_POLL_S)
    raise StoreError(f"the engine was not ready within {READY_TIMEOUT_S:g} s: {_last_words(state)}")


def _last_words(state: pathlib.Path) -> str:
    """Give the last line of the engine's log, which holds no card number."""
    text = (state / "engine.log").read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
    return text.splitlines()[-1] if text else "nothing"


async def _play(
    state: pathlib.Path,
    dsn: str,
    reports: PostgresReports,
    tokens: Tokens,
    ports: dict[str, int],
    *,
    is_shown: bool,
) -> Outcome:
    """Set the world right, run all traffic at once, and gather what came of it."""
    started = datetime.now(UTC)
    run_id = f"demo-{started:%Y%m%d%H%M%S}"
    world = demo_world.load_world()
    before = await demo_world.prepare(world, dsn, reports, tokens, run_id)
    live = Live(BUDGET_S)
    async with _shown(live, is_shown=is_shown), asyncio.TaskGroup() as tasks:
        cards = tasks.create_task(
            replay(
                demo_world.data_file("demo.jsonl"),
                HOST,
                ports["card"],
                budget_s=BUDGET_S,
                strict_repeats=True,
                on_settled=live.settled,
            )
        )
        file = tasks.create_task(_drop_file(state, run_id))
        instant = tasks.create_task(_pay(ports["instant"], run_id, world))
    after = await demo_world.balances(reports)
    missing = _missing(cards.result(), file.result(), instant.result())
    return Outcome(
        ok=not missing,
        missing=missing,
        report=cards.result(),
        reasons=dict(live.reasons),
        before=before,
        after=after,
        file=file.result(),
        instant=instant.result(),
    )


def _missing(report: Report, file: FileOutcome, instant: InstantOutcome) -> tuple[str, ...]:
    """Say what was expected and did not come."""
    missing = [] if report.ok else ["card answers differ from the recording"]
    if [status for _, status, _ in file.transactions] != demo_world.FILE_STATUSES:
        missing.append("the payment file's report is not the expected one")
    if instant.status != "ACCP":
        missing.append("the instant payment was not accepted")
    return tuple(missing)


@contextlib.asynccontextmanager
async def _shown(live: Live, *, is_shown: bool) -> AsyncIterator[None]:
    """Show the live line once a second for as long as the block runs."""
    if not is_shown:
        yield
        return
    is_terminal = sys.stdout.isatty()

    async def show() -> None:
        rows = 0
        while True:
            await asyncio.sleep(1)
            line = live.line()
            if is_terminal:
                text, rows = rewritten(line, shutil.get_terminal_size().columns, rows)
                print(text, end="", flush=True)
            else:
                print(line, flush=True)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        if is_terminal:
            print()


async def _drop_file(state: pathlib.Path, run_id: str) -> FileOutcome:
    """Drop the bundled payment file by rename, and wait for its report."""
    await asyncio.sleep(FILE_AT_S)
    content = demo_world.payment_file(run_id, datetime.now(BANKING_ZONE))
    outbox = state / "sepa" / "outbox"
    known = _names(outbox)
    _drop(state / "sepa" / f".{run_id}.xml", state / "sepa" / "inbox" / f"{run_id}.xml", content)
    until = time.monotonic() + REPORT_TIMEOUT_S
    while time.monotonic() < until:
        for name in sorted(_names(outbox) - known):
            report = _read_report(outbox / name)
            if report is not None and report.original_message_id == run_id:
                rows = tuple((row.end_to_end_id, row.status, row.reason) for row in report.transactions)
                return FileOutcome(str(outbox / name), "pain.002", report.group_status, rows)
        await asyncio.sleep(_POLL_S)
    return FileOutcome("", "", "", ())


def _names(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix == ".xml"} if folder.is_dir() else set()


def _drop(whole: pathlib.Path, target: pathlib.Path, content: bytes) -> None:
    whole.touch(mode=0o600)
    whole.write_bytes(content)
    whole.rename(target)


def _read_report(path: pathlib.Path) -> clearing_house.StatusReport | None:
    try:
        return clearing_house.read_status(path.read_bytes())
    except SchemaError:
        return None


async def _pay(port: int, run_id: str, world: demo_world.World) -> InstantOutcome:
    """Send one instant payment to the second account, and wait for its status."""
    await asyncio.sleep(INSTANT_AT_S)
    now = datetime.now(UTC)
    document = clearing_house.pacs008(
        creditor=world.accounts[1].iban,
        debtor=clearing_house.account(88_001),
        amount="25.00",
        message_id=run_id,
        transaction_id=run_id,
        end_to_end_id=run_id,
        accepted_at=instant_time(now),
        settled_on=f"{now.astimezone(BANKING_ZONE):%Y-%m-%d}",
    )
    try:
        link = await InstantLink.connect(HOST, port)
        try:
            reply = await link.pay(document, timeout_s=INSTANT_TIMEOUT_S)
        finally:
            await link.close()
    except (OSError, LinkError):
        reply = None
    return InstantOutcome("", "", 0.0) if reply is None else InstantOutcome(*reply[1:])


async def _unless(stop: asyncio.Event, engine: "subprocess.Popen[bytes]", job: Coroutine[Any, Any, T]) -> T:
    """Give what the job gives; cancel it where somebody asks us to end (_Stopped) or the engine dies (StoreError)."""
    working, stopping = asyncio.create_task(job), asyncio.create_task(_until_stopped(stop, engine))
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        stopping.result()
        raise _Stopped
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _until_stopped(stop: asyncio.Event, engine: "subprocess.Popen[bytes]") -> None:
    """Wait until somebody asks us to end; StoreError where the engine ends before."""
    while not stop.is_set():
        if engine.poll() is not None:
            raise StoreError(
                f"the engine ended by itself ({engine.returncode}); {STATE / 'engine.log'} ends: {_last_words(STATE)}"
            )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH_S)


def _invite(say: Callable[[str], None], state: pathlib.Path, ports: dict[str, int]) -> None:
    """Say what can be tried now."""
    recording = demo_world.data_file("demo.jsonl")
    say("everything stays up until Ctrl-C; in another terminal, for instance:")
    for command in (
        "./twinrail health",
        "./twinrail account list",
        f"./twinrail replay {_short(recording)} {HOST}:{ports['card']} --speed 10  # balances moved: what differs?",
        f"cp payments.xml {_short(state / 'sepa' / 'inbox')}/",
    ):
        say(f"  {command}")


def _short(path: pathlib.Path) -> str:
    """Write a path as seen from here where it lies below."""
    return str(path.relative_to(pathlib.Path.cwd())) if path.is_relative_to(pathlib.Path.cwd()) else str(path)
