"""The system under demonstration: embedded Kafka and Redis, and all services, each as it is in production."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from kafka import KafkaProducer

from api.server import Address, serving
from ingest.report import RouteReport, StepReport
from tokenward.api_wiring import api_of
from tokenward.faults import Failure
from tokenward.goings_on import told
from tokenward.settings import Settings
from tokenward.simulate.simulation import KEYCLOAK_ISS, OTHER_ISS
from tokenward.stack import embedded_stack
from tokenward.wiring import origins_of, policy_of, producer_options, registry_of, route_of, worker_of

KEYCLOAK_TOPIC = "keycloak.events"
OTHER_TOPIC = "login.events"
SOURCES = {KEYCLOAK_TOPIC: "keycloak", OTHER_TOPIC: "native"}
"""Two providers, each with its format; neither gives its records a key."""
STOP_SECONDS = 10.0
GLANCE_SECONDS = 0.02


class Service(Protocol):
    """Route, worker or origins."""

    def run(self, stop: threading.Event) -> None:
        """Turn after turn until `stop` is set."""
        ...


@dataclass(slots=True)
class Progress:
    """What route and worker have done; each number is written by one thread."""

    routed: int = 0
    judged: int = 0

    def of_route(self, report: RouteReport) -> None:
        """Add one turn of the route."""
        self.routed += report.records

    def of_worker(self, report: StepReport) -> None:
        """Add one turn of the worker."""
        self.judged += report.records


@dataclass(slots=True)
class System:
    """The running system."""

    settings: Settings
    address: Address
    producer: KafkaProducer
    progress: Progress
    #: What ended a service, by its name; empty while all run.
    ended: dict[str, BaseException] = field(default_factory=dict)

    def await_(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `condition` holds.

        Raises:
            Failure: it did not in time, or a service ended.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise Failure(f"The demonstration gave up: {what} took longer than {seconds:g} s.")
            time.sleep(GLANCE_SECONDS)

    def check(self) -> None:
        """Raise Failure when a service ended."""
        for name, error in self.ended.items():
            raise Failure(f"The {name} ended: {type(error).__name__}: {error}.") from error


@contextmanager
def running_system(realms: dict[str, str]) -> Iterator[System]:
    """Start everything; `realms` maps each issuer to the tenant that its telemetry names. All has ended afterwards.

    Raises:
        Failure: something did not start.
    """
    with embedded_stack(_settings(realms)) as settings:
        progress = Progress()
        registry, policy = registry_of(settings), policy_of(settings)
        app, _, followers = api_of(settings, registry)
        producer = KafkaProducer(linger_ms=0, **producer_options(settings))
        stop = threading.Event()
        try:
            with serving(app) as address:
                system = System(settings, address, producer, progress)
                services: dict[str, Service] = {
                    "route": route_of(settings, on_report=progress.of_route),
                    "worker": worker_of(settings, registry=registry, policy=policy, on_report=progress.of_worker),
                    "origins": origins_of(settings, registry=registry, policy=policy),
                }
                with told(settings, "demo", policy), _threads(services, stop, system.ended):
                    system.await_(lambda: followers.ready, "the API's first snapshot", STOP_SECONDS)
                    yield system
        finally:
            producer.close(timeout=1)


@contextmanager
def _threads(services: dict[str, Service], stop: threading.Event, ended: dict[str, BaseException]) -> Iterator[None]:
    def run(name: str, service: Service) -> None:
        try:
            service.run(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that watches
            ended[name] = error

    threads = [threading.Thread(target=run, args=item, name=item[0], daemon=True) for item in services.items()]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_SECONDS)


def _settings(realms: dict[str, str]) -> Settings:
    """Ours alone: neither a file nor the environment has a say in the demonstration."""
    formats = {KEYCLOAK_ISS: "keycloak", OTHER_ISS: "native"}
    issuers = {iss: {"format": formats[iss], "tenant": tenant} for iss, tenant in realms.items()}
    return Settings.model_validate({"route": {"sources": SOURCES}, "issuers": issuers, "access": {"mode": "open"}})
