"""The policy: what is done about a verdict. PURE: decisions come back as values, the shell acts on them.

`policy.toml` is read into `Policy` (`revocation.sections`); together with the issuers it becomes `Rules`
(`revocation.rules`), which `decide` holds verdicts against.
"""

import msgspec

from revocation.rules import ClientRules, Rules, check
from revocation.sections import ClientPolicy, Policy, PolicyError, TenantPolicy, ThresholdPolicy

__all__ = [
    "ClientPolicy",
    "ClientRules",
    "Policy",
    "PolicyError",
    "Rules",
    "TenantPolicy",
    "ThresholdPolicy",
    "load_policy",
    "policy_schema",
]


def load_policy(text: str) -> Policy:
    """Read `policy.toml`.

    Raises:
        PolicyError: it is not TOML, a member is unknown or out of range, or members contradict one another.
    """
    try:
        policy = msgspec.toml.decode(text, type=Policy)
        check(policy)
    except (msgspec.DecodeError, ValueError) as error:
        raise PolicyError(f"The policy was not accepted: {error}") from None
    return policy


def policy_schema() -> bytes:
    """The JSON schema of the file, `docs/schemas/policy.v1.json`; editors complete and check TOML by it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tokenward.policy.v1",
        **msgspec.json.schema(Policy),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
