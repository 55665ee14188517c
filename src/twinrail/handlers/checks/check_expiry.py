"""Decline an expired card, by our own record and by what the card says of itself."""

from datetime import UTC, datetime

from twinrail.engine.pipeline import PASS, Decline, Subject, Verdict
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_EXPIRED = Decline(Reason.EXPIRED_CARD)
_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS


class CheckExpiry:
    """A card is good to the last day of its month (UTC). The current month is worked out once a day."""

    __name__ = "check_expiry"

    def __init__(self) -> None:
        self._until = 0
        self._month = ""

    def __call__(self, instruction: CardMessage, subject: Subject, at: int, /) -> Verdict:
        """Pass if neither our card record nor DE14 lies before the current month.

        A two-digit year is read in this century: a card lives for a few years only.
        """
        if not self._until - _DAY_NS <= at < self._until:
            self._until = (at // _DAY_NS + 1) * _DAY_NS
            self._month = datetime.fromtimestamp(at // _NS, UTC).strftime("%y%m")
        card = subject.card
        if card is not None and card.expiry < self._month:
            return _EXPIRED
        if instruction.expiry and instruction.expiry < self._month:
            return _EXPIRED
        return PASS
