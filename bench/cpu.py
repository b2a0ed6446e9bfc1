"""The processor time of a process and its children, from Linux' /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float | None:
    """User and system time of a process and of the living processes it started; None where there is no /proc."""
    folder = Path("/proc") / str(process)
    try:
        # After the name, which may hold blanks: fields 14 and 15 of proc(5) are the times.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        children = [child for path in folder.glob("task/*/children") for child in path.read_text().split()]
    except OSError:
        return None
    own = (int(fields[11]) + int(fields[12])) / _TICKS
    return own + sum(cpu_seconds(int(child)) or 0.0 for child in children)
