"""Target: finding and verifying the MAC of a message; the first byte draws dialect and algorithm."""

from tests.fuzz.target import Target, messages

from twinrail.codecs.authentication import Authenticator, MacKey, MacKeys, Outcome
from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.schemas.iso8583.authentication import MacAlgorithm, MacRule

NAMES = ("iso1987-ascii", "iso1987-bcd", "iso1987-ebcdic", "base1", "iso1987-ascii-two", "pos")
KEY = bytes(range(16))  # of nobody


def authenticator(name: str, algorithm: MacAlgorithm) -> Authenticator:
    elements = tuple(row.number for row in DIALECTS[name].elements if row.number in {64, 128})
    rule = MacRule(algorithm=algorithm, elements=elements, exempt=frozenset({"0800"}))
    return Authenticator(rule, MacKeys(MacKey(algorithm, KEY)), Codec(DIALECTS[name]))


AUTHENTICATORS = [(name, authenticator(name, algorithm)) for name in NAMES for algorithm in MacAlgorithm]


def check(data: bytes) -> None:
    if not data:
        return
    _, judge = AUTHENTICATORS[data[0] % len(AUTHENTICATORS)]
    body = bytes(data[1:])
    outcome = judge.verify(body)
    assert outcome not in {Outcome.PREVIOUS, Outcome.NO_KEY}
    if outcome is Outcome.VALID:
        assert judge.sign(body).upper() == body.upper()  # hex digits may be in lower case
        changed = bytes((body[0] ^ 1,)) + body[1:]
        assert judge.verify(changed) is not Outcome.VALID


def seeds() -> list[bytes]:
    made = []
    for number, (name, judge) in enumerate(AUTHENTICATORS):
        codec = Codec(DIALECTS[name])
        for wire in messages(DIALECTS[name], 3):
            message = codec.decode(wire)
            message.elements = {one: value for one, value in message.elements.items() if one < 64}
            made.append(bytes((number,)) + judge.sign(codec.encode(judge.with_room(message))))
    return made


TARGETS = {"mac": Target(seeds, check)}
