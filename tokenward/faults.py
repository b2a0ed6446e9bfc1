"""How a command fails: one sentence on stderr and an exit code, never a traceback."""


class Failure(Exception):  # noqa: N818 - what a command ended with
    """The command cannot go on; the message is the one sentence that says what to do. Exit code 1."""


class WrongUse(Failure):
    """The command was called wrongly. Exit code 2."""
