"""Rows for people and for status reports, read on a connection of their own, or out of memory."""

from collections.abc import Sequence

import asyncpg
import msgspec

from twinrail.engine.journal import TABLES
from twinrail.engine.store.connection import Line, lost
from twinrail.engine.store.contract import AccountRow, BalanceRow, CardRow, FileRow, PaymentRow
from twinrail.engine.store.memory import MemoryTables
from twinrail.engine.store.memory_rows import Row
from twinrail.engine.store.sql import statement

_ACCOUNT = ", ".join(AccountRow._fields)
_CARD = ", ".join(CardRow._fields)
_FILE = ", ".join(FileRow._fields)
_PAYMENT = ", ".join(PaymentRow._fields)


class PostgresReports:
    """Read-only rows of one partition; every method raises StoreAway where the server cannot be reached."""

    def __init__(self, dsn: str, *, partition: int = 0, connect_timeout_s: float = 10.0) -> None:
        self._partition = partition
        self._line = Line(
            dsn,
            connect_timeout_s=connect_timeout_s,
            settings={"application_name": "twinrail reports", "default_transaction_read_only": "on"},
        )

    async def account_row(self, account: str) -> AccountRow | None:
        """Find an account by its id."""
        rows = await self._rows(statement("report.account", account=_ACCOUNT), account)
        return AccountRow(*rows[0]) if rows else None

    async def accounts(self, *, after: str = "", limit: int = 100) -> list[AccountRow]:
        """List accounts in the order of their ids, from the first one after `after`."""
        return [
            AccountRow(*row) for row in await self._rows(statement("report.accounts", account=_ACCOUNT), after, limit)
        ]

    async def card_row(self, token: str) -> CardRow | None:
        """Find a card by its token."""
        rows = await self._rows(statement("report.card", card=_CARD), token)
        return CardRow(*rows[0]) if rows else None

    async def cards_of_account(self, account: str, *, limit: int = 100) -> list[CardRow]:
        """List the cards of an account."""
        return [
            CardRow(*row) for row in await self._rows(statement("report.cards_of_account", card=_CARD), account, limit)
        ]

    async def file_row(self, sha256: str) -> FileRow | None:
        """Find a payment file by its bytes."""
        rows = await self._rows(statement("report.file", file=_FILE), sha256)
        return FileRow(*rows[0]) if rows else None

    async def payments_of_file(self, sha256: str, *, after_position: int = 0, limit: int = 1000) -> list[PaymentRow]:
        """List the decided payments of a file by position, from the first after the one given."""
        text = statement("report.payments_of_file", payment=_PAYMENT)
        return [PaymentRow(*row) for row in await self._rows(text, sha256, after_position, limit)]

    async def balances(self) -> list[BalanceRow]:
        """Sum up all accounts by kind and currency."""
        return [BalanceRow(*row) for row in await self._rows(statement("report.balances"))]

    async def close(self) -> None:
        """Give up the connection."""
        await self._line.close()

    async def _rows(self, text: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._line.lock:
            connection = await self._line.get()
            try:
                rows: list[asyncpg.Record] = await connection.fetch(text, self._partition, *arguments)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._line.drop()
                raise lost(error) from error
            return rows


class MemoryReports:
    """The `Reports` contract over `MemoryTables`."""

    def __init__(self, tables: MemoryTables, *, partition: int = 0) -> None:
        self._tables = tables
        self._partition = partition

    async def account_row(self, account: str) -> AccountRow | None:
        """Find an account by its id."""
        return next((row for row in self._accounts() if row.id == account), None)

    async def accounts(self, *, after: str = "", limit: int = 100) -> list[AccountRow]:
        """List accounts in the order of their ids, from the first one after `after`."""
        return sorted(row for row in self._accounts() if row.id > after)[:limit]

    async def card_row(self, token: str) -> CardRow | None:
        """Find a card by its token."""
        return next((row for row in self._cards() if row.token == token), None)

    async def cards_of_account(self, account: str, *, limit: int = 100) -> list[CardRow]:
        """List the cards of an account."""
        return sorted(row for row in self._cards() if row.account == account)[:limit]

    async def file_row(self, sha256: str) -> FileRow | None:
        """Find a payment file by its bytes."""
        files = (msgspec.convert(row, FileRow) for row in self._picked("payment_file", FileRow._fields))
        return next((row for row in files if row.sha256 == sha256), None)

    async def payments_of_file(self, sha256: str, *, after_position: int = 0, limit: int = 1000) -> list[PaymentRow]:
        """List the decided payments of a file by position, from the first after the one given."""
        wanted = self._picked("payment", PaymentRow._fields, "file", sha256 or None)
        rows = [msgspec.convert(row, PaymentRow) for row in wanted]
        return sorted((row for row in rows if row.position > after_position), key=lambda row: row.position)[:limit]

    async def balances(self) -> list[BalanceRow]:
        """Sum up all accounts by kind and currency."""
        sums: dict[tuple[str, str], tuple[int, int, int]] = {}
        for row in self._accounts():
            number, posted, held = sums.get((row.kind, row.currency), (0, 0, 0))
            sums[row.kind, row.currency] = (number + 1, posted + row.posted, held + row.held)
        return [BalanceRow(*key, *value) for key, value in sorted(sums.items())]

    def _accounts(self) -> list[AccountRow]:
        return [msgspec.convert(row, AccountRow) for row in self._picked("account", AccountRow._fields)]

    def _cards(self) -> list[CardRow]:
        return [msgspec.convert(row, CardRow) for row in self._picked("card", CardRow._fields)]

    def _picked(self, table: str, names: Sequence[str], where: str = "", value: object = None) -> list[Row]:
        at = {column.name: number for number, column in enumerate(TABLES[table].columns)}
        rows = self._tables.rows(self._partition, table)
        return [tuple(row[at[name]] for name in names) for row in rows if not where or row[at[where]] == value]
