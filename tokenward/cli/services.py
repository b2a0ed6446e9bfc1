"""The services: route, worker, origins and api. SIGTERM and SIGINT let them finish what they do, and end."""

import logging
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Annotated, Any

import typer
from kafka.errors import FencedInstanceIdError, KafkaError

from api.server import Address, keep_loaded, run
from ingest.loop import Loop
from tokenward import logs
from tokenward.api_wiring import api_of, tls_of
from tokenward.cli.common import ConfigOption
from tokenward.faults import Failure
from tokenward.goings_on import told
from tokenward.metrics import NOTIFY, ORIGINS, ROUTE, WORKER, Publisher, served
from tokenward.outward_wiring import Outward
from tokenward.settings import Settings, read_settings
from tokenward.wiring import (
    notifier_of,
    origins_of,
    policy_of,
    registry_of,
    route_of,
    worker_of,
)

log = logging.getLogger(__name__)

JsonLogs = Annotated[bool, typer.Option("--json", help="Log JSON, one object a line.")]


def route(*, config: ConfigOption = None, json: JsonLogs = False) -> None:
    """Re-key the providers' topics by subject into refresh.telemetry."""
    logs.set_up(json=json)
    settings = read_settings(config)
    publisher = Publisher(ROUTE)
    metrics = served(publisher.registry, settings.metrics.host, settings.metrics.route_port)
    with metrics, _kafka(settings):
        service = route_of(settings, on_report=publisher)
        with told(settings, "route"):
            _run("route", service)


def worker(*, config: ConfigOption = None, json: JsonLogs = False) -> None:
    """Judge telemetry, decide, and write who is refused to the registry."""
    logs.set_up(json=json)
    settings = read_settings(config)
    registry, policy = registry_of(settings), policy_of(settings)
    publisher = Publisher(WORKER, {"tokenward_worker_policy_refused": lambda: float(policy.fault is not None)})
    metrics = served(publisher.registry, settings.metrics.host, settings.metrics.worker_port)
    with metrics, _kafka(settings):
        service = worker_of(settings, registry=registry, policy=policy, on_report=publisher)
        with told(settings, "worker", policy):
            _run("worker", service)


def origins(*, config: ConfigOption = None, json: JsonLogs = False) -> None:
    """Judge addresses, networks and programs by what all workers saw of them."""
    logs.set_up(json=json)
    settings = read_settings(config)
    registry, policy = registry_of(settings), policy_of(settings)
    publisher = Publisher(ORIGINS, {"tokenward_origins_policy_refused": lambda: float(policy.fault is not None)})
    metrics = served(publisher.registry, settings.metrics.host, settings.metrics.origins_port)
    with metrics, _kafka(settings):
        service = origins_of(settings, registry=registry, policy=policy, on_report=publisher)
        with told(settings, "origins", policy):
            _run("origins", service)


def notify(*, config: ConfigOption = None, json: JsonLogs = False) -> None:
    """Tell receivers of security events, and identity providers, what was decided."""
    logs.set_up(json=json)
    settings = read_settings(config)
    publisher = Publisher(NOTIFY)
    with served(publisher.registry, settings.metrics.host, settings.metrics.notify_port), _kafka(settings):
        _run("notify", notifier_of(settings, on_report=publisher))


def api(*, config: ConfigOption = None, json: JsonLogs = False) -> None:
    """Answer gateways over HTTP."""
    logs.set_up(json=json)
    settings = read_settings(config)
    app, _, _ = api_of(settings, registry_of(settings))
    running = ExitStack()

    def listening(address: Address) -> None:
        log.info("listening", extra={"url": address.url})
        running.enter_context(told(settings, "api"))

    try:
        with running:
            run(app, settings.api.host, settings.api.port, tls=tls_of(settings), on_listening=listening)
    except ssl.SSLError as error:
        raise Failure(
            "The API cannot use its certificate; see api.tls_certfile, tls_keyfile and tls_client_cafile."
        ) from error
    except OSError as error:
        where = f"{settings.api.host}:{settings.api.port}"
        raise Failure(f"The API cannot listen at {where}: {error.strerror}; see api in the settings.") from error


def _run(name: str, service: Loop[Any, Any] | Outward) -> None:
    """Turn after turn until a signal comes."""
    stop = threading.Event()
    keep_loaded()
    with _signalled(stop):
        log.info("started", extra={"service": name})
        service.run(stop)
    log.info("ended")


@contextmanager
def _signalled(stop: threading.Event) -> Iterator[None]:
    def end(number: int, _: FrameType | None) -> None:
        log.info("ending", extra={"signal": signal.Signals(number).name})
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def _kafka(settings: Settings) -> Iterator[None]:
    """What Kafka's client raises, as a sentence."""
    address = settings.kafka.bootstrap_servers
    try:
        yield
    except FencedInstanceIdError as error:
        raise Failure("Another process bears the same instance name: give each its own in the settings.") from error
    except KafkaError as error:
        raise Failure(f"Kafka at {address} cannot be used: {type(error).__name__}.") from error
