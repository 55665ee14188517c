"""`twinrail send` and `twinrail replay`: talk to an issuer as a network would; the exit code says how it went."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from twinrail.cli_decode import table
from twinrail.codecs import describe
from twinrail.codecs.iso8583 import DIALECTS, Message
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.elements import Dialect, Kind
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail
from twinrail.simulators import acquirer
from twinrail.simulators.report import Report

AUTO = "auto"
MESSAGE_BYTES_MAX = 1 << 20
CONNECT_TIMEOUT_S = 5.0


def run(address: str, path: Path, *, expect: Sequence[str], profile: str, timeout_s: float, as_json: bool) -> int:
    """Send one message and compare its reply; 1 where no reply comes or an expectation fails."""
    host, port = parse_address(address)
    link_profile = PROFILES.get(profile)
    if link_profile is None or link_profile.rail is not Rail.CARD:
        known = ", ".join(sorted(name for name, one in PROFILES.items() if one.rail is Rail.CARD))
        raise typer.BadParameter(f"known are {known}", param_hint="--profile")
    dialect = DIALECTS[link_profile.dialect]
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
                    "failures": failures,
                }
            )
        )
    else:
        for direction, message in ((">", exchange.request), ("<", reply)):
            if message is not None:
                print("\n".join((f"{direction} {describe.summary(dialect, message)}", *table(dialect, message), "")))
        print(f"{exchange.latency_s * 1000:.3f} ms" if reply is not None else f"no reply within {timeout_s:g} s")
        for failure in failures if reply is not None else ():
            print(f"expected {failure}")
    return 1 if failures else 0


def _exchange(host: str, port: int, profile: LinkProfile, message: Message, timeout_s: float) -> acquirer.Exchange:
    try:
        return asyncio.run(acquirer.exchange(host, port, profile, message, timeout_s=timeout_s))
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer in time"
        raise SettingsError(f"{host}:{port} cannot be reached ({why}): does an issuer listen there?") from None


def replay(recording: Path, address: str, *, speed: float, report: Path | None, as_json: bool) -> int:
    """Play a recording against an issuer; 1 where the answers differ."""
    from twinrail.simulators import replay as player

    host, port = parse_address(address)
    outcome = asyncio.run(_played(player.replay, recording, (host, port), speed))
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
    if not equals or not re.fullmatch(r"[0-9]{1,3}", number) or not 2 <= int(number) <= 128:
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
        text = _automatic(number, now) if value == AUTO else value
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


def _automatic(number: int, now: datetime) -> str:
    """Fill in a time or a trace number; the latter are drawn, so that two calls are no duplicates of each other."""
    local = datetime.fromtimestamp(now.timestamp())  # noqa: DTZ006 - DE12 and DE13 are local time
    match number:
        case 7:
            return now.strftime("%m%d%H%M%S")
        case 11:
            return f"{secrets.randbelow(999_999) + 1:06d}"
        case 12:
            return local.strftime("%H%M%S")
        case 13:
            return local.strftime("%m%d")
        case 37:
            return f"{time.time_ns() // 1000 % 10**12:012d}"
        case _:
            raise typer.BadParameter(f'element {number} has no "auto"; 7, 11, 12, 13 and 37 do', param_hint="message")
