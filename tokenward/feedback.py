"""Feedback: what people found out about alerts, in the compacted topic `refresh.feedback`, for the next fit.

The key is the alert's id: whoever judges again, corrects. The schema is `docs/schemas/feedback.v1.json`.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from kafka.errors import KafkaError

from ingest.instant import rfc3339
from ingest.sink import Message
from tokenward import topics
from tokenward.faults import Failure
from tokenward.lines import check_files, read_lines
from tokenward.settings import Settings
from tokenward.told import Told

MOST_NOTE = 500

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One person's word on one alert."""

    schema: Literal["tokenward.feedback.v1"] = "tokenward.feedback.v1"
    #: The alert's id.
    alert: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    #: Whether it was theft.
    truth: bool
    #: When it was judged, RFC 3339.
    at: str
    actor: Name
    #: By channel, what was asked of each ladder; empty where the alert did not say.
    grades: dict[str, Annotated[int, msgspec.Meta(ge=0)]]
    note: Annotated[str, msgspec.Meta(max_length=MOST_NOTE)] = ""


def judged(told: Told, *, truth: bool, actor: str, note: str, now: int) -> Judgement:
    """A judgement on an alert; `now` is epoch milliseconds.

    Raises:
        Failure: the alert is about no single session, or the note is too long.
    """
    if told.kind != "decision":
        raise Failure(f"Alert {told.id} is about a whole population ({told.kind}); only decisions can be judged.")
    if len(note) > MOST_NOTE:
        raise Failure(f"The note has {len(note)} characters; at most {MOST_NOTE} are kept.")
    return Judgement(alert=told.id, truth=truth, at=rfc3339(now), actor=actor, grades=told.grades, note=note)


def record(settings: Settings, judgement: Judgement) -> None:
    """Write it to the topic.

    Raises:
        Failure: Kafka does not take it.
    """
    message = Message(settings.topics.feedback, msgspec.json.encode(judgement), key=judgement.alert.encode())
    try:
        topics.write(settings, [message])
    except KafkaError as error:
        address = settings.kafka.bootstrap_servers
        raise Failure(
            f"Kafka at {address} does not take the judgement ({type(error).__name__}): repeat the command when it is "
            f"back, and see that the topic {settings.topics.feedback} exists."
        ) from error


def of_topic(settings: Settings) -> list[Judgement]:
    """Every judgement in the topic, the last on each alert.

    Raises:
        Failure: the topic cannot be read.
    """
    return _last(topics.values(settings, settings.topics.feedback), settings.topics.feedback)


def of_files(names: Sequence[str]) -> list[Judgement]:
    """Every judgement in files, one a line, the last on each alert.

    Raises:
        Failure: a file cannot be read, or a line is no judgement.
    """
    check_files(names)
    return _last((line.value for line in read_lines(names)), ", ".join(names))


def _last(values: Iterable[bytes], where: str) -> list[Judgement]:
    latest: dict[str, Judgement] = {}
    for number, value in enumerate(values, 1):
        try:
            judgement = msgspec.json.decode(value, type=Judgement)
        except msgspec.DecodeError as error:
            raise Failure(f"Entry {number} of {where} is no judgement: {error}.") from error
        latest[judgement.alert] = judgement
    return list(latest.values())
