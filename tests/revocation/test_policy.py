"""The policy file, and what it becomes."""

from pathlib import Path

import pytest

from detector.config import Quiet, Thresholds
from revocation.issuers import Issuer
from revocation.policy import Policy, PolicyError, Rules, load_policy, policy_schema
from revocation.record import Scope, digester

KEY = b"k" * 32
ISSUER = Issuer(iss="https://idp/realms/acme")


def client_key(name: str) -> int:
    """The key that batches carry for a client of the issuer."""
    return int.from_bytes(digester(KEY, Scope.CLIENT, ISSUER.iss)(name)[:8], "big")


def test_an_empty_file_is_a_policy() -> None:
    """Everything has a default."""
    assert load_policy("") == Policy()


def test_a_policy_is_read_and_compiled() -> None:
    """Thresholds and leeways, for all and for one client, reach the rules and the detector."""
    policy = load_policy(
        """
        mode = "shadow"
        [reuse]
        leeway_seconds = 20
        [thresholds]
        revoke = 0.99
        [clients.spa]
        mode = "enforce"
        leeway_seconds = 0
        quarantine = 0.7
        """
    )

    rules = Rules.of(policy, [ISSUER], KEY, {"families": 50, "subjects": 60})

    spa = rules.clients[client_key("spa")]
    assert (spa.mode, spa.thresholds) == ("enforce", Thresholds(quarantine=0.7, revoke=0.99))
    assert (rules.default.mode, rules.default.thresholds) == ("shadow", Thresholds(quarantine=0.5, revoke=0.99))
    assert rules.detector.reuse.leeway_ms == 20_000
    assert rules.detector.reuse.client_leeway_ms == {client_key("spa"): 0}
    assert (rules.detector.families, rules.detector.subjects) == (50, 60)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mode = 'maybe'", r"Invalid enum value 'maybe' - at `\$.mode`"),
        ("colour = 1", "unknown field `colour`"),
        ("[reuse]\nleeway_seconds = 61", r"<= 60 - at `\$.reuse.leeway_seconds`"),
        ("[thresholds]\nquarantine = 0.99", "quarantine <= revoke <= 1. - at `thresholds`"),
        ("[clients.spa]\nrevoke = 0.1", "quarantine <= revoke <= 1. - at `clients.spa`"),
        ("mode = ", "The policy was not accepted"),
        ("[tenants.acme]\nwatch = 0.9", "watch <= quarantine. - at `tenants.acme`"),
        ("[scopes]\nluck = ['family']", "There is no reason or signal 'luck' - at `scopes`"),
        ("[scopes]\nreuse = []", r"length >= 1 - at `\$.scopes"),
        ("[[rollovers]]\nissuer = 'x'\nfrom = 2026-01-02T00:00:00Z\nuntil = 2026-01-01T00:00:00Z", "before `until`"),
    ],
)
def test_a_bad_policy_is_refused_with_one_sentence(text: str, sentence: str) -> None:
    """The sentence names the member and what is wrong with it."""
    with pytest.raises(PolicyError, match=sentence):
        load_policy(text)


def test_the_detector_is_told_what_a_person_may_tune() -> None:
    """Floors, vague networks, the systemic share and announced rollovers reach its configuration."""
    policy = load_policy(
        """
        [travel]
        vague_asns = [64500]
        [spread]
        origin_floor = 7
        [failure]
        family_floor = 8
        [systemic]
        least_share = 0.25
        [[rollovers]]
        issuer = "https://idp/realms/acme"
        from = 2026-01-01T00:00:00Z
        until = 2026-01-01T01:00:00+00:00
        [tenants.acme]
        watch = 0.0001
        """
    )
    issuer = Issuer(iss=ISSUER.iss, tenant="acme")

    config = Rules.of(policy, [issuer], KEY).detector

    key = int.from_bytes(digester(KEY, Scope.ISSUER, issuer.iss)("")[:8], "big")
    begins = 1_767_225_600_000
    assert (Quiet(key, begins, begins + 3_600_000),) == config.failure.rollovers
    floors = (config.spread.origin_floor, config.failure.family_floor)
    assert (frozenset({64500}), (7, 8)) == (config.travel.vague_asns, floors)
    assert (250, 0.0001) == (config.systemic.least_share_permille, config.thresholds.watch)


def test_a_client_inherits_its_tenants_rules() -> None:
    """A client's thresholds may contradict its tenant's only once both are known."""
    policy = load_policy("[tenants.acme]\nrevoke = 0.8\n[clients.spa]\nquarantine = 0.9\n")

    with pytest.raises(PolicyError, match=r"at `clients\.spa`"):
        Rules.of(policy, [Issuer(iss=ISSUER.iss, tenant="acme")], KEY)


def test_names_that_nothing_answers_to_are_found() -> None:
    """A tenant or issuer that the settings do not know has rules that never hold."""
    rollover = "[[rollovers]]\nissuer = 'x'\nfrom = 2026-01-01T00:00:00Z\nuntil = 2026-01-02T00:00:00Z\n"
    policy = load_policy(f"{rollover}[tenants.acme]\nwatch = 0.01\n")
    issuers = [Issuer(iss="x", tenant="acme")]

    assert (("tenants.acme", "rollovers: x"), ()) == (Rules.of(policy).unused, Rules.of(policy, issuers).unused)


def test_the_schema_is_the_files() -> None:
    """`docs/schemas/policy.v1.json` is written by `tokenward policy schema`."""
    path = Path(__file__).parents[2] / "docs" / "schemas" / "policy.v1.json"

    assert path.read_bytes() == policy_schema(), "run: tokenward policy schema > docs/schemas/policy.v1.json"
