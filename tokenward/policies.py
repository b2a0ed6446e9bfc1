"""The policy file in force: read again when it changes; a bad one is refused, the old one stays, and it shows."""

import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from revocation.issuers import Issuer
from revocation.policy import Policy, PolicyError, Rules, load_policy
from revocation.record import DIGEST_BYTES
from tokenward.faults import Failure

log = logging.getLogger(__name__)


class PolicyFile:
    """Gives the rules in force. Asked at each turn of a worker; costs one `stat` where nothing changed."""

    def __init__(
        self,
        path: Path | None,
        issuers: Iterable[Issuer],
        digest_key: bytes,
        capacities: Mapping[str, int] | None = None,
    ) -> None:
        """Read it.

        Raises:
            Failure: there is no such file, or the policy in it is not accepted. Later, only `fault` says so.
        """
        self._path = path
        self._issuers = list(issuers)
        self._key = digest_key
        self._capacities = capacities
        #: The digest of the newest file that was accepted; empty: the defaults are in force.
        self.digest = ""
        #: Told of each reload, before and after, and why it was refused; empty where it was not.
        self.on_reload: Callable[[str, str, str], None] = lambda _before, _after, _fault: None
        self._seen = ""
        #: Why the newest file was refused; None while it is in force.
        self.fault: str | None = None
        self._stamp = self._look()
        try:
            self._rules = self._read()
            self.digest = self._seen
        except PolicyError as error:
            raise Failure(f"The policy file {path}: {error}") from error
        except OSError as error:
            raise Failure(f"The policy file {path} cannot be read: {error.strerror}.") from error

    def rules(self) -> Rules:
        """The rules in force: those of the newest file that was accepted."""
        stamp = self._look()
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            self._reload()
        return self._rules

    def _reload(self) -> None:
        before = self.digest
        try:
            self._rules, self.fault = self._read(), None
        except (PolicyError, OSError) as error:
            self.fault = str(error)
            log.warning("policy refused", extra={"fault": self.fault})
        else:
            self.digest = self._seen
            log.info("policy reloaded")
        self.on_reload(before, self._seen, self.fault or "")

    def _read(self) -> Rules:
        try:
            text = b"" if self._path is None else self._path.read_bytes()
            self._seen = blake2b(text, digest_size=DIGEST_BYTES).hexdigest() if self._path is not None else ""
            policy = Policy() if self._path is None else load_policy(text.decode())
        except UnicodeDecodeError:
            raise PolicyError("The policy is not UTF-8 text.") from None
        rules = Rules.of(policy, self._issuers, self._key, self._capacities)
        if rules.unused:
            log.warning("policy names nobody", extra={"unused": rules.unused})
        return rules

    def _look(self) -> tuple[int, int, int] | None:
        """What changes with the file; None: it is not there now, as in the middle of being replaced."""
        try:
            stat = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)
