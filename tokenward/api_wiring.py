"""Wiring of the API: its application, who may call it, and by what its connections are encrypted."""

from prometheus_client import CollectorRegistry

from api.access.access import Access, is_loopback
from api.app import Api, create_app
from api.crowdsec.mount import CrowdSec
from api.feed.limits import FeedLimits
from api.server import Tls
from revocation.followers import Followers
from revocation.pending_redis import RedisPending
from revocation.registry import Whole
from revocation.replica import Replica
from revocation.seen import RedisSeen
from tokenward import __version__
from tokenward.access_sections import access_by
from tokenward.faults import Failure
from tokenward.inbound_sections import inbound_by
from tokenward.outward_wiring import desk_of, remember_of
from tokenward.remembering import naming_addresses
from tokenward.settings import Settings
from tokenward.teller import Teller
from tokenward.telling import TellingCollector
from tokenward.wiring import clock, names_of, policy_of, producer_options, redis_of, sealer_of, trail_of, trusted_of
from tokenward.writing import refusals_to, writes_of


def access_of(settings: Settings) -> Access:
    """Who may call the API.

    Raises:
        Failure: everybody could from elsewhere, or nobody can at all.
    """
    access = access_by(settings.access, settings.principals)
    if access.open and not is_loopback(settings.api.host):
        raise Failure(
            f"access.mode is open and api.host is {settings.api.host}: anybody who reaches it could do anything; set "
            "access.mode to required, and make a key with `tokenward key`."
        )
    if not access.open and not access.callers and access.audience is None:
        raise Failure(
            "Nobody could call the API: make a key with `tokenward key` and name its owner in [principals.NAME], set "
            "access.audience, or, on loopback, access.mode to open."
        )
    return access


def tls_of(settings: Settings) -> Tls | None:
    """By what the API's connections are encrypted."""
    api = settings.api
    if api.tls_certfile is None or api.tls_keyfile is None:
        return None
    return Tls(api.tls_certfile, api.tls_keyfile, api.tls_client_cafile)


def api_of(settings: Settings, registry: Whole) -> tuple[Api, Replica, Followers]:
    """The API's application with its replica and the followers, which the application's lifespan starts and stops."""
    replica = Replica(settings.key, len(registry.shards))
    followers = Followers(registry, replica, clock)
    path, names = settings.crowdsec.path, names_of(settings)
    trail, teller = trail_of(settings, "api"), Teller(settings.topics.revocations, producer_options(settings))
    metrics = CollectorRegistry()
    metrics.register(TellingCollector(teller, trail))
    app = create_app(
        crowdsec=None if path is None or names is None else CrowdSec(path.rstrip("/"), names),
        replica=replica,
        registry=registry,
        followers=followers,
        clock=clock,
        digest_key=settings.key,
        version=__version__,
        access=access_of(settings),
        writes=writes_of(
            settings,
            registry=registry,
            followers=followers,
            trail=trail,
            pending=RedisPending(redis_of(settings), settings.redis.prefix),
            policy=policy_of(settings),
            tell=teller,
            clock=clock,
            remember=naming_addresses(
                remember_of(settings, redis_of(settings), clock), names, sealer_of(settings), clock
            ),
        ),
        on_refused=refusals_to(trail, clock),
        metrics=metrics,
        closing=(teller.close, trail.close),
        issuers=trusted_of(settings),
        profiles={name: section.profile() for name, section in settings.authz.items()},
        limits=FeedLimits(**settings.feed.model_dump()),
        ssf=desk_of(settings, redis_of(settings), clock),
        protocols=inbound_by(settings.inbound, settings.transmitters),
        seen=RedisSeen(
            redis_of(settings),
            settings.key,
            settings.redis.prefix,
            kept_ms=settings.inbound.seen_s * 1000,
            most=settings.inbound.seen,
        ),
    )
    return app, replica, followers
