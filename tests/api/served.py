"""An API in a process of its own, for tests that end it: prints its port once it listens."""

import sys

from api.server import Address, run
from tests.api.running import Running, clock


def announce(address: Address) -> None:
    """Tell the test where."""
    sys.stdout.write(f"{address.port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(Running(None, clock).app(), port=0, on_listening=announce)
