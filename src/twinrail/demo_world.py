"""The world of the demo: its accounts and cards in a running engine, set right before each run, and read after it.

Everything is asked for as an operator would, by rows of the command table. A run leaves holds and postings behind, so
the next one first moves each account's available balance back to what the recorded answers count on, by a transfer
from or to the card settlement account. Only what is missing or differs is touched: doing it twice changes nothing.
"""

import asyncio
import json
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from twinrail import money
from twinrail.codecs.card import Tokens
from twinrail.engine.store.commands import await_command, put_command
from twinrail.engine.store.contract import AccountRow, CardRow
from twinrail.engine.store.reports import PostgresReports
from twinrail.errors import StoreError
from twinrail.schemas.instructions import ChangeAccount, ChangeCard, Command, OpenAccount, OpenCard, Transfer

PARTITION = 0
ACCOUNTS_MAX = 1_000
COMMAND_TIMEOUT_S = 20.0
AT_ONCE = 8  # commands that wait together; the embedded server takes 50 connections
REQUESTED_BY = "demo"
# Of the bundled payment file: the last payment is more than the account has.
FILE_STATUSES = ["ACSP", "ACSP", "ACSP", "ACSP", "RJCT"]
_DATA = "data"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """One account: what must be available when a run begins, in minor units."""

    account: str
    available: int
    iban: str


@dataclass(frozen=True, slots=True)
class DemoCard:
    """One card of an account."""

    pan: str
    expiry: str
    status: str
    amount_limit: int
    account: str

    def __repr__(self) -> str:
        return f"DemoCard({self.account})"


@dataclass(frozen=True, slots=True)
class World:
    """The accounts and cards that make the recorded answers right."""

    currency: str
    accounts: tuple[DemoAccount, ...]
    cards: tuple[DemoCard, ...]


def data_file(name: str) -> pathlib.Path:
    """Give the path of a bundled file."""
    return pathlib.Path(str(resources.files("twinrail.simulators") / _DATA / name))


def load_world() -> World:
    """Read the bundled world."""
    given = json.loads(data_file("demo-world.json").read_text("ascii"))
    return World(
        currency=given["currency"],
        accounts=tuple(DemoAccount(**row) for row in given["accounts"]),
        cards=tuple(DemoCard(**row) for row in given["cards"]),
    )


def payment_file(message_id: str, moment: datetime) -> bytes:
    """Give the bundled pain.001 with its own message id, for execution on the day of `moment` (local to the bank)."""
    text = data_file("demo-pain001.xml").read_text("ascii")
    for mark, value in (
        ("@MESSAGE@", message_id),
        ("@CREATED@", moment.strftime("%Y-%m-%dT%H:%M:%S")),
        ("@DAY@", moment.strftime("%Y-%m-%d")),
    ):
        text = text.replace(mark, value)
    return text.encode()


async def balances(reports: PostgresReports) -> dict[str, AccountRow]:
    """Read every account of the database, by its id."""
    return {row.id: row for row in await reports.accounts(limit=ACCOUNTS_MAX)}


async def prepare(world: World, dsn: str, reports: PostgresReports, tokens: Tokens, run: str) -> dict[str, AccountRow]:
    """Bring accounts, cards and balances to where the recording expects them, and give the balances.

    `run` makes command ids of this run its own. StoreError where the engine refuses a command or does not answer.
    """
    have = await balances(reports)
    await _carry_out(dsn, _account_commands(world, have, tokens, run))
    cards = {card.pan: await reports.card_row(tokens.pan(card.pan)) for card in world.cards}
    await _carry_out(dsn, [command for card in world.cards if (command := _card_command(card, cards, tokens, run))])
    have = await balances(reports)
    await _carry_out(dsn, _transfers(world, have, run))
    return await balances(reports)


def _account_commands(world: World, have: dict[str, AccountRow], tokens: Tokens, run: str) -> list[Command]:
    commands: list[Command] = []
    for wanted in world.accounts:
        row = have.get(wanted.account)
        if row is None:
            commands.append(
                OpenAccount(
                    command=f"{run}-open-{wanted.account}",
                    account=wanted.account,
                    currency=world.currency,
                    iban=tokens.iban(wanted.iban),
                    iban_last4=wanted.iban[-4:],
                )
            )
        elif row.status != "open" or row.credit_limit:
            commands.append(
                ChangeAccount(
                    command=f"{run}-change-{wanted.account}", account=wanted.account, status="open", credit_limit=0
                )
            )
    return commands


def _card_command(card: DemoCard, have: dict[str, CardRow | None], tokens: Tokens, run: str) -> Command | None:
    token = tokens.pan(card.pan)
    row = have[card.pan]
    if row is None:
        return OpenCard(
            command=f"{run}-card-{token[:16]}",
            card=token,
            account=card.account,
            expiry=card.expiry,
            last4=card.pan[-4:],
            amount_limit=card.amount_limit,
            status=card.status,
        )
    if (row.status, row.expiry, row.amount_limit) == (card.status, card.expiry, card.amount_limit):
        return None
    return ChangeCard(
        command=f"{run}-card-{token[:16]}",
        card=token,
        status=card.status,
        expiry=card.expiry,
        amount_limit=card.amount_limit,
    )


def _transfers(world: World, have: dict[str, AccountRow], run: str) -> list[Command]:
    """Move each account's available balance to its target, in either direction."""
    treasury = f"card-settlement-{money.alphabetic(world.currency)}"
    transfers: list[Command] = []
    for wanted in world.accounts:
        short = wanted.available - have[wanted.account].available
        if short:
            ends = (treasury, wanted.account) if short > 0 else (wanted.account, treasury)
            transfers.append(
                Transfer(
                    command=f"{run}-fund-{wanted.account}",
                    debit=ends[0],
                    credit=ends[1],
                    amount=abs(short),
                    currency=world.currency,
                    text="demo funding",
                )
            )
    return transfers


async def _carry_out(dsn: str, commands: Sequence[Command]) -> None:
    """Ask for commands and wait until each is done."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(command: Command) -> None:
        async with gate:
            await put_command(dsn, PARTITION, command, REQUESTED_BY)
        async with gate:
            outcome = await await_command(dsn, PARTITION, command.command, timeout_s=COMMAND_TIMEOUT_S)
        if outcome.status != "done":
            raise StoreError(
                f"the engine did not carry out {command.command}: {outcome.status} {outcome.result}".rstrip()
            )

    await asyncio.gather(*(one(command) for command in commands))
