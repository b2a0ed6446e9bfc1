"""Names, at the end of a run, the tests on real servers that were not run, and what would run them."""

import pytest

NEEDS = {
    "gateways": "the real gateways: Debian's packages are nginx, libnginx-mod-http-lua, haproxy and caddy",
    "kafka": "a real broker: install Java 17 and Maven, then `make test` fetches the rest",
    "redis": "a real redis-server: Debian's package is redis-server",
}


def missing(report: pytest.TestReport) -> str | None:
    """The marker of the server that a skipped test lacked; of several, the first that its reason names."""
    reason = str(report.longrepr).lower()
    return next((marker for marker in NEEDS if marker in report.keywords and marker in reason), None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write one section for each kind of server that was missing."""
    skipped = [report for report in terminalreporter.stats.get("skipped", ()) if isinstance(report, pytest.TestReport)]
    for marker, need in NEEDS.items():
        names = sorted(report.nodeid for report in skipped if missing(report) == marker)
        if names:
            terminalreporter.section(f"NOT RUN: {len(names)} tests on {need}", sep="-", yellow=True)
            for name in names:
                terminalreporter.line(name)
