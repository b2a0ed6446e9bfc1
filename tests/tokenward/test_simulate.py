"""`tokenward simulate` as it is called from a shell."""

import gzip
import json
from pathlib import Path

import pytest

from tests.tokenward.command import tokenward

SMALL = ("--sessions", "50", "--hours", "0.6", "--thefts", "2")


@pytest.mark.parametrize("form", ["native", "keycloak"])
def test_telemetry_and_truth_are_written(tmp_path: Path, form: str) -> None:
    """The file holds as many records as are told of, and beside it stand the labels; replay takes the file."""
    done = tokenward("simulate", *SMALL, "--format", form, "--out", "a.ndjson", "--json", folder=tmp_path)

    told = json.loads(done.stdout)
    truth = [json.loads(line) for line in (tmp_path / "a.ndjson.labels").read_bytes().splitlines()]
    replayed = tokenward("replay", "a.ndjson", "--format", form, "--json", folder=tmp_path)
    assert told == truth[-1]
    assert ["theft"] * told["thefts"] == [line["type"] for line in truth[:-1]]
    assert told["events"] == len((tmp_path / "a.ndjson").read_bytes().splitlines())
    assert (told["events"], {}) == tuple(
        json.loads(replayed.stdout.splitlines()[-1])[n] for n in ("events", "rejected")
    )


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Packed or not, a file is the same from the same seed; another seed gives another."""
    for name, seed in (("a.gz", "3"), ("b.gz", "3"), ("c", "3"), ("d", "4")):
        tokenward("simulate", *SMALL, "--seed", seed, "--out", name, folder=tmp_path)
    a, b, c, d = ((tmp_path / name).read_bytes() for name in ("a.gz", "b.gz", "c", "d"))

    assert a == b
    assert gzip.decompress(a) == c
    assert c != d


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A folder that does not exist is named."""
    done = tokenward("simulate", *SMALL, "--out", "none/a.ndjson", folder=tmp_path)

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))


def test_a_start_that_is_no_time_is_wrong_use(tmp_path: Path) -> None:
    """--start is RFC 3339 with an offset."""
    done = tokenward("simulate", *SMALL, "--start", "yesterday", "--out", "a", folder=tmp_path)

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))


def test_attacks_storms_and_habits_are_chosen(tmp_path: Path) -> None:
    """The labels name the attacks and the storm asked for, and which subjects have which habit."""
    chosen = ("--attacks", "stuffing_address,same_city", "--storm", "key_rollover", "--habits")
    tokenward("simulate", "--sessions", "300", "--hours", "8", "--thefts", "2", *chosen, "--out", "a", folder=tmp_path)

    truth = [json.loads(line) for line in (tmp_path / "a.labels").read_bytes().splitlines()]
    kinds = {line["kind"] for line in truth if line["type"] == "theft"}
    assert {"stuffing_address", "same_city"} <= kinds
    assert ["key_rollover"] == [line["kind"] for line in truth if line["type"] == "storm"]
    assert "commuter" in {line["habit"] for line in truth if line["type"] == "habit"}


@pytest.mark.parametrize("option", ["--attacks", "--storm"])
def test_a_kind_that_does_not_exist_is_wrong_use(tmp_path: Path, option: str) -> None:
    """The sentence names those that exist."""
    done = tokenward("simulate", *SMALL, option, "earthquake", "--out", "a", folder=tmp_path)

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert "earthquake" in done.stderr
