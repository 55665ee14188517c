"""Targets: the decoder, one for each dialect, with every promise judged."""

import functools
from functools import cache

from tests.fuzz.target import Target, messages, mutant_of

from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.simulators.promises import Judge


@cache
def judge_of(name: str) -> Judge:
    wires = messages(DIALECTS[name])
    judge = Judge(Codec(DIALECTS[name]), wires[-1])
    for wire in wires:
        judge.warm(wire)
    return judge


def check(name: str, data: bytes) -> None:
    judge_of(name).judge(bytes(data))


TARGETS = {
    name: Target(
        functools.partial(messages, dialect), functools.partial(check, name), functools.partial(mutant_of, name=name)
    )
    for name, dialect in DIALECTS.items()
}
