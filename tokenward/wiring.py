"""Wiring: the only builder. Settings become clients, registries and services; the real clock enters here."""

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from api.trust import TrustedIssuer
from detector.batch import RefreshBatch
from detector.model import Forest
from detector.tallies import Tallies
from ingest.columns import Columns
from ingest.enrich import Places
from ingest.exchange import Exchange
from ingest.formats import FORMATS
from ingest.ledger import Ledger
from ingest.origins import Origins
from ingest.pseudonyms import Pseudonyms
from ingest.reader import Reader
from ingest.report import NotifyReport, RouteReport, StepReport
from ingest.route import Route, RouteTopics
from ingest.sink import Sink
from ingest.source import Source
from ingest.telemetry import Telemetry
from ingest.worker import Worker, WorkerTopics
from revocation.connections import Access, Link, cluster, standalone, through_sentinels
from revocation.heads import RedisHeads, Writer
from revocation.issuers import Issuer, Issuers
from revocation.names import Names, Sealer
from revocation.redis import RedisRegistry
from revocation.redis_names import RedisNames
from revocation.registry import Whole
from revocation.shards import Shards
from tokenward import forests, odds_files
from tokenward.faults import Failure
from tokenward.outward_wiring import Outward, name_of, notify_of
from tokenward.policies import PolicyFile
from tokenward.sections import OriginsSettings, WorkerSettings
from tokenward.settings import Settings
from tokenward.trail import KafkaTrail, NoTrail

MILLISECOND_NS = 1_000_000


def clock() -> int:
    """Now, epoch milliseconds."""
    return time.time_ns() // MILLISECOND_NS


def issuers_of(settings: Settings, *, fallback: bool = False) -> Issuers:
    """The configured issuers; with `fallback` an unmapped tenant becomes an issuer of its own (files only)."""
    configured = {iss: Issuer(iss=iss, **section.of_telemetry()) for iss, section in settings.issuers.items()}
    for issuer in configured.values():
        _format(issuer.format, f'issuers."{issuer.iss}".format')
    return Issuers(configured, fallback=fallback)


def trusted_of(settings: Settings) -> list[TrustedIssuer]:
    """The configured issuers as `/authz` trusts them."""
    return [section.trusted(iss) for iss, section in settings.issuers.items()]


def places_of(city: Path | None, asn: Path | None) -> Places:
    """Where addresses are, from MMDB files.

    Raises:
        Failure: a file cannot be used.
    """
    try:
        return Places(city, asn)
    except ValueError as error:
        raise Failure(str(error)) from error


def columns_of(settings: Settings) -> Columns:
    """Events to columns, under the house's key, with the configured GeoIP files."""
    return Columns(settings.key, places_of(settings.geoip.city, settings.geoip.asn), issuers_of(settings))


def policy_of(settings: Settings) -> PolicyFile:
    """The policy, read again whenever its file changes."""
    worker, origins = settings.worker, settings.origins
    capacities = {"families": worker.families, "subjects": worker.subjects, "origins": origins.origins}
    members = {**capacities, **odds_of(settings)}
    return PolicyFile(settings.policy.path, list(issuers_of(settings)), settings.key, members)


def odds_of(settings: Settings) -> dict[str, Any]:
    """The configured table of odds, as a member of the detector's configuration; nothing where the shipped one holds.

    Raises:
        Failure: the file cannot be used.
    """
    return {} if settings.detector.odds is None else {"odds": odds_files.load(settings.detector.odds)}


def model_of(settings: Settings) -> Forest | None:
    """The configured forest; raises Failure where its file cannot be used."""
    return None if settings.detector.model is None else forests.load(settings.detector.model)


def redis_of(settings: Settings) -> Link:
    """The way to Redis; it connects when it is used first.

    Raises:
        Failure: the address is none.
    """
    redis = settings.redis
    files = {"cafile": redis.tls_cafile, "certfile": redis.tls_certfile, "keyfile": redis.tls_keyfile}
    shared: dict[str, Any] = {"timeout": redis.timeout_s, "tls": redis.encrypted, **files}
    access = Access(username=redis.username, password=_secret(redis.password), **shared)
    if redis.mode == "cluster":
        return cluster(redis.places, access)
    if redis.mode == "sentinel":
        sentinels = Access(username=redis.sentinel_username, password=_secret(redis.sentinel_password), **shared)
        return through_sentinels(redis.places, redis.sentinel_service or "", access, sentinels)
    try:
        return standalone(redis.url.get_secret_value(), access)
    except ValueError as error:
        raise Failure(str(error)) from error


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def registry_of(settings: Settings) -> Shards:
    """The registry in Redis, all its shards; raises Failure as `redis_of` does."""
    redis, link = settings.redis, redis_of(settings)
    return Shards([RedisRegistry(link, redis.prefix, shard, redis.shards) for shard in range(redis.shards)])


def heads_of(settings: Settings) -> RedisHeads:
    """Where the heads of the trail's chains are kept; raises Failure as `redis_of` does."""
    return RedisHeads(redis_of(settings), settings.redis.prefix)


def trail_of(settings: Settings, name: str) -> KafkaTrail | NoTrail:
    """The audit trail of a process; its chains are called by `name`. It connects when it is written to first."""
    if settings.audit.mode == "off":
        return NoTrail()
    writer = _writer(settings, f"{name}-{socket.gethostname()}")
    return KafkaTrail(writer, settings.topics.audit, producer_options(settings), settings.audit.patience_s)


def _ledger(settings: Settings, name: str) -> Ledger | None:
    if settings.audit.mode == "off":
        return None
    return Ledger(_writer(settings, name), settings.topics.audit, clock)


def _writer(settings: Settings, name: str) -> Writer:
    audit = settings.audit
    return Writer(name, heads_of(settings), clock, key=audit.sealing, kept_ms=audit.kept_ms)


def names_of(settings: Settings) -> Names | None:
    """Where addresses that are refused are named, sealed; None: nowhere, as no bouncer is to be told."""
    return None if settings.crowdsec.path is None else RedisNames(redis_of(settings), settings.redis.prefix)


def sealer_of(settings: Settings) -> Sealer | None:
    """What seals their names."""
    return None if settings.crowdsec.path is None else Sealer(settings.key)


def worker_of(
    settings: Settings,
    *,
    registry: Whole,
    policy: PolicyFile,
    on_report: Callable[[StepReport], None] = lambda _report: None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> Worker[RefreshBatch]:
    """The worker; it connects to Kafka at once."""
    worker, topics = settings.worker, settings.topics
    sources = worker.sources or {topics.telemetry: "native"}
    issuers = issuers_of(settings)
    _formats(sources)
    reader = Reader(sources, issuers, ahead_ms=worker.ahead_s * 1000, back_ms=worker.too_old_s * 1000)
    return Worker(
        Telemetry(reader, columns_of(settings), model_of(settings), sealer_of(settings), name_of(settings)),
        exchange=_exchange(settings, sources, worker.group_id, worker.instance, worker.batch_size),
        registry=registry,
        rules=policy.rules,
        ledger=_ledger(settings, f"{worker.group_id}-{worker.instance}"),
        on_step=on_step,
        on_report=on_report,
        **_turns(settings, worker),
    )


def origins_of(
    settings: Settings,
    *,
    registry: Whole,
    policy: PolicyFile,
    on_report: Callable[[StepReport], None] = lambda _report: None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> Worker[Tallies]:
    """The stage of origins; it connects to Kafka at once."""
    origins = settings.origins
    names = {key: issuer.iss for key, issuer in policy.rules().issuers.items()}
    return Worker(
        Origins(names),
        exchange=_exchange(settings, [settings.topics.tallies], origins.group_id, origins.instance, origins.batch_size),
        registry=registry,
        rules=policy.rules,
        ledger=_ledger(settings, f"{origins.group_id}-{origins.instance}"),
        names=names_of(settings),
        on_step=on_step,
        on_report=on_report,
        **_turns(settings, origins),
    )


def _turns(settings: Settings, stage: WorkerSettings | OriginsSettings) -> dict[str, Any]:
    """What both stages' loops are made with."""
    return {
        "clock": clock,
        "topics": _worker_topics(settings),
        "horizon_ms": stage.horizon_s * 1000,
        "commit_ms": stage.commit_ms,
        "poll_ms": stage.poll_ms,
    }


def route_of(
    settings: Settings,
    *,
    on_report: Callable[[RouteReport], None] = lambda _report: None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> Route:
    """The route; it connects to Kafka at once.

    Raises:
        Failure: no source is configured, or it names no format.
    """
    route, topics, worker = settings.route, settings.topics, settings.worker
    if not route.sources:
        raise Failure('No source is configured: set [route.sources] to topic = "format", e.g. "keycloak.events".')
    _formats(route.sources)
    return Route(
        exchange=_exchange(settings, route.sources, route.group_id, route.instance, route.batch_size),
        reader=Reader(
            route.sources, issuers_of(settings), ahead_ms=worker.ahead_s * 1000, back_ms=worker.too_old_s * 1000
        ),
        pseudonyms=Pseudonyms(settings.key),
        clock=clock,
        pseudonymise=route.pseudonymise,
        name=name_of(settings),
        topics=RouteTopics(telemetry=topics.telemetry, dead_letters=topics.dead_letters),
        poll_ms=worker.poll_ms,
        on_step=on_step,
        on_report=on_report,
    )


def notifier_of(
    settings: Settings,
    *,
    on_report: Callable[[NotifyReport], None] = lambda _report: None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> Outward:
    """`notify`; it connects to Kafka at once.

    Raises:
        Failure: nobody is to be told, or the signing keys cannot be used.
    """
    notify, topics = settings.notify, settings.topics
    exchange = _exchange(
        settings, [topics.alerts, topics.revocations], notify.group_id, notify.instance, notify.batch_size
    )
    return notify_of(settings, redis_of(settings), exchange, clock, on_report=on_report, on_step=on_step)


def consumer_options(settings: Settings) -> dict[str, Any]:
    """What every Kafka consumer is made with."""
    return {**settings.kafka.options(), **settings.kafka.consumer}


def producer_options(settings: Settings) -> dict[str, Any]:
    """What every Kafka producer is made with."""
    return {**settings.kafka.options(), **settings.kafka.producer}


def _worker_topics(settings: Settings) -> WorkerTopics:
    topics = settings.topics
    return WorkerTopics(
        alerts=topics.alerts,
        revocations=topics.revocations,
        dead_letters=topics.dead_letters,
        tallies=topics.tallies,
    )


def _exchange(settings: Settings, topics: Iterable[str], group_id: str, instance: str, batch_size: int) -> Exchange:
    options = consumer_options(settings)
    source = Source(topics, group_id=group_id, instance=instance, batch_size=batch_size, options=options)
    return Exchange(source, Sink(transactional_id=f"{group_id}-{instance}", options=producer_options(settings)))


def _formats(sources: Mapping[str, str]) -> None:
    for topic, name in sources.items():
        _format(name, f"the source {topic}")


def _format(name: str, where: str) -> None:
    if name not in FORMATS:
        raise Failure(f"There is no format {name} ({where}); there are {', '.join(FORMATS)}.")
