"""What is done by hand is told to the topic, and an empty Redis is rebuilt from it, on real servers."""

import json
from pathlib import Path

import pytest
from redis import Redis

from tests.servers.kafka import create_topics
from tests.streams import fresh, produce
from tests.tokenward.command import KEY, Done, tokenward

pytestmark = [pytest.mark.kafka, pytest.mark.redis]
ISS = "https://idp.example/realms/acme"


WHY = ("--reason", "manual")


def test_an_empty_redis_is_rebuilt(tmp_path: Path, kafka_bootstrap: str, redis_url: str) -> None:
    """After Redis has lost everything, who was revoked is so again, and who was released is not."""
    topic = fresh("revocations")
    audit = fresh("audit")
    create_topics(kafka_bootstrap, {topic: 4}, {"cleanup.policy": "compact"})
    create_topics(kafka_bootstrap, {audit: 4})
    settings = {
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOKENWARD_TOPICS__REVOCATIONS": topic,
        "TOKENWARD_TOPICS__AUDIT": audit,
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
    }

    def run(*arguments: str) -> Done:
        done = tokenward(*arguments, folder=tmp_path, settings=settings)
        assert 0 == done.returncode, done.stderr
        return done

    for sid in ("s1", "s2", "s3"):
        run("revoke", "--iss", ISS, "--sid", sid, *WHY)
    run("revoke", "--iss", ISS, "--sid", "s4", "--ttl", "1", *WHY)
    run("release", "--iss", ISS, "--sid", "s2", *WHY)
    produce(kafka_bootstrap, topic, [b"no entry"], key=b"none")
    with Redis.from_url(redis_url) as client:
        client.flushall()

    told = json.loads(run("rebuild", "--json").stdout)

    decisions = [
        json.loads(run("check", "--iss", ISS, "--sid", sid, "--json").stdout)["decision"] for sid in ("s1", "s2", "s3")
    ]
    assert ["deny", "allow", "deny"] == decisions
    assert (6, 1) == (told["read"], told["unreadable"])
    replayed = json.loads(run("audit", "replay", "--json").stdout)
    assert (True, 3) == (replayed["equal"], replayed["entries"])


def test_without_the_topic_it_is_a_sentence(tmp_path: Path, kafka_bootstrap: str, redis_url: str) -> None:
    """A topic that does not exist is named."""
    settings = {
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOKENWARD_TOPICS__REVOCATIONS": "nowhere",
        "TOKENWARD_AUDIT__MODE": "off",
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
    }

    done = tokenward("rebuild", folder=tmp_path, settings=settings)

    assert (1, "tokenward: There is no topic nowhere.\n") == (done.returncode, done.stderr)
