"""The bouncers' API as bouncers use it: what each kind sends, and what it reads of the answer."""

import gzip
import json
from collections.abc import Iterator

import pytest

from revocation.connections import connect
from revocation.memory import MemoryRegistry
from revocation.record import State
from revocation.redis import RedisRegistry
from tests.api.access.calling import ACCESS, key_of
from tests.api.crowdsec.condemning import CROWD, PATH, THIEF, Condemning, condemned, condemning
from tests.api.running import HOUR, NOW, NOWHERE, running

STREAM = "/v1/decisions/stream"
REPORT = {
    "remediation_components": [
        {
            "type": "crowdsec-firewall-bouncer",
            "version": "v0.0.31",
            "os": {"name": "debian", "version": "12"},
            "feature_flags": [],
            "utc_startup_timestamp": 1_795_427_000,
            "metrics": [
                {
                    "items": [{"name": "dropped", "unit": "packet", "value": 7, "labels": {"origin": "tokenward"}}],
                    "meta": {"window_size_seconds": 900, "utc_now_timestamp": 1_795_427_100},
                }
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def mount() -> Iterator[Condemning]:
    """One thief is banned, and one network has to prove itself."""
    with condemning() as mount:
        mount.condemn(THIEF, reason="spread.addresses")
        mount.condemn(CROWD, state=State.QUARANTINED)
        yield mount


@pytest.fixture
def fresh() -> Iterator[Condemning]:
    """Nobody is condemned yet."""
    with condemning() as mount:
        yield mount


def test_a_bouncer_in_live_mode_asks_about_an_address(mount: Condemning) -> None:
    """It gets an array of decisions, each with all members that a bouncer reads."""
    answer = mount.get(f"/v1/decisions?ip={THIEF}&banned=true")
    (decision,) = answer.json()

    assert (200, "application/json; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert {
        "id": decision["id"],
        "uuid": decision["uuid"],
        "origin": "tokenward",
        "type": "ban",
        "scope": "Ip",
        "value": THIEF,
        "duration": "1h0m0s",
        "until": "2026-11-23T10:45:00Z",
        "scenario": "tokenward/spread.addresses",
        "simulated": False,
    } == decision
    assert 0 < decision["id"] < 2**31


def test_an_address_that_nobody_condemned_is_the_word_null(mount: Condemning) -> None:
    """Some bouncers compare the body with these four bytes."""
    assert b"null" == mount.get("/v1/decisions?ip=192.0.2.1").content


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", [CROWD, THIEF]),
        (f"ip={THIEF}", [THIEF]),
        (f"ip=::ffff:{THIEF}", [THIEF]),
        ("ip=198.51.100.200", [CROWD]),
        ("ip=198.51.100.0/25", [CROWD]),
        ("range=198.51.100.0/24", [CROWD]),
        ("range=198.51.0.0/16", []),
        ("range=198.51.0.0/16&contains=false", [CROWD]),
        ("range=0.0.0.0/0&contains=false", [CROWD, THIEF]),
        ("range=::/0&contains=false", []),
        (f"ip={THIEF}&contains=false", [THIEF]),
        ("scopes=ip", [THIEF]),
        ("scope=Range", [CROWD]),
        ("scopes=ip,range", [CROWD, THIEF]),
        ("scopes=username,country", []),
        (f"scope=ip&value={THIEF}", [THIEF]),
        ("scope=username&value=jdoe", []),
        ("type=captcha", [CROWD]),
        (f"type=captcha&ip={THIEF}", []),
        ("origins=tokenward,cscli", [CROWD, THIEF]),
        ("origins=CAPI", []),
        ("scenarios_containing=SPREAD,other", [THIEF]),
        ("scenarios_not_containing=spread", [CROWD]),
        ("scenarios_containing=tokenward&scenarios_not_containing=spread,manual", []),
        (f"ip={THIEF}&ip=192.0.2.1", [THIEF]),
        ("limit=100&unheard_of=1", [CROWD, THIEF]),
    ],
)
def test_decisions_are_filtered_as_crowdsec_does(mount: Condemning, query: str, values: list[str]) -> None:
    """Every filter narrows; scopes and origins are read in any case, what is unknown is left alone."""
    found = mount.get(f"/v1/decisions?{query}").raise_for_status().json()

    assert values == sorted(decision["value"] for decision in found or [])


@pytest.mark.parametrize(
    "query",
    ["ip=nowhere", "range=1.2.3.4/40", "contains=maybe", "ip=%ff", "&".join(f"p{number}=1" for number in range(40))],
)
def test_what_makes_no_sense_is_an_error_in_crowdsecs_form(mount: Condemning, query: str) -> None:
    """400, and a message that repeats nothing of what came."""
    answer = mount.get(f"/v1/decisions?{query}")

    assert (400, {"message"}) == (answer.status_code, set(answer.json()))


def test_a_stream_begins_with_everything_and_goes_on_with_what_changed(fresh: Condemning) -> None:
    """`startup=true` gives all; then only what came; then nothing, which is null."""
    fresh.condemn(THIEF)
    first = fresh.stream("startup=true")
    fresh.condemn(CROWD, state=State.QUARANTINED)

    assert ([("ban", THIEF)], None) == first
    assert ([("captcha", CROWD)], None) == fresh.stream()
    assert b'{"new":null,"deleted":null}' == fresh.get(f"{STREAM}?startup=false").content
    assert ([("ban", THIEF), ("captcha", CROWD)], None) == fresh.stream("startup=true")


def test_a_released_address_is_told_as_ended(fresh: Condemning) -> None:
    """With the id that it had, the moment of the release, and a negative duration."""
    fresh.condemn(THIEF, at=NOW - HOUR)
    (before,) = fresh.get(f"{STREAM}?startup=true").json()["new"]
    fresh.api.registry.release([condemned(THIEF).subject], NOW - 723_000, "ann")
    fresh.condemn("192.0.2.1")
    told = fresh.get(STREAM).json()

    assert [(before["id"], "ban", THIEF, "-12m3s")] == [
        (one["id"], one["type"], one["value"], one["duration"]) for one in told["deleted"]
    ]
    assert ["192.0.2.1"] == [one["value"] for one in told["new"]]


def test_what_ends_by_itself_is_told_as_ended() -> None:
    """A bouncer that keeps no time of its own lets the address pass again; the API keeps no entry for ever."""
    now = [NOW]
    with condemning(check_clock=lambda: now[0]) as mount:
        mount.condemn(THIEF)
        before = mount.stream("startup=true")
        now[0] = NOW + HOUR + 1_000
        after = mount.stream()
        now[0] = NOW + 2 * HOUR

        assert ([("ban", THIEF)], None) == before
        assert (None, [("ban", THIEF)]) == after
        assert (None, None) == mount.stream("startup=true")


def test_a_ban_over_a_captcha_lifts_neither_until_both_end(fresh: Condemning) -> None:
    """Some bouncers forget an address on whatever ends about it; so the captcha is not called ended meanwhile."""
    fresh.condemn(THIEF, state=State.QUARANTINED)
    fresh.stream("startup=true")
    fresh.condemn(THIEF, at=NOW + 1)
    stronger = fresh.stream()
    fresh.api.registry.release([condemned(THIEF).subject], NOW + 2, "ann")
    fresh.condemn("192.0.2.1")

    assert ([("ban", THIEF)], None) == stronger
    assert ([("ban", "192.0.2.1")], [("ban", THIEF), ("captcha", THIEF)]) == fresh.stream()


def test_a_captcha_after_a_ban_ends_the_ban(fresh: Condemning) -> None:
    """Between two questions a ban was lifted and a captcha came: both are said."""
    fresh.condemn(THIEF)
    fresh.stream("startup=true")
    fresh.api.registry.release([condemned(THIEF).subject], NOW + 1, "ann")
    fresh.condemn(THIEF, state=State.QUARANTINED, at=NOW + 2)

    assert ([("captcha", THIEF)], [("ban", THIEF)]) == fresh.stream()


def test_a_longer_ban_is_told_again(fresh: Condemning) -> None:
    """With the same id: the bouncer renews it."""
    fresh.condemn(THIEF)
    (first,) = fresh.get(f"{STREAM}?startup=true").json()["new"]
    fresh.condemn(THIEF, at=NOW + 1, ends_at=NOW + 2 * HOUR)
    (second,) = fresh.get(STREAM).json()["new"]

    assert (first["id"], "2h0m0s") == (second["id"], second["duration"])


def test_each_bouncer_has_a_place_of_its_own(fresh: Condemning) -> None:
    """Two programs that share a key do not take changes away from one another."""
    fresh.condemn(THIEF)
    other = {"User-Agent": "crowdsec-firewall-bouncer/v0.0.31"}
    fresh.stream("startup=true")

    assert ([("ban", THIEF)], None) == fresh.stream(**other)
    assert (None, None) == fresh.stream(**other)


def test_a_bouncer_that_is_not_known_is_told_everything() -> None:
    """After a restart of the API nothing is missed: what is condemned, and what was released meanwhile."""
    registry = MemoryRegistry("e1")
    with condemning(registry=registry) as mount:
        mount.condemn(THIEF, CROWD)
        mount.stream("startup=true")
        names = mount.names
    registry.release([condemned(CROWD).subject], NOW, "ann")
    with condemning(registry=registry, names=names) as mount:
        assert ([("ban", THIEF)], [("ban", CROWD), ("captcha", CROWD)]) == mount.stream()


@pytest.mark.parametrize(
    ("query", "new"),
    [
        ("scopes=ip,range", [("ban", THIEF), ("captcha", CROWD)]),
        ("scopes=range", [("captcha", CROWD)]),
        ("scopes=username", None),
        ("origins=cscli", None),
        ("scenarios_containing=spread", [("ban", THIEF)]),
    ],
)
def test_a_stream_is_filtered(mount: Condemning, query: str, new: list[tuple[str, str]] | None) -> None:
    """A bouncer that only cares for some gets these only."""
    assert (new, None) == mount.stream(f"startup=true&{query}")


def test_without_a_name_nobody_is_told(fresh: Condemning) -> None:
    """An entry whose address nobody left in the clear waits until somebody does; it is counted meanwhile."""
    fresh.condemn(THIEF, named=False)
    metrics = fresh.api.http.get("/metrics").text

    assert (None, None) == fresh.stream("startup=true")
    assert "tokenward_bouncer_nameless 1.0" in metrics


@pytest.mark.parametrize("path", ["/v1/decisions", STREAM, "/v1/heartbeat"])
def test_head_is_answered_without_a_body(mount: Condemning, path: str) -> None:
    """A probe: 200, and no place in the stream moves."""
    answer = mount.get(path, "HEAD", **{"User-Agent": "probe/1"})

    assert (200, b"") == (answer.status_code, answer.content)
    assert ([("ban", THIEF), ("captcha", CROWD)], None) == mount.stream(**{"User-Agent": f"probe{path}/1"})


def test_a_large_answer_is_compressed_for_who_reads_that(fresh: Condemning) -> None:
    """Go's clients ask for gzip by themselves; nginx' do not."""
    fresh.condemn(*(f"203.0.113.{number}" for number in range(20)))
    packed = fresh.get("/v1/decisions", **{"Accept-Encoding": "gzip"})
    plain = fresh.get("/v1/decisions", **{"Accept-Encoding": "identity"})

    assert ("gzip", None, True) == (
        packed.headers["content-encoding"],
        plain.headers.get("content-encoding"),
        packed.json() == plain.json(),
    )


@pytest.mark.parametrize("packed", [False, True])
def test_metrics_are_taken(mount: Condemning, *, packed: bool) -> None:
    """201 without a body, as bouncers expect; compressed reports, too."""
    body = json.dumps(REPORT).encode()
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if packed else {})
    answer = mount.api.http.post(
        f"{PATH}/v1/usage-metrics", content=gzip.compress(body) if packed else body, headers=headers
    )

    assert (201, b"") == (answer.status_code, answer.content)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"{}", {}, 400),
        (b"[]", {}, 422),
        (b"[" * 200_000, {}, 422),
        (b'{"remediation_components":7}', {}, 422),
        (b'{"remediation_components":[{},{}]}', {}, 400),
        (b"x" * (1024 * 1024 + 1), {}, 413),
        (gzip.compress(b" " * (2 * 1024 * 1024), mtime=0), {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(b"{}", mtime=0)[:-4], {"Content-Encoding": "gzip"}, 413),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_bad_metrics_are_refused(mount: Condemning, body: bytes, headers: dict[str, str], status: int) -> None:
    """No body costs more than it may; the error is in CrowdSec's form."""
    answer = mount.api.http.post(
        f"{PATH}/v1/usage-metrics", content=body, headers={"Content-Type": "application/json"} | headers
    )

    assert (status, {"message"}) == (answer.status_code, set(answer.json()))


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/decisions"), ("DELETE", STREAM), ("GET", "/v1/usage-metrics")]
)
def test_another_method_is_refused_in_crowdsecs_form(mount: Condemning, method: str, path: str) -> None:
    """405, and what the path takes."""
    answer = mount.get(path, method)

    assert (405, {"message"}, True) == (answer.status_code, set(answer.json()), "allow" in answer.headers)


@pytest.mark.parametrize("path", ["/v1/watchers/login", "/v1/alerts", "/"])
def test_what_machines_tell_is_not_taken(mount: Condemning, path: str) -> None:
    """This is the bouncers' half of the local API; the other half is not there."""
    assert 404 == mount.get(path, "POST").status_code


def test_only_who_may_ask_is_told() -> None:
    """403 in CrowdSec's form without a key, with an unknown one, and with one for something else."""
    with condemning(access=ACCESS) as mount:
        mount.condemn(THIEF)
        said = [
            (answer.status_code, answer.json())
            for answer in [
                mount.api.http.get(f"{PATH}{STREAM}"),
                *(
                    mount.get(STREAM, **{"X-Api-Key": key})
                    for key in ("unknown", key_of("nobody"), key_of("only-check"))
                ),
            ]
        ]

        assert [(403, {"message": "access forbidden"})] * 4 == said
        assert ([("ban", THIEF)], None) == mount.stream(**{"X-Api-Key": key_of("only-decisions")})


def test_before_anything_is_known_no_ban_is_lifted() -> None:
    """An empty answer would be taken for `nobody is condemned`."""
    with condemning(registry=RedisRegistry(connect(NOWHERE)), ready=False) as mount:
        answer = mount.get(f"{STREAM}?startup=true")

    assert (503, {"message"}, "1") == (answer.status_code, set(answer.json()), answer.headers["retry-after"])


def test_the_root_serves_bouncers_that_know_no_path() -> None:
    """They ask `/v1/decisions` of a host; everything else stays where it was."""
    with condemning(path="") as mount:
        mount.condemn(THIEF)

        assert ([("ban", THIEF)], None) == mount.stream("startup=true")
        assert 200 == mount.get("/healthz").status_code
        assert "application/problem+json" == mount.get("/v1/alerts").headers["content-type"]


def test_without_the_setting_there_is_no_such_api() -> None:
    """It is off by default."""
    with running() as api:
        assert [404, 404] == [api.http.get(path).status_code for path in (f"{PATH}/v1/decisions", "/v1/decisions")]
