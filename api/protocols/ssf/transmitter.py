"""Transmitter: what it says of itself, and to whom it may tell something; SSF 1.0, section 7."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from revocation.ssf.receivers import Receiver
from revocation.ssf.streams import POLL, PUSH
from revocation.ssf.subjects import Json

WELL_KNOWN = "/.well-known/ssf-configuration"
JWKS, STREAMS, STATUS = "/v1/ssf/jwks", "/v1/ssf/streams", "/v1/ssf/status"
ADD_SUBJECT, REMOVE_SUBJECT = "/v1/ssf/subjects/add", "/v1/ssf/subjects/remove"
VERIFY, POLLED = "/v1/ssf/verify", "/v1/ssf/poll"
OAUTH = "urn:ietf:rfc:6749"


class Transmitter(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say of it."""

    #: The `iss` of its SETs, an address without query and fragment.
    issuer: str
    #: What our paths stand behind, as receivers see them; without a slash at the end.
    base_url: str
    receivers: Mapping[str, Receiver]
    #: Between two verifications of a stream, seconds.
    min_verification_s: int = 60
    streams_each: int = 4
    #: How long a poll may wait for something, and how long what it was given is not given again, seconds.
    poll_wait_s: float = 20
    poll_lease_s: float = 60

    @property
    def well_known_path(self) -> str:
        """Where its metadata is: the well-known path stands before the issuer's own (section 7.2.1)."""
        return WELL_KNOWN + urlsplit(self.issuer).path.rstrip("/")

    def metadata(self) -> Json:
        """Section 7.1; what is empty is left out."""
        return {
            "spec_version": "1_0",
            "issuer": self.issuer,
            "jwks_uri": self.base_url + JWKS,
            "delivery_methods_supported": [PUSH, POLL],
            "configuration_endpoint": self.base_url + STREAMS,
            "status_endpoint": self.base_url + STATUS,
            "add_subject_endpoint": self.base_url + ADD_SUBJECT,
            "remove_subject_endpoint": self.base_url + REMOVE_SUBJECT,
            "verification_endpoint": self.base_url + VERIFY,
            "authorization_schemes": [{"spec_urn": OAUTH}],
            "default_subjects": self._default_subjects(),
        }

    def poll_url(self, stream_id: str) -> str:
        """Where a stream is polled."""
        return f"{self.base_url}{POLLED}/{stream_id}"

    def _default_subjects(self) -> str:
        """ALL, unless every receiver begins with none."""
        kinds = {receiver.default_subjects for receiver in self.receivers.values()}
        return "NONE" if kinds == {"NONE"} else "ALL"
