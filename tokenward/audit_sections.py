"""The settings of the audit trail."""

from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from tokenward.section import Section

LEAST_KEY_BYTES, MOST_KEY_BYTES = 16, 64
"""A shorter key could be guessed; BLAKE2b takes no longer one."""
DAY_MS = 86_400_000


class AuditSettings(Section):
    """Who changed what, on the topic `topics.audit`; see `docs/audit.md`."""

    mode: Literal["required", "off"] = Field(
        default="required",
        description="`required`: what cannot be written to the trail is not done; `off`: nothing is written.",
    )
    key: SecretStr | None = Field(
        default=None,
        description=f"Key that records are sealed with, {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes: without it, who "
        "can write Kafka and Redis can make a trail that verifies. The same for all services.",
    )
    old_keys: tuple[SecretStr, ...] = Field(
        default=(), description="Earlier keys, which `tokenward audit` still verifies by.", max_length=16
    )
    kept_days: int = Field(
        default=731,
        ge=1,
        le=36_500,
        description="Days that heads are kept in Redis, and records on the topic at least.",
    )
    patience_s: float = Field(
        default=5.0, gt=0, le=60, description="Longest wait for Kafka to take a record, seconds; then it is given up."
    )

    @field_validator("key", "old_keys")
    @classmethod
    def _long_enough(cls, given: Any) -> Any:
        for key in given if isinstance(given, tuple) else [given]:
            size = LEAST_KEY_BYTES if key is None else len(key.get_secret_value().encode())
            if not LEAST_KEY_BYTES <= size <= MOST_KEY_BYTES:
                raise ValueError(f"must have {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes, and has {size}")
        return given

    @property
    def sealing(self) -> bytes:
        """The key, or nothing."""
        return b"" if self.key is None else self.key.get_secret_value().encode()

    @property
    def verifying(self) -> list[bytes]:
        """Every key that records may be sealed with."""
        old = [key.get_secret_value().encode() for key in self.old_keys]
        return [self.sealing, *old] if self.sealing else old

    @property
    def kept_ms(self) -> int:
        """How long heads are kept, milliseconds."""
        return self.kept_days * DAY_MS
