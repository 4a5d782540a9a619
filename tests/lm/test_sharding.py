"""Weights that are spread over two processes: the same losses, checkpoints and run directory."""

import os
import subprocess
import sys

import pytest

from lm.training.events import Sample, Step
from lm.training.loop import train
from tests.lm.command_line import ROOT
from tests.lm.processes import free_port, together
from tests.lm.test_several_processes import at_six, losses, plan_of

OPTIMIZERS = ["adamw", pytest.param("muon", marks=pytest.mark.slow)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_spread_weights_learn_as_whole_ones_do(text_data, optimizer):
    """Also after a resumption, from a checkpoint that holds whole tensors: a part that is forgotten, or a norm
    over one process's part alone, would show in the next step.
    """
    plan = plan_of(steps=12, evaluate_every=6, optimizer=optimizer, precision="float32")
    alone = list(train(plan, text_data))

    def spread(group):
        events, saved = [], None
        for event in train(plan, text_data, group=group):
            events.append(event)
            saved = at_six(event) or saved
        if group.first:
            shapes = {name: tuple(tensor.shape) for name, tensor in saved.weights.items()}
            assert shapes == {n: tuple(t.shape) for n, t in of_alone.weights.items()}
            assert set(saved.optimizer) == set(of_alone.optimizer)
        rest = losses(train(plan, text_data, resume=of_alone, group=group))
        norms = [event.layer_norms for event in events if isinstance(event, Step)]
        texts = [event.text for event in events if isinstance(event, Sample)]
        return losses(events), rest, norms, texts

    of_alone = [*filter(None, map(at_six, train(plan, text_data)))][-1]
    both = together(2, spread, sharded=True)
    found, rest, norms, texts = both[0]
    assert found == pytest.approx(losses(alone), abs=1e-5)
    assert rest == pytest.approx(losses(event for event in alone if event.step > 6), abs=1e-5)
    of_blocks = [event.layer_norms for event in alone if isinstance(event, Step)]
    assert norms == [pytest.approx(one, rel=1e-3) for one in of_blocks]
    assert texts == [event.text for event in alone if isinstance(event, Sample)]
    assert both[1] == both[0]


@pytest.mark.slow
def test_two_processes_train_what_one_cannot_hold():
    """76 MB of weights take four times as much in one process, with their gradients and two averages. Here a
    process may take 240 MB.
    """
    assert "can't allocate memory" in limited(1)
    assert limited(2) == ""


def limited(processes):
    """What goes wrong with so many processes, each with 240 MB for its part of a model."""
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    environment |= {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
    environment["MASTER_PORT"] = str(free_port())
    command = [sys.executable, "-m", "tests.lm.limited_training", "240"]
    members = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment | {"RANK": str(rank)}, stderr=-1, text=True
        )
        for rank in range(processes)
    ]
    faults = [member.communicate(timeout=300)[1] for member in members]
    codes = [member.returncode for member in members]
    return "" if codes == [0] * processes else "".join(faults)
