"""One story over every card profile: the same effects and the same answers, whatever the wire looks like."""

from dataclasses import replace

import pytest
from tests.codecs.transactions import PAN, partial_reversal, transaction
from tests.scenarios.rig import TOKENS, Rig

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail


class Acquirer:
    """A bank with one card, and one link to it."""

    def __init__(self, profile: LinkProfile) -> None:
        self.rig = Rig()
        self.rig.submit(OpenAccount(command="1", account="A", currency="978"))
        self.rig.submit(Transfer(command="2", debit="suspense-EUR", credit="A", amount=100_00, currency="978"))
        self.rig.submit(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="3012", last4=PAN[-4:]))
        self.profile = replace(profile, sign_on_required=False)
        self.link = self.rig.open(self.profile)
        self.codec = codec_for(profile.dialect)
        self.framer = Framer(profile.frame, 1 << 16)

    def ask(self, message: Message) -> Message:
        """Send a request and take its answer."""
        body = self.codec.encode(Message(message.mti, dict(sorted(message.elements.items()))))
        head = header_codec(self.profile.header).fresh(len(body))
        self.rig.receive(self.link, frame(self.profile.frame, head + body))
        data, self.rig.inbox[self.link] = self.rig.inbox[self.link], b""
        (payload,) = self.framer.receive(data)
        return self.codec.decode(payload[self.profile.header.size :])

    @property
    def held(self) -> int:
        """Give what is held, minor units."""
        return self.rig.switch.state.ledger.accounts["A"].held


@pytest.fixture(
    params=[profile for profile in PROFILES.values() if profile.rail is Rail.CARD], ids=lambda profile: profile.name
)
def acquirer(request: pytest.FixtureRequest) -> Acquirer:
    return Acquirer(request.param)


def test_a_hold_is_made_reduced_and_taken_back(acquirer: Acquirer) -> None:
    at = acquirer.profile.places
    answer = acquirer.ask(transaction(acquirer.profile, "100"))
    assert answer.elements[at.response_code] in acquirer.profile.granted
    assert answer.elements[at.approval_code]
    assert acquirer.held == 10_00
    again = acquirer.ask(transaction(acquirer.profile, "101"))
    assert again.elements == answer.elements
    assert acquirer.held == 10_00
    if at.replacement_amounts or at.partial_reversal:
        reversal = partial_reversal(acquirer.profile)
        reversal.elements[at.stan] = "2".zfill(at.stan_length)
        first = acquirer.ask(reversal)
        assert acquirer.held == 4_00
        assert acquirer.ask(reversal).elements == first.elements
        number = at.replacement_amounts or at.amount
        other = str(reversal.elements[number]).replace("000000000400", "000000000200")
        refused = acquirer.ask(Message(reversal.mti, reversal.elements | {number: other}))  # nothing of it is booked
        assert refused.elements[at.response_code] in {"94", "913", "9013"}
        assert acquirer.held == 4_00
    reversal = transaction(acquirer.profile, "420")
    reversal.elements[at.stan] = "3".zfill(at.stan_length)
    code = acquirer.ask(reversal).elements[at.response_code]
    assert code in acquirer.profile.granted | acquirer.profile.taken
    assert acquirer.held == 0
    acquirer.rig.rows.verify()


def test_a_reversal_finds_its_original_by_the_original_data(acquirer: Acquirer) -> None:
    at = acquirer.profile.places
    request = transaction(acquirer.profile, "100")
    acquirer.ask(request)
    reversal = transaction(acquirer.profile, "420")
    del reversal.elements[at.rrn]
    if not at.original_data:
        other = Message(reversal.mti, reversal.elements | {at.stan: "2".zfill(at.stan_length)})
        acquirer.ask(other)
        assert acquirer.held == 10_00  # nothing names the original: accepted and kept as a note
        acquirer.ask(reversal)  # under the original's own time and number, as terminals do it
        assert acquirer.held == 0
        return
    reversal.elements[at.stan] = "2".zfill(at.stan_length)
    named = request.mti + str(request.elements[at.stan]) + str(request.elements[at.sent_at])
    reversal.elements[at.original_data] = named + "00000012345" + ("0" * 11 if at.version == "1987" else "")
    acquirer.ask(reversal)
    assert acquirer.held == 0


def test_a_debit_and_a_refusal(acquirer: Acquirer) -> None:
    at = acquirer.profile.places
    answer = acquirer.ask(transaction(acquirer.profile, "200"))
    assert answer.elements[at.response_code] in acquirer.profile.granted
    assert acquirer.rig.switch.state.ledger.accounts["A"].posted == 90_00
    big = transaction(acquirer.profile, "100", amount="000000999900")
    big.elements |= {at.stan: "7".zfill(at.stan_length), at.rrn: "000000000007"}
    assert acquirer.ask(big).elements[at.response_code] in {"51", "116", "1016"}
    assert acquirer.held == 0
