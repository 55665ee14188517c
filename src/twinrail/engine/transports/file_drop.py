"""The file drop: payment files in by a folder, booked exactly once, status reports out by another.

A file is taken when it is whole: its size stands still and it ends with the closing tag. It is claimed by rename into
a work folder, read by a throw-away child, opened, booked in windows behind its durable checkpoint, reported and closed.
Every step can be repeated: what a crash leaves in the work folder is continued by the next sweep.

Every line of the log about a file has `claim`: the token that its name begins with in the work folder and in
quarantine. The line that closes it has `file` as well, the beginning of its hash: so it is called where it is kept.

A file that is not usable at all (not XML, cut off, too large ...) goes to quarantine with the reason beside it, and is
answered by a report where its message id could be read; nothing of it reaches the journal, so a good copy may follow.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import msgspec

from twinrail.codecs.explain import LINE_MAX, LINES_MAX
from twinrail.codecs.iso20022 import FORMAT
from twinrail.codecs.status_report import Original, code_of, rejection
from twinrail.engine.transports import reports, spool
from twinrail.engine.transports.inbox import CLAIMED, Inbox
from twinrail.engine.transports.retention import Retention
from twinrail.engine.transports.staging import Claim, Intake, stage, write_durably
from twinrail.errors import StoreError
from twinrail.money import numeric
from twinrail.schemas.instructions import CloseFile, CreditTransfer, Instruction, OpenFile
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.staged import NOT_ISOLATED, Staged, Summary
from twinrail.schemas.journal import Entry, FileAdvanced, FileOpened
from twinrail.schemas.reasons import GRANTED

LOG = logging.getLogger(__name__)
SLICE = 100  # transactions handed to the switch in one go: about a millisecond in which no link is served


class Submitter(Protocol):
    """The way to the switch: both resolve only after the commit, and instructions are decided in order of the calls."""

    async def submit(self, instruction: Instruction, /) -> Entry:
        """Have one instruction decided."""

    async def submit_all(self, instructions: Sequence[Instruction], /) -> Sequence[Entry]:
        """Have many decided, one entry each in the same order."""


async def no_pause() -> None:
    """Do not slow down: the pace where nothing else runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSettings:
    """Folders and times of one file drop. The work folder is on the same file system as the inbox."""

    inbox: Path
    outbox: Path
    work: Path
    quarantine: Path
    reports: Path
    done: Path
    poll_s: float = 0.5
    settle_s: float = 2.0  # a file that has not changed for this long stands still; so does one seen twice unchanged
    incomplete_s: float = 60.0  # a file that stays without its closing tag for this long is quarantined
    window: int = 500  # transactions that are decided and not yet committed, at most
    keep_days: int = 30  # age at which files in quarantine, reports and done are removed

    @classmethod
    def under(cls, root: Path) -> "DropSettings":
        """Give the usual folders below one root."""
        return cls(
            inbox=root / "inbox",
            outbox=root / "outbox",
            work=root / "work",
            quarantine=root / "quarantine",
            reports=root / "reports",
            done=root / "done",
        )

    def folders(self) -> tuple[Path, ...]:
        """Give all folders."""
        return (self.inbox, self.outbox, self.work, self.quarantine, self.reports, self.done)


@dataclass(slots=True)
class Counters:
    """What a file drop has done since it started."""

    claimed: int = 0
    booked: int = 0  # files
    refused: int = 0
    repeated: int = 0
    quarantined: int = 0
    stalled: int = 0  # sweeps ended by the file system
    damaged: int = 0  # spools made again
    removed: int = 0  # kept files whose time was over
    transactions: int = 0


class FileDrop:
    """Watch one inbox.

    `clock` gives ns since 1970, `steady` monotonic ns, `today` the banking day; `pace` is awaited before each window.
    """

    def __init__(
        self,
        settings: DropSettings,
        intake: Intake,
        submitter: Submitter,
        payments: reports.Payments,
        *,
        clock: Callable[[], int],
        today: Callable[[], date],
        steady: Callable[[], int] = time.monotonic_ns,
        pace: Callable[[], Awaitable[None]] = no_pause,
    ) -> None:
        self.counters = Counters()
        self._settings = settings
        self._intake = intake
        self._submitter = submitter
        self._payments = payments
        self._clock = clock
        self._today = today
        self._pace = pace
        self._currency = numeric(intake.profile.currency)
        self._inbox = Inbox(
            settings.inbox,
            settings.work,
            settle_s=settings.settle_s,
            incomplete_s=settings.incomplete_s,
            clock=clock,
        )
        self._retention = Retention(
            (settings.quarantine, settings.reports, settings.done),
            keep_days=settings.keep_days,
            clock=clock,
            steady=steady,
        )
        self._warned = False
        for folder in settings.folders():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def run(self) -> None:
        """Watch until cancelled; a failure of the switch or the store ends it, a full disk is waited out."""
        while True:
            try:
                await self.sweep()
            except OSError as error:
                self.counters.stalled += 1
                LOG.error("payment file intake stalled", extra={"error": error.errno})  # noqa: TRY400 - no paths in logs
            await asyncio.sleep(self._settings.poll_s)

    async def sweep(self) -> int:
        """Continue what lies in the work folder, then take every whole file of the inbox; give how many were ended.

        At the end files that have been kept long enough are removed, a bounded number a sweep.
        """
        ended = 0
        for claim in self._left():
            await self._take(claim)
            ended += 1
        for path in self._inbox.whole():
            claimed = self._inbox.claim(path)
            if claimed is not None:
                self.counters.claimed += 1
                await self._take(claimed)
                ended += 1
        self.counters.removed += await asyncio.to_thread(self._retention.sweep)
        return ended

    def _left(self) -> list[Claim]:
        """Give the claims that a crash left, and remove what belongs to none of them."""
        paths = sorted(self._settings.work.iterdir())
        claims = [Claim(path) for path in paths if path.name.endswith(CLAIMED) and not path.name.startswith(".")]
        owned = {path for claim in claims for path in (claim.path, claim.spool, claim.summary)}
        for path in paths:
            if path not in owned:
                path.unlink(missing_ok=True)
        return claims

    async def _take(self, claim: Claim) -> None:
        """Bring one claimed file to its end from wherever it stands; the next sweep makes a damaged spool again."""
        try:
            await self._continue(claim)
        except spool.SpoolError:
            _discard(claim)
            self.counters.damaged += 1
            LOG.error(  # noqa: TRY400 - the text says it all
                "spool of a payment file damaged, the file is read again", extra={"claim": claim.token}
            )

    async def _continue(self, claim: Claim) -> None:
        summary = await stage(claim, self._intake, self._today())
        if summary.isolation == NOT_ISOLATED and not self._warned:
            self._warned = True
            LOG.warning(
                "payment files are read without network isolation",
                extra={"claim": claim.token, "isolation": summary.isolation},
            )
        if summary.problem:
            await self._quarantine(claim, summary)
            return
        entry = await self._submitter.submit(
            OpenFile(
                file=summary.sha256,
                message_id=summary.message_id,
                initiator=summary.initiator,
                transactions=summary.transactions,
                control_sum=summary.control_sum,
                refused=summary.refused,
            )
        )
        reason = _reason(entry)
        known = not any(isinstance(effect, FileOpened) for effect in entry.effects)
        stored = self._settings.reports / f"{summary.sha256}.xml"
        if reason not in GRANTED:
            self.counters.refused += 1
            if not stored.exists():
                report = rejection(
                    _original(summary),
                    self._intake.profile,
                    self._clock(),
                    code=code_of(reason),
                    information=summary.totals.get("", "") if reason == summary.refused else "",
                )
                await asyncio.to_thread(write_durably, stored, report)
        else:
            position = 0
            if known:
                self.counters.repeated += 1
                position = await reports.booked(self._payments, summary.sha256, summary.transactions)
            await self._book(claim, summary, position)
            self.counters.booked += not known
            if not stored.exists():
                await reports.build(
                    stored,
                    self._payments,
                    summary.sha256,
                    original=_original(summary),
                    profile=self._intake.profile,
                    at=self._clock(),
                    totals=summary.totals,
                )
        await self._close(claim, summary, stored)

    async def _book(self, claim: Claim, summary: Summary, position: int) -> None:
        """Hand the staged transactions behind a position to the switch, some deciding while others commit."""
        if position >= summary.transactions:
            return
        pending: deque[asyncio.Task[None]] = deque()
        at_once = min(SLICE, self._settings.window)
        try:
            with claim.spool.open("rb") as stream:
                for rows in spool.read(stream, after=position, window=at_once):
                    await self._pace()
                    window = [_transfer(row, summary, self._currency) for row in rows]
                    if len(pending) == self._settings.window // at_once:
                        await pending.popleft()
                    pending.append(asyncio.create_task(self._submit(window)))
                    await asyncio.sleep(0)  # links have their turn, and the pace sees what has just been handed over
                    position = rows[-1].position
            while pending:
                await pending.popleft()
        finally:
            # Only our waiting ends here: what the switch has taken it decides and commits.
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        if position != summary.transactions:
            raise spool.SpoolError("the spool of a payment file is short")

    async def _submit(self, window: list[CreditTransfer]) -> None:
        entries = await self._submitter.submit_all(window)
        last = window[-1].position
        advanced = [effect.position for effect in entries[-1].effects if isinstance(effect, FileAdvanced)]
        if advanced != [last] and (advanced or _reason(entries[-1]) not in GRANTED):
            raise StoreError("the checkpoint of a payment file did not advance: its file is not open")
        self.counters.transactions += len(window)

    async def _close(self, claim: Claim, summary: Summary, stored: Path) -> None:
        """Publish the kept report, record it, and put the file away."""
        name = f"{claim.name.removesuffix(CLAIMED)}.{summary.sha256[:16]}.pain.002.xml"
        digest = await reports.publish(stored, self._settings.outbox / name)
        await self._submitter.submit(CloseFile(file=summary.sha256, report=name, report_sha256=digest))
        claim.path.replace(self._settings.done / f"{summary.sha256[:16]}.{claim.name}")
        _discard(claim)
        LOG.info(
            "payment file closed",
            extra={
                "claim": claim.token,
                "file": summary.sha256[:16],
                "transactions": summary.transactions,
                "refused": summary.refused,
            },
        )

    async def _quarantine(self, claim: Claim, summary: Summary) -> None:
        """Put an unusable file away with its reason, and answer it where its message id is known."""
        if summary.message_id:
            where = "".join(
                (f" at {summary.path}" if summary.path else "", f", line {summary.line}" if summary.line else "")
            )
            report = rejection(
                _original(summary),
                self._intake.profile,
                self._clock(),
                code=summary.code,
                information=summary.problem + where,
            )
            name = f"{claim.name.removesuffix(CLAIMED)}.{claim.token}.pain.002.xml"
            await asyncio.to_thread(write_durably, self._settings.outbox / name, report, public=True)
        # Made by a process that handled untrusted bytes: bounded again here.
        explanation = [line[:LINE_MAX] for line in summary.explanation[:LINES_MAX] if line.isprintable()]
        away = self._settings.quarantine / claim.path.name
        reason = {
            "reason": summary.code or FORMAT,
            "text": summary.problem,
            "line": summary.line,
            "path": summary.path,
            "sha256": summary.sha256,
            "explanation": explanation,
            "answered": bool(summary.message_id),
        }
        note = msgspec.json.format(msgspec.json.encode(reason), indent=1) + b"\n"
        await asyncio.to_thread(write_durably, away.with_name(f"{away.name}.reason.json"), note)
        claim.path.rename(away)
        _discard(claim)
        self.counters.quarantined += 1
        LOG.warning(
            "payment file quarantined",
            extra={
                "claim": claim.token,
                "problem": summary.problem,
                "line": summary.line,
                "explanation": explanation,
            },
        )


def _reason(entry: Entry) -> str:
    return entry.answer.reason if entry.answer is not None else ""


def _original(summary: Summary) -> Original:
    identity = summary.sha256 or "0" * 64
    return Original(f"TR{identity[:32]}", summary.message_id, summary.message_name or PAIN_001, summary.transactions)


def _discard(claim: Claim) -> None:
    for path in (claim.spool, claim.summary):
        path.unlink(missing_ok=True)


def _transfer(row: Staged, summary: Summary, currency: str) -> CreditTransfer:
    return CreditTransfer(
        key=f"file|{summary.sha256}|{row.position}",
        outgoing=True,
        account=row.account,
        counterparty=row.counterparty,
        amount=row.amount,
        currency=currency,
        message_id=summary.message_id,
        end_to_end_id=row.end_to_end_id,
        instruction_id=row.instruction_id,
        payment_information_id=row.payment_information_id,
        file=summary.sha256,
        position=row.position,
        refused=summary.refused_batches.get(row.batch) or row.refused,
    )
