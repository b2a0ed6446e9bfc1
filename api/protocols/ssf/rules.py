"""What the transmitter's routes ask of whoever comes; there are none where nothing is transmitted."""

from api.access.principal import Verb
from api.access.rules import Ask, Rule
from api.protocols.ssf import transmitter as paths
from api.protocols.ssf.transmitter import Transmitter

MANAGED = (
    ("POST", paths.STREAMS),
    ("PATCH", paths.STREAMS),
    ("PUT", paths.STREAMS),
    ("DELETE", paths.STREAMS),
    ("POST", paths.STATUS),
    ("POST", paths.ADD_SUBJECT),
    ("POST", paths.REMOVE_SUBJECT),
    ("POST", paths.VERIFY),
)


def ssf_rules(transmitter: Transmitter) -> tuple[Rule, ...]:
    """Its rules. Whose stream it is, the desk looks at; metadata and keys are for everybody: receivers begin there."""
    return (
        *(Rule(method, path, Verb.SSF_MANAGE, administrative=True, shape="set") for method, path in MANAGED),
        Rule("GET", paths.STREAMS, Verb.SSF_READ, administrative=True, shape="set"),
        Rule("GET", paths.STATUS, Verb.SSF_READ, administrative=True, shape="set"),
        Rule("POST", f"{paths.POLLED}/{{stream_id}}", Verb.SSF_READ, shape="set"),
        Rule("GET", transmitter.well_known_path, Ask.NOTHING),
        Rule("GET", paths.JWKS, Ask.NOTHING),
    )
