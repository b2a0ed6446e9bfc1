"""A real single-node Kafka broker (KRaft), started from the jars that `make stack` fetches."""

import os
import shutil
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen, run
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.servers.process import absent, end, free_port, listens, start, until

HEAP = "512m"
ADMIN_TIMEOUT_MS = 15_000

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={protocol}://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={protocol}://127.0.0.1:{broker}
inter.broker.listener.name={protocol}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocol}:{protocol}
log.dirs={folder}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
"""


def find_kafka_jars() -> Path:
    """The folder of Kafka's jars; without it, or without a JDK, the test is skipped, and fails with CI=true."""
    named = os.environ.get("TOKENWARD_KAFKA_JARS")
    folder = Path(named) if named else Path(__file__).parents[2] / ".stack" / "kafka" / "jars"
    if shutil.which("java") is None or not any(folder.glob("kafka_*.jar")):
        absent("Kafka's jars or java are missing; `make stack` fetches the jars.")
    return folder


@contextmanager
def kafka_broker() -> Iterator[str]:
    """Yield the bootstrap address of a fresh broker; topics must be created, see `create_topics`."""
    with kafka_process() as (bootstrap, _):
        yield bootstrap


@contextmanager
def kafka_process(
    further: str = "", protocol: str = "PLAINTEXT", options: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, Popen[bytes]]]:
    """Yield the bootstrap address of a fresh broker, and its process, for tests that halt it.

    `further` properties are the broker's, `options` those of a client who may ask it which topics there are.
    """
    java = ["java", f"-Xmx{HEAP}", f"-Xms{HEAP}", "-XX:+UseSerialGC", "-cp", f"{find_kafka_jars()}/*"]
    with tempfile.TemporaryDirectory(prefix="tokenward-kafka-") as name:
        folder, log = Path(name), Path(name) / "kafka.log"
        broker = free_port()
        properties = folder / "server.properties"
        properties.write_text(
            PROPERTIES.format(broker=broker, controller=free_port(), folder=folder, protocol=protocol) + further
        )
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        formatting = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
        run(formatting, check=True, capture_output=True, timeout=60)
        process = start([*java, "kafka.Kafka", str(properties)], log)

        def answers() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"Kafka ended: {log.read_text()[-500:]}")
            return listens(broker)

        try:
            until(answers, f"Kafka on port {broker}", seconds=60)
            with admin(f"127.0.0.1:{broker}", **(options or {})) as client:
                client.list_topics()
            yield f"127.0.0.1:{broker}", process
        finally:
            end(process, patience=20)


@contextmanager
def admin(bootstrap: str, **options: Any) -> Iterator[KafkaAdminClient]:
    """Yield an admin client of kafka-python, closed afterwards."""
    client = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=ADMIN_TIMEOUT_MS, **options)
    try:
        yield client
    finally:
        client.close()


def create_topics(
    bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str] | None = None, **options: Any
) -> None:
    """Create topics: name -> number of partitions; `config` holds topic settings for all of them."""
    topics = [NewTopic(name, count, 1, topic_configs=dict(config or {})) for name, count in partitions.items()]
    with admin(bootstrap, **options) as client:
        client.create_topics(topics, timeout_ms=ADMIN_TIMEOUT_MS)
