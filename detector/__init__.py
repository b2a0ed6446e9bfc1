"""The core: columns of refresh events in, verdicts out; no I/O, no clock, no log, no environment."""
