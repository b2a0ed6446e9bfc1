"""audit verify, show, replay and heads, on real servers: whatever is bent is found, and every state is replayed."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ingest.source import Record
from revocation.audit import Event
from revocation.chain import Chain
from revocation.heads import RedisHeads
from revocation.redis import connect
from tests.servers.kafka import create_topics
from tests.streams import committed_records, fresh, produce
from tests.tokenward.command import KEY, Done, tokenward
from tokenward.settings import Settings
from tokenward.wiring import clock, trail_of

pytestmark = [pytest.mark.kafka, pytest.mark.redis]
ISS = "https://idp.example/realms/acme"
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "audit-record.v1.json"


class Desk:
    """A shell whose changes are audited on a topic of its own, sealed with a key."""

    def __init__(self, folder: Path, bootstrap: str, redis_url: str) -> None:
        self.bootstrap, self.topic = bootstrap, fresh("audit")
        create_topics(bootstrap, {self.topic: 2})
        self._folder = folder
        self.settings = {
            "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "TOKENWARD_REDIS__URL": redis_url,
            "TOKENWARD_DIGEST_KEY": KEY,
            "TOKENWARD_TOPICS__AUDIT": self.topic,
            "TOKENWARD_AUDIT__KEY": "a key of the trail's own",
        }

    def run(self, *arguments: str, **settings: str) -> Done:
        """Run one command."""
        if arguments[0] in {"revoke", "release"}:
            arguments = (*arguments, "--reason", "manual")
        return tokenward(*arguments, folder=self._folder, settings={**self.settings, **settings})

    def revoke(self, sid: str) -> None:
        """Refuse a session."""
        done = self.run("revoke", "--iss", ISS, "--sid", sid, "--no-topic", "--actor", "ann")
        assert 0 == done.returncode, done.stderr

    def records(self) -> list[Record]:
        """What the topic holds, in the order of its time."""
        return sorted(committed_records(self.bootstrap, self.topic), key=lambda record: record.timestamp)

    def verify_copy(self, records: Sequence[tuple[bytes | None, int]]) -> tuple[int, list[tuple[str, int | None]]]:
        """Exit code, and fault and number of each finding, in a topic that holds these values in these partitions."""
        topic = fresh("bent")
        create_topics(self.bootstrap, {topic: 2})
        for value, partition in records:
            produce(self.bootstrap, topic, [value], key=b"api", partition=partition)
        done = self.run("audit", "verify", "--json", TOKENWARD_TOPICS__AUDIT=topic)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, [(one["fault"], one.get("number")) for one in told if one["type"] == "finding"]


@pytest.fixture
def desk(tmp_path: Path, kafka_bootstrap: str, redis_url: str) -> Desk:
    """A shell on an empty registry and an empty trail."""
    return Desk(tmp_path, kafka_bootstrap, redis_url)


def test_whatever_is_bent_in_a_copy_of_the_topic_is_found(desk: Desk) -> None:
    """A copy verifies as it is; with a changed byte, a removed record, two swapped, or without its end it does not."""
    with_trail(desk, 4)
    copy: list[tuple[bytes | None, int]] = [(record.value, record.partition) for record in desk.records()]
    changed = [(copy[1][0] or b"").replace(b"no. 1", b"no. 7")]

    assert (0, []) == desk.verify_copy(copy)
    assert (1, [("changed", 1)]) == desk.verify_copy([copy[0], (changed[0], copy[1][1]), *copy[2:]])
    assert (1, [("removed", 1)]) == desk.verify_copy([copy[0], *copy[2:]])
    assert (1, [("swapped", 1)]) == desk.verify_copy([copy[0], copy[2], copy[1], copy[3]])
    assert (1, [("truncated", 2)]) == desk.verify_copy(copy[:2])
    assert (1, [("unreadable", None)]) == desk.verify_copy([*copy, (None, 0)])


def with_trail(desk: Desk, count: int) -> None:
    """Write so many records into one chain."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": desk.bootstrap},
            "redis": {"url": desk.settings["TOKENWARD_REDIS__URL"]},
            "topics": {"audit": desk.topic},
            "audit": {"key": desk.settings["TOKENWARD_AUDIT__KEY"]},
        }
    )
    with closing(trail_of(settings, "api")) as trail:
        for number in range(count):
            trail.write([Event(at=number, actor="ann", via="api", action="revoke", reason=f"no. {number}")])


def test_a_trail_made_anew_without_the_key_is_forged(desk: Desk) -> None:
    """Whoever writes topic and Redis, but lacks the key, makes no chain that verifies."""
    (forged,) = Chain("api-x").seal([Event(at=1, actor="ann", via="cli", action="release")])
    with connect(desk.settings["TOKENWARD_REDIS__URL"]) as client:
        RedisHeads(client).put(forged.head, clock())

    assert (1, [("forged", 0), ("truncated", 0)]) == desk.verify_copy([(forged.line, 0)])


def test_every_state_is_replayed(desk: Desk) -> None:
    """What is revoked and released from a shell leads to the registry; what was done past the trail differs."""
    for sid in ("s1", "s2"):
        desk.revoke(sid)
    desk.run("release", "--iss", ISS, "--sid", "s1", "--no-topic")
    equal = desk.run("audit", "replay", "--json")
    desk.run("revoke", "--iss", ISS, "--sid", "s3", "--no-topic", TOKENWARD_AUDIT__MODE="off")
    differs = desk.run("audit", "replay")

    assert (0, True, 2) == (equal.returncode, *(json.loads(equal.stdout)[name] for name in ("equal", "entries")))
    assert (1, 1) == (differs.returncode, differs.stdout.count("the trail says nothing, the registry revoked until"))


def test_nothing_is_done_without_the_trail(desk: Desk) -> None:
    """Where Kafka does not take the record nobody is refused, and the command says so."""
    done = desk.run(
        "revoke",
        *("--iss", ISS, "--sid", "s1", "--no-topic"),
        TOKENWARD_TOPICS__AUDIT="nowhere",
        TOKENWARD_AUDIT__PATIENCE_S="2",
    )

    assert (1, "tokenward: The audit trail does not answer, so nothing was changed; try again.\n") == (
        done.returncode,
        done.stderr,
    )
    assert 0 == json.loads(desk.run("status", "--json").stdout)["entries"]


def test_records_are_shown_by_what_is_asked_for(desk: Desk) -> None:
    """By actor, action, digest and time; with --json as the topic holds them, as the schema says."""
    desk.revoke("s1")
    desk.run("release", "--iss", ISS, "--sid", "s1", "--no-topic", "--actor", "bob")

    def shown(*asked: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in desk.run("audit", "show", "--json", *asked).stdout.splitlines()]

    revoked, released = shown()
    digest = revoked["event"]["entries"][0]["digest"]
    schema = json.loads(SCHEMA.read_text())
    for record in (revoked, released):
        jsonschema.validate(record, schema, format_checker=jsonschema.FormatChecker())
    assert ([revoked], [released]) == (shown("--actor", "ann"), shown("--action", "release"))
    assert [revoked, released] == shown("--digest", digest)
    assert ([], []) == (shown("--until", "2020-01-01"), shown("--since", "2999-01-01T00:00:00Z"))
    assert [released] == shown("--limit", "1")
    table = desk.run("audit", "show").stdout
    assert ["ann", "bob"] == [word for word in table.split() if word in {"ann", "bob"}]
    assert 2 == desk.run("audit", "show", "--since", "yesterday").returncode


def test_a_file_is_verified_and_replayed_like_the_topic(desk: Desk, tmp_path: Path) -> None:
    """The values line by line; with heads that were noted earlier a tail that was cut is missed there, too."""
    desk.revoke("s1")
    noted = desk.run("audit", "heads", "--json").stdout
    (tmp_path / "trail").write_text(desk.run("audit", "show", "--json").stdout)
    (tmp_path / "heads").write_text(noted)
    (tmp_path / "empty").write_text("")
    chain, number, own = desk.run("audit", "heads").stdout.split()

    whole = desk.run("audit", "verify", "--from-file", "trail", "--heads", "heads")
    cut = desk.run("audit", "verify", "--from-file", "empty", "--heads", "heads")
    blind = desk.run("audit", "verify", "--from-file", "empty")

    assert {"chain": chain, "number": int(number), "hash": own} == json.loads(noted)
    assert (0, "1 records in 1 chains.\n") == (whole.returncode, whole.stdout)
    assert (1, True) == (cut.returncode, cut.stdout.startswith(f"truncated: chain {chain} number 0: The chain went on"))
    assert (0, True) == (blind.returncode, "No heads were given" in blind.stdout)
    assert 0 == desk.run("audit", "replay", "--from-file", "trail").returncode


@pytest.mark.parametrize("content", [None, "no heads"])
def test_heads_that_cannot_be_read_are_a_sentence(desk: Desk, tmp_path: Path, content: str | None) -> None:
    """A file that is missing, or holds something else, is named."""
    if content is not None:
        (tmp_path / "heads").write_text(content)
    done = desk.run("audit", "verify", "--heads", "heads")

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
