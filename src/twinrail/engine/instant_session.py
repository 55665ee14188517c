"""An instant-payment link: one pacs.008 a frame, one pacs.002 back."""

from collections.abc import Callable

from twinrail.codecs import sepa
from twinrail.engine.session import Ports, Request, Session, Tap
from twinrail.errors import SchemaError
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import Reason


class InstantSession(Session):
    """Reads credit transfers and writes their status."""

    def __init__(
        self, link: int, profile: LinkProfile, ports: Ports, *, token: Callable[[str], str], tap: Tap | None, now: int
    ) -> None:
        super().__init__(link, profile, ports, tap=tap, now=now)
        self._token = token

    def answer(self, request: Request, answer: Answer, now: int) -> None:
        """Send the status of a credit transfer."""
        at = self._ports.wall(now) if request.entry is None else request.entry.at
        if isinstance(request.message, sepa.StatusContext):
            self._send(sepa.to_status(request.message, Reason(answer.reason), at), now)

    def _on_payload(self, payload: bytes, now: int) -> None:
        try:
            instruction, context = sepa.to_credit_transfer(payload, self._token)
        except SchemaError as error:
            self._ports.count("malformed")
            rejection = sepa.to_rejection(payload, error, self._ports.wall(now))
            if rejection is None:
                self._unreadable()
            else:
                self._send(rejection, now)
            return
        self._bad_frames = 0
        # The SCT Inst clock runs from the originator's time stamp, not from when the message reached us.
        on_its_way = max(0, self._ports.wall(now) - context.accepted_ns) if context.accepted_ns else 0
        self._ports.accept(Request(self, context, instruction, now, now + self.budget_ns - on_its_way))
