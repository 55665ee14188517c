"""What the links of one network share: the numbers of our own requests, and those that wait for their answers."""

from datetime import UTC, datetime

from twinrail.engine.pending import Pending
from twinrail.schemas.iso8583.places import TIMES, VERSION_DIGITS
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction

_NS = 1_000_000_000
_DAY_S = 86_400
STAN_MAX = 999_999  # also where the version has more digits


class Network:
    """One network as we ask it: by the profile of the first of its links."""

    def __init__(self, profile: LinkProfile) -> None:
        self.name = profile.counterpart
        self.profile = profile
        self.pending = Pending(profile.match, profile.own_pending_max)
        self.digit = VERSION_DIGITS[profile.places.version]
        self.kept_off = False  # signed off by an operator, who has to sign on again
        self._stan = 0

    def stan(self, wall: int) -> str:
        """Give the next trace number, `wall` in ns since 1970.

        A new process begins with ten times the second of the UTC day: it does not use the numbers again that the last
        one used on this day, unless that sent more than ten requests a second.
        """
        self._stan = (self._stan or wall // _NS % _DAY_S * 10) % STAN_MAX + 1
        return f"{self._stan:0{self.profile.places.stan_length}d}"

    def numbered(self, wall: int) -> dict[int, str | bytes]:
        """Give what names a new request of ours: when it is sent, in UTC, and its trace number."""
        at = self.profile.places
        sent = datetime.fromtimestamp(wall // _NS, UTC)
        return {
            at.transmitted_at: sent.strftime(TIMES[10]),
            at.sent_at: sent.strftime(TIMES[at.sent_at_length]),
            at.stan: self.stan(wall),
        }

    def management(self, function: NetworkFunction, wall: int) -> tuple[str, dict[int, str | bytes]] | None:
        """Give the message type and elements that ask for a network function; None where it has no code here."""
        code = self.profile.code_of(function)
        if not code:
            return None
        mti = "800" if self.digit == "0" else "804"
        elements = self.numbered(wall) | dict(self.profile.own_elements)
        elements[self.profile.places.network_function] = code
        return self.digit + mti, dict(sorted(elements.items()))
