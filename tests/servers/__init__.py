"""Real servers for the tests: each is started on a free port of 127.0.0.1 and ended by its own process id."""
