"""Assembly: puts the engine together out of settings, and runs it until it is told to stop.

The engine names no handler, transport or sink; this module passes them in. Start: take the ports, own the partition
(epoch + 1), load it, then listen and dial. Stop (SIGTERM, SIGINT): no new connections, sign off, finish what is in
flight, exit 0; a second signal stops at once. A halt (fenced, or a batch that PostgreSQL refused) exits with 4. SIGHUP
reads the certificates again.
"""

import asyncio
import contextlib
import dataclasses
import gc
import logging
import os
import resource
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from twinrail import __version__
from twinrail.catalogue import Catalogue
from twinrail.codecs import iso20022, xsd
from twinrail.codecs.card import Tokens
from twinrail.database import database
from twinrail.engine.bounds import Bounds
from twinrail.engine.pipeline import Flow, Pipeline, Stage
from twinrail.engine.session import Tap
from twinrail.engine.sessions import NOTHING_OUTSIDE, Outside
from twinrail.engine.store.contract import Reports, Store
from twinrail.engine.store.migrate import migrate
from twinrail.engine.store.postgres import PostgresStore
from twinrail.engine.store.reports import PostgresReports
from twinrail.engine.switch import Switch
from twinrail.engine.transports.file_drop import DropSettings, FileDrop, no_pause
from twinrail.engine.transports.pace import Pace
from twinrail.engine.transports.pump import Patience, Pump
from twinrail.engine.transports.staging import Intake
from twinrail.errors import SettingsError
from twinrail.handlers.checks.check_amount_limit import check_amount_limit
from twinrail.handlers.checks.check_card_known import check_card_known
from twinrail.handlers.checks.check_card_status import check_card_status
from twinrail.handlers.checks.check_expiry import CheckExpiry
from twinrail.handlers.checks.check_funds import check_funds
from twinrail.handlers.flows import forward
from twinrail.handlers.flows.advice import decide_advice
from twinrail.handlers.flows.authorization import AuthorizationFlow
from twinrail.handlers.flows.credit_transfer import credit_transfer
from twinrail.handlers.flows.financial import FinancialFlow
from twinrail.handlers.flows.hold import expire_hold, release_hold, watch_late
from twinrail.handlers.flows.operator import change_account, change_card, open_account, open_card, transfer
from twinrail.handlers.flows.payment_file import close_file, open_file
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.health import read_status, write_status
from twinrail.keys import read_key, token_key
from twinrail.links import Links
from twinrail.logs import configure_logs
from twinrail.schemas import instructions as ask
from twinrail.schemas.iso8583.profiles import Rail
from twinrail.schemas.iso20022.messages import PACS_008, PAIN_001
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.schemas.iso20022.staged import Limits
from twinrail.settings import Settings
from twinrail.simulators.recording import Recorder, RecordingError

_LOG = logging.getLogger("twinrail")
RULESET = "foundation-1"  # the version of the pipeline below; every decision carries it
EXIT_HALTED = 4
STATUS_EVERY_S = 1.0
UNMATCHED_SHOWN = 20  # of a network's answers that found no request of ours, the newest
LOOK_EVERY_S = 0.1  # how soon the status says that the store has gone, or is back
BANKING_ZONE = ZoneInfo("Europe/Berlin")  # the day of TARGET


def pipeline() -> Pipeline:
    """Give the stages a card request goes through, in order."""
    return Pipeline(
        (
            Stage("card", (("check_card_known", check_card_known), ("check_card_status", check_card_status))),
            Stage("expiry", (("check_expiry", CheckExpiry()),)),
            Stage("limits", (("check_amount_limit", check_amount_limit),)),
            Stage("funds", (("check_funds", check_funds),)),
        ),
        RULESET,
    )


def flows() -> dict[type[msgspec.Struct], Flow]:
    """Say which flow decides which instruction."""
    stages = pipeline()
    return {
        ask.Authorization: AuthorizationFlow(stages),
        ask.Financial: FinancialFlow(stages),
        ask.Advice: decide_advice,
        ask.Reversal: decide_reversal,
        ask.CreditTransfer: credit_transfer,
        ask.OpenFile: open_file,
        ask.CloseFile: close_file,
        ask.OpenAccount: open_account,
        ask.ChangeAccount: change_account,
        ask.OpenCard: open_card,
        ask.ChangeCard: change_card,
        ask.Transfer: transfer,
        ask.ReleaseHold: release_hold,
        ask.ExpireHold: expire_hold,
        ask.WatchLate: watch_late,
        ask.AskNetwork: forward.ask_network,
        ask.Forward: forward.owe,
        ask.SendForward: forward.send,
        ask.SettleForward: forward.settle,
    }


def bounds(settings: Settings) -> Bounds:
    """Give the switch's bounds out of the settings."""
    queue_max = settings.admission.queue_max
    return Bounds(
        batch_entries=settings.store.batch_entries_max,
        unsettled=queue_max,
        unsettled_hard=queue_max + queue_max // 2,
        wait_share=settings.admission.wait_share,
        parked=settings.admission.parked_max,
        recent_decisions=settings.store.recent_decisions_max,
        recent_decisions_s=int(settings.store.recent_decisions_s),
    )


def serve(settings: Settings) -> int:
    """Run the engine until a signal or a halt; gives the exit code."""
    configure_logs(settings)
    _harden()
    running = read_status(settings.status_file, now=time.time())
    if running.alive:
        raise SettingsError(
            f"an engine runs with this state folder (process {running.status['pid']}): stop it or set another state_dir"
        )
    settings.state_dir.mkdir(
        parents=True, exist_ok=True
    )  # its secrets are 0600 each; the database's own user must pass
    with database(settings) as dsn:
        job = _serve(settings, dsn)
        if settings.loop == "uvloop":
            import uvloop  # noqa: PLC0415 - optional on the platform, and 60 ms

            return uvloop.run(job)
        return asyncio.run(job)


def _harden() -> None:
    """Leave no core dump behind: it would hold card numbers."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


async def _serve(settings: Settings, dsn: str) -> int:
    if settings.database_url is None and settings.database_url_file is None:
        await migrate(dsn)
    wanted = asyncio.Event()
    store = PostgresStore(
        dsn,
        connect_timeout_s=settings.store.connect_timeout_s,
        allow_unsafe=settings.store.allow_unsafe,
        on_command=wanted.set,
    )
    reports = PostgresReports(dsn, partition=settings.partition)
    try:
        await store.open()
        return await Engine(settings, store, reports, commands_wanted=wanted).run()
    finally:
        await reports.close()
        await store.close()


def ready_schemas(settings: Settings, catalogue: Catalogue) -> None:
    """Prove the schemas of what is served, and compile those that this process reads with.

    Called on the event loop's thread before anything listens: the first payment must not wait for it. SettingsError
    where a schema is not the committed one.
    """
    if any(link.link_profile(catalogue.profiles).rail is Rail.INSTANT for link in settings.links):
        iso20022.warm(PACS_008)
    if settings.files is not None:
        xsd.load(PAIN_001)  # the child compiles its own; a wrong one there would look like a fault of every file


def tune_memory() -> None:
    """Leave out of collections what is loaded, and keep those that remain short.

    What is loaded lives as long as the process; a pass over it would take 100 ms. A decision leaves nothing behind that
    is tracked (rows are structs without the collector, numbers stand in queues of their own), so collections are rare:
    7 instead of 170 in a run of 300,000 requests, of 2 ms at most, and a twentieth of the engine's time was saved.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


async def started_switch(
    settings: Settings, store: Store, tap: Tap | None = None, outside: Outside = NOTHING_OUTSIDE
) -> Switch:
    """Own the partition, load it, and give a switch that is ready for links."""
    began = time.monotonic()
    await store.claim(settings.partition)
    now_wall = time.time_ns()
    loaded = await store.load(
        settings.partition,
        recent=settings.store.recent_decisions_max,
        recent_since=0,  # by count alone: a clock that was set back must not leave recent decisions out
        now_wall=now_wall,
    )
    switch = Switch(
        flows=flows(),
        tokens=Tokens(token_key(settings)),
        partition=settings.partition,
        bounds=bounds(settings),
        tap=tap,
        outside=outside,
    )
    switch.restore(loaded)
    tune_memory()
    _LOG.info(
        "partition owned and loaded",
        extra={
            "epoch": switch.epoch,
            "last_seq": switch.committed_seq,
            "accounts": len(switch.state.ledger.accounts),
            "cards": len(switch.state.ledger.cards),
            "seconds": round(time.monotonic() - began, 3),
        },
    )
    return switch


class Engine:
    """A running engine: switch, pump, links, file intake and status."""

    def __init__(self, settings: Settings, store: Store, reports: Reports, *, commands_wanted: asyncio.Event) -> None:
        self._settings = settings
        self._store = store
        self._reports = reports
        self._commands_wanted = commands_wanted
        self._catalogue = settings.catalogue()
        self._links = Links(settings, self._catalogue)
        self._stop = asyncio.Event()
        self._signals = 0
        self._ready = False
        self._failed = False

    async def run(self) -> int:
        """Run until stopped; 0 after a drain, EXIT_HALTED after a halt."""
        settings = self._settings
        ready_schemas(settings, self._catalogue)
        with self._recorder() as tap, self._links.ports():
            switch = await started_switch(
                settings,
                self._store,
                tap,
                Outside(authenticate=self._links.authenticate, profiles=self._links.networks),
            )
            pump = Pump(
                switch,
                self._store,
                patience=Patience(
                    command_poll_s=settings.store.command_poll_s,
                    answer_s=settings.store.look_up_timeout_s,
                    retry_first_s=settings.store.retry_first_s,
                    retry_max_s=settings.store.retry_max_s,
                ),
                commands_wanted=self._commands_wanted,
            )
            await self._links.listen(pump)
            self._ready = True
            self._catch_signals()
            pumping = asyncio.create_task(pump.run())
            reporting = asyncio.create_task(self._report(pump))
            stopping = asyncio.create_task(self._stop.wait())
            async with self._links.dialling(pump) as dialling, self._file_intake(pump) as watching:
                own = [*dialling, *([] if watching is None else [watching])]
                await asyncio.wait({pumping, stopping, *own}, return_when=asyncio.FIRST_COMPLETED)
                for job in own:
                    if job.done():
                        what = "file intake ended" if job is watching else "dialling ended"
                        _LOG.critical(what, exc_info=job.exception())
                        self._failed = True
            try:
                if not pumping.done():
                    await self._drain(pump)
                    pump.stopped.set()
                await pumping
            finally:
                reporting.cancel()
                stopping.cancel()
                await asyncio.gather(reporting, stopping, return_exceptions=True)
                self._ready = False
                self._write_status(pump)
        return self._ended(switch)

    def _ended(self, switch: Switch) -> int:
        if not switch.halted:
            if self._failed:
                return EXIT_HALTED
            _LOG.info("stopped", extra={"last_seq": switch.committed_seq})
            return 0
        _LOG.critical("halted", extra={"why": switch.halted})
        batch = switch.refused_batch
        if batch is not None:
            path = self._settings.state_dir / f"refused-batch-{batch.epoch}-{batch.first_seq}.json"
            path.touch(mode=0o600)
            path.write_bytes(msgspec.json.encode(batch, enc_hook=str))
            _LOG.critical("refused batch kept", extra={"file": str(path)})
        return EXIT_HALTED

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        if self._links.are_secured:  # else a terminal that is closed ends the engine, as ever
            loop.add_signal_handler(signal.SIGHUP, self._links.reload_certificates)

    def _told_to_stop(self) -> None:
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            os._exit(1)  # a second signal means now

    async def _drain(self, pump: Pump) -> None:
        """Take no new connections, sign off, and finish what is in flight, within the time that is set."""
        _LOG.info("draining")
        self._ready = False
        self._links.stop_listening()
        pump.switch.drain(time.monotonic_ns())
        pump.touch()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.limits.drain_s):
                await pump.drained.wait()
                await asyncio.sleep(0)  # one turn of the loop, so that the last answers are written
                await self._links.close("drained")
        self._links.shut("drained")  # those that are left when time is up

    async def _report(self, pump: Pump) -> None:
        """Write the status every STATUS_EVERY_S, and at once when the store goes or comes back."""
        answers, due = True, 0.0
        while True:
            now = time.monotonic()
            answered, answers = answers, pump.store_answers(time.monotonic_ns())
            if answers is not answered or now >= due:
                self._write_status(pump)
                due = now + STATUS_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)

    def _write_status(self, pump: Pump) -> None:
        switch = pump.switch
        away = not pump.store_answers(time.monotonic_ns())
        status = {
            "pid": os.getpid(),
            "at": time.time(),
            "version": __version__,
            "partition": switch.partition,
            "epoch": switch.epoch,
            "owner": not switch.halted,
            "store": "away" if away else "ok",
            "ready": self._ready and not away and not switch.halted,
            "committed_seq": switch.committed_seq,
            "unsettled": switch.unsettled,
            "links": self._links.status(switch),
            "counters": dict(switch.counters),
            "reasons": dict(switch.reasons),
            "unmatched": {
                name: [row._asdict() for row in rows[-UNMATCHED_SHOWN:]]
                for name, rows in switch.unmatched().items()
                if rows
            },
        }
        with contextlib.suppress(OSError):  # a full disk must not stop authorizations; health sees the stale file
            write_status(self._settings.status_file, status)

    @contextlib.contextmanager
    def _recorder(self) -> Iterator[Tap | None]:
        """Give the recorder that listens to the links, if one is set; its file is finished at the end.

        Whatever becomes of it, the end of the engine is its own: the exit code does not tell of a recording.
        """
        recording = self._settings.recording
        if recording is None:
            yield None
            return
        recording.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_bytes(32) if recording.key_file is None else read_key(recording.key_file, name="key_file")
        recorder = Recorder(
            recording.folder / time.strftime("%Y%m%dT%H%M%SZ.jsonl", time.gmtime()),
            key,
            profiles=self._catalogue.profiles,
            queue_max=recording.queue_max,
            file_bytes_max=recording.file_bytes_max,
        )
        recorder.start()
        try:
            yield recorder
        finally:
            try:
                summary = recorder.close()
            except RecordingError as error:  # the text says what became of the file
                _LOG.error("recording not kept", extra={"why": str(error)})
            except OSError as error:
                _LOG.error("recording not finished", extra={"why": error.strerror or type(error).__name__})
            else:
                if recorder.failure:
                    _LOG.warning("recording ended early", extra={"why": recorder.failure})
                _LOG.info("recording closed", extra={"events": summary.events, "dropped": summary.dropped})

    def _pace(self, switch: Switch) -> Callable[[], Awaitable[None]]:
        """Say how payment files give way to links; without any there is nothing to give way to."""
        if not self._links.lines:
            return no_pause
        return Pace(
            under_way=lambda: sum(session.in_flight for session in switch.sessions.values()),
            wait_ns=lambda: switch.admission.predicted_wait_ns(switch.unsettled),
            budget_ns=min(int(line.profile.deadline_s * 1e9) for line in self._links.lines),
        )

    @contextlib.asynccontextmanager
    async def _file_intake(self, pump: Pump) -> AsyncIterator["asyncio.Task[None] | None"]:
        """Watch the inbox, if one is set, for as long as the block runs."""
        files = self._settings.files
        if files is None:
            yield None
            return
        drop = FileDrop(
            DropSettings(
                inbox=files.inbox,
                outbox=files.outbox,
                work=files.work,
                quarantine=files.quarantine,
                reports=files.work.with_name("reports"),
                done=files.work.with_name("done"),
                poll_s=files.poll_s,
                window=files.window,
                keep_days=files.keep_days,
            ),
            Intake(
                key=token_key(self._settings),
                profile=dataclasses.replace(SCT, report_accepted=files.report == "all"),
                limits=Limits(bytes_max=files.file_bytes_max),
            ),
            pump,
            self._reports,
            clock=time.time_ns,
            today=lambda: datetime.now(BANKING_ZONE).date(),
            pace=self._pace(pump.switch),
        )
        watching = asyncio.create_task(drop.run())
        try:
            yield watching
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
