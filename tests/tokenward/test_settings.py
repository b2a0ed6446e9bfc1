"""Settings: file and environment, secrets in files, and one clear sentence for each fault."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.documents import blocks
from tokenward.faults import Failure
from tokenward.settings import read_settings, unknown_variables

KEY = "k" * 32


def written(folder: Path, text: str) -> Path:
    """A settings file."""
    path = folder / "tokenward.toml"
    path.write_text(text)
    return path


def test_without_file_and_environment_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file is needed."""
    monkeypatch.chdir(tmp_path)

    settings = read_settings(environ={})

    assert "127.0.0.1:9092" == settings.kafka.bootstrap_servers
    assert settings.digest_key is None


def test_a_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tokenward.toml` counts where nothing else is named."""
    written(tmp_path, "[worker]\nbatch_size = 7\n")
    monkeypatch.chdir(tmp_path)

    assert 7 == read_settings(environ={}).worker.batch_size


def test_the_environment_wins_over_the_file_setting_by_setting(tmp_path: Path) -> None:
    """A variable replaces its own setting and leaves the others of its table."""
    path = written(tmp_path, "[worker]\nbatch_size = 7\npoll_ms = 9\n")

    worker = read_settings(path, {"TOKENWARD_WORKER__BATCH_SIZE": "8"}).worker

    assert (8, 9) == (worker.batch_size, worker.poll_ms)


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    """TOKENWARD_CONFIG says where the settings are."""
    path = written(tmp_path, '[topics]\nalerts = "a"\n')

    assert "a" == read_settings(environ={"TOKENWARD_CONFIG": str(path)}).topics.alerts


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """A variable that ends in _FILE names the file that holds the value; the line end is not part of it."""
    (tmp_path / "key").write_text(KEY + "\n")

    settings = read_settings(environ={"TOKENWARD_DIGEST_KEY_FILE": str(tmp_path / "key")})

    assert KEY.encode() == settings.key


def test_tables_are_json_in_the_environment() -> None:
    """A table of options for the clients can be given as one variable."""
    settings = read_settings(environ={"TOKENWARD_KAFKA__CLIENT": '{"api_version": [2, 3]}'})

    assert (2, 3) == settings.kafka.options()["api_version"]


def test_protection_is_passed_through(tmp_path: Path) -> None:
    """TLS and SASL settings reach the Kafka clients under their own names, the password in the clear."""
    environ = {
        "TOKENWARD_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "TOKENWARD_KAFKA__SSL_CAFILE": str(tmp_path / "ca.pem"),
        "TOKENWARD_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
        "TOKENWARD_KAFKA__SASL_PLAIN_USERNAME": "ann",
        "TOKENWARD_KAFKA__SASL_PLAIN_PASSWORD": "secret",
    }

    assert {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "secret",
    } == read_settings(environ=environ).kafka.options()


def test_secrets_are_not_shown() -> None:
    """Neither the key nor the Redis address stands in the settings' text."""
    environ = {"TOKENWARD_DIGEST_KEY": KEY, "TOKENWARD_REDIS__URL": "redis://:hidden@host/0"}

    shown = repr(read_settings(environ=environ))

    assert "hidden" not in shown
    assert KEY not in shown


def test_services_get_no_key_by_default() -> None:
    """Without a digest key, asking for it says how to make one."""
    settings = read_settings(environ={})

    with pytest.raises(Failure, match=r"make one with .* TOKENWARD_DIGEST_KEY"):
        _ = settings.key


FAULTS: dict[str, tuple[Mapping[str, str], str]] = {
    "short key": ({"TOKENWARD_DIGEST_KEY": "short"}, "Setting digest_key: must have 16 to 64 bytes, and has 5."),
    "no number": (
        {"TOKENWARD_WORKER__BATCH_SIZE": "many"},
        "Setting worker.batch_size: input should be a valid integer, unable to parse string as an integer.",
    ),
    "out of range": ({"TOKENWARD_API__PORT": "0"}, "Setting api.port: input should be greater than or equal to 1."),
    "unknown": (
        {"TOKENWARD_WORKER__BACH_SIZE": "7"},
        "There is no setting worker.bach_size; docs/settings.md lists all.",
    ),
    "two": (
        {"TOKENWARD_API__PORT": "0", "TOKENWARD_WORKER__POLL_MS": "0"},
        " ".join(
            f"Setting {name}: input should be greater than or equal to 1." for name in ("worker.poll_ms", "api.port")
        ),
    ),
    "no json": (
        {"TOKENWARD_KAFKA__CLIENT": "nothing"},
        'The environment is not usable: error parsing value for field "kafka"; tables and lists are JSON there.',
    ),
    "missing secret": (
        {"TOKENWARD_DIGEST_KEY_FILE": "none/such"},
        "TOKENWARD_DIGEST_KEY_FILE names a file that cannot be read: none/such.",
    ),
    "missing file": (
        {"TOKENWARD_CONFIG": "none/such.toml"},
        "The settings file none/such.toml cannot be read: No such file or directory.",
    ),
}


REDIS = "TOKENWARD_REDIS__"
MODES = ("standalone", "sentinel", "cluster")
CONTRADICTIONS: dict[str, tuple[dict[str, str], str]] = {
    "nodes alone": ({"NODES": '["a:1"]'}, "mode is standalone, so nodes are not asked"),
    "no nodes": ({"MODE": "cluster"}, "mode is cluster, so nodes must name at least one host:port"),
    "an address too": (
        {"MODE": "cluster", "NODES": '["a:1"]', "URL": "redis://b"},
        "mode is cluster, so url is not asked",
    ),
    "a node's scheme": ({"MODE": "cluster", "NODES": '["redis://a:1"]'}, "must be host:port"),
    "a node's password": ({"MODE": "cluster", "NODES": '["hidden@a:1"]'}, "must be host:port"),
    "no service": ({"MODE": "sentinel", "NODES": '["a:1"]'}, "mode is sentinel, so sentinel_service must say"),
    "sentinels' password": ({"SENTINEL_PASSWORD": "x"}, "mode is standalone, so sentinel_service, sentinel_username"),
    "a user alone": ({"USERNAME": "ann"}, "username needs password"),
    "a sentinel's user alone": (
        {"MODE": "sentinel", "NODES": '["a:1"]', "SENTINEL_SERVICE": "s", "SENTINEL_USERNAME": "ann"},
        "sentinel_username needs sentinel_password",
    ),
    "tls in the wrong place": ({"TLS": "true"}, "write rediss:// in url"),
    "an authority without tls": ({"TLS_CAFILE": "ca.pem"}, "mean nothing without TLS"),
    "a certificate without key": ({"URL": "rediss://a", "TLS_CERTFILE": "c.pem"}, "must be set together"),
    "too many shards": ({"SHARDS": "65"}, "input should be less than or equal to 64"),
    "a brace": ({"PREFIX": "a{b"}, "string should match pattern"),
}


@pytest.mark.parametrize(("environ", "words"), CONTRADICTIONS.values(), ids=list(CONTRADICTIONS))
def test_redis_settings_that_contradict_one_another_are_refused(environ: dict[str, str], words: str) -> None:
    """What cannot be meant is said in a sentence, which quotes nothing secret."""
    with pytest.raises(Failure) as caught:
        read_settings(environ={REDIS + name: value for name, value in environ.items()})

    assert (True, False) == (words in str(caught.value), "hidden" in str(caught.value))


def test_nodes_are_hosts_and_ports() -> None:
    """IPv6 stands in brackets."""
    environ = {"TOKENWARD_REDIS__MODE": "cluster", "TOKENWARD_REDIS__NODES": '["a:1", "[::1]:2"]'}

    assert [("a", 1), ("::1", 2)] == read_settings(environ=environ).redis.places


@pytest.mark.parametrize(("environ", "sentence"), FAULTS.values(), ids=list(FAULTS))
def test_each_fault_is_one_sentence(environ: Mapping[str, str], sentence: str) -> None:
    """A wrong setting is named, and what is wrong about it."""
    with pytest.raises(Failure) as caught:
        read_settings(environ=environ)

    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[worker\n", "is not TOML: Expected"),
        ("nope = 1\n", "There is no setting nope"),
        (
            "".join(f'[issuers."https://{name}"]\nformat = "keycloak"\ntenant = "t"\n' for name in "ab"),
            r"two issuers are mapped to one tenant \(keycloak t\)",
        ),
        ('[issuers."https://a"]\njwks_uri = "http://a/keys"\n', "jwks_uri must be https://"),
        ('[issuers."https://a"]\nalgorithms = ["HS256"]\n', "there is no algorithm HS256; there are RS256"),
        ('[issuers."https://a"]\ntoken_types = ["logout+jwt"]\n', r"access tokens have other types than logout\+jwt"),
        ('[authz."a/b"]\n', "'a/b' cannot name a profile"),
        ('[authz.a]\nrealm = "\\""\n', "realm holds visible ASCII"),
        ('[authz.a]\naddress_header = "x y"\n', "address_header is no name"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    """What the file gets wrong is said."""
    with pytest.raises(Failure, match=sentence):
        read_settings(written(tmp_path, text), {})


def test_misspelt_variables_are_found() -> None:
    """A variable of ours that sets nothing is named; sections, secrets' files and TOKENWARD_CONFIG are known."""
    names = ["TOKENWARD_REDIZ__URL", "TOKENWARD_REDIS__URL_FILE", "TOKENWARD_CONFIG", "PATH"]

    assert ["TOKENWARD_REDIZ__URL"] == unknown_variables(dict.fromkeys(names, ""))


@pytest.mark.parametrize("text", blocks("quickstart-keycloak.md", "toml"))
def test_the_quickstarts_settings_are_settings(tmp_path: Path, text: str) -> None:
    """What the quickstart tells people to write is accepted."""
    settings = read_settings(written(tmp_path, text), {})

    assert {"keycloak.events": "keycloak"} == settings.route.sources


@pytest.mark.parametrize(("text", "mode"), list(zip(blocks("redis.md", "toml"), MODES, strict=True)))
def test_the_modes_of_redis_are_settings(tmp_path: Path, text: str, mode: str) -> None:
    """What docs/redis.md shows of each mode is accepted."""
    assert mode == read_settings(written(tmp_path, text), {}).redis.mode
