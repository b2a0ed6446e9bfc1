"""Bulks over HTTP: from the draft to the undoing."""

from typing import Any

import msgspec
import pytest

from revocation.record import Scope, State
from tests.api.bulk.drafting import answers, approve, ask, draft, ended, lines, part, read
from tests.api.running import HOUR, ISSUER, NOW, Running, entry
from tests.api.writes.callers import OTHER, shown
from tests.api.writes.test_revoking import slug


def names(prefix: str, count: int) -> list[str]:
    """Names of sessions."""
    return [f"{prefix}{number}" for number in range(count)]


def test_a_small_one_runs_at_once(acted: Running) -> None:
    """Draft, part, submission: its sessions are refused, its progress is told, each decision stands in the trail."""
    sids = names("small", 3)
    bulk = draft(acted)
    told = part(acted, bulk, lines(sids)).json()
    submitted = ask(acted, bulk, "submit")
    done = ended(acted, bulk, "done")

    assert {"lines": 3, "unusable": 0, "faults": []} == told
    assert (202, "running") == (submitted.status_code, submitted.json()["stage"])
    assert (3, 3, 3, NOW) == tuple(done[name] for name in ("lines", "done", "changed", "decided_at"))
    assert ["deny"] * 3 == answers(acted, sids)
    events = [one for one in acted.trail.events if one.request == bulk["id"]]
    assert ["draft", "submit", "revoke", "bulk done"] == [one.action for one in events]
    assert ({"ann"}, 3) == ({one.actor for one in events}, len(events[2].entries))


def test_a_large_one_takes_two(acted: Running) -> None:
    """Ten sessions wait for somebody else; who asked cannot be the one; nothing is refused before."""
    sids = names("large", 10)
    bulk = draft(acted)
    part(acted, bulk, lines(sids))
    waiting = ask(acted, bulk, "submit").json()["stage"]
    own = approve(acted, bulk, "ann")
    before = answers(acted, sids)
    approve(acted, bulk)
    ended(acted, bulk, "done")

    assert ("waiting", 403, ["allow"] * 10) == (waiting, own.status_code, before)
    assert ["deny"] * 10 == answers(acted, sids)


def test_a_rejected_one_is_a_draft_again(acted: Running) -> None:
    """It can be changed and submitted anew."""
    bulk = draft(acted)
    part(acted, bulk, lines(names("rejected", 10)))
    ask(acted, bulk, "submit")
    approve(acted, bulk, verdict="reject")
    part(acted, bulk, lines(["rejected0"]))

    assert ("draft", "running") == (read(acted, bulk)["stage"], ask(acted, bulk, "submit").json()["stage"])


def test_a_dry_run_says_what_would_be(acted: Running) -> None:
    """Who would be hit, who is already, which lines are no use and why; nothing is done."""
    acted.refuse(entry("dry1"), entry("dry2", state=State.QUARANTINED))
    bulk = draft(acted)
    broken = b'{"iss":\n{"sid":"x"}\n\n{"ip":"nowhere"}\n{"iss":"a","sid":"b","who":1}\n'
    part(acted, bulk, lines(["dry1", "dry2", "dry3", "dry3"]) + broken)
    before = len(acted.told)
    told = ask(acted, bulk, "dry-run").json()

    assert {
        "lines": 3,
        "unusable": 4,
        "hit": 2,
        "already": 1,
        "scopes": {"family": {"hit": 2, "already": 1}},
        "needs_approval": False,
        "faults": [
            {"part": 0, "line": 5, "why": "json"},
            {"part": 0, "line": 6, "why": "one"},
            {"part": 0, "line": 8, "why": "address"},
            {"part": 0, "line": 9, "why": "json"},
        ],
    } == told
    assert before == len(acted.told)


def test_undone_as_a_whole(acted: Running) -> None:
    """By its id: who was refused by it passes; who was refused before, and since, is refused as before and since."""
    sids = ["undone1", "undone2", "undone3", "undone4", "undone5"]
    acted.refuse(entry("undone2", reasons=("before",)), entry("undone3", state=State.QUARANTINED))
    bulk = draft(acted, ttl_s=2 * 86_400)
    part(acted, bulk, lines(sids))
    ask(acted, bulk, "submit")
    ended(acted, bulk, "done")
    during = answers(acted, sids)
    acted.refuse(msgspec.structs.replace(entry("undone4", reasons=("since",)), decided_at=NOW + 7))
    acted.registry.release([entry("undone3").subject], NOW + 7, "ben")
    undoing = ask(acted, bulk, "undo", "bob")
    ended(acted, bulk, "undone")

    assert (["deny"] * 5, 202) == (during, undoing.status_code)
    assert ["allow", "deny", "allow", "deny", "allow"] == answers(acted, sids)
    found = acted.registry.find([entry("undone2").subject], NOW)[0]
    assert found is not None
    assert (("before",), NOW + HOUR) == (found.reasons, found.expires_at)


def test_what_it_made_stronger_is_put_back(acted: Running) -> None:
    """A quarantine that it turned into a revocation is a quarantine again, and ends by a login as before."""
    acted.refuse(entry("back", state=State.QUARANTINED))
    bulk = draft(acted)
    part(acted, bulk, lines(["back"]))
    ask(acted, bulk, "submit")
    ended(acted, bulk, "done")
    ask(acted, bulk, "undo")
    ended(acted, bulk, "undone")
    told = acted.http.post("/v1/check", json={"iss": ISSUER, "sid": "back"}, headers=shown("gateway")).json()

    assert ("step_up", NOW, NOW + HOUR) == (told["decision"], told["auth_after"], told["until"])


def test_what_a_rule_decided_is_let_pass_and_refused_again(acted: Running) -> None:
    """By a filter over the registry: what one reason decided is released, and the release undone."""
    sids = names("rule", 3)
    acted.refuse(*(entry(sid, reasons=("rule.bad",)) for sid in sids), entry("rule.other"))
    wanted = {"reason": "rule.bad", "scope": "family", "state": "revoked", "decided_after": NOW}
    bulk = draft(acted, action="release", filter=wanted)
    ask(acted, bulk, "submit")
    ended(acted, bulk, "done")
    during = answers(acted, [*sids, "rule.other"])
    ask(acted, bulk, "undo")
    ended(acted, bulk, "undone")

    assert (3, ["allow", "allow", "allow", "deny"]) == (bulk["lines"], during)
    assert ["deny"] * 4 == answers(acted, [*sids, "rule.other"])


def test_a_filter_bounds_the_time_of_decisions(acted: Running) -> None:
    """Decided before now: nobody, and a bulk that names nobody is not submitted."""
    acted.refuse(entry("timed", reasons=("timed",)))
    bulk = draft(acted, filter={"reason": "timed", "decided_before": NOW})
    told = ask(acted, bulk, "submit")

    assert (0, 400) == (bulk["lines"], told.status_code)


def test_a_part_sent_again_takes_the_place_of_the_first(acted: Running) -> None:
    """Whoever is not sure that a part came sends it again."""
    bulk = draft(acted)
    part(acted, bulk, lines(["again1", "again2"]), 3)
    part(acted, bulk, lines(["again3"]), 0)
    part(acted, bulk, lines(["again1"]), 3)

    assert (2, 2) == tuple(read(acted, bulk)[name] for name in ("parts", "lines"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines(["x"], OTHER), (403, "forbidden")),
        (b'{"ip":"203.0.113.7"}\n', (403, "forbidden")),
        (b'{"scope":"family","digest":"00000000000000000000000000000000"}\n', (403, "forbidden")),
        (lines(f"{number}" for number in range(5_001)), (400, "bad_request")),
        (b"x" * (2 * 1024 * 1024 + 1), (413, "too_large")),
    ],
)
def test_a_part_is_taken_whole_or_not_at_all(acted: Running, text: bytes, expected: tuple[int, str]) -> None:
    """Somebody whom the caller may not revoke, too many lines, too many bytes: nothing of it is kept."""
    bulk = draft(acted, "acme")
    told = part(acted, bulk, text, by="acme")

    assert (expected, 0) == ((told.status_code, slug(told)), read(acted, bulk, "acme")["parts"])


def test_of_many_issuers_there_is_an_end(acted: Running) -> None:
    """A bulk touches at most a hundred pairs of scope and issuer."""
    bulk = draft(acted)
    told = part(acted, bulk, b"".join(lines(["x"], f"https://idp{number}.example") for number in range(101)))

    assert (400, "bad_request") == (told.status_code, slug(told))


def test_a_bulk_is_its_callers(acted: Running) -> None:
    """Others may see it where they see whom it names, and neither add to it nor submit it; strangers see nothing."""
    bulk = draft(acted)
    part(acted, bulk, lines(["whose"]))
    told = [part(acted, bulk, lines(["x"]), by="bob"), ask(acted, bulk, "submit", "bob")]
    lists = {
        by: bulk["id"] in [one["id"] for one in acted.http.get("/v1/bulk", headers=shown(by)).json()["bulks"]]
        for by in ("ann", "bob", "acme", "other", "gateway")
    }

    assert [403, 403] == [one.status_code for one in told]
    assert {"ann": True, "bob": True, "acme": True, "other": False, "gateway": False} == lists
    assert 404 == acted.http.get(f"/v1/bulk/{bulk['id']}", headers=shown("other")).status_code


def test_who_may_not_release_does_not_undo(acted: Running) -> None:
    """A gateway's key, and another tenant's operator, undo nothing."""
    bulk = draft(acted)
    part(acted, bulk, lines(["kept"]))
    ask(acted, bulk, "submit")
    ended(acted, bulk, "done")

    assert [404, 404] == [ask(acted, bulk, "undo", by).status_code for by in ("gateway", "other")]
    assert ["deny"] == answers(acted, ["kept"])


def test_a_filter_is_for_callers_of_all(acted: Running) -> None:
    """A digest tells no issuer, so a tenant's operator names identities."""
    body = {"reason": "soc.test", "filter": {"scope": "family"}}

    assert 403 == acted.http.post("/v1/bulk", json=body, headers=shown("acme")).status_code


def test_scopes_that_take_two_do_so_undone_as_well(acted: Running) -> None:
    """One client's revocation, in a bulk of one line, waits; so does its undoing."""
    bulk = draft(acted)
    part(acted, bulk, b'{"iss":"%b","client_id":"spa"}\n' % ISSUER.encode())
    waits = ask(acted, bulk, "submit").json()["stage"]
    approve(acted, bulk)
    ended(acted, bulk, "done")
    undo = ask(acted, bulk, "undo").json()["stage"]
    approve(acted, bulk)
    ended(acted, bulk, "undone")

    assert ("waiting", "done") == (waits, undo)


@pytest.mark.parametrize(
    ("what", "stage", "expected"),
    [
        ("undo", "draft", (409, "decided")),
        ("submit", "done", (409, "decided")),
        ("undo", "undone", (409, "decided")),
    ],
)
def test_a_stage_has_its_own_steps(acted: Running, what: str, stage: str, expected: tuple[int, str]) -> None:
    """What was not carried out is not undone; what was, is not submitted again."""
    bulk = draft(acted)
    part(acted, bulk, lines([f"{what}{stage}"]))
    for step, after in (("submit", "done"), ("undo", "undone")):
        if read(acted, bulk)["stage"] != stage:
            ask(acted, bulk, step)
            ended(acted, bulk, after)
    told = ask(acted, bulk, what)

    assert expected == (told.status_code, slug(told))


def test_only_what_was_read_is_submitted(acted: Running) -> None:
    """With `If-Match`, a draft that grew meanwhile is left alone."""
    bulk = draft(acted)
    part(acted, bulk, lines(["match"]))
    told = ask(acted, bulk, "submit", **{"If-Match": '"1"'})

    assert (412, "changed") == (told.status_code, slug(told))


@pytest.mark.parametrize("body", [{}, {"reason": "soc.test", "filter": {"who": 1}}, {"reason": "soc.test", "ttl_s": 0}])
def test_what_is_no_bulk(acted: Running, body: dict[str, Any]) -> None:
    """400."""
    assert 400 == acted.http.post("/v1/bulk", json=body, headers=shown("ann")).status_code


def test_a_draft_is_begun_once(acted: Running) -> None:
    """With an idempotency key there is one draft."""
    headers = shown("ann") | {"Idempotency-Key": "draft-1"}
    told = [acted.http.post("/v1/bulk", json={"reason": "soc.test"}, headers=headers).json()["id"] for _ in range(2)]

    assert told[0] == told[1]


def test_an_address_may_be_in_a_bulk(acted: Running) -> None:
    """Scopes may be mixed."""
    bulk = draft(acted)
    part(acted, bulk, lines(["mixed"]) + b'{"ip":"198.51.100.0/24"}\n')
    ask(acted, bulk, "submit")
    done = ended(acted, bulk, "done")

    assert (["family", "origin"], 2) == (done["scopes"], done["changed"])
    assert {Scope.FAMILY, Scope.ORIGIN} <= {change.entry.subject.scope for change in acted.told[-2:]}
