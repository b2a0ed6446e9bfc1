"""Teller: news become signed SETs, and lie in the queue of each stream that wants them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from ingest.outward.keys import SigningKeys
from ingest.outward.letters import Provider, bury, task
from revocation.record import Scope
from revocation.ssf.events import News, claims_of, jti_of, wish_claims_of
from revocation.ssf.receivers import Receiver
from revocation.ssf.store import Item, Store
from revocation.ssf.streams import Stream

SET_TYPE = "secevent+jwt"


class Teller:
    """Fills queues; telling the same news again fills nothing. Safe for several threads."""

    def __init__(
        self,
        *,
        store: Store,
        keys: SigningKeys,
        issuer: str,
        receivers: Mapping[str, Receiver],
        providers: Sequence[Provider] = (),
        most_waiting: int = 10_000,
    ) -> None:
        """`issuer` is the `iss` of the SETs; `most_waiting` bounds each queue."""
        self._store = store
        self._keys = keys
        self._issuer = issuer
        self._receivers = receivers
        self._providers = providers
        self._most = most_waiting

    def tell(self, news: News, now: int) -> Counter[str]:
        """Let the news wait for all whom they concern; what became of it for each, counted."""
        counts: Counter[str] = Counter()
        for stream in self._store.streams():
            counts[self._to_stream(news, stream, now)] += 1
        for provider in self._providers:
            counts[self._to_provider(news, provider, now)] += 1
        return counts

    def fulfil(self, stream: Stream, now: int) -> None:
        """Make the SETs about the stream itself that are wished for.

        Another process may do the same meanwhile: each SET has one id, and the wishes are taken away by one of them.
        """
        if not stream.wishes:
            return
        for wish in stream.wishes:
            claims = wish_claims_of(wish, stream, self._issuer, now)
            self._put(stream.id, str(claims["jti"]), self._keys.sign(claims, SET_TYPE).encode(), now)
        self._store.change(msgspec.structs.replace(stream, wishes=(), version=stream.version + 1))

    def _to_stream(self, news: News, stream: Stream, now: int) -> str:
        receiver = self._receivers.get(stream.receiver)
        if receiver is None or stream.status == "disabled":
            return "unasked"
        claims = claims_of(news, stream, receiver, self._issuer, now)
        if isinstance(claims, str):
            return claims
        return self._put(stream.id, str(claims["jti"]), self._keys.sign(claims, SET_TYPE).encode(), now)

    def _to_provider(self, news: News, provider: Provider, now: int) -> str:
        identity, scope = news.identity, Scope.SUBJECT if news.whole else Scope.FAMILY
        if news.what != "revoked" or identity.iss != provider.iss or scope not in provider.scopes:
            return "unasked"
        if identity.sub is None:
            return "unsaid"
        body = msgspec.json.encode({provider.member: task(identity.iss, identity.sub)})
        return self._put(provider.queue, jti_of(provider.queue, news.id), body, now)

    def _put(self, queue: str, name: str, body: bytes, now: int) -> str:
        gone = self._store.put(queue, Item(name, now, body), self._most)
        for item in gone or ():
            bury(self._store, queue, item, "full", now)
        return "told_before" if gone is None else "queued"
