"""The instant-payment link: documents out, statuses back, matched by transaction id."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from twinrail.codecs.framing import Framer, frame
from twinrail.schemas.iso8583.frames import BINARY4
from twinrail.simulators.acquirer import LinkError
from twinrail.simulators.clearing_house import account, pacs008
from twinrail.simulators.instant import InstantLink

Answer = Callable[[bytes], list[bytes]]


class _Peer(asyncio.Protocol):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._framer = Framer(BINARY4, 65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for document in self._framer.receive(data):
            for reply in self._answer(document):
                self._transport.write(frame(BINARY4, reply))


@asynccontextmanager
async def linked(answer: Answer) -> AsyncIterator[InstantLink]:
    server = await asyncio.get_running_loop().create_server(lambda: _Peer(answer), "127.0.0.1", 0)
    link = await InstantLink.connect("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield link
    finally:
        await link.close()
        server.close()
        await server.wait_closed()


def payment(transaction: str) -> bytes:
    return pacs008(creditor=account(1), debtor=account(2), transaction_id=transaction)


def status(document: bytes, code: bytes, reason: bytes = b"") -> bytes:
    transaction = document.split(b"<TxId>")[1].split(b"<")[0]
    return b"<D><OrgnlTxId>%s</OrgnlTxId><TxSts>%s</TxSts><Rsn><Cd>%s</Cd></Rsn></D>" % (transaction, code, reason)


async def test_statuses_in_any_order_find_their_payments() -> None:
    held: list[bytes] = []

    def answer(document: bytes) -> list[bytes]:
        held.append(status(document, b"RJCT", b"AC01") if b"<TxId>T2<" in document else status(document, b"ACCP"))
        return held[::-1] if len(held) == 2 else []

    async with linked(answer) as link:
        first, second = await asyncio.gather(link.pay(payment("T1"), timeout_s=5), link.pay(payment("T2"), timeout_s=5))
    assert first is not None
    assert second is not None
    assert (first.status, first.reason) == ("ACCP", "")
    assert (second.status, second.reason) == ("RJCT", "AC01")


async def test_no_status_in_time_is_none_and_strays_are_counted() -> None:
    async with linked(lambda document: [status(document.replace(b"<TxId>T1", b"<TxId>T9"), b"ACCP")]) as link:
        assert await link.pay(payment("T1"), timeout_s=0.05) is None
        assert link.unmatched_count == 1


async def test_the_same_transaction_twice_and_a_document_without_one_are_refused() -> None:
    async with linked(lambda _document: []) as link:
        waiting = asyncio.ensure_future(link.pay(payment("T1"), timeout_s=5))
        await asyncio.sleep(0)
        with pytest.raises(LinkError):
            await link.pay(payment("T1"), timeout_s=5)
        with pytest.raises(LinkError):
            await link.pay(b"<Document/>", timeout_s=5)
        await link.close()
        assert await waiting is None
        with pytest.raises(LinkError, match="closed"):
            await link.pay(payment("T2"), timeout_s=5)
