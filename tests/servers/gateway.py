"""What the gateways of the tests share: their configuration is the one in `deploy/gateways`, with other addresses."""

from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from tests.servers.process import listens, until

CONFIGURATIONS = Path(__file__).parents[2] / "deploy" / "gateways"
FOLDER = "/etc/tokenward/"
"""Where configurations look for the files beside them."""
SOCKET = "abns@tokenward"
"""HAProxy's own, which the whole machine shares: each of ours has a name of its own."""


@dataclass(frozen=True)
class Addresses:
    """The three ports of 127.0.0.1 that a configuration names: the API's, the application's, and the gateway's own."""

    api: int
    application: int
    gateway: int


def configuration(name: str, at: Addresses, **switched: str) -> str:
    """A file of `deploy/gateways` with these addresses, and words of it switched as its comments say.

    `switched`: switch -> the other word. The word must be there, or the file is no longer what its comments say.
    """
    text = (CONFIGURATIONS / name).read_text()
    ports = {"8080": at.api, "9000": at.application, "8000": at.gateway}
    for documented, port in ports.items():
        text = text.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{port}")
    for old, new in switched.items():
        if old not in text:
            raise LookupError(f"{name} has no {old} to switch.")
        text = text.replace(old, new)
    folder = (CONFIGURATIONS / name).parent
    return text.replace(FOLDER, f"{folder}/").replace(SOCKET, f"{SOCKET}-{at.gateway}")


def until_it_listens(process: Popen[bytes], port: int, log: Path) -> None:
    """Wait until the gateway takes connections.

    Raises:
        RuntimeError: it ended instead; says what it said.
    """

    def up() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"The gateway ended: {log.read_text()[-2000:]}")
        return listens(port)

    until(up, f"the gateway on port {port}", seconds=20)
