"""Whole runs, recorded into their directories."""

from lm import runs
from lm.runs import recording, starting
from lm.training.loop import train


def record_all(run, data, **options):
    """Train a run to its end, or to its failure."""
    known = starting.known_of(run)
    for _ in recording.record(run, train(run.plan, data, known=known, **options)):
        pass


def resume(directory, data):
    """As the command line does it, in a process that knows nothing of the first."""
    run = runs.open_run(directory)
    record_all(run, data, resume=recording.rewind(run))
    return run
