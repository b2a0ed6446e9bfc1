"""Both kinds of middleware, before real applications on real servers."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from revocation.challenges import PROOFS
from revocation.claims import Claims
from revocation.record import Revocation, Scope, State, Subject, digester
from tests.api.running import ISSUER, KEY, NOW, TYPE, Running, entry
from tests.client.between import between
from tests.client.following import decision, learns, when
from tests.client.sites import Site, bearer, fastapi_site, token, verified
from tokenward.client import Replica
from tokenward.client.asgi import RevocationMiddleware

REVOKED = 'Bearer realm="tokenward", error="invalid_token", error_description="The access token is no longer valid"'
MALFORMED = (
    'Bearer realm="tokenward", error="invalid_request", '
    'error_description="The access token is malformed, or there is more than one"'
)


def said(response: httpx.Response) -> tuple[int, str | None]:
    """An answer's status and challenge."""
    return response.status_code, response.headers.get("WWW-Authenticate")


def words(response: httpx.Response) -> str:
    """What the application said of the answer that the middleware left for it."""
    word: str = response.raise_for_status().json()["word"]
    return word


@pytest.fixture(scope="module", autouse=True)
def decided(shared_api: Running, replica: Replica) -> None:
    """What is known bad in this file."""
    shared_api.refuse(
        entry("stolen"),
        entry("doubtful", state=State.QUARANTINED),
        entry("k-bad", Scope.KEY),
        entry("key-bound", Scope.DEVICE),
    )
    learns(replica, "stolen")
    when(lambda: decision(replica, "doubtful") == "step_up", "the quarantine")


def test_good_tokens_pass_with_their_answer(site: Site, replica: Replica) -> None:
    """A token that nobody revoked reaches the application, which finds the answer about it."""
    with site(replica) as client:
        assert ["allow active", "none", "none"] == [
            words(client.get("/", headers=bearer())),
            words(client.get("/")),
            words(client.get("/", headers={"Authorization": "Basic YTpi"})),
        ]


def test_revoked_tokens_are_refused(site: Site, replica: Replica) -> None:
    """401, the challenge, a problem that says no more than that, and nothing to cache; whatever the method."""
    with site(replica, realm='the "api"') as client:
        response = client.post("/pay", headers=bearer("stolen"), json={"amount": 5})
        head = client.head("/", headers=bearer("stolen"))

    assert (401, REVOKED.replace("tokenward", "the ?api?")) == said(response)
    assert ("application/problem+json", "no-store") == (
        response.headers["Content-Type"],
        response.headers["Cache-Control"],
    )
    assert {
        "type": f"{TYPE}invalid_token",
        "title": "Invalid token",
        "status": 401,
        "detail": "The access token is no longer valid.",
    } == response.json()
    assert (401, b"") == (head.status_code, head.content)


def test_every_claim_counts(site: Site, replica: Replica) -> None:
    """The key's id in the token's header and the key it is bound to are looked up, too; DPoP is answered as DPoP."""
    bound = token("fine", cnf={"jkt": "key-bound"})
    by_key = jwt.encode({"iss": ISSUER}, "x" * 32, algorithm="HS256", headers={"kid": "k-bad"})
    with site(replica) as client:
        assert [(401, f'{REVOKED.replace("Bearer", "DPoP")}, algs="{PROOFS}"'), (401, REVOKED)] == [
            said(client.get("/", headers={"Authorization": f"DPoP {bound}"})),
            said(client.get("/", headers={"Authorization": f"bearer {by_key}"})),
        ]


def test_quarantined_sessions_sign_in_again(site: Site, replica: Replica) -> None:
    """401 with RFC 9470's challenge, whose `max_age` no login before the quarantine fits; a later login passes."""
    with site(replica) as client:
        status, challenge = said(client.get("/", headers=bearer("doubtful", auth_time=NOW // 1000 - 60)))
        after = client.get("/", headers=bearer("doubtful", auth_time=NOW // 1000 + 1))

    start = 'Bearer realm="tokenward", error="insufficient_user_authentication", '
    sentence = 'error_description="More recent authentication is required", max_age="'
    assert (401, f"{start}{sentence}") == (status, str(challenge).rpartition('"')[0].rstrip("0123456789"))
    assert 0 <= int(str(challenge).split('"')[-2]) <= (replica.now - NOW) // 1000
    assert "allow active" == words(after)


@pytest.mark.parametrize("field", ["Bearer", "Bearer a b", "Bearer\ta", "Basic a, Bearer b", "dpop:a"])
def test_malformed_fields_are_refused(site: Site, replica: Replica, field: str) -> None:
    """What some reader might take for a token and is not written as one is answered 401 `invalid_request`."""
    with site(replica) as client:
        assert (401, MALFORMED) == said(client.get("/", headers={"Authorization": field}))


def test_two_fields_are_refused(site: Site, replica: Replica) -> None:
    """Of two `Authorization` fields nobody knows which one the application takes."""
    text = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token()}\r\nAuthorization: Bearer {token()}\r\n"
    with site(replica) as client, socket.create_connection(("127.0.0.1", client.base_url.port or 0), 10) as raw:
        raw.sendall(f"{text}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'error="invalid_request"' in answer


@pytest.mark.parametrize(
    "text",
    [
        "no-jwt",
        "a.b.c",
        f"{token().partition('.')[0]}.{'W1td' * 5}.c",
        f"{token().rpartition('.')[0]}.x",
        jwt.api_jws.PyJWS().encode(b"[" * 30_000, "k" * 32, algorithm="HS256")[:60_000],
        jwt.api_jws.PyJWS().encode(b"[1]", "k" * 32, algorithm="HS256"),
    ],
    ids=["word", "dots", "payload", "signature", "deep", "array"],
)
def test_what_cannot_be_read_is_refused(site: Site, replica: Replica, text: str) -> None:
    """A token whose claims cannot be told might be a revoked one in another guise: 401 `invalid_token`."""
    with site(replica) as client:
        assert (401, REVOKED) == said(client.get("/", headers={"Authorization": f"Bearer {text}"}))


def test_forged_tokens_are_for_the_application(site: Site, replica: Replica) -> None:
    """It does not authenticate: a token that somebody made up and nobody revoked passes on."""
    forged = jwt.encode({"iss": "\ud800", "sid": "\udfff", "iat": 10**30}, "f" * 32, algorithm="HS256")
    with site(replica) as client:
        assert "allow active" == words(client.get("/", headers={"Authorization": f"Bearer {forged}"}))


def test_cookies_hold_tokens_where_one_is_named(site: Site, replica: Replica) -> None:
    """Every token of a request is judged, and the worst answer counts."""
    with site(replica, cookie="at") as client:

        def answer(cookie: str, headers: Mapping[str, str] | None = None) -> str:
            response = client.get("/", headers={"Cookie": cookie, **(headers or {})})
            return words(response) if response.status_code == 200 else str(said(response)[1]).split('"')[3]

        assert ["allow active", "none", "invalid_token", "invalid_token", "invalid_token", "invalid_request"] == [
            answer(f"x=y; at={token()}"),
            answer("at=; other=abc"),
            answer(f"at={token('stolen')}"),
            answer(f"at={token('stolen')}", bearer("fine")),
            answer(f"at={token()}; at={token('stolen')}"),
            answer('at="a\\056b"'),
        ]


def test_an_application_reads_its_tokens_itself(site: Site, replica: Replica) -> None:
    """What it does not accept is answered 401, what it does not know passes, claims may be of either form."""

    def read(text: str, request: Any) -> Claims | Mapping[str, object] | None:
        if text == "opaque":
            return Claims(iss=ISSUER, sid="stolen")
        return None if text == "foreign" else verified(text, request)

    tokens = ["opaque", "foreign", token(), token("stolen"), token(secret="f" * 32)]
    with site(replica, claims=read) as client:
        assert [401, 200, 200, 401, 401] == [
            client.get("/", headers={"Authorization": f"Bearer {text}"}).status_code for text in tokens
        ]


def test_a_reader_may_wait(replica: Replica) -> None:
    """In an ASGI application the reader of claims may be a coroutine."""

    async def read(text: str, request: Any) -> Mapping[str, object]:
        """Read what there is to read."""
        return verified(text, request)

    with fastapi_site(replica, claims=read) as client:
        assert [200, 401] == [client.get("/", headers=bearer(sid)).status_code for sid in ("fine", "stolen")]


def test_addresses_are_asked_where_the_application_tells_them(
    site: Site, shared_api: Running, replica: Replica
) -> None:
    """An entry about an address hits requests from there, when the application says where they come from."""
    address = Subject(Scope.ORIGIN, digester(KEY, Scope.ORIGIN, "")("127.0.0.1"))
    shared_api.refuse(
        Revocation(
            id="origin",
            subject=address,
            state=State.QUARANTINED,
            reasons=("failure.stuffing",),
            decided_at=NOW,
            expires_at=NOW + 3_600_000,
        )
    )
    when(lambda: replica.check({}, ip="127.0.0.1").decision == "step_up", "the quarantine")

    def peer(request: Any) -> str:
        return str(request["client"][0] if "client" in request else request["REMOTE_ADDR"])

    with site(replica, address=peer) as told, site(replica) as untold:
        assert [401, 200] == [client.get("/", headers=bearer("fine")).status_code for client in (told, untold)]


def test_exempt_paths_are_not_looked_at(site: Site, replica: Replica) -> None:
    """A path that is exempt passes, with all below it where it ends with a slash, unless it leads up again."""
    with site(replica, exempt=["/healthz", "/static/", "/"]) as client:
        paths = ["/healthz", "/static/a/b", "/", "/healthz/x", "/static", "/static/%2e%2e/pay", "/other"]
        statuses = [client.get(path, headers=bearer("stolen")).status_code for path in paths]

    with site(replica, exempt="/healthz") as client:
        statuses += [client.get(path, headers=bearer("stolen")).status_code for path in ("/healthz", "/h")]

    assert [200, 200, 200, 401, 401, 401, 401, 200, 401] == statuses


@pytest.mark.parametrize(("when_stale", "status"), [("closed", 503), ("open", 200)])
def test_stale_copies_do_as_was_chosen(site: Site, api: Running, when_stale: str, status: int) -> None:
    """What is not known bad is answered 503 or let pass while the copy is stale; what is known bad stays refused."""
    api.refuse(entry("stolen"))
    with between(api.address) as proxy, Replica(proxy.url, KEY, max_staleness_s=1) as stale:
        learns(stale, "stolen")
        with site(stale, when_stale=when_stale) as client:
            fresh = client.get("/", headers=bearer()).status_code
            proxy.speaks.clear()
            when(lambda: stale.stale, "that it is stale")
            response = client.get("/", headers=bearer())
            others = [client.get("/", headers=bearer("stolen")).status_code, client.get("/").status_code]
            proxy.speaks.set()
            when(lambda: client.get("/", headers=bearer()).status_code == 200, "that it is fresh again")

    assert (200, status, [401, 200]) == (fresh, response.status_code, others)
    assert ("5" if status == 503 else None) == response.headers.get("Retry-After")
    assert (f"{TYPE}stale" if status == 503 else None) == response.json().get("type")


def test_a_copy_that_is_not_ready_is_stale(site: Site, api: Running) -> None:
    """Before the first snapshot nothing is known, which is as the oldest knowledge."""
    never = Replica(api.address.url, KEY)
    with site(never) as closed, site(never, when_stale="open") as opened:
        assert [503, 200] == [client.get("/", headers=bearer()).status_code for client in (closed, opened)]


def test_many_ask_at_once(site: Site, replica: Replica) -> None:
    """Requests that come together get each its own answer."""
    with site(replica) as client, ThreadPoolExecutor(8) as pool:
        sids = ["stolen", "fine", "doubtful", "other"] * 50
        headers = [bearer(sid) for sid in sids]
        statuses = list(pool.map(lambda one: client.get("/", headers=one).status_code, headers))

    assert [200 if sid in {"fine", "other"} else 401 for sid in sids] == statuses


def test_websockets_are_refused_before_they_open(replica: Replica) -> None:
    """The handshake of a revoked or a quarantined session is answered 403; another one opens with its answer."""
    with fastapi_site(replica) as client:
        url = f"ws://127.0.0.1:{client.base_url.port}/socket"
        statuses = []
        for sid in ("stolen", "doubtful"):
            with pytest.raises(InvalidStatus) as refused:
                connect(url, additional_headers=bearer(sid))
            statuses.append(refused.value.response.status_code)
        with connect(url, additional_headers=bearer()) as opened:
            word = opened.recv(timeout=10)

    assert ([403, 403], "allow active") == (statuses, word)


@pytest.mark.parametrize("options", [{"when_stale": "ajar"}, {"exempt": ["healthz"]}])
def test_says_what_is_wrong_with_an_option(options: dict[str, Any], replica: Replica) -> None:
    """Options that cannot be meant so are refused at once, not with the first request."""
    with pytest.raises(ValueError, match=r"when_stale is|Exempt paths"):
        RevocationMiddleware(lambda *_: None, replica, **options)  # type: ignore[arg-type]
