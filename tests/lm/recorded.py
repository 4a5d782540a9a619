"""Whole runs, recorded into their directories."""

from lm import runs
from lm.runs import recording
from lm.training.loop import train


def record_all(run, data, **options):
    """Train a run to its end, or to its failure."""
    for _ in recording.record(run, train(run.plan, data, **options)):
        pass


def resume(directory, data):
    """As the command line does it, in a process that knows nothing of the first."""
    run = runs.open_run(directory)
    record_all(run, data, resume=recording.rewind(run))
    return run
