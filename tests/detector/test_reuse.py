"""The truth table of reuse: each story told to the engine as a gateway of one family would live it."""

from typing import Any

import pytest

from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig, ReuseConfig
from detector.engine import Engine
from detector.verdict import Level, slugs

START = 1_770_000_000_000
MINUTE = 60_000
HOME, STREET, ABROAD = 1 << 40, 2 << 40, 3 << 40
PHONE, LAPTOP = 1 << 50, 2 << 50
CLIENT = 77


def event(minute: float, **columns: Any) -> dict[str, Any]:
    """One event of the family, at home, on a device that is not known, accepted."""
    usual = {"family": 9, "subject": 8, "client": CLIENT, "network": HOME, "event": round(minute * MINUTE) + 1}
    return usual | {"at": START + round(minute * MINUTE)} | columns


def login(minute: float, first: int, **columns: Any) -> dict[str, Any]:
    """A login that issues the first token."""
    return event(minute, kind=Kind.LOGIN, successor=first, **columns)


def rotate(minute: float, token: int, **columns: Any) -> dict[str, Any]:
    """An accepted refresh: the token is used up, the next number is issued."""
    return event(minute, **({"token": token, "successor": token + 1} | columns))


def refused(minute: float, token: int, fault: Fault, **columns: Any) -> dict[str, Any]:
    """A refused refresh."""
    return event(minute, token=token, outcome=Outcome.REFUSED, fault=fault, **columns)


def last_reasons(story: list[dict[str, Any]], config: ReuseConfig | None = None) -> tuple[list[str], Level | None]:
    """What the engine says of the story's last event; the ones before must not be flagged for reuse."""
    names = {name for moment in story for name in moment}
    defaults = {"generation": -1, "latest_generation": -1, "accuracy": -1}
    batch = RefreshBatch.of(**{n: [moment.get(n, defaults.get(n, 0)) for moment in story] for n in names})
    verdicts = Engine(DetectorConfig(reuse=config or ReuseConfig())).process(batch, START)
    if not len(verdicts):
        return [], None
    assert verdicts.row.tolist() == [len(story) - 1]
    return slugs(int(verdicts.reasons[0])), Level(int(verdicts.level[0]))


CHAIN = [login(0, 1), rotate(5, 1), rotate(10, 2)]
"""A session that has used up tokens 1 and 2; 3 is live."""


@pytest.mark.parametrize(
    ("story", "reason", "level"),
    [
        ([*CHAIN, rotate(15, 3)], None, None),
        ([*CHAIN, rotate(10.1, 2, successor=4)], "benign_retry", Level.WATCH),
        ([*CHAIN, rotate(14, 2, successor=4)], "benign_retry", Level.WATCH),
        ([*CHAIN, refused(10.01, 2, Fault.REUSE)], "benign_retry", Level.WATCH),
        ([*CHAIN, refused(14, 2, Fault.REUSE)], "benign_retry", Level.WATCH),
        ([*CHAIN, refused(14, 2, Fault.REUSE, network=ABROAD)], "theft_suspected", Level.QUARANTINE),
        ([*CHAIN, rotate(14, 2, successor=4, network=ABROAD)], "theft_suspected", Level.QUARANTINE),
        ([*CHAIN, refused(14, 1, Fault.STALE)], "theft_confirmed", Level.REVOKE),
        ([*CHAIN, refused(14, 1, Fault.REUSE)], "theft_confirmed", Level.REVOKE),
        ([*CHAIN, rotate(10.01, 1, successor=4)], "theft_confirmed", Level.REVOKE),
        ([*CHAIN, refused(14, 1, Fault.EXPIRED, network=ABROAD)], "theft_confirmed", Level.REVOKE),
        ([*CHAIN, refused(14, 99, Fault.STALE)], "theft_confirmed", Level.REVOKE),
        ([*CHAIN, refused(14, 99, Fault.INVALID_GRANT)], None, None),
        ([*CHAIN, refused(14, 2, Fault.ENDED)], "stale_after_logout", Level.WATCH),
        ([*CHAIN, event(12, kind=Kind.LOGOUT), refused(14, 3, Fault.OTHER)], "stale_after_logout", Level.WATCH),
        ([*CHAIN, event(12, kind=Kind.REVOKED), refused(14, 1, Fault.STALE)], "stale_after_logout", Level.WATCH),
        ([*CHAIN, event(12, kind=Kind.LOGOUT), login(13, 7), refused(14, 7, Fault.OTHER)], None, None),
        ([login(0, 1), refused(9, 5, Fault.REUSE)], "benign_retry", Level.WATCH),
        ([refused(9, 5, Fault.REUSE)], "theft_suspected", Level.QUARANTINE),
        ([refused(9, 5, Fault.STALE)], "theft_confirmed", Level.REVOKE),
        ([rotate(0, 1, successor=1), rotate(5, 1, successor=1)], None, None),
        ([*CHAIN, rotate(12, 40, successor=41)], None, None),
    ],
    ids=[
        "the live token",
        "parent retried within the leeway",
        "parent retried later, its answer was lost",
        "two tabs at once",
        "parent retried later, refused",
        "parent from another network, refused",
        "parent from another network, accepted",
        "grandparent, stale",
        "grandparent, the provider only says reuse",
        "grandparent within the leeway, accepted",
        "grandparent, the provider says expired",
        "older than anything remembered, stale",
        "a token nobody knows",
        "the provider says that the session is over",
        "after the logout",
        "grandparent after an administrator's revocation",
        "a login after a logout begins anew",
        "reuse of a token that telemetry missed, same place",
        "reuse, nothing known",
        "stale, nothing known",
        "a provider that does not rotate",
        "a gap in telemetry",
    ],
)
def test_each_story_has_its_outcome(story: list[dict[str, Any]], reason: str | None, level: Level | None) -> None:
    """The truth table, exactly."""
    assert last_reasons(story) == ([f"reuse.{reason}"] if reason else [], level)


def test_thief_first_is_confirmed_when_the_owner_returns() -> None:
    """The token was used up from a strange network; the owner comes back with it from the usual one."""
    story = [*CHAIN, rotate(14, 3, network=ABROAD), refused(15, 3, Fault.REUSE)]

    assert last_reasons(story) == (["reuse.theft_confirmed"], Level.REVOKE)


def test_thief_first_is_confirmed_when_the_thief_went_on() -> None:
    """The thief has refreshed twice; the owner's token is a grandparent by now."""
    story = [*CHAIN, rotate(14, 3, network=ABROAD), rotate(19, 4, network=ABROAD), refused(20, 3, Fault.STALE)]

    assert last_reasons(story) == (["reuse.theft_confirmed"], Level.REVOKE)


def test_a_known_device_that_returns_is_only_suspected() -> None:
    """The same device lost an answer on the street and retries at home: ask for a login, do not revoke."""
    story = [{**moment, "device": PHONE} for moment in CHAIN]
    story += [rotate(14, 3, network=STREET, device=PHONE), refused(15, 3, Fault.REUSE, device=PHONE)]

    assert last_reasons(story) == (["reuse.theft_suspected"], Level.QUARANTINE)


def test_another_device_and_network_after_the_successor_was_used_is_confirmed() -> None:
    """A provider with a grace period issued two successors, one was used: the parent from elsewhere is a theft."""
    here = {"device": PHONE}
    story = [login(0, 1, **here), rotate(5, 1, **here), rotate(5.05, 1, successor=12, **here)]
    story += [rotate(6, 2, successor=30, **here), refused(7, 1, Fault.REUSE, device=LAPTOP, network=ABROAD)]

    assert "reuse.theft_confirmed" in without_benign(story)


@pytest.mark.parametrize("leeway_s", [0, 5, 10, 30, 60])
@pytest.mark.parametrize("late_s", [0, 1, 5, 6, 10, 11, 30, 31, 60, 61])
@pytest.mark.parametrize("special", [False, True], ids=["for all", "for the client"])
def test_several_tabs_pass_within_the_leeway_alone(leeway_s: int, late_s: int, special: bool) -> None:
    """The parent of a live token, a successor used already: several tabs within the leeway, suspicious after it."""
    config = ReuseConfig(leeway_ms=leeway_s * 1000)
    if special:
        config = ReuseConfig(leeway_ms=7000, client_leeway_ms={CLIENT: leeway_s * 1000})
    story = [login(0, 1), rotate(5, 1), rotate(5, 1, successor=12, event=501), rotate(5, 2, successor=30, event=502)]
    story.append(refused(5 + late_s / 60, 1, Fault.REUSE, event=503))

    tabs = late_s <= leeway_s
    assert without_benign(story, config) == ["reuse.concurrent_client" if tabs else "reuse.theft_suspected"]


@pytest.mark.parametrize("leeway_s", [0, 5, 10, 30, 60])
def test_the_leeway_never_lets_a_grandparent_through(leeway_s: int) -> None:
    """However long the leeway, a grandparent is a theft, a second after it was used."""
    story = [login(0, 1), rotate(5, 1), rotate(5.001, 2), refused(5.01, 1, Fault.REUSE)]

    assert last_reasons(story, ReuseConfig(leeway_ms=leeway_s * 1000)) == (["reuse.theft_confirmed"], Level.REVOKE)


@pytest.mark.parametrize("leeway_s", [0, 5, 10, 30, 60])
def test_a_lost_answer_is_benign_whatever_the_leeway(leeway_s: int) -> None:
    """Nothing that was issued for the token has been used: its answer never arrived."""
    story = [*CHAIN, refused(14.9, 2, Fault.REUSE)]

    assert last_reasons(story, ReuseConfig(leeway_ms=leeway_s * 1000)) == (["reuse.benign_retry"], Level.WATCH)


@pytest.mark.parametrize(
    ("generation", "latest", "outcome", "reasons"),
    [
        (6, 7, Outcome.REFUSED, ["reuse.benign_retry"]),
        (5, 7, Outcome.REFUSED, ["reuse.theft_confirmed"]),
        (7, 7, Outcome.REFUSED, []),
        (7, 8, Outcome.SUCCESS, []),
        (6, 8, Outcome.SUCCESS, ["reuse.benign_retry"]),
        (5, 8, Outcome.SUCCESS, ["reuse.theft_confirmed"]),
    ],
)
def test_the_providers_counters_say_how_old_a_token_is(
    generation: int, latest: int, outcome: Outcome, reasons: list[str]
) -> None:
    """Replay depth is the newest generation less the presented one; an accepted refresh has issued one more."""
    presented = {"generation": generation, "latest_generation": latest, "outcome": outcome, "token": 55}

    assert last_reasons([login(0, 1), event(5, **presented)])[0] == reasons


def test_several_clients_of_one_session_do_not_look_like_reuse() -> None:
    """Two applications share a session and rotate their own tokens in turn."""
    story = [login(0, 100), login(0.1, 200, event=7)]
    story += [rotate(5, 100), rotate(5.5, 200), rotate(10, 101), rotate(10.5, 201), rotate(15, 102)]

    assert last_reasons(story) == ([], None)


def test_the_same_record_twice_is_no_reuse() -> None:
    """A redelivered rotation is recognised by its event id, and later by its own successor."""
    at_once = [*CHAIN, rotate(10, 2)]
    much_later = [login(0, 1), *(rotate(5 * n, n) for n in range(1, 6)), rotate(10, 2, event=1 << 60)]

    assert last_reasons(at_once) == ([], None)
    assert last_reasons(much_later) == ([], None)


def without_benign(story: list[dict[str, Any]], config: ReuseConfig | None = None) -> list[str]:
    """What the engine says of the last event of a story that has honest retries before it."""
    names = {name for moment in story for name in moment}
    batch = RefreshBatch.of(**{n: [moment.get(n, 0) for moment in story] for n in names})
    verdicts = Engine(DetectorConfig(reuse=config or ReuseConfig())).process(batch, START)
    assert verdicts.row[-1] == len(story) - 1
    assert {reason for bits in verdicts.reasons[:-1] for reason in slugs(int(bits))} <= {"reuse.benign_retry"}
    return slugs(int(verdicts.reasons[-1]))
