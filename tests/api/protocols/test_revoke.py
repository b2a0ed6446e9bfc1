"""RFC 7009: a client gives its own tokens up, and nobody else's."""

from collections.abc import Iterator, Sequence

import pytest

from api.protocols.revoke import PATH, REASON
from revocation.errors import RegistryUnavailable
from revocation.memory import MemoryRegistry
from revocation.record import Change, Revocation, Scope
from tests.api.gates import SIGNER
from tests.api.protocols.callers import FOREIGN, OTHER, UNKNOWN, called, form, identity, refused, token, written
from tests.api.running import ISSUER, NOW, Running
from tests.servers.issuer import Issuer, issuing, unsigned


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer."""
    with issuing(SIGNER) as idp:
        yield idp


@pytest.fixture
def api(issuer: Issuer) -> Iterator[Running]:
    """An API of the test's own; of this issuer's tokens the session ends, too."""
    with issuing(FOREIGN) as second, called(issuer, second) as parts:
        yield parts


class Away(MemoryRegistry):
    """A registry that takes no decisions."""

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """It does not answer."""
        raise RegistryUnavailable(f"Nobody takes {len(revocations)} decisions at {now}.")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "a_hint_of_tomorrow", None])
def test_a_client_gives_its_token_up(api: Running, hint: str | None) -> None:
    """Whatever the hint, token and session are refused when the answer comes, and the trail says who asked."""
    more = [] if hint is None else [("token_type_hint", hint)]
    answer = form(api, PATH, "shop", ("token", token()), *more)

    assert (200, b"", "no-store") == (answer.status_code, answer.content, answer.headers["cache-control"])
    assert {identity(Scope.TOKEN, "t1"), identity(Scope.FAMILY, "s1")} == refused(api)
    assert [("shop", "oauth", "revoke", REASON)] == written(api)


def test_a_token_is_refused_by_this_process_at_once(api: Running) -> None:
    """The next question about it is answered by what the client asked for."""
    before = form(api, "/v1/introspect", "gateway", ("token", token())).json()["active"]
    form(api, PATH, "shop", ("token", token()))

    assert (True, False) == (before, form(api, "/v1/introspect", "gateway", ("token", token())).json()["active"])


def test_an_entry_lasts_as_long_as_the_token(api: Running) -> None:
    """A token that lives longer than usual is refused to its end, and for as long as clocks differ."""
    form(api, PATH, "shop", ("token", token(exp=NOW // 1000 + 900_000)))
    ends = {entry.subject.scope: entry.expires_at for entry in api.registry.snapshot().entries}

    assert {Scope.TOKEN: NOW + 900_300_000, Scope.FAMILY: NOW + 900_300_000} == ends


def test_a_refresh_token_that_is_a_jwt_ends_its_session(api: Running) -> None:
    """It is for its issuer only, and is no access token; its client may give it up all the same."""
    presented = token(typ="Refresh", aud=ISSUER)

    assert 200 == form(api, PATH, "shop", ("token", presented)).status_code
    assert identity(Scope.FAMILY, "s1") in refused(api)


@pytest.mark.parametrize(
    ("presented", "name"),
    [
        (token(), "stranger"),
        (SIGNER.sign({"iss": ISSUER, "jti": "t1", "exp": NOW // 1000 + 300, "azp": "another"}), "shop"),
        (SIGNER.sign({"iss": ISSUER, "jti": "t1", "exp": NOW // 1000 + 300}), "shop"),
        (token(exp=NOW // 1000 - 31), "shop"),
        (token(FOREIGN), "shop"),
        (token(iss=UNKNOWN), "shop"),
        (token(typ="ID"), "shop"),
        (token(header={"typ": "logout+jwt"}), "shop"),
        (token(header={"kid": "another"}), "shop"),
    ],
    ids=[
        "of another issuer's client of that name",
        "of another client",
        "of no client",
        "ended",
        "forged",
        "of nobody we know",
        "an ID token",
        "of another type",
        "of an unknown key",
    ],
)
def test_what_is_not_this_clients_has_no_effect(api: Running, presented: str, name: str) -> None:
    """No error says which tokens there are (section 2.2), and nothing is refused."""
    answer = form(api, PATH, name, ("token", presented))

    assert (200, set(), []) == (answer.status_code, refused(api), written(api))


@pytest.mark.parametrize(
    "presented",
    [
        "45ghiukldjahdnhzdauz",
        "a.b.c.d.e",
        unsigned({"alg": "none"}, {"iss": ISSUER, "jti": "t1", "client_id": "shop", "exp": NOW}),
        "x" * 20_000,
        SIGNER.sign({"iss": ISSUER, "client_id": "shop", "exp": NOW // 1000 + 300}),
    ],
    ids=["opaque", "encrypted", "unsigned", "too long", "without an id"],
)
def test_a_token_that_nobody_could_refuse_is_not_said_to_be_revoked(api: Running, presented: str) -> None:
    """RFC 7009, section 2.2.1: the client must not believe that it is dead."""
    answer = form(api, PATH, "shop", ("token", presented))

    assert (400, "unsupported_token_type") == (answer.status_code, answer.json()["error"])
    assert set() == refused(api)


@pytest.mark.parametrize(
    ("name", "client", "status", "error"),
    [
        ("shop", "shop-app", 200, None),
        ("shop", "another", 401, "invalid_client"),
        ("gateway", None, 401, "invalid_client"),
        ("nobody", None, 401, "invalid_client"),
    ],
)
def test_a_client_is_who_it_says(api: Running, name: str, client: str | None, status: int, error: str | None) -> None:
    """Before anything is said of the token; one of several clients may be named."""
    more = [] if client is None else [("client_id", client)]
    answer = form(api, PATH, name, ("token", token()), *more)
    said = answer.json()["error"] if answer.content else None

    assert (status, error, status == 401) == (answer.status_code, said, "www-authenticate" in answer.headers)


def test_a_token_of_its_other_client_stays(api: Running) -> None:
    """Who says which client it is, gives up that one's tokens only."""
    form(api, PATH, "shop", ("token", token()), ("client_id", "shop-app"))

    assert set() == refused(api)


def test_without_cascade_the_session_stays(issuer: Issuer) -> None:
    """Where the settings do not say so, an access token is given up alone."""
    with called(issuer, settings={"cascade": ()}) as api:
        form(api, PATH, "shop", ("token", token()))

        assert {identity(Scope.TOKEN, "t1")} == refused(api)


def test_a_token_lives_until_its_end_is_written(issuer: Issuer) -> None:
    """While trail or registry is away, the client is told to ask again: 503 and `Retry-After`, and nothing changed."""
    with called(issuer) as api:
        api.trail.available = False
        without_trail = form(api, PATH, "shop", ("token", token()))
    with called(issuer, registry=Away("e1")) as away:
        without_registry = form(away, PATH, "shop", ("token", token()))
    answers = [without_trail, without_registry]

    assert [(503, "1", "temporarily_unavailable")] * 2 == [
        (answer.status_code, answer.headers["retry-after"], answer.json()["error"]) for answer in answers
    ]
    assert set() == refused(api)


def test_without_the_issuers_keys_nothing_is_known(issuer: Issuer) -> None:
    """Whether the token is one cannot be told now."""
    with issuing(FOREIGN) as second:
        second.status = 500
        with called(issuer, second) as api:
            answer = form(api, PATH, "stranger", ("token", token(FOREIGN, iss=OTHER)))

    assert 503 == answer.status_code


def test_what_is_given_up_twice_is_given_up_once(api: Running) -> None:
    """A second answer is like the first (section 2.2), and the entry is the same."""
    answers = [form(api, PATH, "shop", ("token", token())).status_code for _ in range(2)]
    found: list[Revocation] = list(api.registry.snapshot().entries)

    assert ([200, 200], 2) == (answers, len(found))
