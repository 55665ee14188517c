"""The verbs of operators: accounts and cards of a running engine, tables of the database, health.

A change is a row of the command table: the engine picks it up, decides it like any other instruction and journals it,
so it is carried out once even when it is sent twice with the same id. Card numbers and IBANs come from a prompt, a file
or standard input, since every process of the machine can read the command line; only their tokens go further.
"""

import asyncio
import getpass
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import typer
from stdnum import luhn

from twinrail import money
from twinrail.codecs import iban as ibans
from twinrail.codecs.card import Tokens
from twinrail.database import database
from twinrail.engine.store import commands
from twinrail.engine.store import migrate as migrations
from twinrail.engine.store.contract import AccountRow, CardRow, CommandOutcome
from twinrail.engine.store.postgres import PostgresStore
from twinrail.engine.store.reports import PostgresReports
from twinrail.errors import SettingsError, StoreError
from twinrail.health import Health, link_lines, read_status
from twinrail.keys import database_url, token_key
from twinrail.schemas.instructions import ChangeAccount, ChangeCard, Command, OpenAccount, OpenCard, Transfer
from twinrail.settings import Settings

Result = TypeVar("Result")
PAN_DIGITS = range(12, 20)
NOT_POSITIVE = "an amount is more than 0: to book the other way, exchange the account and --from"
HEALTH_TIMEOUT_S = 2.0  # below the time-out of the container's health check


# What is wanted


def open_account(
    settings: Settings,
    account: str,
    *,
    currency: str,
    kind: str,
    credit_limit: str | None,
    iban_file: str | None,
    command: str | None,
) -> OpenAccount:
    """Make the command that opens an account."""
    token, last4 = "", ""
    if iban_file is not None:
        iban = _secret_line(iban_file, "IBAN").replace(" ", "").upper()
        if not ibans.valid(iban):
            raise typer.BadParameter("not an IBAN of a SEPA country", param_hint="--iban-file")
        token, last4 = Tokens(token_key(settings)).iban(iban), iban[-4:]
    numeric = _currency(currency)
    return OpenAccount(
        command=command_id(command),
        account=account,
        currency=numeric,
        kind=kind,
        credit_limit=_minor(credit_limit, numeric, "--credit-limit") or 0,
        iban=token,
        iban_last4=last4,
    )


def change_account(
    account: str, *, status: str | None, credit_limit: str | None, currency: str, command: str | None
) -> ChangeAccount:
    """Make the command that changes an account."""
    if status is None and credit_limit is None:
        raise typer.BadParameter("nothing to change: give --status or --credit-limit")
    limit = _minor(credit_limit, _currency(currency), "--credit-limit")
    return ChangeAccount(command=command_id(command), account=account, status=status, credit_limit=limit)


def transfer(source: str, account: str, *, amount: str, currency: str, text: str, command: str | None) -> Transfer:
    """Make the command that books an amount from one account to another."""
    numeric = _currency(currency)
    minor = _minor(amount, numeric, "AMOUNT") or 0
    if minor <= 0:
        raise typer.BadParameter(NOT_POSITIVE, param_hint="AMOUNT")
    return Transfer(
        command=command_id(command), debit=source, credit=account, amount=minor, currency=numeric, text=text
    )


def open_card(
    settings: Settings,
    account: str,
    *,
    pan_file: str | None,
    expiry: str,
    amount_limit: str | None,
    currency: str,
    status: str,
    command: str | None,
) -> OpenCard:
    """Make the command that issues a card."""
    pan = _pan(pan_file)
    return OpenCard(
        command=command_id(command),
        card=Tokens(token_key(settings)).pan(pan),
        account=account,
        expiry=expiry,
        last4=pan[-4:],
        amount_limit=_minor(amount_limit, _currency(currency), "--amount-limit") or 0,
        status=status,
    )


def change_card(
    settings: Settings,
    *,
    pan_file: str | None,
    token: str | None,
    status: str | None,
    expiry: str | None,
    amount_limit: str | None,
    currency: str,
    command: str | None,
) -> ChangeCard:
    """Make the command that changes a card."""
    if status is None and expiry is None and amount_limit is None:
        raise typer.BadParameter("nothing to change: give --status, --expiry or --amount-limit")
    limit = _minor(amount_limit, _currency(currency), "--amount-limit")
    card = _card_token(settings, pan_file, token)
    return ChangeCard(command=command_id(command), card=card, status=status, expiry=expiry, amount_limit=limit)


def command_id(command: str | None) -> str:
    """Give the id of a command: the operator's own, by which it is carried out once, or a new one."""
    return command or uuid.uuid4().hex


def _currency(alphabetic: str) -> str:
    try:
        return money.numeric(alphabetic.upper())
    except KeyError:
        raise typer.BadParameter(f"{alphabetic} is not a currency served here", param_hint="--currency") from None


def _minor(amount: str | None, currency: str, option: str) -> int | None:
    try:
        return None if amount is None else money.to_minor(amount, currency)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _card_token(settings: Settings, pan_file: str | None, token: str | None) -> str:
    return token if token is not None else Tokens(token_key(settings)).pan(_pan(pan_file))


def _pan(pan_file: str | None) -> str:
    """Take a card number; what is wrong with it is said without it."""
    pan = _secret_line(pan_file, "card number").replace(" ", "")
    if len(pan) not in PAN_DIGITS or not pan.isascii() or not pan.isdigit() or not luhn.is_valid(pan):
        raise typer.BadParameter("not a card number: 12 to 19 digits with a valid check digit")
    return pan


def _secret_line(source: str | None, what: str) -> str:
    """Read one line from a file, from standard input, or from a prompt that does not echo."""
    if source is None and sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    if source is None:
        raise typer.BadParameter(f"no terminal to ask for the {what}: use --pan-file, - for standard input")
    if source == "-":
        return sys.stdin.readline(256).strip()
    with Path(source).open(encoding="utf-8") as file:
        return file.readline(256).strip()


# What is done with it


def carry_out(settings: Settings, command: Command, *, wait_s: float) -> int:
    """Hand a command to the engine and wait for what it says; 1 where it refuses or does not answer in time."""
    if database_url(settings) is None and not alive(settings).alive:
        raise SettingsError("no engine runs on this state folder: start one with ./twinrail serve")

    async def put_and_wait(dsn: str) -> CommandOutcome:
        await commands.put_command(dsn, settings.partition, command, _operator())
        return await commands.await_command(dsn, settings.partition, command.command, timeout_s=wait_s)

    outcome = _on_database(settings, put_and_wait)
    if outcome.status == "pending":
        print(f"command {command.command} waits: no engine took it within {wait_s:g} s; the next one to run will")
        return 1
    print(f"{outcome.status}{f': {outcome.result}' if outcome.result else ''} (command {command.command})")
    return 0 if outcome.status == "done" else 1


def _operator() -> str:
    """Say who asks, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def migrate(settings: Settings) -> int:
    """Bring the tables up to date."""
    applied = _on_database(settings, migrations.migrate)
    print(f"applied {', '.join(map(str, applied))}" if applied else "nothing to do: the tables are up to date")
    return 0


def show_account(settings: Settings, account: str, *, as_json: bool) -> int:
    """Print one account."""
    row = _report(settings, lambda reports: reports.account_row(account))
    if row is None:
        print(f"there is no account {account}", file=sys.stderr)
        return 1
    print(_account_json(row) if as_json else _listed(_account_cells(row)))
    return 0


def list_accounts(settings: Settings, *, limit: int, as_json: bool) -> int:
    """Print accounts by id."""
    rows = _report(settings, lambda reports: reports.accounts(limit=limit))
    if as_json:
        for row in rows:
            print(_account_json(row))
        return 0
    columns = ("id", "kind", "status", "posted", "held", "credit_limit", "available")
    lines = [columns, *(tuple(_account_cells(row)[name] for name in columns) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def show_card(settings: Settings, *, pan_file: str | None, token: str | None, as_json: bool) -> int:
    """Print one card: its token and last four digits, never its number."""
    card = _card_token(settings, pan_file, token)

    async def ask(reports: PostgresReports) -> tuple[CardRow | None, str]:
        row = await reports.card_row(card)
        account = None if row is None else await reports.account_row(row.account)
        return row, "" if account is None else account.currency

    row, currency = _report(settings, ask)
    if row is None:
        print("there is no such card", file=sys.stderr)
        return 1
    values = row._asdict()
    limit = money.show(row.amount_limit, currency) if row.amount_limit else "none"
    shown = {name: str(value) for name, value in values.items()} | {"amount_limit": limit}
    print(json.dumps(values) if as_json else _listed(shown))
    return 0


def _account_json(row: AccountRow) -> str:
    """Give an account for machines; amounts are minor units."""
    return json.dumps(row._asdict() | {"available": row.available})


def _account_cells(row: AccountRow) -> dict[str, str]:
    """Give an account for people; amounts are in major units with their currency."""
    amounts = {name: getattr(row, name) for name in ("posted", "held", "credit_limit", "available")}
    shown = {name: str(value) for name, value in row._asdict().items()}
    shown["currency"] = money.alphabetic(row.currency)
    return shown | {name: money.show(amount, row.currency) for name, amount in amounts.items()}


def _listed(cells: Mapping[str, str]) -> str:
    return "\n".join(f"{name:<14} {value}" for name, value in cells.items())


def health(settings: Settings, *, as_json: bool) -> int:
    """Print whether the engine is alive and ready; 1 where it is not both."""
    found = alive(settings)
    if found.ready and (epoch := _stored_epoch(settings)) is not None:
        found = read_status(settings.status_file, now=time.time(), stored_epoch=epoch)
    if as_json:
        known = {"alive": found.alive, "ready": found.ready, "problems": found.problems, "status": found.status}
        print(json.dumps(known))
    else:
        state = "alive and ready" if found.ready else "alive, not ready" if found.alive else "not alive"
        print("\n".join((state, *found.problems, *(link_lines(found) if found.alive else ()))))
    return 0 if found.ready else 1


def alive(settings: Settings) -> Health:
    """Read what the engine of a state folder last said of itself."""
    return read_status(settings.status_file, now=time.time())


def _stored_epoch(settings: Settings) -> int | None:
    """Ask the database who owns the partition; None where it cannot be asked, since the engine's word counts then."""

    async def look_up(dsn: str) -> int:
        store = PostgresStore(dsn, connect_timeout_s=HEALTH_TIMEOUT_S, allow_unsafe=True)
        try:
            return (await store.look_up(settings.partition)).epoch
        finally:
            await store.close()

    try:
        return _on_database(settings, look_up)
    except StoreError:
        return None


def _report(settings: Settings, ask: Callable[[PostgresReports], Awaitable[Result]]) -> Result:
    """Read rows of the settings' partition."""

    async def read(dsn: str) -> Result:
        reports = PostgresReports(dsn, partition=settings.partition, connect_timeout_s=settings.store.connect_timeout_s)
        try:
            return await ask(reports)
        finally:
            await reports.close()

    return _on_database(settings, read)


def _on_database(settings: Settings, ask: Callable[[str], Coroutine[Any, Any, Result]]) -> Result:
    """Ask the database; StoreError where it cannot be reached, without its address."""
    with database(settings) as dsn:
        try:
            return asyncio.run(ask(dsn))
        except (OSError, TimeoutError) as error:
            why = f"the database cannot be reached ({type(error).__name__}): see ./twinrail doctor"
            raise StoreError(why) from None
