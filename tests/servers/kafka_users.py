"""A broker that asks who somebody is and what they may: users with a password, and the rights of `deploy/kafka/`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

from tests.servers.kafka import admin, kafka_process

TABLE = Path(__file__).parents[2] / "deploy" / "kafka" / "acls.tsv"
SCRIPT = TABLE.with_name("acls.sh")
ADMIN, PASSWORD = "admin", "pa55w0rd"

# The controller is the broker itself; nobody else reaches its listener.
PROPERTIES = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={login}
"""


class Right(NamedTuple):
    """One line of the table."""

    user: str
    resource: str
    name: str
    pattern: str
    operations: tuple[str, ...]


def rights() -> list[Right]:
    """The table's lines."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    parts = [line.split("\t") for line in lines]
    return [Right(user, resource, name, pattern, tuple(ops.split(","))) for user, resource, name, pattern, ops in parts]


def login(user: str) -> dict[str, Any]:
    """How kafka-python's clients log in as that user."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": user,
        "sasl_plain_password": PASSWORD,
    }


@contextmanager
def authorised_broker() -> Iterator[str]:
    """Yield the address of a broker that has the table's users and rights."""
    users = sorted({right.user for right in rights()} | {ADMIN})
    known = "".join(f' user_{user}="{PASSWORD}"' for user in users)
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{module} username="{ADMIN}" password="{PASSWORD}"{known};'
    with kafka_process(PROPERTIES.format(login=jaas), "SASL_PLAINTEXT", login(ADMIN)) as (bootstrap, _):
        with admin(bootstrap, **login(ADMIN)) as client:
            client.create_acls([acl for right in rights() for acl in _acls(right)])
        yield bootstrap


def _acls(right: Right) -> Iterator[ACL]:
    patterns: Mapping[str, ACLResourcePatternType] = {
        "literal": ACLResourcePatternType.LITERAL,
        "prefixed": ACLResourcePatternType.PREFIXED,
    }
    resources: Mapping[str, ResourceType] = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactional-id": ResourceType.TRANSACTIONAL_ID,
    }
    operations: Mapping[str, ACLOperation] = {
        "Read": ACLOperation.READ,
        "Write": ACLOperation.WRITE,
        "Describe": ACLOperation.DESCRIBE,
        "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
    }
    where = ResourcePattern(resources[right.resource], right.name, patterns[right.pattern])
    for operation in right.operations:
        yield ACL(f"User:{right.user}", "*", operations[operation], ACLPermissionType.ALLOW, where)
