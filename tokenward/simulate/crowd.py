"""The crowd: who is simulated, drawn from the shares of the applications or of the habits."""

from collections.abc import Iterator, Sequence

from tokenward.simulate.days import Dweller
from tokenward.simulate.habits import HABITS, Habit
from tokenward.simulate.people import Person, Stage
from tokenward.simulate.provider import Application


def crowd(stage: Stage, applications: Sequence[Application], sessions: int, *, habits: bool) -> list[Person]:
    """So many people, each with one application; with habits, some are one person with two applications."""
    if habits:
        people = _dwellers(stage, {application.client_id: application for application in applications})
        return [next(people) for _ in range(sessions)]
    weights = [application.share for application in applications]
    chosen = stage.rng.choices(applications, weights, k=sessions)
    return [Person(stage, application, number, stage.provider.name()) for number, application in enumerate(chosen)]


def _dwellers(stage: Stage, applications: dict[str, Application]) -> Iterator[Person]:
    """People with habits, without end."""
    rng, number = stage.rng, 0
    shares = [habit.share for habit in HABITS]
    neighbours: dict[str, list[Dweller]] = {}
    while True:
        habit = rng.choices(HABITS, shares)[0]
        person = _dweller(stage, applications[rng.choice(habit.applications)], number, habit)
        number += 1
        if habit.household > 1:
            family = neighbours.setdefault(habit.name, [])
            if family:
                person.live_with(family[0])
            family.append(person)
            if len(family) == habit.household:
                family.clear()
        yield person
        if habit.companion is not None and rng.random() < habit.companions:
            second = Dweller(stage, applications[habit.companion], number, person.sub, habit.companionship)
            if not habit.cron:
                second.carry(person)
            yield second


def _dweller(stage: Stage, application: Application, number: int, habit: Habit) -> Dweller:
    return Dweller(stage, application, number, habit.subject(stage.provider.name()), habit)
