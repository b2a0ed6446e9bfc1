"""The benches of single signals report what the contract promises, and can fail."""

from pathlib import Path

from bench import geoip, reuse, travel


def test_people_who_stay_are_left_alone_and_travellers_are_not() -> None:
    """Nobody stationary is acted on; the control group is flagged to the last."""
    figures = geoip.run(["--people", "60", "--control", "7"])

    still = [figures[name] for name in ("flagged", "quarantined", "revoked")]
    assert ([0, 0, 0], 7, 60 * geoip.ROUNDS) == (still, figures["control_flagged"], figures["events"])


def test_every_reuse_story_has_its_outcome() -> None:
    """The truth tables are met exactly."""
    figures = reuse.run([])

    assert (figures["cases"], None) == (figures["exact"], figures.get("wrong"))


def test_a_wrong_truth_table_is_noticed() -> None:
    """Several tabs are told apart by the leeway: the outcome within it is not the one after it."""
    story = reuse.STORIES["parent, several tabs, refused"]

    assert (story.within, story.after) == (reuse.outcome(story, 10, 10), reuse.outcome(story, 10, 11))
    assert story.within != story.after


def test_a_traveller_who_was_released_is_not_acted_on_again(tmp_path: Path) -> None:
    """Two flights to and fro that nobody can have flown: the same trip comes to an entry once."""
    file = tmp_path / "moves.csv"
    hops = [(hour * 3600, *place) for hour, place in enumerate([("BER", 52.5, 13.4), ("HND", 35.6, 139.7)] * 4)]
    file.write_text("dev,ts,ap,lat,lon\n" + "".join(f"a,{at},{name},{lat},{lon}\n" for at, name, lat, lon in hops))

    figures = travel.run(["--data", str(file)])

    assert (8, 7) == (figures["honest_events"], figures["honest_flagged"])
    assert figures["honest_flagged_remembered"] in range(1, 5)
