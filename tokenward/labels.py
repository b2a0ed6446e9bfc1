"""Labels: which recorded events belong to a theft, as `tokenward simulate` writes them beside its telemetry."""

from collections.abc import Sequence

import msgspec

from tokenward.faults import Failure
from tokenward.lines import check_files, read_lines


class _Label(msgspec.Struct):
    type: str = ""
    events: list[str] | int = []


def thefts_of(names: Sequence[str]) -> frozenset[str]:
    """The ids of all events that belong to a theft.

    Raises:
        Failure: a file is missing, or a line of it is no label.
    """
    check_files(names)
    found: set[str] = set()
    for line in read_lines(names):
        try:
            label = msgspec.json.decode(line.value, type=_Label)
        except msgspec.DecodeError as error:
            raise Failure(f"{line.file}, line {line.number}, is no label: {error}.") from error
        if label.type == "theft" and isinstance(label.events, list):
            found.update(label.events)
    return frozenset(found)
