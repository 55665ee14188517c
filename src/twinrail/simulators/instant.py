"""The other end of an instant-payment link: pacs.008 documents out, pacs.002 back, in 4-byte frames.

A document is matched with its answer by its transaction id (TxId and OrgnlTxId).
"""

import asyncio
import re
import time
from collections import OrderedDict
from typing import NamedTuple, cast

from twinrail.codecs.framing import Framer, frame
from twinrail.schemas.iso8583.profiles import INSTANT, LinkProfile
from twinrail.simulators.acquirer import LinkError

PENDING_MAX = 10_000  # payments of one link that wait for their status
_TRANSACTION = re.compile(rb"<(?:\w+:)?TxId>([^<]{1,64})<")
_ANSWERED = re.compile(rb"<(?:\w+:)?OrgnlTxId>([^<]{1,64})<")
_STATUS = re.compile(rb"<(?:\w+:)?TxSts>([A-Z]{4})<")
_GROUP_STATUS = re.compile(rb"<(?:\w+:)?GrpSts>([A-Z]{4})<")
_REASON = re.compile(rb"<(?:\w+:)?Cd>([A-Z0-9]{4})<")


class InstantReply(NamedTuple):
    """A status report: the document, its status (ACCP, RJCT ...), its reason code or "", and how long it took."""

    document: bytes
    status: str
    reason: str
    latency_s: float


class InstantLink(asyncio.Protocol):
    """One TCP link for instant payments, used from its own event loop only; make one with `connect`."""

    def __init__(self, profile: LinkProfile = INSTANT) -> None:
        self.profile = profile
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.unmatched_count = 0
        self._framer = Framer(profile.frame, profile.frame_bytes_max)
        self._waiting: OrderedDict[bytes, asyncio.Future[tuple[bytes, int] | None]] = OrderedDict()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, host: str, port: int, *, timeout_s: float = 5.0) -> "InstantLink":
        """Open a link; OSError or TimeoutError where nobody listens."""
        async with asyncio.timeout(timeout_s):
            _, link = await asyncio.get_running_loop().create_connection(cls, host, port)
        return link

    async def pay(self, document: bytes, *, timeout_s: float) -> InstantReply | None:
        """Send one pacs.008 and wait for its status; None where none came in time or the link is gone.

        LinkError where the link is closed or full, the document has no TxId or the same TxId waits.
        """
        found = _TRANSACTION.search(document)
        if found is None or found[1] in self._waiting or len(self._waiting) >= PENDING_MAX:
            raise LinkError("a document without a transaction id of its own, or too many under way")
        if self._transport is None or self.lost.done():
            raise LinkError("the link is closed")
        answer: asyncio.Future[tuple[bytes, int] | None] = asyncio.get_running_loop().create_future()
        self._waiting[found[1]] = answer
        sent_ns = time.monotonic_ns()
        self._transport.write(frame(self.profile.frame, document))
        await asyncio.wait({answer}, timeout=timeout_s)
        self._waiting.pop(found[1], None)
        result = answer.result() if answer.done() else None
        if result is None:
            return None
        reply, received_ns = result
        status = _STATUS.search(reply) or _GROUP_STATUS.search(reply)
        reason = _REASON.search(reply)
        return InstantReply(
            reply,
            status[1].decode() if status else "",
            reason[1].decode() if reason else "",
            (received_ns - sent_ns) / 1e9,
        )

    async def close(self) -> None:
        """Close the link and wait until it is gone."""
        if self._transport is not None:
            self._transport.close()
            await self.lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Resolve everything that waits: nothing more will come."""
        if not self.lost.done():
            self.lost.set_result(None)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        received_ns = time.monotonic_ns()
        for document in self._framer.receive(data):
            found = _ANSWERED.search(document)
            answer = self._waiting.get(found[1]) if found else None
            if answer is None or answer.done():
                self.unmatched_count += 1
            else:
                answer.set_result((document, received_ns))
        if self._framer.error is not None and self._transport is not None:
            self._transport.close()
