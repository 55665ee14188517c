"""Scripts: what a network does with what an issuer asks of it, good or bad, one step after the other.

A rule names what is asked (a network function such as `sign_on`, an MTI without its repeat bit such as `0420`, or `*`)
and the steps for the first time, the second and so on; the last step stays. What no rule names is accepted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum, unique
from types import MappingProxyType
from typing import NamedTuple

from twinrail.codecs.iso8583 import Message
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.mti import original_of
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction
from twinrail.simulators.channel import can_refuse
from twinrail.simulators.transactions import function_of

LATE_MAX_S = 3600.0
_ANY = "*"
_WHAT = re.compile(r"[012][0-9]{3}")


@unique
class Act(StrEnum):
    """What is done with one message."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # answered with a code, `refuse:91`
    SILENT = "silent"
    LATE = "late"  # accepted after some seconds, `late:2.5`
    TWICE = "twice"  # accepted, and accepted once more
    WRONG_STAN = "wrong-stan"  # accepted under a number that nobody asked with
    GARBAGE = "garbage"  # a whole frame that holds no message
    REJECT = "reject"  # sent back behind a header that refuses it, `reject:0042`
    CLOSE = "close"  # the link is closed


class Step(NamedTuple):
    """One act, with its code or its seconds where it has any."""

    act: Act
    value: str = ""

    @property
    def seconds(self) -> float:
        """Give how long the act waits."""
        return float(self.value) if self.act is Act.LATE else 0.0


_NOTHING: Mapping[str, Sequence[Step]] = MappingProxyType({})
_ACCEPT = Step(Act.ACCEPT)


class Script:
    """The rules of one network; SettingsError for one that links of the profile cannot keep."""

    def __init__(self, profile: LinkProfile, rules: Mapping[str, Sequence[Step]] = _NOTHING) -> None:
        if not can_refuse(profile) and any(step.act is Act.REJECT for steps in rules.values() for step in steps):
            raise SettingsError(f"the header of {profile.name} cannot refuse a message")
        self._profile = profile
        self._rules = {what: list(steps) for what, steps in rules.items()}

    def name(self, message: Message) -> str:
        """Give the word by which rules name a message."""
        function = function_of(self._profile, message)
        return original_of(message.mti) if function is None else function.value

    def step(self, message: Message) -> Step:
        """Say what is to be done with a message, and go on to what is done with the next of its kind."""
        steps = self._rules.get(self.name(message)) or self._rules.get(_ANY)
        if not steps:
            return _ACCEPT
        return steps.pop(0) if len(steps) > 1 else steps[0]


def read_rules(texts: Iterable[str]) -> dict[str, list[Step]]:
    """Read rules as in `sign_on=silent,refuse:91,accept`; SettingsError says which is none.

    >>> read_rules(["0420=late:2,accept"])["0420"][0].seconds
    2.0
    """
    rules: dict[str, list[Step]] = {}
    for text in texts:
        what, equals, words = text.partition("=")
        if not equals or not (what == _ANY or what in set(NetworkFunction) or _WHAT.fullmatch(what)):
            raise SettingsError(f"{text}: as in sign_on=silent,accept; a network function, an MTI or * comes first")
        rules[what] = [_step(word, text) for word in words.split(",")]
    return rules


def _step(word: str, text: str) -> Step:
    name, _, value = word.partition(":")
    if name not in set(Act):
        raise SettingsError(f"{text}: {name} is none of {', '.join(Act)}")
    act = Act(name)
    pattern = {Act.LATE: r"[0-9]{1,4}(\.[0-9]{1,3})?", Act.REFUSE: r"[0-9A-Z]{2,4}", Act.REJECT: r"[0-9]{1,5}"}
    if not re.fullmatch(pattern.get(act, ""), value) or (act is Act.LATE and float(value) > LATE_MAX_S):
        raise SettingsError(f"{text}: {act} takes {'another value' if act in pattern else 'no value'}")
    return Step(act, value)
