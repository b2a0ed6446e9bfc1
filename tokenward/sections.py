"""The settings, section by section, each with default, unit and meaning: `docs/settings.md` is made of this."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from api.profiles import named
from tokenward.access_sections import AccessSettings, PrincipalSettings, access_by
from tokenward.audit_sections import AuditSettings
from tokenward.inbound_sections import InboundSection, TransmitterSettings
from tokenward.operator_sections import OperatorSettings
from tokenward.outward_sections import NotifySettings, SsfSettings
from tokenward.redis_settings import RedisSettings
from tokenward.section import Section
from tokenward.token_sections import AuthzSettings, IssuerSettings

LEAST_KEY_BYTES = 16
"""A shorter key could be guessed; then the digests would tell who is meant."""

MOST_KEY_BYTES = 64
"""What BLAKE2b takes."""

Port = Annotated[int, Field(ge=1, le=65_535)]
PortOrNone = Annotated[int, Field(ge=0, le=65_535)]


class KafkaSettings(Section):
    """How Kafka is reached."""

    bootstrap_servers: str = Field(default="127.0.0.1:9092", description="Brokers, `host:port`, separated by commas.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How connections are protected."
    )
    ssl_cafile: Path | None = Field(
        default=None, description="Certificates that the brokers' are checked against, PEM."
    )
    ssl_certfile: Path | None = Field(default=None, description="Our own certificate, PEM, where brokers ask for one.")
    ssl_keyfile: Path | None = Field(default=None, description="The key of our own certificate, PEM.")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"] | None = Field(
        default=None, description="How we log in at the brokers."
    )
    sasl_plain_username: str | None = Field(default=None, description="The name that we log in with (PLAIN and SCRAM).")
    sasl_plain_password: SecretStr | None = Field(default=None, description="Its password.")
    client: dict[str, Any] = Field(
        default={},
        description="Further options of every kafka-python client, by their names there, e.g. `api_version`.",
    )
    consumer: dict[str, Any] = Field(
        default={}, description="Further options of the consumers, e.g. `fetch_max_bytes`."
    )
    producer: dict[str, Any] = Field(
        default={}, description="Further options of the producers, e.g. `compression_type`."
    )

    def options(self) -> dict[str, Any]:
        """What every kafka-python client is made with."""
        named = self.model_dump(exclude={"client", "consumer", "producer"}, exclude_none=True)
        password = self.sasl_plain_password
        if password is not None:
            named["sasl_plain_password"] = password.get_secret_value()
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in named.items()}
        further = dict(self.client)
        if "api_version" in further:
            further["api_version"] = tuple(further["api_version"])  # a file's list; kafka-python wants a tuple
        return plain | further


class TopicsSettings(Section):
    """What the topics are called."""

    telemetry: str = Field(default="refresh.telemetry", description="Native telemetry, keyed by subject.")
    alerts: str = Field(default="refresh.alerts", description="Alerts, CloudEvents in JSON.")
    revocations: str = Field(default="refresh.revocations", description="The registry's changes; must be compacted.")
    dead_letters: str = Field(default="refresh.dead-letters", description="Records that could not be used.")
    tallies: str = Field(
        default="refresh.tallies",
        description="What workers saw of origins, keyed by origin; as long as `origins.horizon_s` need be kept.",
    )
    feedback: str = Field(
        default="refresh.feedback", description="What people found out about alerts; must be compacted."
    )
    audit: str = Field(
        default="refresh.audit",
        description="Who changed what, a chain for each writer; not compacted, kept for `audit.kept_days` at least.",
    )


class RouteSettings(Section):
    """`tokenward route`: the providers' topics, re-keyed by subject."""

    sources: dict[str, str] = Field(
        default={},
        description="Provider's topic -> its format. A record's header `format` goes first.",
        examples=["keycloak"],
    )
    group_id: str = Field(
        default="tokenward-route", min_length=1, description="Kafka consumer group of all `route` processes."
    )
    instance: str = Field(
        default="1", min_length=1, description="Name of this process, of its own among all `route` processes."
    )
    batch_size: int = Field(default=4096, ge=1, le=65_536, description="Most records of one transaction.")
    pseudonymise: bool = Field(
        default=True, description="Whether subject, session and access token ids leave `route` as keyed digests only."
    )


class WorkerSettings(Section):
    """`tokenward worker`: from telemetry to decisions."""

    group_id: str = Field(default="tokenward-worker", min_length=1, description="Kafka consumer group of all workers.")
    instance: str = Field(default="1", min_length=1, description="Name of this process, of its own among all workers.")
    sources: dict[str, str] = Field(
        default={},
        description="Topic -> its format, where the worker is to read others than `topics.telemetry`; they must be "
        "keyed by subject, or have one partition.",
    )
    batch_size: int = Field(default=16_384, ge=1, le=65_536, description="Most records of one turn.")
    poll_ms: int = Field(
        default=100, ge=1, le=10_000, description="Longest wait for the first record of a turn, milliseconds."
    )
    commit_ms: int = Field(
        default=5_000, ge=0, le=60_000, description="Longest that offsets of turns without effects wait, milliseconds."
    )
    horizon_s: int = Field(
        default=86_400,
        ge=0,
        le=30 * 86_400,
        description="Record time that is read again after a restart, to rebuild what is remembered, seconds.",
    )
    too_old_s: int = Field(
        default=7 * 86_400, ge=60, description="Events that are older than their record by more are rejected, seconds."
    )
    ahead_s: int = Field(default=300, ge=0, description="Events later than their record by more are rejected, seconds.")
    families: int = Field(default=1_000_000, ge=1_000, description="Most families remembered of one partition.")
    subjects: int = Field(default=1_000_000, ge=1_000, description="Most subjects remembered of one partition.")


class OriginsSettings(Section):
    """`tokenward origins`: addresses, networks and programs, over all subjects."""

    group_id: str = Field(
        default="tokenward-origins", min_length=1, description="Kafka consumer group of all `origins` processes."
    )
    instance: str = Field(
        default="1", min_length=1, description="Name of this process, of its own among all `origins` processes."
    )
    batch_size: int = Field(
        default=8_192, ge=1, le=65_536, description="Most records of one turn; each tells all of one origin's flush."
    )
    poll_ms: int = Field(
        default=100, ge=1, le=10_000, description="Longest wait for the first record of a turn, milliseconds."
    )
    commit_ms: int = Field(
        default=5_000, ge=0, le=60_000, description="Longest that offsets of turns without effects wait, milliseconds."
    )
    horizon_s: int = Field(
        default=86_400,
        ge=0,
        le=30 * 86_400,
        description="Record time that is read again after a restart, to rebuild what is remembered, seconds.",
    )
    origins: int = Field(default=1_000_000, ge=1_000, description="Most origins remembered of one partition.")


class ApiSettings(Section):
    """`tokenward api`: what gateways ask."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=8080, description="Port to listen on.")
    tls_certfile: Path | None = Field(
        default=None, description="Certificate to encrypt connections by, PEM; without one they are not encrypted."
    )
    tls_keyfile: Path | None = Field(default=None, description="Its key, PEM.")
    tls_client_cafile: Path | None = Field(
        default=None, description="Who may sign clients' certificates, PEM; without it none is asked for."
    )

    @model_validator(mode="after")
    def _whole(self) -> "ApiSettings":
        if (self.tls_certfile is None) != (self.tls_keyfile is None):
            raise ValueError("tls_certfile and tls_keyfile go together")
        if self.tls_client_cafile is not None and self.tls_certfile is None:
            raise ValueError("tls_client_cafile needs tls_certfile and tls_keyfile")
        return self


class FeedSettings(Section):
    """The feed of `tokenward api` that replicas follow; see `docs/feed.md`."""

    changes: int = Field(
        default=50_000,
        ge=1_000,
        le=1_000_000,
        description="Changes of each shard kept in memory, some 250 bytes each; older ones are read from Redis.",
    )
    heartbeat_s: float = Field(
        default=10.0, ge=0.1, le=60, description="Seconds between two heartbeats of a stream at most."
    )
    readers: int = Field(
        default=1_000, ge=1, le=10_000, description="Most waiting polls and streams at once; further ones get 503."
    )
    snapshot_readers: int = Field(
        default=128, ge=1, le=10_000, description="Most snapshots being sent at once; further readers get 503."
    )
    snapshot_share_s: float = Field(
        default=10.0, ge=0, le=600, description="Seconds for which a snapshot, once made, is sent to all who ask."
    )
    replicas: int = Field(default=1_000, ge=1, le=10_000, description="Most replicas known by name.")
    laggard_s: float = Field(
        default=5.0, gt=0, le=3_600, description="Seconds that a replica may lack a change before it is a laggard."
    )
    forgotten_s: float = Field(
        default=900.0, ge=1, le=86_400, description="Seconds of silence after which a replica is forgotten."
    )


class CrowdSecSettings(Section):
    """CrowdSec's bouncer API; see `docs/crowdsec.md`. The same for all services, which keep the addresses for it."""

    path: str | None = Field(
        default=None,
        pattern=r"^(/|(/[A-Za-z0-9._~-]{1,64}){1,8})$",
        description="Where bouncers ask, e.g. `/crowdsec`; `/` for those that cannot be given a path. Without it the "
        "API is off, and no address that is refused is kept in a form that can be read again.",
    )


class GeoipSettings(Section):
    """Where addresses are: MMDB files of any vendor. Without a city file, travel is not evaluable."""

    city: Path | None = Field(default=None, description="Address -> position and country.")
    asn: Path | None = Field(default=None, description="Address -> number of the autonomous system.")


class DetectorSettings(Section):
    """What the detector has learnt: files that `tokenward train` and `tokenward fit` write."""

    model: Path | None = Field(
        default=None, description="The forest, `.npz`; without one no event is called unusual. Read at the start."
    )
    odds: Path | None = Field(
        default=None, description="The table of odds, JSON; without one the shipped table holds. Read at the start."
    )


class PolicySettings(Section):
    """What is done about a verdict."""

    path: Path | None = Field(
        default=None, description="The policy file; without one the defaults of `docs/policy.md` hold."
    )


class MetricsSettings(Section):
    """Prometheus metrics of `route`, `worker`, `origins` and `notify` (`api` serves its own at `/metrics`)."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    route_port: PortOrNone = Field(default=9101, description="Port of `route`; 0: none.")
    worker_port: PortOrNone = Field(default=9102, description="Port of `worker`; 0: none.")
    origins_port: PortOrNone = Field(default=9103, description="Port of `origins`; 0: none.")
    notify_port: PortOrNone = Field(default=9104, description="Port of `notify`; 0: none.")


class Sections(Section):
    """Everything at the top of the file."""

    digest_key: SecretStr | None = Field(
        default=None,
        description=f"Key of the digests that identities are stored as, {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes; "
        "the same for all services and gateways. Services do not start without it.",
    )
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    topics: TopicsSettings = TopicsSettings()
    route: RouteSettings = RouteSettings()
    worker: WorkerSettings = WorkerSettings()
    origins: OriginsSettings = OriginsSettings()
    api: ApiSettings = ApiSettings()
    access: AccessSettings = AccessSettings()
    feed: FeedSettings = FeedSettings()
    crowdsec: CrowdSecSettings = CrowdSecSettings()
    operator: OperatorSettings = OperatorSettings()
    geoip: GeoipSettings = GeoipSettings()
    detector: DetectorSettings = DetectorSettings()
    policy: PolicySettings = PolicySettings()
    notify: NotifySettings = NotifySettings()
    ssf: SsfSettings = SsfSettings()
    metrics: MetricsSettings = MetricsSettings()
    audit: AuditSettings = AuditSettings()
    authz: dict[str, AuthzSettings] = Field(
        default={}, description="The profiles of `/authz`, by name; `default` is the one of `/authz` itself."
    )
    inbound: InboundSection = InboundSection()
    transmitters: dict[str, TransmitterSettings] = Field(
        default={}, description="Who may tell of security events, by the `iss` of its events."
    )
    principals: dict[str, PrincipalSettings] = Field(
        default={}, description="Who may call the API, by the name that the audit trail has for them."
    )
    issuers: dict[str, IssuerSettings] = Field(
        default={}, description="The issuers, by the `iss` of their access tokens."
    )

    @field_validator("digest_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        size = len(key.get_secret_value().encode()) if key is not None else LEAST_KEY_BYTES
        if not LEAST_KEY_BYTES <= size <= MOST_KEY_BYTES:
            raise ValueError(f"must have {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes, and has {size}")
        return key

    @field_validator("authz")
    @classmethod
    def _named(cls, profiles: dict[str, AuthzSettings]) -> dict[str, AuthzSettings]:
        named(profiles)
        return profiles

    @model_validator(mode="after")
    def _access_makes_sense(self) -> "Sections":
        access_by(self.access, self.principals)
        return self

    @model_validator(mode="after")
    def _distinct_tenants(self) -> "Sections":
        named = [(issuer.format, issuer.tenant) for issuer in self.issuers.values() if issuer.tenant is not None]
        if twice := sorted({f"{form} {tenant}" for form, tenant in named if named.count((form, tenant)) > 1}):
            raise ValueError(f"two issuers are mapped to one tenant ({', '.join(twice)}); give each its own")
        return self
