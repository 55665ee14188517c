"""Settings: one frozen object, read once from a TOML file and the environment, and passed down.

Later sources win: defaults, then the TOML file, then the environment. A key of the file is spelled in the environment
as TWINRAIL_ and its path in capitals with two underscores between levels (`store.command_poll_s` is
TWINRAIL_STORE__COMMAND_POLL_S); lists and tables are given as JSON. Unknown keys are errors in both. Secrets come
from files (see `keys`). `docs/reference/settings.md` is generated from this module and held to it by a test.

The layering is our own: pydantic-settings reads only the environment of the process, which hides an input from the
tests, and costs 160 ms of start-up where this costs none.
"""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from twinrail.catalogue import Catalogue, read_catalogue
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import DeadlinePolicy, LinkProfile, Rail

PREFIX = "TWINRAIL_"
# Variables of the launcher and the command line that are no settings.
OTHER_VARIABLES = frozenset({"TWINRAIL_PYTHON", "TWINRAIL_VENV", "TWINRAIL_CONFIG"})

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
PORT_MAX = 65_535
CARD_DEADLINE_MAX_S = 4.5  # beyond it every card network has answered for us
ENDPOINT = r"^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):[1-9][0-9]{0,4}$"
INSTANT_DEADLINE_MAX_S = 10.0  # SCT Inst: the end-to-end limit (EPC rulebook 2025)


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys, a sentence for every field."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class StoreSettings(Section):
    """How the engine writes to its PostgreSQL."""

    connect_timeout_s: Seconds = 5.0
    """How long one attempt to connect may take, in seconds."""
    look_up_timeout_s: Seconds = 5.0
    """How long a question to the store may take, in seconds; commits have no time-out."""
    retry_first_s: Seconds = 0.05
    """Pause before the first reconnection, in seconds; it doubles from there."""
    retry_max_s: Seconds = 1.0
    """Longest pause between two reconnections, in seconds."""
    batch_entries_max: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Journal entries in one commit at most; beyond about 1,000 latency grows and throughput falls."""
    command_poll_s: Seconds = 1.0
    """How often the command table is looked at, in seconds."""
    recent_decisions_max: Count = 200_000
    """Decisions kept in memory for repeats; older ones are asked of the store."""
    recent_decisions_s: Seconds = 3600
    """Age up to which decisions are loaded into memory at start, in seconds."""
    allow_unsafe: bool = False
    """Start although fsync, full_page_writes or synchronous_commit is off; for tests that may lose data only."""


class TlsSettings(Section):
    """How the connections of a link are secured; all files are PEM, and read again at SIGHUP."""

    certificate: Path | None = None
    """File with our certificate and those between it and its CA; needed to listen, and where a dialled network asks."""
    key: Path | None = None
    """File with the certificate's private key, not encrypted, closed to others (mode 0400)."""
    ca: tuple[Path, ...] = ()
    """Files with the CAs that peers' certificates may come from; list the old and the new one while they change."""
    verify_peer: bool = True
    """Ask peers that connect for a certificate (mutual TLS); a dialled network is always verified."""
    names: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,253}$")], ...] = ()
    """Names of which a peer's certificate must bear one; at most one for a dialled network, its host where not set."""
    version_min: Literal["1.2", "1.3"] = "1.2"
    """Least version of TLS; the highest that both sides know is taken."""
    handshake_timeout_s: Seconds = 5.0
    """How long a handshake may take, in seconds."""
    handshakes_per_s_max: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Handshakes begun in a second; more connections are closed at once."""


class LinkSettings(Section):
    """One link, listening (`port`) or dialled (`connect`); what is left out follows the link profile."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    """Name in logs, health and reports: lower-case letters, digits and hyphens; unique."""
    profile: str
    """Name of the link profile: what dialect, framing and tables the network uses."""
    network: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] | None = None
    """Whose link this is, where two networks share a profile; repeats and what we owe keep to links of one network."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=PORT_MAX)] | None = None
    """TCP port to listen on; 0 takes a free one."""
    allow: tuple[Network, ...] = LOOPBACK
    """Networks whose peers may connect; an empty list denies everyone."""
    connections_max: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Connections open at once; one more is closed at once."""
    connections_per_address_max: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Connections open at once from one address; as many as of the link where not set."""
    connect: tuple[Annotated[str, Field(pattern=ENDPOINT)], ...] = ()
    """Addresses to dial instead of listening, each "host:port" ("[::1]:8583"); the next is taken after each failure."""
    connections: Annotated[int, Field(ge=1, le=64)] = 1
    """Connections that are kept up at once to a dialled network."""
    connect_timeout_s: Seconds = 5.0
    """How long one attempt to connect may take, in seconds."""
    retry_first_s: Seconds = 0.1
    """Pause before the first attempt to connect again, in seconds; it doubles from there, with jitter."""
    retry_max_s: Seconds = 30.0
    """Longest pause between two attempts to connect, in seconds."""
    tls: TlsSettings | None = None
    mac_key_file: Path | None = None
    """File with the key that signs messages and verifies them (hex digits), for a profile with a mac."""
    mac_previous_key_file: Path | None = None
    """File with a key that is accepted beside it while keys change."""
    sign_on_required: bool | None = None
    """Refuse requests before 0800/001."""
    deadline_s: Annotated[float, Field(gt=0, le=INSTANT_DEADLINE_MAX_S)] | None = None
    """Time from receipt to answer, in seconds; at most 4.5 for cards and 10 for instant payments."""
    deadline_policy: DeadlinePolicy | None = None
    """At the deadline: decline (answer 91 and release) or silent (no answer, the network stands in)."""
    hold_expiry_s: Annotated[int, Field(ge=60, le=366 * 86_400)] | None = None
    """How long an authorization holds its amount, in seconds."""
    late_window_s: Annotated[int, Field(ge=60, le=366 * 86_400)] | None = None
    """How long a completion or reversal of a late debit may take, in seconds."""
    idle_timeout_s: Seconds | None = None
    """Close a connection that sent nothing for this long, in seconds; above the peer's echo interval."""
    frame_timeout_s: Seconds | None = None
    """From the first byte of a frame to its last, in seconds."""
    in_flight_max: Count | None = None
    """Requests of the link that wait for their commit."""

    OVERRIDES: ClassVar[tuple[str, ...]] = (
        "network",
        "sign_on_required",
        "deadline_s",
        "deadline_policy",
        "hold_expiry_s",
        "late_window_s",
        "idle_timeout_s",
        "frame_timeout_s",
        "in_flight_max",
    )

    LISTENING: ClassVar[frozenset[str]] = frozenset(
        {"host", "port", "allow", "connections_max", "connections_per_address_max"}
    )
    DIALLED: ClassVar[frozenset[str]] = frozenset({"connections", "connect_timeout_s", "retry_first_s", "retry_max_s"})

    @model_validator(mode="after")
    def _listens_or_connects(self) -> Self:
        strange = self.model_fields_set & (self.LISTENING if self.connect else self.DIALLED)
        if strange:
            which = "dialled: it has connect" if self.connect else "listening: it has no connect"
            raise ValueError(f"{', '.join(sorted(strange))} cannot be set for a link that is {which}")
        if not self.connect and self.port is None:
            raise ValueError("port (to listen) or connect (to dial) is required")
        if any(port > PORT_MAX for _, port in self.endpoints()):
            raise ValueError(f"connect: a port is above {PORT_MAX}")
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        tls = self.tls
        if tls is None:
            return self
        if (tls.certificate is None) is not (tls.key is None):
            raise ValueError("tls: certificate and key belong together")
        if self.connect:
            if not tls.verify_peer:
                raise ValueError("tls.verify_peer cannot be switched off for a link that is dialled")
            if len(tls.names) > 1:
                raise ValueError("tls.names holds at most one name for a link that is dialled")
        elif tls.certificate is None:
            raise ValueError("tls.certificate and tls.key are required to listen")
        elif tls.verify_peer is not bool(tls.names):
            raise ValueError("tls.names says who may connect: it is required with verify_peer, and only then")
        if tls.verify_peer is not bool(tls.ca):
            raise ValueError("tls.ca says whose certificates count: it is required with verify_peer, and only then")
        return self

    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Give the hosts and ports to dial."""
        parts = (text.rpartition(":") for text in self.connect)
        return tuple((host.strip("[]"), int(port)) for host, _, port in parts)

    def link_profile(self, known: Mapping[str, LinkProfile]) -> LinkProfile:
        """Give the profile with this link's own values in it; SettingsError where they do not fit together."""
        profile = known.get(self.profile)
        if profile is None:
            raise SettingsError(f"profile is not one of {', '.join(sorted(known))}")
        if profile.rail is Rail.CARD and (self.deadline_s or 0) > CARD_DEADLINE_MAX_S:
            raise SettingsError(f"deadline_s is above {CARD_DEADLINE_MAX_S} for a card link")
        if profile.rail is Rail.INSTANT and self.deadline_policy is DeadlinePolicy.SILENT:
            raise SettingsError("deadline_policy is decline for instant payments: nobody stands in for the answer")
        own = {name: getattr(self, name) for name in self.OVERRIDES if getattr(self, name) is not None}
        return dataclasses.replace(profile, **own)


class FileSettings(Section):
    """Where payment files come in and their reports go out; one file system for all four folders."""

    inbox: Path
    """Folder that is watched; files must be renamed into it once complete."""
    outbox: Path
    """Folder for status reports; beside the inbox where not set."""
    work: Path
    """Folder for files while they are read and booked; beside the inbox where not set."""
    quarantine: Path
    """Folder for files that are no payment file at all, each with its reason; beside the inbox where not set."""
    poll_s: Seconds = 1.0
    """How often the inbox is looked at, in seconds."""
    file_bytes_max: Annotated[int, Field(ge=1024, le=1 << 30)] = 1 << 30
    """Largest file that is read, in bytes; a larger one goes to quarantine."""
    window: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Transactions of files in flight at once; bounds what a large file can take from card latency."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which files in quarantine, done and reports are removed: originals hold IBANs in the clear."""
    report: Literal["all", "rejected"] = "all"
    """Which transactions a status report lists."""

    @model_validator(mode="before")
    @classmethod
    def _beside_the_inbox(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("inbox"), str | Path):
            beside = Path(given["inbox"]).parent
            return {name: beside / name for name in ("outbox", "work", "quarantine")} | given
        return given


class AdmissionSettings(Section):
    """When requests are refused at once because they could not be answered in time."""

    queue_max: Count = 20_000
    """Requests of all links that wait for their commit; beyond it 0100 and 0200 are refused with 91."""
    wait_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Refuse when the predicted wait is above this share of the link's deadline."""
    parked_max: Count = 10_000
    """Instructions that wait for an answer out of the store."""


class RecordingSettings(Section):
    """What the recorder on the links writes; cardholder data is replaced before it reaches the disk."""

    folder: Path
    """Folder for recordings."""
    key_file: Path | None = None
    """File with the key of the substitution (32 bytes or 64 hex digits); a fresh key for each run where not set."""
    file_bytes_max: Annotated[int, Field(ge=1 << 16, le=1 << 36)] = 1 << 30
    """Size at which recording stops, in bytes; traffic goes on."""
    queue_max: Count = 100_000
    """Messages that wait to be written; more are counted and left out, the engine never waits."""


class LimitSettings(Section):
    """Bounds of the process as a whole."""

    connections_max: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Connections of all links together."""
    drain_s: Seconds = 10.0
    """How long the engine finishes what is in flight after SIGTERM, in seconds."""


class LogSettings(Section):
    """What is logged beside the journal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""
    format: Literal["json", "text"] = "text"
    """One JSON object a line, or text for people."""


class Settings(Section):
    """Everything that can be set."""

    environment: Literal["development", "production"] = "development"
    """In production a key file and a database URL are required and unsafe database settings are refused."""
    database_url: Annotated[str | None, Field(repr=False, pattern=r"^postgres(ql)?://")] = None
    """PostgreSQL 15 or newer to use; an embedded one under the state folder where not set."""
    database_url_file: Path | None = None
    """File that holds the database URL, for URLs with a password."""
    state_dir: Path = Path(".twinrail")
    """Folder for the embedded database, the status file and what waits for the store."""
    partition: Annotated[int, Field(ge=0, le=255)] = 0
    """Number of the partition that this engine owns."""
    token_key_file: Path | None = None
    """File with the key that turns card numbers and IBANs into tokens (32 bytes or 64 hex digits)."""
    loop: Literal["uvloop", "asyncio"] = "uvloop"
    """Event loop; asyncio is slower and needs no extension module."""
    store: StoreSettings = StoreSettings()
    dialects: tuple[Path, ...] = ()
    """Files of dialects of your own; docs/how-to/add-a-dialect.md."""
    profiles: tuple[Path, ...] = ()
    """Files of link profiles of your own; docs/reference/profiles.md."""
    links: tuple[LinkSettings, ...] = ()
    """Links, each a [[links]] table."""
    files: FileSettings | None = None
    admission: AdmissionSettings = AdmissionSettings()
    recording: RecordingSettings | None = None
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [link.name for link in self.links]
        if len(names) != len(set(names)):
            raise ValueError("links: two links have the same name")
        if sum(link.connections for link in self.links if link.connect) > self.limits.connections_max:
            raise ValueError("limits.connections_max is below the connections of the links that are dialled")
        if self.database_url is not None and self.database_url_file is not None:
            raise ValueError("database_url and database_url_file are both set: keep one")
        if self.environment == "production":
            if self.token_key_file is None:
                raise ValueError("token_key_file is required in production")
            if self.database_url is None and self.database_url_file is None:
                raise ValueError("database_url or database_url_file is required in production")
            if self.store.allow_unsafe:
                raise ValueError("store.allow_unsafe is refused in production")
        return self

    def catalogue(self) -> Catalogue:
        """Read the files of dialects and profiles; SettingsError where one is wrong or fits no link that names it."""
        found = read_catalogue(self.dialects, self.profiles)
        spoken: dict[str, LinkProfile] = {}
        for number, link in enumerate(self.links):
            try:
                profile = link.link_profile(found.profiles)
            except SettingsError as error:
                raise SettingsError(f"links.{number}: {error}") from None
            first = spoken.setdefault(profile.counterpart, profile)
            if (first.places, first.match) != (profile.places, profile.match):  # one message of ours fits either link
                raise SettingsError(f"links.{number}: places or match are not those of another link of its network")
        return found

    @property
    def status_file(self) -> Path:
        """Where the engine says every second how it is; `twinrail health` reads it."""
        return self.state_dir / "status.json"


def load_settings(path: Path | None, env: Mapping[str, str]) -> Settings:
    """Read the settings out of a TOML file (None for no file) and an environment.

    SettingsError names the key and what is wrong with it, never the value.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES:
            _overlay(given, name, env[name])
    try:
        settings = Settings.model_validate(given)
        settings.catalogue()
    except ValidationError as error:
        problems = "; ".join(_problems(error))
        raise SettingsError(f"{path or 'settings'}: {problems}") from None
    except SettingsError as error:
        raise SettingsError(f"{path or 'settings'}: {error}") from None
    return settings


def _overlay(given: dict[str, Any], variable: str, text: str) -> None:
    """Put one variable of the environment into the nested tables, as JSON where its place holds a list or table."""
    *tables, last = variable.removeprefix(PREFIX).lower().split("__")
    model: type[Section] | None = Settings
    for table in tables:
        model = section_of(model, table) if model else None
        inner = given.setdefault(table, {})
        if model is None or not isinstance(inner, dict):
            raise SettingsError(f"{variable}: there is no such setting")
        given = inner
    if model is None or last not in model.model_fields:
        raise SettingsError(f"{variable}: there is no such setting")
    if last in {"links", "allow", "dialects", "profiles"} or section_of(model, last):
        try:
            given[last] = json.loads(text)
        except ValueError:
            raise SettingsError(f"{variable}: must be JSON, since it holds a list or a table") from None
    else:
        given[last] = text


def section_of(model: type[Section], name: str) -> type[Section] | None:
    """Give the section that a field of a section holds, None for a plain value."""
    field = model.model_fields.get(name)
    kinds = () if field is None else (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)


def _problems(error: ValidationError) -> Iterator[str]:
    """Say for every error of a validation where it is and what, leaving the value out."""
    for one in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in one["loc"])
        what = "there is no such setting" if one["type"] == "extra_forbidden" else one["msg"]
        what = what.removeprefix("Value error, ")
        yield f"{where}: {what}" if where else what
