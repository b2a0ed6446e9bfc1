"""The reference pages that are made of the code: `docs/settings.md` and `docs/metrics.md`."""

import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from api.access.metrics import ACCESS_METRICS
from api.crowdsec.metrics import BOUNCER_METRICS
from api.feed.metrics import FEED_METRICS
from api.metrics import METRICS as API_METRICS
from api.protocols.metrics import PROTOCOL_METRICS
from api.writes.metrics import WRITE_METRICS
from tokenward.access_sections import KeySettings, PrincipalSettings
from tokenward.inbound_sections import TransmitterSettings
from tokenward.metrics import NOTIFY, ORIGINS, ROUTE, WORKER
from tokenward.outward_sections import ReceiverSettings
from tokenward.sections import Sections
from tokenward.settings import PREFIX
from tokenward.telling import TELLING_METRICS
from tokenward.token_sections import AuthzSettings, IssuerSettings

MADE = "*Made from the code by `tokenward settings --docs docs`; a test fails when it is older than the code.*"
INTRODUCTION = """\
They stand in `tokenward.toml`; another file is named by `--config` or `TOKENWARD_CONFIG`. The setting
`worker.batch_size` is `batch_size` of the table `[worker]` there, and `TOKENWARD_WORKER__BATCH_SIZE` in the
environment, which wins; tables and lists are JSON in the environment. A variable that ends in `_FILE` names a file that
holds the value, for secrets: `TOKENWARD_DIGEST_KEY_FILE`, `TOKENWARD_REDIS__URL_FILE`."""
PER_ISSUER = 'issuers."https://idp/realms/acme"'
PER_PROFILE = "authz.NAME"
PER_RECEIVER = "ssf.receivers.NAME"
PER_PRINCIPAL = "principals.NAME"
PER_TRANSMITTER = 'transmitters."https://idp/"'
ISSUERS = """\
One table for each issuer, named by exactly the `iss` of its access tokens. Telemetry is mapped to it by `format` and
`tenant`; `visible` says what a gateway can match, and so what a decision about a session becomes. The others say which
of its tokens `/authz` takes ([tokens.md](tokens.md))."""
PROFILES = """\
One table for each profile of `/authz`. Gateways ask `/authz:NAME`; `/authz` is the profile `default`, which needs no
table. A profile never comes from a request's headers or query, as clients of the gateway write those."""
RECEIVERS = """\
One table for each receiver of security events, named as the principal that manages its streams is
([protocols.md](protocols.md)). Without its table a principal sees no stream, and its streams are told nothing."""
TRANSMITTERS = """\
One table for each transmitter of security events, named by exactly the `iss` of its events; see
[protocols.md](protocols.md). It may name identities of `issuers` only."""
PRINCIPALS = """\
One table for each caller that shows itself by a key or a certificate ([access.md](access.md)). `tokenward key` makes a
key, and prints its digest; a key in `keys` is a table of its own."""
EXAMPLES = {
    "transmitters": f"""\
```toml
[{PER_TRANSMITTER}]
jwks_uri = "https://idp/keys"
audiences = ["https://revocation.example.com"]
issuers = ["https://idp/realms/acme"]
```""",
    "principals": """\
```toml
[principals.edge]
may = ["check", "follow"]
everywhere = true
keys = [
    { sha256 = "0d5fa2e1a4ba07ffb71d3ab4bd90a3a8a10a9ac0e0fd6fae1b8ee4b5e0e0b8f1", until = 2027-01-31T00:00:00Z },
    { sha256 = "6f3d1c52bd2f9e0a8a7c5c3f1f0e5d4b3a29181706f5e4d3c2b1a09f8e7d6c5b" },
]
```""",
    "issuers": f"""\
```toml
[{PER_ISSUER}]
format = "keycloak"
tenant = "acme"
access_token_ttl = 300
jwks_uri = "https://idp/realms/acme/protocol/openid-connect/certs"
audiences = ["shop-api"]
```""",
    "authz": """\
```toml
[authz.public]
anonymous = "allow"
when_stale = "open"
cookie = "access_token"
```""",
    "receivers": """\
```toml
[ssf.receivers.okta]
audience = ["https://acme.okta.com"]
issuers = ["https://idp/realms/acme"]
push_hosts = ["acme.okta.com"]
nested_subject = true
```""",
}


class Row(NamedTuple):
    """One setting: its full name, the shape of its value, its default and its meaning."""

    name: str
    shape: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper().replace(".", "__")


def rows(model: type[BaseModel] = Sections, prefix: str = "") -> Iterator[Row]:
    """Every setting of the model, its sections' too, in order; but for what an issuer and a profile have."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from rows(section, f"{prefix}{name}.")
        else:
            yield Row(f"{prefix}{name}", _shape(field.annotation), _default(field), field.description or "")


def issuer_rows() -> Iterator[Row]:
    """The settings of one issuer."""
    return rows(IssuerSettings, f"{PER_ISSUER}.")


def profile_rows() -> Iterator[Row]:
    """The settings of one profile of `/authz`."""
    return rows(AuthzSettings, f"{PER_PROFILE}.")


def principal_rows() -> Iterator[Row]:
    """The settings of one principal, and of one of its keys."""
    yield from rows(PrincipalSettings, f"{PER_PRINCIPAL}.")
    yield from rows(KeySettings, f"{PER_PRINCIPAL}.keys.")


def transmitter_rows() -> Iterator[Row]:
    """The settings of one transmitter of security events."""
    return rows(TransmitterSettings, f"{PER_TRANSMITTER}.")


def receiver_rows() -> Iterator[Row]:
    """The settings of one receiver."""
    return rows(ReceiverSettings, f"{PER_RECEIVER}.")


def settings_page() -> str:
    """`docs/settings.md`."""
    parts = [
        "# Settings",
        MADE,
        INTRODUCTION,
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in rows()]),
        "## Issuers",
        ISSUERS,
        EXAMPLES["issuers"],
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in issuer_rows()]),
        "## Profiles of `/authz`",
        PROFILES,
        EXAMPLES["authz"],
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in profile_rows()]),
        "## Receivers",
        RECEIVERS,
        EXAMPLES["receivers"],
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in receiver_rows()]),
        "## Principals",
        PRINCIPALS,
        EXAMPLES["principals"],
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in principal_rows()]),
        "## Transmitters",
        TRANSMITTERS,
        EXAMPLES["transmitters"],
        _table(("name", "value", "default", "meaning"), [_cells(row) for row in transmitter_rows()]),
    ]
    return "\n\n".join(parts) + "\n"


API = (
    *API_METRICS,
    *FEED_METRICS,
    *PROTOCOL_METRICS,
    *BOUNCER_METRICS,
    *ACCESS_METRICS,
    *WRITE_METRICS,
    *TELLING_METRICS,
)


def metrics_page() -> str:
    """`docs/metrics.md`."""
    parts = ["# Metrics", MADE, "Prometheus' conventions; all names begin with `tokenward_`."]
    services = (
        ("`tokenward api`", "Served at `/metrics` of the API.", API),
        ("`tokenward worker`", "Served at `/metrics` of `metrics.worker_port`.", WORKER),
        ("`tokenward origins`", "Served at `/metrics` of `metrics.origins_port`.", ORIGINS),
        ("`tokenward route`", "Served at `/metrics` of `metrics.route_port`.", ROUTE),
        ("`tokenward notify`", "Served at `/metrics` of `metrics.notify_port`.", NOTIFY),
    )
    for service, where, metrics in services:
        cells = [(f"`{m.name}`", m.kind, ", ".join(m.labels) or "-", m.meaning) for m in metrics]
        parts += [f"## {service}", where, _table(("name", "kind", "labels", "meaning"), cells)]
    return "\n\n".join(parts) + "\n"


PAGES = {"settings.md": settings_page, "metrics.md": metrics_page}
"""File name -> what it must hold."""


def write_pages(folder: Path) -> list[Path]:
    """Write all pages; returns where."""
    written = []
    for name, page in PAGES.items():
        path = folder / name
        path.write_text(page())
        written.append(path)
    return written


def _cells(row: Row) -> tuple[str, str, str, str]:
    return f"`{row.name}`", row.shape, row.default, row.meaning


def _table(titles: tuple[str, ...], cells: Sequence[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *cells]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
    Any: "anything",
    AwareDatetime: "moment",
    KeySettings: "tables",
}


def _shape(annotation: Any) -> str:
    """What kind of value it is, for people."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_shape(part) for part in inner if part is not type(None))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin is dict:
        return "table"
    if origin is tuple:
        return f"list of {_shape(inner[0])}"
    if origin is typing.Annotated:
        return _shape(inner[0])
    return WORDS[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`".replace("'", '"')
    return "empty" if value == {} else f"`{value}`"
