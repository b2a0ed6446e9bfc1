"""The policy file, and what it becomes."""

import pytest

from detector.config import Thresholds
from revocation.issuers import Issuer
from revocation.policy import Policy, PolicyError, Rules, load_policy
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
    ],
)
def test_a_bad_policy_is_refused_with_one_sentence(text: str, sentence: str) -> None:
    """The sentence names the member and what is wrong with it."""
    with pytest.raises(PolicyError, match=sentence):
        load_policy(text)
