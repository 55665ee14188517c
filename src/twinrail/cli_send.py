"""`twinrail send` and `twinrail replay`: talk to an issuer as a network would; the exit code says how it went."""

import asyncio
import functools
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from twinrail.catalogue import BUILT_IN, find_profile, read_catalogue
from twinrail.cli_decode import table
from twinrail.codecs import describe
from twinrail.codecs.iso8583 import Message, dialect_of
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.axes import Kind
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.profiles import LinkProfile, Rail
from twinrail.simulators import acquirer
from twinrail.simulators.report import Report

AUTO = "auto"
MESSAGE_BYTES_MAX = 1 << 20
CONNECT_TIMEOUT_S = 5.0


def run(
    address: str,
    path: Path,
    *,
    expect: Sequence[str],
    profile: str,
    timeout_s: float,
    as_json: bool,
    dialects: Sequence[Path] = (),
) -> int:
    """Send one message and compare its reply; 1 where no reply comes or an expectation fails."""
    host, port = parse_address(address)
    try:
        link_profile = find_profile(profile, read_catalogue(dialects, ()) if dialects else BUILT_IN)
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint="--profile") from None
    if link_profile.rail is not Rail.CARD:
        raise typer.BadParameter("is not the profile of a card link", param_hint="--profile")
    dialect = dialect_of(link_profile.dialect)
    expected = [parse_expectation(one) for one in expect]
    request = read_message(path, dialect, now=datetime.now(UTC))
    exchange = _exchange(host, port, link_profile, request, timeout_s)
    reply = exchange.reply
    failures = (
        ["no reply"] if reply is None else [text for one in expected if (text := _difference(reply, one, dialect))]
    )
    if as_json:
        print(
            json.dumps(
                {
                    "ok": not failures,
                    "request": describe.to_dict(dialect, exchange.request),
                    "reply": None if reply is None else describe.to_dict(dialect, reply),
                    "latency_s": exchange.latency_s,
                    "rejected": exchange.rejected,
                    "failures": failures,
                }
            )
        )
    else:
        for direction, message in ((">", exchange.request), ("<", reply)):
            if message is not None:
                print("\n".join((f"{direction} {describe.summary(dialect, message)}", *table(dialect, message), "")))
        print(_ending(exchange, timeout_s))
        for failure in failures if reply is not None else ():
            print(f"expected {failure}")
    return 1 if failures else 0


def _ending(exchange: acquirer.Exchange, timeout_s: float) -> str:
    if exchange.reply is not None:
        return f"{exchange.latency_s * 1000:.3f} ms"
    if exchange.rejected:
        return f"no reply: sent back behind a header that refuses it, code {exchange.rejected}"
    return f"no reply within {timeout_s:g} s"


def _exchange(host: str, port: int, profile: LinkProfile, message: Message, timeout_s: float) -> acquirer.Exchange:
    try:
        return asyncio.run(acquirer.exchange(host, port, profile, message, timeout_s=timeout_s))
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer in time"
        raise SettingsError(f"{host}:{port} cannot be reached ({why}): does an issuer listen there?") from None


def replay(
    recording: Path,
    address: str,
    *,
    speed: float,
    report: Path | None,
    as_json: bool,
    profiles: Sequence[Path] = (),
    dialects: Sequence[Path] = (),
) -> int:
    """Play a recording against an issuer; 1 where the answers differ."""
    from twinrail.simulators import replay as player

    host, port = parse_address(address)
    play = functools.partial(player.replay, known=read_catalogue(dialects, profiles).profiles)
    outcome = asyncio.run(_played(play, recording, (host, port), speed))
    if report is not None:
        report.write_text(json.dumps(outcome.to_dict(), indent=2), encoding="utf-8")
    print(json.dumps(outcome.to_dict()) if as_json else outcome.text())
    return 0 if outcome.ok else 1


async def _played(
    play: Callable[..., Awaitable[Report]], recording: Path, address: tuple[str, int], speed: float
) -> Report:
    """Play where somebody listens; without that a recording of an hour would say so after an hour."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(*address)
    except OSError as error:  # TimeoutError is one
        why = error.strerror or type(error).__name__
        host, port = address
        raise SettingsError(f"{host}:{port} cannot be reached ({why}): does an issuer listen there?") from None
    writer.close()
    return await play(recording, *address, speed=speed)


def parse_address(address: str) -> tuple[str, int]:
    """Split HOST:PORT, [IPV6]:PORT too."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise typer.BadParameter("as in 127.0.0.1:8583", param_hint="HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def parse_expectation(text: str) -> tuple[int, str]:
    """Split ELEMENT=VALUE, as in 39=00."""
    number, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[0-9]{1,3}", number) or not 2 <= int(number) <= 192:
        raise typer.BadParameter("as in 39=00", param_hint="--expect")
    return int(number), value


def _difference(reply: Message, expected: tuple[int, str], dialect: Dialect) -> str:
    """Say what is not as expected, "" where all is; values are shown as masked as everywhere."""
    number, wanted = expected
    value = reply.elements.get(number)
    given = value.hex().upper() if isinstance(value, bytes) else value
    if given == wanted or (isinstance(value, bytes) and (given or "").lower() == wanted.lower()):
        return ""
    row = next((row for row in dialect.elements if row.number == number), None)
    if row is None or value is None:
        return f"an element {number}, and the reply has none"
    # What is masked shows its length only, so that an expectation cannot be used to look at it.
    return f"{number}={describe.masked(row, wanted)}, and the reply has {describe.masked(row, value)}"


def read_message(path: Path, dialect: Dialect, *, now: datetime) -> Message:
    """Read a message from JSON: its type and its elements, bytes as hex; "auto" fills in 7, 11, 12, 13 and 37."""
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(MESSAGE_BYTES_MAX))
        mti, listed = given["mti"], dict(given["elements"])
        elements = {int(number): value for number, value in listed.items()}
    except (ValueError, TypeError, KeyError):
        raise _refused('expected {"mti": "0100", "elements": {"4": "000000001000"}}', path) from None
    if not isinstance(mti, str) or not re.fullmatch(r"[0-9]{4}", mti):
        raise _refused("mti is not four digits", path)
    rows = {row.number: row for row in dialect.elements}
    made: dict[int, str | bytes] = {}
    for number, value in sorted(elements.items()):
        if not isinstance(value, str):
            raise _refused(f"element {number} is not text", path)
        length = rows[number].length if number in rows else 0
        text = _automatic(number, length, now) if value == AUTO else value
        if number in rows and rows[number].kind is Kind.B:
            try:
                made[number] = bytes.fromhex(text)
            except ValueError:
                raise _refused(f"element {number} is binary and must be hex", path) from None
        else:
            made[number] = text
    return Message(mti, made)


def _refused(what: str, path: Path) -> typer.BadParameter:
    return typer.BadParameter(f"{path}: {what}", param_hint="message")


def _automatic(number: int, length: int, now: datetime) -> str:
    """Fill in a time or a trace number; the latter are drawn, so that two calls are no duplicates of each other.

    How long DE11 and DE12 are, and so what they hold, differs between the versions of ISO 8583.
    """
    local = datetime.fromtimestamp(now.timestamp())  # noqa: DTZ006 - DE12 and DE13 are local time
    match number, length:
        case 7, _:
            return now.strftime("%m%d%H%M%S")
        case 11, (6 | 12):
            return f"{secrets.randbelow(999_999) + 1:0{length}d}"
        case 12, (6 | 12 | 14):
            return local.strftime({6: "%H%M%S", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}[length])
        case 13, 4:
            return local.strftime("%m%d")
        case 37, _:
            return f"{time.time_ns() // 1000 % 10**12:012d}"
        case _:
            raise typer.BadParameter(f'element {number} has no "auto"; 7, 11, 12, 13 and 37 do', param_hint="message")
