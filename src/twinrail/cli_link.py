"""`twinrail link`: how the links of a running engine are, and what an operator asks of the networks behind them."""

import json
from datetime import UTC, datetime
from typing import Any

import typer

from twinrail.cli_operate import alive, carry_out, command_id
from twinrail.codecs.iso8583 import dialect_of
from twinrail.health import link_lines
from twinrail.schemas.instructions import AskNetwork, SendMessage
from twinrail.schemas.iso8583.axes import Mask
from twinrail.schemas.iso8583.profiles import Rail
from twinrail.settings import Settings


def show(settings: Settings, *, as_json: bool) -> int:
    """Print how every link is, and the newest answers that nobody waited for; 1 where no engine runs."""
    found = alive(settings)
    if not found.alive:
        print("\n".join(("not alive", *found.problems)))
        return 1
    unmatched = found.status.get("unmatched") or {}
    if as_json:
        print(json.dumps({"links": found.status.get("links"), "unmatched": unmatched}))
        return 0
    print("\n".join(link_lines(found) or ["no links"]))
    for network, rows in unmatched.items():
        for row in rows:
            print(f"network {network}: {_unmatched_in_words(row)}")
    return 0


def _unmatched_in_words(row: dict[str, Any]) -> str:
    """Say when an answer came, on which link, and what it missed."""
    at = row.get("at")
    when = f"{datetime.fromtimestamp(at / 1e9, UTC):%H:%M:%S} UTC" if isinstance(at, int) else "some time ago"
    rest = ", ".join(f"{key} {value}" for key, value in row.items() if key != "at" and value not in ("", [], None))
    return f"unmatched at {when}: {rest}"


def ask(settings: Settings, network: str, function: str, *, command: str | None, wait_s: float) -> int:
    """Ask a network for a function on each of its open links."""
    named = AskNetwork(command=command_id(command), network=network_of(settings, network), function=function)
    return carry_out(settings, named, wait_s=wait_s)


def send(settings: Settings, network: str, mti: str, given: list[str], *, command: str | None, wait_s: float) -> int:
    """Owe a network a message until it accepts it; the exit code says whether it is owed."""
    elements: dict[int, str] = {}
    for one in given:
        number, separator, value = one.partition("=")
        if not separator or not (number.isascii() and number.isdigit()) or not 2 <= int(number) <= 192:
            raise typer.BadParameter("is NUMBER=VALUE, as in 37=REF000000001", param_hint="--set")
        elements[int(number)] = value
    named = network_of(settings, network)
    _refuse_secrets(settings, named, elements)
    order = SendMessage(command=command_id(command), network=named, mti=mti, elements=elements)
    return carry_out(settings, order, wait_s=wait_s)


def _refuse_secrets(settings: Settings, network: str, elements: dict[int, str]) -> None:
    """Keep what is not public out of the command table, where it would be in the clear before the engine refused it."""
    profiles = settings.catalogue().profiles
    spoken = [link.link_profile(profiles) for link in settings.links]
    profile = next((one for one in spoken if one.counterpart == network and one.rail is Rail.CARD), None)
    if profile is None:
        raise typer.BadParameter("no card link leads to it", param_hint="NETWORK")
    public = {row.number for row in dialect_of(profile.dialect).elements if row.mask is Mask.PUBLIC}
    for number in elements:
        if number not in public:
            what = f"element {number} is not public in {profile.dialect_name}: it is never kept until it is sent"
            raise typer.BadParameter(what, param_hint="--set")


def network_of(settings: Settings, name: str) -> str:
    """Give the network of a link by its name, or the name itself where no link has it."""
    profiles = settings.catalogue().profiles
    for link in settings.links:
        if link.name == name:
            return link.link_profile(profiles).counterpart
    return name
