"""An instant-payment link alone: what cannot be read; what becomes of payments is told in test_switch_instant."""

from tests.engine.outside import TOKENS, Outside

from twinrail.codecs.framing import frame
from twinrail.engine.instant_session import InstantSession
from twinrail.engine.session import BAD_FRAMES_MAX, NS
from twinrail.schemas.iso8583.profiles import INSTANT


def _session() -> tuple[InstantSession, Outside]:
    outside = Outside()
    session = InstantSession(7, INSTANT, outside, token=TOKENS.iban, tap=None, now=NS)
    session.begin(NS)
    return session, outside


def test_an_instant_link_answers_what_it_cannot_read_or_counts_it() -> None:
    session, outside = _session()
    session.receive(frame(INSTANT.frame, b"no XML at all"), NS)
    assert (outside.accepted, outside.counters["malformed"]) == ([], 1)
    assert session.signed_on
    session.drain(NS)
    assert session.open


def test_too_much_that_cannot_be_read_ends_the_link() -> None:
    session, outside = _session()
    session.receive(frame(INSTANT.frame, b"\0") * BAD_FRAMES_MAX, NS)
    assert outside.closed == ["too many unreadable frames"]
