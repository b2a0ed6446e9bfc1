"""What the doctor sees in Kafka: which topics there are, how they are set up, and what the newest records look like."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from ingest.formats import FORMATS, RefreshEvent, Reject
from revocation.issuers import Issuers
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.wiring import consumer_options, issuers_of

SAMPLE = 500
"""Newest records looked at, of each partition."""
SAMPLE_MS = 3_000
CONNECT_SECONDS = 3.0
KAFKA_PORT = 9092
IPV6_COLONS = 2
"""An address with more colons than one is IPv6, in brackets."""
PATIENCE_MS = 10_000
MOST_NAMED = 5
DAY_MS = 86_400_000
LONG_KEPT = 2
"""Tallies are kept too long from so many horizons (a day at least) on; Kafka's default is a week."""


def examine_kafka(settings: Settings) -> Iterator[Finding]:
    """Connection, topics, their settings, and samples."""
    address = settings.kafka.bootstrap_servers
    patience = {"request_timeout_ms": PATIENCE_MS, "bootstrap_timeout_ms": PATIENCE_MS}
    options = {**patience, **consumer_options(settings), "max_poll_records": SAMPLE}
    if not any(_listens(place) for place in address.split(",")):
        yield fail("kafka", f"Nobody listens at {address}; look at kafka.bootstrap_servers, and whether it runs.")
        return
    try:
        consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, **options)
    except (KafkaError, ValueError, AssertionError) as error:
        yield fail("kafka", f"{address}: {type(error).__name__}; look at kafka.bootstrap_servers and its protection.")
        return
    try:
        topics = consumer.topics()
        yield ok("kafka", f"{address} answers.")
        yield from _topics(settings, consumer, topics)
    except KafkaError as error:
        yield fail("kafka", f"{address}: {type(error).__name__} while its topics were looked at.")
    finally:
        consumer.close(autocommit=False)


def _listens(place: str) -> bool:
    """Whether a connection to `host:port` can be made; asking first spares a long wait where nobody is."""
    host, _, port = place.strip().partition(":") if place.count(":") < IPV6_COLONS else place.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port or KAFKA_PORT)), CONNECT_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _topics(settings: Settings, consumer: KafkaConsumer, present: set[str]) -> Iterator[Finding]:
    names = settings.topics
    audit = [names.audit] if settings.audit.mode == "required" else []
    for name in (names.telemetry, names.alerts, names.revocations, names.dead_letters, names.tallies, *audit):
        if name in present:
            count = len(consumer.partitions_for_topic(name) or ())
            yield ok(name, f"{count} partitions.")
        else:
            yield fail(name, "There is no such topic; create it.")
    yield from _configured(settings, present)
    issuers = _issuers(settings)
    if issuers is None:
        return
    if names.telemetry in present:
        yield from _keys(names.telemetry, _sample(consumer, names.telemetry), issuers)
    for topic, form in settings.route.sources.items():
        if topic not in present:
            yield fail(topic, "The route reads this topic, and there is none.")
        elif form in FORMATS:
            yield from _provider(topic, form, _sample(consumer, topic), issuers)


def _issuers(settings: Settings) -> Issuers | None:
    try:
        return issuers_of(settings)
    except Failure:
        return None  # said among the settings


def _configured(settings: Settings, present: set[str]) -> Iterator[Finding]:
    """How the topics are set up on which something depends."""
    checks: dict[str, Callable[[str, Mapping[str, Any]], Finding]] = {
        settings.topics.revocations: _compaction,
        settings.topics.tallies: partial(_retention, settings),
        settings.topics.audit: partial(_kept, settings),
    }
    names = [name for name in checks if name in present]
    try:
        admin = KafkaAdminClient(**{**settings.kafka.options(), "request_timeout_ms": PATIENCE_MS})
    except KafkaError as error:
        yield from (warn(name, f"Its settings cannot be looked at: {type(error).__name__}.") for name in names)
        return
    try:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found = admin.describe_configs(resources, config_filter="all") if resources else {}
        for name in names:
            yield checks[name](name, found)
    except KafkaError as error:
        yield from (warn(name, f"Its settings cannot be looked at: {type(error).__name__}.") for name in names)
    finally:
        admin.close()


def _compaction(name: str, found: Mapping[str, Any]) -> Finding:
    policy = _value(found, name, "cleanup.policy")
    if "compact" in policy:
        return ok(name, "It is compacted.")
    return fail(name, f"cleanup.policy is {policy or 'unknown'}: a rebuild would miss what was deleted; set compact.")


def _retention(settings: Settings, name: str, found: Mapping[str, Any]) -> Finding:
    """Tallies are many and soon worthless, and a restart reads the horizon of them again."""
    policy, kept = _value(found, name, "cleanup.policy"), _value(found, name, "retention.ms")
    horizon_ms = settings.origins.horizon_s * 1000
    if policy != "delete":
        return fail(name, f"cleanup.policy is {policy or 'unknown'}: rows of one origin would be lost; set delete.")
    if not kept.lstrip("-").isdecimal():
        return warn(name, "How long its records are kept is not known; look at retention.ms.")
    if 0 <= int(kept) < horizon_ms:
        return warn(name, f"retention.ms is {kept}, less than origins.horizon_s; set {horizon_ms} or a little more.")
    if int(kept) < 0 or int(kept) > LONG_KEPT * max(horizon_ms, DAY_MS):
        return warn(name, f"retention.ms is {kept}: nobody reads tallies that old; set {horizon_ms} or a little more.")
    return ok(name, "Its records are deleted in time.")


def _kept(settings: Settings, name: str, found: Mapping[str, Any]) -> Finding:
    """A trail that is compacted loses records, and one that is deleted too soon cannot be replayed."""
    policy, kept = _value(found, name, "cleanup.policy"), _value(found, name, "retention.ms")
    if policy != "delete":
        return fail(name, f"cleanup.policy is {policy or 'unknown'}: records of one chain would be lost; set delete.")
    if not kept.lstrip("-").isdecimal():
        return warn(name, "How long its records are kept is not known; look at retention.ms.")
    if 0 <= int(kept) < settings.audit.kept_ms:
        return warn(name, f"retention.ms is {kept}, less than audit.kept_days; set {settings.audit.kept_ms} or more.")
    return ok(name, "Its records are kept long enough.")


def _value(found: Mapping[str, Any], topic: str, key: str) -> str:
    """A setting in what `describe_configs` answers: by resource type, by name, by key."""
    for named in found.values():
        about = named.get(topic, {}).get(key)
        if about is not None:
            return str(about["value"] if isinstance(about, Mapping) else about)
    return ""


def _sample(consumer: KafkaConsumer, topic: str) -> list[Any]:
    """The newest records of each partition."""
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    ends = consumer.end_offsets(partitions)
    firsts = consumer.beginning_offsets(partitions)
    wanted = {partition for partition in partitions if ends[partition] > firsts[partition]}
    consumer.assign(sorted(wanted))
    for partition in wanted:
        consumer.seek(partition, max(firsts[partition], ends[partition] - SAMPLE))
    records: list[Any] = []
    waited = 0
    while any(consumer.position(p) < ends[p] for p in wanted) and waited < SAMPLE_MS:
        polled = consumer.poll(timeout_ms=200)
        waited += 0 if polled else 200
        for found in polled.values():
            records += found
    return records


def _keys(topic: str, records: Sequence[Any], issuers: Issuers) -> Iterator[Finding]:
    """Whether each subject's and each family's events stand in one partition."""
    if not records:
        yield warn(topic, "It is empty: nothing arrives; is `tokenward route` running?")
        return
    where: dict[tuple[str, str], set[int]] = {}
    unconfigured: dict[str, None] = {}
    for record in records:
        for event in _events("native", record.value, issuers):
            known = {issuer.iss for issuer in issuers}
            if event.iss not in known:
                unconfigured[event.iss] = None
            for name in filter(None, (event.sub, event.sid)):
                where.setdefault((event.iss, name), set()).add(record.partition)
    split = sum(len(partitions) > 1 for partitions in where.values())
    if split:
        yield fail(
            topic,
            f"{split} of {len(where)} subjects and sessions stand in several partitions: detection is half blind; let "
            "`tokenward route` write it, or key it by subject.",
        )
    else:
        yield ok(topic, f"It is keyed by subject, as far as {len(records)} records tell.")
    if unconfigured:
        yield warn(topic, f"Issuers without settings have the defaults: {_some(unconfigured)}.")


def _provider(topic: str, form: str, records: Sequence[Any], issuers: Issuers) -> Iterator[Finding]:
    """Whether the newest records of a provider's topic can be used."""
    unmapped: dict[str, None] = {}
    rejected: dict[str, int] = {}
    events = 0
    for record in records:
        try:
            events += len(FORMATS[form](record.value or b"", issuers))
        except Reject as reject:
            rejected[reject.reason] = rejected.get(reject.reason, 0) + 1
            if reject.tenant is not None:
                unmapped[reject.tenant] = None
    if unmapped:
        yield fail(topic, f'No issuer is mapped to: {_some(unmapped)}; add [issuers."..."] with its tenant.')
    others = {reason: count for reason, count in rejected.items() if reason != "unmapped_tenant"}
    if others:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(others.items()))
        yield warn(topic, f"Of {len(records)} records some cannot be used: {told}; is its format {form}?")
    if not rejected:
        yield ok(topic, f"{events} events in its newest {len(records)} records.")


def _events(form: str, value: bytes | None, issuers: Issuers) -> list[RefreshEvent]:
    try:
        return FORMATS[form](value or b"", issuers)
    except Reject:
        return []


def _some(names: Mapping[str, None]) -> str:
    listed = list(names)[:MOST_NAMED]
    return ", ".join(listed) + (" and more" if len(names) > MOST_NAMED else "")
