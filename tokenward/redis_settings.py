"""The settings of the registry's Redis: one server, a Sentinel set or a Cluster."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from tokenward.section import Section

MOST_SHARDS = 64
"""A shard is a stream that every gateway's process follows by a connection of its own."""
DEFAULT_URL = "redis://127.0.0.1:6379/0"


def _node(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or "@" in host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("must be host:port, without a scheme and without a password")
    return text


class RedisSettings(Section):
    """How the registry's Redis is reached."""

    mode: Literal["standalone", "sentinel", "cluster"] = Field(
        default="standalone",
        description="One server (`redis.url`), whichever server sentinels call the primary, or a Redis Cluster.",
    )
    url: SecretStr = Field(
        default=SecretStr(DEFAULT_URL),
        description="`redis://`, `rediss://` (TLS) or `unix://` address of the one server; a secret where a password "
        "stands in it.",
    )
    nodes: tuple[Annotated[str, AfterValidator(_node)], ...] = Field(
        default=(), description="The sentinels, or some nodes of the Cluster, each `host:port`."
    )
    sentinel_service: str | None = Field(
        default=None, min_length=1, description="What the sentinels call the primary, e.g. `mymaster`."
    )
    username: str | None = Field(
        default=None, description="ACL user, where it does not stand in the address; none: Redis' `default`."
    )
    password: SecretStr | None = Field(
        default=None, description="The password, where it does not stand in the address."
    )
    sentinel_username: str | None = Field(default=None, description="ACL user at the sentinels.")
    sentinel_password: SecretStr | None = Field(default=None, description="The password at the sentinels.")
    tls: bool = Field(
        default=False,
        description="Whether sentinels or Cluster are spoken to by TLS; an address says it by `rediss://`.",
    )
    tls_cafile: Path | None = Field(
        default=None, description="Certificates that the servers' are checked against, PEM; none: the system's."
    )
    tls_certfile: Path | None = Field(default=None, description="Our own certificate, PEM, where servers ask for one.")
    tls_keyfile: Path | None = Field(default=None, description="The key of our own certificate, PEM.")
    prefix: str = Field(
        default="tokenward", min_length=1, pattern="^[^{}]+$", description="First part of every key's name."
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=MOST_SHARDS,
        description="Parts of the registry, which a Cluster spreads over its primaries; the same for all services. "
        "After a change, run `tokenward rebuild`.",
    )
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="Longest wait for an answer, seconds.")

    @property
    def encrypted(self) -> bool:
        """Whether Redis is spoken to by TLS."""
        return self.url.get_secret_value().startswith("rediss://") if self.mode == "standalone" else self.tls

    @property
    def places(self) -> list[tuple[str, int]]:
        """`nodes` as hosts and ports; IPv6 without its brackets."""
        split = (node.rpartition(":") for node in self.nodes)
        return [(host.strip("[]"), int(port)) for host, _, port in split]

    @model_validator(mode="after")
    def _consistent(self) -> "RedisSettings":
        wrong = next((sentence for sentence, holds in self._contradictions().items() if holds), None)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    def _contradictions(self) -> dict[str, bool]:
        """What would contradict itself, in a sentence each, and whether it does."""
        one, sentinel = self.mode == "standalone", self.mode == "sentinel"
        elsewhere = self.url.get_secret_value() != DEFAULT_URL
        of_sentinels = (self.sentinel_service, self.sentinel_username, self.sentinel_password)
        files = (self.tls_cafile, self.tls_certfile, self.tls_keyfile)
        return {
            "mode is standalone, so nodes are not asked: set mode to sentinel or cluster, or take them out": (
                one and bool(self.nodes)
            ),
            f"mode is {self.mode}, so nodes must name at least one host:port": not one and not self.nodes,
            f"mode is {self.mode}, so url is not asked: name nodes instead": not one and elsewhere,
            "mode is sentinel, so sentinel_service must say what the sentinels call the primary": (
                sentinel and self.sentinel_service is None
            ),
            f"mode is {self.mode}, so sentinel_service, sentinel_username and sentinel_password mean nothing": (
                not sentinel and any(said is not None for said in of_sentinels)
            ),
            "sentinel_username needs sentinel_password": (
                self.sentinel_username is not None and self.sentinel_password is None
            ),
            "username needs password": self.username is not None and self.password is None,
            "tls is set, but mode is standalone: write rediss:// in url": one and self.tls and not self.encrypted,
            "tls_cafile, tls_certfile and tls_keyfile mean nothing without TLS: set tls, or rediss:// in url": (
                not self.encrypted and any(path is not None for path in files)
            ),
            "tls_certfile and tls_keyfile must be set together": (
                (self.tls_certfile is None) != (self.tls_keyfile is None)
            ),
        }
