"""The settings of what others are told: `tokenward notify`, the SSF transmitter, and identity providers."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from revocation.record import Scope
from revocation.ssf.receivers import Receiver
from tokenward.section import Section

LEAST_KEY_BYTES = 32
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TOLD_SCOPES = Literal["family", "subject"]


def _address(text: str) -> str:
    parts = urlsplit(text)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.query or parts.fragment or "@" in text:
        raise ValueError("must be an https address, or http of this machine, without a user, a query and a fragment")
    return text


def _network(text: str) -> str:
    ip_network(text)
    return text


def _key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value().encode()) < LEAST_KEY_BYTES:
        raise ValueError(f"must have {LEAST_KEY_BYTES} bytes or more")
    return key


Address = Annotated[str, AfterValidator(_address)]
Key = Annotated[SecretStr, AfterValidator(_key)]


class NotifySettings(Section):
    """`tokenward notify`: receivers and identity providers are told what was decided."""

    key: Key | None = Field(
        default=None,
        description="Key that identities, streams and what waits for others are sealed with, 32 bytes or more; the "
        "same for `route`, `worker`, `notify` and `api`. Without it nobody is told anything.",
    )
    old_key: Key | None = Field(
        default=None, description="The key before, while what was sealed with it is still about; it only opens."
    )
    group_id: str = Field(
        default="tokenward-notify", min_length=1, description="Kafka consumer group of all `notify` processes."
    )
    instance: str = Field(
        default="1", min_length=1, description="Name of this process, of its own among all `notify` processes."
    )
    batch_size: int = Field(default=1_024, ge=1, le=65_536, description="Most records of one turn.")
    poll_ms: int = Field(
        default=100, ge=1, le=10_000, description="Longest wait for the first record of a turn, milliseconds."
    )
    keys_path: Path = Field(
        default=Path("notify-keys"),
        description="Folder of the keys that security events are signed with, of this process alone; made where it is "
        "missing.",
    )
    rotate_s: int = Field(
        default=30 * 86_400, ge=60, le=365 * 86_400, description="A new signing key is made so often, seconds."
    )
    ahead_s: int = Field(
        default=86_400, ge=0, le=30 * 86_400, description="A new key is published so long before it signs, seconds."
    )
    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(), description="Networks that may be called though they are not public, such as `10.1.0.0/16`."
    )
    cafile: Path | None = Field(
        default=None, description="Certificates, PEM, that receivers' may be checked against besides the system's."
    )


class ReceiverSettings(Section):
    """One receiver, `[ssf.receivers.NAME]`; NAME is the principal that manages its streams."""

    audience: tuple[str, ...] = Field(min_length=1, description="The `aud` of its security events.")
    issuers: tuple[str, ...] | None = Field(
        default=None, description="The issuers whose identities it is told; none: everybody's."
    )
    subject: Literal["complex", "iss_sub"] = Field(
        default="complex",
        description="How identities are named to it: `complex`: session and person, `iss_sub`: the person only.",
    )
    widen: bool = Field(
        default=False,
        description="Whether, where `subject` is `iss_sub`, the end of a session is told as that of its person: all "
        "sessions end there. False: such events are not sent.",
    )
    nested_subject: bool = Field(
        default=False, description="Whether the event repeats the subject, as Okta's receiver wants it."
    )
    push_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that its streams may push to; none: they are polled."
    )
    default_subjects: Literal["ALL", "NONE"] = Field(
        default="ALL", description="Whether its streams begin with all subjects, or with none."
    )

    def receiver(self, name: str) -> Receiver:
        """The receiver of that name."""
        issuers = None if self.issuers is None else frozenset(self.issuers)
        plain = self.model_dump(exclude={"issuers", "push_hosts"})
        return Receiver(name=name, issuers=issuers, push_hosts=frozenset(self.push_hosts), **plain)


class SsfSettings(Section):
    """The transmitter of security events (`/v1/ssf`); see `docs/protocols.md`."""

    issuer: Address | None = Field(
        default=None, description="Our name as a transmitter, the `iss` of security events; none: there is none."
    )
    base_url: Address | None = Field(
        default=None, description="What receivers put before `/v1/ssf`; by default the issuer's scheme and host."
    )
    receivers: dict[str, ReceiverSettings] = Field(default={}, description="The receivers, by their principals' names.")
    streams_each: int = Field(default=4, ge=1, le=100, description="Most streams of one receiver.")
    min_verification_s: int = Field(
        default=60, ge=1, le=86_400, description="Least time between two verifications of a stream, seconds."
    )
    most_waiting: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Most events that wait for one stream; the oldest go first."
    )
    most_age_s: int = Field(
        default=7 * 86_400,
        ge=60,
        le=90 * 86_400,
        description="Events that waited for longer become dead letters, seconds.",
    )
    poll_wait_s: float = Field(default=20, ge=0, le=60, description="Longest that a poll waits for an event, seconds.")
    poll_lease_s: float = Field(
        default=45, ge=1, le=3600, description="How long a polled event may be unacknowledged before it comes again."
    )


class OutboundSettings(Section):
    """What an identity provider is told, `[issuers."…".outbound]`."""

    global_revocation: Address | None = Field(
        default=None, description="Its endpoint of Global Token Revocation; none: it is told nothing."
    )
    credential_file: Path | None = Field(
        default=None,
        description="File of the bearer credential shown there, read at each call; none: a JWT that we sign.",
    )
    scopes: tuple[TOLD_SCOPES, ...] = Field(
        default=("subject",),
        min_length=1,
        description="Revocations of which scopes it is told. It ends all sessions of the person, so `family` widens.",
    )
    subject_member: Literal["sub_id", "subject"] = Field(
        default="sub_id", description="What the member with the subject is called; Auth0 says `subject`."
    )

    @property
    def told(self) -> frozenset[Scope]:
        """The scopes."""
        return frozenset(map(Scope, self.scopes))
