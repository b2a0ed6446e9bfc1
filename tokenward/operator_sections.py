"""The settings of whoever works with the API from a shell."""

from pathlib import Path

from pydantic import Field, SecretStr

from tokenward.section import Section


class OperatorSettings(Section):
    """By what `tokenward bulk` and `tokenward approvals` reach the API."""

    url: str | None = Field(
        default=None,
        description="The API's address, `https://host:port`; without it the one that `api` names.",
    )
    key: SecretStr | None = Field(default=None, description="The key of whoever works here, made by `tokenward key`.")
    tls_cafile: Path | None = Field(default=None, description="Certificates that the API's is checked against, PEM.")
    tls_certfile: Path | None = Field(default=None, description="A certificate to show instead of a key, PEM.")
    tls_keyfile: Path | None = Field(default=None, description="The key of that certificate, PEM.")
    timeout_s: float = Field(
        default=60.0, gt=0, le=600, description="Longest wait for an answer, seconds; a dry run takes the longest."
    )
