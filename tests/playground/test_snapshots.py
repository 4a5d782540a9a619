"""The models that the server keeps in memory."""

import pytest
from torch import nn

from playground.looking.snapshots import Snapshots


class OneRun:
    """A run whose every snapshot is a model of 400 bytes; `read` says which were read."""

    identity = "a run"

    def __init__(self):
        self.read = []

    def snapshots(self):
        return [1, 2, 3]

    def nearest_snapshot(self, step):
        return step

    def model(self, step):
        self.read.append(step)
        return nn.Linear(10, 10, bias=False), step


@pytest.mark.parametrize(
    ("room", "read_again"), [(1200, []), (800, [1]), (399, [2, 1])], ids=["all", "two", "the last"]
)
def test_models_are_kept_as_far_as_their_weights_have_room(room, read_again):
    """Six of a pretrained model took 3 GB: their number alone says nothing of the memory."""
    run, snapshots = OneRun(), Snapshots(most_bytes=room)
    for step in (1, 2, 3):
        snapshots.model(run, step)
    run.read.clear()
    for step in (3, 2, 1):
        snapshots.model(run, step)
    assert run.read == read_again
