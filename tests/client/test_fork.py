"""A process that forks: the child answers from what was known, and follows by a thread of its own."""

import subprocess
import sys

import pytest

from tests.api.running import ISSUER, KEY, Running, entry

FORKING = """
import os, sys, time
from tokenward.client import Replica

url, key, issuer, when = sys.argv[1:]
replica = Replica(url, bytes.fromhex(key))

def denies(sid):
    return replica.check({"iss": issuer, "sid": sid}).decision == "deny"

def wait(condition):
    until = time.monotonic() + 20
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)

def say(line):
    os.write(1, line.encode() + b"\\n")

if when == "started":
    replica.start()
    assert replica.wait_ready(10)
child = os.fork()
if not child:
    if when != "started":
        replica.start()
        assert replica.wait_ready(10)
    say(f"child {denies('before')} {replica.ready}")
    wait(lambda: denies("later"))
    say("child follows")
    replica.stop()
    os._exit(0)
os.waitpid(child, 0)
if when == "started":
    wait(lambda: denies("later"))
    say("parent follows")
    replica.stop()
else:
    say(f"parent {replica.ready}")
"""


@pytest.mark.parametrize(
    ("when", "parent"), [("started", "parent follows"), ("created", "parent False")], ids=["after", "before"]
)
def test_a_forked_child_follows_by_itself(api: Running, when: str, parent: str) -> None:
    """Forked after the start, the child needs no call to go on, and the parent's connection is left alone."""
    api.refuse(entry("before"))
    process = subprocess.Popen(
        [sys.executable, "-c", FORKING, api.address.url, KEY.hex(), ISSUER, when], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        first = process.stdout.readline().strip()
        api.refuse(entry("later"))
        rest = process.communicate(timeout=30)[0].splitlines()

    assert ("child True True", ["child follows", parent], 0) == (first, rest, process.returncode)
