"""What the house's topics say becomes news, once, about the right person, or a word that says why not."""

from collections.abc import Callable

import msgspec
import pytest
from kafka.consumer.fetcher import ConsumerRecord

from ingest.outward.hearing import Heard, Hearing, Unheard
from ingest.sink import Message
from revocation.record import Scope, State, Subject
from revocation.ssf.events import News
from revocation.ssf.identity import HEADER, Identities
from revocation.ssf.memory import MemoryStore
from tests.news import ISS, KEY, SEAL, alert, changed, entry, identity, released, subject

NOW = 1_767_323_045_000


def record(message: Message) -> ConsumerRecord:
    """The message as a consumer gets it."""
    return ConsumerRecord("t", 0, 0, 0, NOW, 0, message.key, message.value, list(message.headers), None, -1, -1, -1)


class House:
    """A hearing with a store of its own; `hear` also tells."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.hearing = Hearing(Identities(SEAL), self.store, KEY)

    def alert(self, message: Message) -> str | News:
        """The news in an alert, or why there is none."""
        return self._heard(self.hearing.alert, message)

    def change(self, message: Message) -> str | News:
        """The news in a change, likewise."""
        return self._heard(self.hearing.change, message)

    def _heard(self, hear: Callable[[ConsumerRecord, int], Heard], message: Message) -> str | News:
        try:
            heard = hear(record(message), NOW)
        except Unheard as reason:
            return reason.reason
        self.hearing.told(heard, NOW)
        return heard.news


@pytest.fixture
def house() -> House:
    """A house that has told nobody anything."""
    return House()


def unsealed(message: Message) -> Message:
    """The same without the identity beside it."""
    return message._replace(headers=())


def test_a_revoked_family_is_a_session_that_ended(house: House) -> None:
    """Of whom stands beside the alert, sealed."""
    news = News(
        id=f"alert-ann-{NOW}", at=NOW, what="revoked", identity=identity("ann"), reasons=("reuse.theft_confirmed",)
    )

    assert news == house.alert(alert("ann", NOW))


def test_an_entry_about_a_person_is_about_all_sessions(house: House) -> None:
    """The scope says so, not we."""
    news = house.alert(alert("ann", NOW, scope=Scope.SUBJECT))

    assert isinstance(news, News)
    assert news.whole


def test_an_entry_about_a_token_stands_for_its_session(house: House) -> None:
    """Where gateways see no session, its tokens are refused one by one; others are told of the session."""
    listed = [
        {"id": "e", "scope": "token", "digest": "00" * 16, "state": "revoked", "expires_at": "2026-01-02T05:00:00Z"}
    ]
    news = house.alert(alert("ann", NOW, entries=listed))

    assert isinstance(news, News)
    assert (identity("ann"), False) == (news.identity, news.whole)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (alert("ann", NOW, enforcement="shadow"), "not_enforced"),
        (alert("ann", NOW, kind="incident"), "not_enforced"),
        (alert("ann", NOW, entries=[]), "not_enforced"),
        (alert("ann", NOW, scope=Scope.ORIGIN), "not_personal"),
        (unsealed(alert("ann", NOW)), "unnamed"),
        (alert("ann", NOW, family=subject("bob").digest.hex()), "unnamed"),
        (alert("ann", NOW, family="no digest"), "unreadable"),
        (alert("ann", NOW, iss="https://another"), "unnamed"),
        (Message("t", b"{"), "unreadable"),
        (alert("ann", NOW)._replace(headers=((HEADER, b"x" * 60),)), "unnamed"),
    ],
)
def test_what_is_no_news_says_why(house: House, message: Message, expected: str) -> None:
    """Nothing that was not enforced, nobody whose name does not fit the digest."""
    assert expected == house.alert(message)


def test_a_release_is_told_to_whom_was_told_before(house: House) -> None:
    """Once, about the same person; nobody hears of the release of what he never heard of."""
    house.alert(alert("ann", NOW, State.QUARANTINED))
    first, second = house.change(released("ann", NOW, NOW + 5)), house.change(released("ann", NOW, NOW + 5))

    assert isinstance(first, News)
    assert (identity("ann"), "released", "told_before") == (first.identity, first.what, second)
    assert "never_told" == house.change(released("bob", NOW, NOW + 5))


def test_an_alert_that_comes_after_its_release_is_no_news(house: House) -> None:
    """They are in different topics, so either may be read first."""
    house.change(released("ann", NOW, NOW + 5))

    assert "released" == house.alert(alert("ann", NOW))
    assert isinstance(house.alert(alert("ann", NOW + 6)), News)


def test_a_decision_by_hand_is_told_once(house: House) -> None:
    """Of whom stands beside the change; the same entry changed again is not told again."""
    made = entry("ann", NOW, actor="soc", reasons=("manual",))
    first, second = (house.change(changed(made, named="ann")) for _ in range(2))

    assert isinstance(first, News)
    assert (True, "revoked", "told_before") == (first.by_hand, first.what, second)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (changed(entry("ann", NOW), named="ann"), "told_by_alert"),
        (changed(entry("ann", NOW, actor="soc")), "unnamed"),
        (changed(entry("ann", NOW, actor="soc"), named="bob"), "unnamed"),
        (
            changed(entry("ann", NOW, actor="soc", subject=Subject(Scope.ISSUER, b"0" * 16)), named="ann"),
            "not_personal",
        ),
        (Message("t", None), "not_enforced"),
        (Message("t", b"{}"), "unreadable"),
        (
            Message(
                "t",
                msgspec.json.encode(msgspec.json.decode(changed(entry("ann", NOW)).value or b"") | {"digest": "00"}),
            ),
            "unreadable",
        ),
    ],
)
def test_a_change_that_is_no_news_says_why(house: House, message: Message, expected: str) -> None:
    """What the detector decided is told by its alert, and nobody is accused by a foreign name."""
    assert expected == house.change(message)


def test_news_name_their_issuer(house: House) -> None:
    """An identity is of one issuer, and the alert must say the same one."""
    news = house.alert(alert("ann", NOW))

    assert isinstance(news, News)
    assert ISS == news.identity.iss
