"""The witness: everything that was asked and answered on card links, held against the books.

An answer is checked as it leaves the engine: it gives back what was asked (I7), answers one open request (I5), what it
promises is durable at that moment (I2, R1), it is not late (I6), and repeats are answered alike (I5).
"""

from dataclasses import dataclass, field

from twinrail.codecs.card import CardRules, Tokens, content_of
from twinrail.codecs.iso8583 import Message
from twinrail.errors import DecodeError
from twinrail.schemas.instructions import Authorization, CardInstruction, Financial
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import DeadlinePolicy, LinkProfile, wide
from twinrail.schemas.journal import FLAG_CLEARED, FLAG_DIRECT, FLAG_OPEN
from twinrail.schemas.reasons import GRANTED, Reason
from twinrail.simulators.auditor import REQUESTS, Books, Meaning, Row, number_of
from twinrail.simulators.transactions import approves, code_of, reason_code

ECHOED = (2, 3, 4, 7, 11, 12, 32, 37, 41)  # what an answer must give back as it was asked, in every version
_REFUSALS = (Reason.LATE, Reason.ISSUER_UNAVAILABLE, Reason.SIGNED_OFF)  # of answers that promise nothing
_FORMAT_ERRORS = frozenset({"30", "904", wide("904")})
_NOTHING_WRITTEN = frozenset({"AB05", "AB09"})  # ISO 20022 status reasons of refusals before or instead of a decision


@dataclass(slots=True, eq=False)
class Record:
    """One delivered copy of a message, and its answers; times are ns of one clock."""

    profile: LinkProfile
    message: Message
    life: str
    link: int
    owner: int  # number of the engine process
    arrived: int
    instruction: CardInstruction | None = None
    answers: list[tuple[int, Message]] = field(default_factory=list)
    link_lost: bool = False

    @property
    def deadline(self) -> int:
        """When an answer is late, ns."""
        return self.arrived + int(self.profile.deadline_s * 1e9)

    def refuses(self, answer: Message) -> bool:
        """Say whether an answer says that nothing was decided in time, or could be."""
        return code_of(self.profile, answer) in {reason_code(self.profile, reason) for reason in _REFUSALS}

    def fits(self, answer: Message) -> bool:
        """Say whether an answer gives back what this message asked."""
        if response_to(self.message.mti) != answer.mti:
            return False
        echo = self.profile.echo.get(answer.mti, ())
        asked, given = self.message.elements, answer.elements
        return all(given.get(number) == asked.get(number) for number in ECHOED if number in echo)


class Witness:
    """Everything that was asked and answered on card links, held against the books as of each answer's leaving."""

    def __init__(self, books: Books, tokens: Tokens) -> None:
        self.books = books
        self.findings = books.findings
        self.by_key: dict[str, list[Record]] = {}
        self.approvals = self.declines = self.refusals = self.answers = 0
        self._tokens = tokens
        self._rules: dict[str, CardRules] = {}
        self._open: dict[int, list[Record]] = {}  # by link
        self._rubbish: dict[int, int] = {}  # undecodable frames by link, each good for one format error
        self._said: dict[tuple[str, str], dict[int, str | bytes]] = {}  # the stored answer by key and content

    def asked(
        self, profile: LinkProfile, message: Message | None, *, life: str, link: int, owner: int, at: int
    ) -> Record | None:
        """Take a message whose last byte has reached the engine; None for bytes that are none."""
        if message is None or response_to(message.mti) is None:
            self._rubbish[link] = self._rubbish.get(link, 0) + 1
            return None
        record = Record(profile, message, life, link, owner, at)
        rules = self._rules.get(profile.name)
        if rules is None:
            rules = self._rules[profile.name] = CardRules(profile, self._tokens)
        if message.mti[1] != "8":
            try:
                record.instruction = rules.to_instruction(message)
            except DecodeError:
                self._rubbish[link] = self._rubbish.get(link, 0) + 1
        instruction = record.instruction
        if instruction is not None:
            self.by_key.setdefault(instruction.key, []).append(record)
            meaning = Meaning(life, instruction)
            self.books.meanings.setdefault((instruction.key, content_of(instruction)), meaning)
        self._open.setdefault(link, []).append(record)
        return record

    def answered(self, link: int, message: Message, at: int) -> None:
        """Take an answer that leaves the engine; the books hold what is durable at that moment."""
        self.answers += 1
        record = self._record_of(link, message, at)
        if record is None:
            if message.mti[1] == "8" and response_to(message.mti) is not None:
                return  # the engine's own sign-on, echo or sign-off
            if message.elements.get(39) in _FORMAT_ERRORS and self._rubbish.get(link, 0):
                self._rubbish[link] -= 1
                return
            self.findings.add("I5", f"link {link}: an answer ({message.mti}) that nothing open asked for, or altered")
            return
        record.answers.append((at, message))
        if record.instruction is not None:
            self._check(record, record.instruction, message, at)

    def _record_of(self, link: int, message: Message, at: int) -> Record | None:
        """Find the open request of a link that an answer gives back element by element (I7): the oldest in time.

        Copies of one request look alike; where the first was passed over in silence, an answer is that of the next.
        """
        records = self._open.get(link, [])
        fitting = [record for record in records if record.fits(message)]
        in_time = [record for record in fitting if record.deadline >= at] or fitting
        # Said at the deadline, by a timer that may be late.
        overdue_first = bool(fitting) and fitting[0].refuses(message)
        found = next(iter(fitting if overdue_first else in_time), None)
        if found is not None:
            records.remove(found)
        return found

    def _check(self, record: Record, instruction: CardInstruction, message: Message, at: int) -> None:
        books, profile = self.books, record.profile
        code, approved, refused = code_of(profile, message, ""), approves(profile, message), record.refuses(message)
        request = isinstance(instruction, Authorization | Financial)
        if request:
            self.approvals += approved
            self.declines += not (approved or refused)
            self.refusals += refused
        if approved and request and at > record.deadline:
            self.findings.add("I6", f"link {record.link}: an approval left after its deadline")
        if refused or code in _FORMAT_ERRORS:
            return
        content = content_of(instruction)
        entry = books.decisions.get(instruction.key)
        if code == reason_code(profile, Reason.DUPLICATE) and (entry is None or entry.content != content):
            others = {content_of(other.instruction) for other in self.by_key[instruction.key] if other.instruction}
            if len(others) < 2:
                self.findings.add("I5", f"link {record.link}: refused as another content of a key with one content")
            return
        if entry is None or entry.answer is None:
            self.findings.add("I2", f"link {record.link}: {message.mti} {code} left before its decision was durable")
            return
        if entry.content != content:
            self.findings.add("I5", f"link {record.link}: other content was answered like the original")
            return
        if (
            code != self._code(record, message.mti[1], Reason(entry.answer.reason))
            or message.elements.get(profile.places.approval_code, "") != entry.answer.approval_code
        ):
            self.findings.add("I5", f"link {record.link}: the answer {code} is not entry {entry.seq}'s")
        if approved and request and instruction.key in books.late:
            self.findings.add("I6", f"entry {entry.seq}: approved on the wire and taken back as late")
        self._check_alike(record, instruction.key, content, message)

    @staticmethod
    def _code(record: Record, digit: str, reason: Reason) -> str:
        """Give the code that an answer of a class must have for a reason."""
        profile = record.profile
        own = reason not in profile.codes and reason is Reason.ACCEPTED and profile.accepted.get(digit)
        return own or reason_code(profile, reason)

    def _check_alike(self, record: Record, key: str, content: str, message: Message) -> None:
        """I5: repeats get the same answer outside the refreshed elements."""
        refreshed = record.profile.refreshed
        body = {number: value for number, value in message.elements.items() if number not in refreshed}
        if self._said.setdefault((key, content), body) != body:
            self.findings.add("I5", f"link {record.link}: a repeat got another answer than its original")

    def link_lost(self, link: int) -> None:
        """Take that a link is gone: what is open on it need not be answered any more."""
        for record in self._open.pop(link, ()):
            record.link_lost = True

    def check_overdue(self, now: int, tolerance: int) -> None:
        """I6: nothing that must be answered by its deadline is open `tolerance` ns after it."""
        for link, records in self._open.items():
            for record in records:
                request = isinstance(record.instruction, Authorization | Financial)
                if not request or record.profile.deadline_policy is DeadlinePolicy.SILENT:
                    continue
                if record.deadline + tolerance < now:
                    self.findings.add("I6", f"link {link}: a request was not answered by its deadline")
                    record.arrived = now  # said once

    def check_late(self, owner: int, first_seq: int) -> None:
        """R5 at rest: what `owner` decided (from `first_seq`) and answered 91, or kept silent about, is marked so."""
        books = self.books
        for key, records in self.by_key.items():
            entry = books.decisions.get(key)
            if entry is None or entry.seq < first_seq or entry.kind not in REQUESTS or entry.answer is None:
                continue
            row = books.lifecycles.get(entry.seq)
            if Reason(entry.answer.reason) not in GRANTED or row is None:
                continue
            flags = number_of(row["flags"])
            stands = flags & FLAG_OPEN or (flags & FLAG_DIRECT and flags & FLAG_CLEARED and number_of(row["cleared"]))
            if not stands or entry.seq in books.marked_late or any(record.owner != owner for record in records):
                continue
            codes = [record.refuses(message) for record in records for _, message in record.answers]
            if len(codes) == len(records) and all(codes) and not self._advised(row):
                self.findings.add("I6", f"entry {entry.seq}: answered 91, and the money is still held or posted")
            elif not codes and not any(record.link_lost for record in records):
                self.findings.add("I6", f"entry {entry.seq}: kept silent, and not marked LATE")

    def _advised(self, row: Row) -> bool:
        return any(life.advised and row["id"] in life.numbers for life in self.books.lives.values())


class InstantWitness:
    """What was asked and answered on instant-payment links, by transaction id."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.findings = books.findings
        self.statuses = 0
        self._open: dict[tuple[int, str], list[tuple[int, int]]] = {}  # (link, transaction) -> (deadline, amount)
        self._final: dict[str, str] = {}

    def asked(self, link: int, transaction: str, *, cents: int, deadline: int) -> None:
        """Take a payment whose last byte has reached the engine."""
        self._open.setdefault((link, transaction), []).append((deadline, cents))

    def answered(self, link: int, transaction: str, status: str, reason: str, at: int) -> None:
        """Take a status that leaves the engine."""
        self.statuses += 1
        copies = self._open.get((link, transaction))
        if not copies:
            self.findings.add("I5", f"link {link}: the status of a payment that nothing open asked for")
            return
        deadline, cents = copies.pop(0)
        if status == "RJCT" and reason in _NOTHING_WRITTEN:
            return
        settled = self.books.payments.get(transaction)
        if settled is None or settled.status != status or settled.amount != cents:
            self.findings.add("I2", f"link {link}: {status} left, and the books do not say so")
        elif status != "RJCT" and at > deadline and transaction not in self._final:
            self.findings.add("I6", f"link {link}: a payment was accepted after its deadline")
        if self._final.setdefault(transaction, status) != status:
            self.findings.add("I5", f"link {link}: a payment got two fates")
