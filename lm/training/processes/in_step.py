"""A training run in several processes whose commands come to the first of them alone.

All processes go through the same events. After each, the first tells the others the command that it was given,
so that all take a checkpoint, or end, at the same place.
"""

from collections.abc import Generator

from lm.training.events import ChangeLearningRate, Command, Event, TakeCheckpoint
from lm.training.processes.group import Group

NOTHING, CHECKPOINT, RATE, END = range(4)
Events = Generator[Event, Command | None, None]


def in_step(events: Events, group: Group) -> Events:
    """The events of `train`, in each process; commands to the first process are obeyed by all.

    When the first stops asking (`close()`), the others' events end. Raises `LostProcess` if a process dies.
    """
    command: Command | None = None
    with group.death_explained():
        while True:
            try:
                event = events.send(command)
            except StopIteration:
                return
            try:
                command = yield event
            except GeneratorExit:  # of the first: the others go to the end (`follow`)
                events.close()
                group.from_first(END, 0.0)
                raise
            kind, rate = group.from_first(*_in_numbers(command))
            if kind == END:
                events.close()
                return
            command = _from_numbers(kind, rate)


def follow(events: Events) -> None:
    """What a process does that is not the first: go through the events, and nothing with them."""
    for _ in events:
        pass


def _in_numbers(command: Command | None) -> tuple[float, float]:
    if command is None:
        return NOTHING, 0.0
    if isinstance(command, TakeCheckpoint):
        return CHECKPOINT, 0.0
    return RATE, command.learning_rate


def _from_numbers(kind: float, rate: float) -> Command | None:
    if kind == NOTHING:
        return None
    return TakeCheckpoint() if kind == CHECKPOINT else ChangeLearningRate(rate)
