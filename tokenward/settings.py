"""The settings: `tokenward.toml` under the environment. The only reader of the environment.

A setting `worker.batch_size` is `batch_size` of the table `[worker]` in the file, and `TOKENWARD_WORKER__BATCH_SIZE` in
the environment, which wins. `TOKENWARD_REDIS__URL_FILE` names a file that holds the value, as secrets are mounted.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from tokenward.faults import Failure
from tokenward.sections import Sections

PREFIX = "TOKENWARD_"
CONFIG = "TOKENWARD_CONFIG"
DEFAULT_FILE = Path("tokenward.toml")
FROM_FILE = "_FILE"
MAKE_A_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Settings(Sections, BaseSettings):
    """All settings, checked; made by `read_settings`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    @property
    def key(self) -> bytes:
        """The digest key.

        Raises:
            Failure: none is set; there is no default, since digests under a known key hide nobody.
        """
        if self.digest_key is None:
            raise Failure(
                f"No digest_key is set; make one with `{MAKE_A_KEY}` and set it as TOKENWARD_DIGEST_KEY, the same for "
                "all services."
            )
        return self.digest_key.get_secret_value().encode()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `read_settings` has merged file and environment already."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class _Environment(EnvSettingsSource):
    """pydantic's reading of the environment, but of a given one; names in lower case."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._given)


def read_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `path`, else the file that TOKENWARD_CONFIG names, else `tokenward.toml` if there is one.

    Raises:
        Failure: a file is missing or unreadable, or a setting is wrong; one sentence for each.
    """
    environ = os.environ if environ is None else environ
    named = path or (Path(environ[CONFIG]) if environ.get(CONFIG) else None)
    tables = _read_toml(named or DEFAULT_FILE, must_exist=named is not None)
    try:
        given = _Environment({name.lower(): value for name, value in _with_files(environ).items()})()
        return Settings(**_merge(tables, given))
    except ValidationError as error:
        raise Failure(" ".join(_sentence(fault) for fault in error.errors())) from error
    except SettingsError as error:
        where = str(error).replace(f' from source "{_Environment.__name__}"', "")
        raise Failure(f"The environment is not usable: {where}; tables and lists are JSON there.") from error


def with_key(settings: Settings, key: str) -> Settings:
    """The same settings under another digest key: replay and demo make their own."""
    return settings.model_copy(update={"digest_key": SecretStr(key)})


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """The variables that look like ours and set nothing: most likely misspelt."""
    environ = os.environ if environ is None else environ
    names = [name.upper().removesuffix(FROM_FILE) for name in environ if name.upper().startswith(PREFIX)]
    sections = {name.upper() for name in Sections.model_fields}
    return sorted(
        name for name in names if name != CONFIG and name.removeprefix(PREFIX).partition("__")[0] not in sections
    )


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, table by table; `above` wins."""
    both = {
        name: _merge(below[name], above[name])
        for name in below.keys() & above.keys()
        if _are_tables(name, below, above)
    }
    return {**below, **above, **both}


def _are_tables(name: str, *parents: dict[str, Any]) -> bool:
    return all(isinstance(parent[name], dict) for parent in parents)


def _with_files(environ: Mapping[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    plain = {name: value for name, value in ours.items() if not name.upper().endswith(FROM_FILE)}
    for name, value in ours.items():
        if name.upper().endswith(FROM_FILE):
            try:
                plain[name[: -len(FROM_FILE)]] = Path(value).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Failure(f"{name} names a file that cannot be read: {value}.") from error
    return plain


def _read_toml(path: Path, *, must_exist: bool) -> dict[str, Any]:
    if not path.exists() and not must_exist:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise Failure(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"The settings file {path} is not TOML: {error}.") from error


def _sentence(fault: ErrorDetails) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"There is no setting {name}; docs/settings.md lists all."
    message = fault["msg"].removeprefix("Value error, ")
    return f"Setting {name}: {message[:1].lower()}{message[1:]}." if name else f"Settings: {message}."
