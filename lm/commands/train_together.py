"""`torchrun … -m lm train`: the command in each of several processes (`lm/training/processes/`).

All of them prepare the text. The first makes or opens the run directory and records the run as one process
does; the others follow it in silence. All of them need to see that directory.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm.commands import interruption
from lm.commands.interruption import Interruption
from lm.commands.terminal import notes
from lm.corpora import AnyCorpus
from lm.errors import Diverged, Problem, exit_code
from lm.plan import Plan
from lm.runs import Run, open_run, recording
from lm.training.events import Checkpoint
from lm.training.loop import train
from lm.training.processes.group import Group, joined
from lm.training.processes.in_step import Events, follow, in_step


@contextlib.contextmanager
def gathered(device: str, sharded: bool, interrupted: Interruption) -> Iterator[Group | None]:
    """The group of this process, None if it is alone; only the first of a group speaks.

    A `Problem` in any of them ends all, and is told once. The process then ends at once: to leave a group that
    has lost a member in good order is not possible.
    """
    group = None
    try:
        with joined(device, sharded) as group:
            if group is not None:
                interrupted.last_words = ""  # `torchrun` says why it ends the others
            if group is not None and not group.first:
                notes.quiet = True
                interruption.ignore()  # the first is asked to end as well, and tells the others
            yield group
    except Problem as problem:
        if group is None:
            raise
        # A loss diverges in all of them; the first, which records the run, knows what was saved of it.
        knows_more = group.first or not isinstance(problem, Diverged)
        if knows_more and group.may_speak():
            notes.quiet = False
            notes.say(f"Error: {problem}")
        sys.stdout.flush()
        os._exit(exit_code(problem))


def agree(group: Group, plan: Plan, corpus: AnyCorpus, begun: bool = False) -> None:
    """Raise a `SettingsProblem` unless all processes have this plan and this text, and can share it out.

    begun: the plan of a run that goes on.
    """
    group.check(plan, begun)
    group.check_same(
        settings=json.dumps(plan.values(), sort_keys=True),
        corpus=corpus.sha256,
        **{"choice of --shard": str(group.sharded), "choice of --resume": str(begun)},
    )


def new_run(group: Group, directory: Path, make: Callable[[], Run]) -> Run:
    """A run directory that the first process makes, and the others open."""
    run = make() if group.first else None
    group.from_first(0.0)  # now it is there
    return run or open_run(directory)


def events_of(
    run: Run, data: Any, group: Group, resume: Checkpoint | None, **options: Any
) -> Events:
    """The events of the first process, once the others may read where the run goes on.

    They are told its learning rate, which the checkpoint does not hold if it was changed for going on.
    """
    group.from_first(resume.learning_rate if resume else 0.0)
    return in_step(train(run.plan, data, resume=resume, group=group, **options), group)


def follow_first(
    directory: Path, data: Any, resumed: bool, group: Group, device: str, compiled: bool
) -> None:
    """The training of any other process."""
    (rate,) = group.from_first(0.0)
    run, resume = open_run(directory), None  # as the first has left it for going on
    if resumed and not recording.unbegun(run):
        resume = replace(run.checkpoint()[0], learning_rate=rate)
    options: dict[str, Any] = {"device": device, "compiled": compiled}
    follow(in_step(train(run.plan, data, resume=resume, group=group, **options), group))
