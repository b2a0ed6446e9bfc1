"""The scenarios: each a story, what must come of it, and the paragraph that tells it.

`python -m tests.scenarios` writes them as folders; `tests/ingest/test_scenarios.py` holds that the folders are these.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ingest.formats.event import RefreshEvent
from tests.builders import (
    CAFE,
    HOME,
    THIEF,
    Spot,
    Story,
    keycloak_records,
    logout,
    native_records,
    redelivered,
    refresh,
    refreshes,
    replay,
    weave,
)

PHONE: Final = Spot("203.0.113.7", "dev-7f31", "Acme/5.2 (iPhone; iOS 26.1)")
BERLIN: Final = Spot("203.0.113.7", "dev-7f31", None, 52.52, 13.41, 20, "DE")
SYDNEY: Final = Spot("192.0.2.66", None, None, -33.87, 151.21, 20, "AU")

JWT: Final = b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."

Records = Callable[[list[RefreshEvent]], list[bytes]]


class Scenario(NamedTuple):
    """A folder: `events.ndjson`, `expected.json` and `README.md`."""

    story: Story
    paragraph: str
    #: Reasons of the decisions, by slug: the same said again within a quarter of an hour is one decision.
    reasons: dict[str, int]
    #: What becomes of the story's family.
    fate: str = "left alone"
    records: Records = keycloak_records
    rejected: dict[str, int] = {}  # noqa: RUF012 - never changed
    #: Records that no story tells, put between the others.
    garbage: tuple[bytes, ...] = ()

    @property
    def lines(self) -> list[bytes]:
        """The records, with an honest bystander's among them."""
        events = weave(self.story, refreshes(user="bob", times=4, spot=Spot("198.51.100.99"), client_id="spa"))
        records = self.records(events)
        for place, line in enumerate(self.garbage):
            records.insert(2 * place + 1, line)
        return records

    @property
    def expected(self) -> dict[str, Any]:
        """What the engine and the policy must make of it."""
        family = [self.story.sid]
        return {
            "format": "native" if self.records is native_records else "keycloak",
            "revoked": family if self.fate == "revoked" else [],
            "quarantined": family if self.fate == "quarantined" else [],
            "reasons": self.reasons,
            "rejected": self.rejected,
        }


SCENARIOS: Final[dict[str, Scenario]] = {
    "parent_retried_same_place": Scenario(
        refreshes().then(replay(after="2s")),
        "The answer to a refresh got lost, and the client tries again with the token it still has, from where it was. "
        "Keycloak ends the session, which is hard on the person and no theft: nobody is revoked.",
        {"reuse.benign_retry": 1},
    ),
    "two_tabs": Scenario(
        refreshes().then(replay(after="5ms"), refresh(after="4m")),
        "Two tabs refresh at once: one succeeds, 5 ms later the other is told that the token was used. The session is "
        "dead, and the tab that won finds out four minutes later. Nobody stole anything: nobody is revoked.",
        {"reuse.benign_retry": 1, "reuse.stale_after_logout": 1},
    ),
    "token_after_logout": Scenario(
        refreshes().then(logout(), refresh(after="4m"), refresh(after="5m")),
        "A forgotten tab goes on refreshing after the person has signed out: `Session not active`, twice. Nobody is "
        "revoked; there is nothing left to revoke.",
        {"reuse.stale_after_logout": 1},
    ),
    "client_missing_after_kill": Scenario(
        refreshes().then(replay(after="2s"), *[refresh(after="1m")] * 3),
        "Keycloak has killed the session after a retry; each later use of the family's tokens is answered `Session "
        "doesn't have required client`. These echoes are no new attacks: nobody is revoked.",
        {"reuse.benign_retry": 1, "reuse.stale_after_logout": 1},
    ),
    "grandparent": Scenario(
        refreshes(times=4).then(replay(back=2, after="90s", spot=THIEF), refresh(after="3m")),
        "Somebody elsewhere presents a token whose successor's successor is in use. No lost answer and no second tab "
        "does that: the family is revoked, so that the access tokens that were issued to it die too.",
        {"reuse.theft_confirmed": 1, "reuse.stale_after_logout": 1},
        fate="revoked",
    ),
    "thief_first": Scenario(
        refreshes(times=4).then(refresh(after="3m", spot=THIEF), replay(after="2m")),
        "A thief uses the live token before its owner does, and succeeds. Two minutes later the owner comes back, from "
        "where the family always was, with a token that is used up. Either may be the thief (RFC 9700, section "
        "4.14.2), so the family is revoked, and with it the access token that the thief was given.",
        {"reuse.theft_confirmed": 1},
        fate="revoked",
    ),
    "stale_token": Scenario(
        refreshes(times=9).then(replay(back=8, after="2m", spot=THIEF)),
        "A token from long ago, older than the detector remembers rotations, is presented. Keycloak itself says `Stale "
        "token`, and its word is enough: the family is revoked.",
        {"reuse.theft_confirmed": 1},
        fate="revoked",
    ),
    "lost_answer_roaming": Scenario(
        refreshes(spot=PHONE, lenient=True).then(replay(after="3s", spot=PHONE._replace(ip=CAFE.ip))),
        "A phone leaves the house in the middle of a refresh, loses the answer and retries over another network; its "
        "device id is the same. The provider has a grace period and answers. The immediate predecessor from another "
        "network is suspicious (step up) and not proven: the family is quarantined, not revoked.",
        {"reuse.theft_suspected": 1},
        fate="quarantined",
        records=native_records,
    ),
    "impossible_travel": Scenario(
        refreshes(spot=BERLIN).then(refresh(after="20m", spot=SYDNEY)),
        "A subject refreshes in Berlin and, 20 minutes later, in Sydney, 16,000 km away. On its own that asks for a "
        "fresh login: the family is quarantined.",
        {"travel.impossible": 1, "novelty.subject": 1, "novelty.family": 1},
        fate="quarantined",
        records=native_records,
    ),
    "refresh_burst": Scenario(
        refreshes(spot=PHONE).then(*[refresh(after="100ms")] * 100),
        "A family that refreshes every five minutes does so a hundred times in ten seconds. It is watched as soon as "
        "it is surprising (20 nats: 54 at once, where 20 are taken for granted) and quarantined when it is absurd. The "
        "stage of origins watches the address that it comes from.",
        {"cadence.burst": 2, "spread.origin": 1},
        fate="quarantined",
        records=native_records,
    ),
    "redelivered_records": Scenario(
        refreshes(spot=PHONE).then(redelivered(), refresh(), redelivered(2), refresh()),
        "Kafka delivers records again, as it may. The same record twice is not a token used twice: nobody is flagged.",
        {},
        records=native_records,
    ),
    "garbage_lines": Scenario(
        refreshes(spot=HOME),
        "Between honest refreshes stand lines that are no telemetry: cut off, of another shape, with impossible "
        "values, with a token in clear. Each is rejected with its reason, none is repeated, and the rest goes on.",
        {},
        records=native_records,
        rejected={"bad_json": 2, "missing_field": 1, "bad_value": 2, "token_in_clear": 1, "value_too_long": 1},
        garbage=(
            b'{"at":1767322800000,"iss":"https://idp',
            b'["not","an","object"]',
            b'{"at":1767322800000,"outcome":"success","sub":"ann"}',
            b'{"at":17673228,"iss":"https://idp.example.com","outcome":"success","sub":"ann"}',
            b'{"at":1767322800000,"iss":"https://idp.example.com","outcome":"success","sub":"ann","lat":1e400}',
            b'{"at":1767322800000,"iss":"https://idp.example.com","outcome":"success","token":"%s"}' % JWT,
            b'{"at":1767322800000,"iss":"https://idp.example.com","outcome":"success","token":"%s"}' % (b"x" * 257),
        ),
    ),
}
