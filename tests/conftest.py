"""What every test needs, whatever it tests."""

import os
import signal

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # several tests at once share the cores

import hypothesis
import pytest
import torch

from lm.commands import interruption
from lm.ladder import RUNGS, text_models
from lm.plan import Rung

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")

for number in interruption.ENDING:
    if signal.getsignal(number) is signal.SIG_IGN:  # by `nohup`, or in the background of a script
        # Processes inherit that and would not end when a test asks them to; a handler they do not inherit.
        signal.signal(number, lambda number, frame: None)

NETWORKS = {name: rung for name, rung in RUNGS.items() if rung.training.learner == "gradient"}
COUNTED = {name: rung for name, rung in RUNGS.items() if rung.training.learner == "counting"}


@pytest.fixture(params=RUNGS.values(), ids=RUNGS)
def rung(request) -> Rung:
    """Each rung of the ladder in turn, also one that is added tomorrow."""
    return request.param


SMALLER = (
    "bigram",
    "single_head_attention",
    "multi_head_attention",
    "single_block_transformer",
)
# For tests of what all rungs share: those that are smaller than the decoder, and repeat it, are slow tests.
of_typical_rungs = pytest.mark.parametrize(
    "rung",
    [
        pytest.param(one, id=name, marks=pytest.mark.slow if name in SMALLER else ())
        for name, one in RUNGS.items()
    ],
)


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS)
def network(request) -> Rung:
    """Each rung that learns by gradient descent."""
    return request.param


TEXTS = text_models()
TEXT_NETWORKS = {name: rung for name, rung in NETWORKS.items() if name in TEXTS}


@pytest.fixture(params=TEXTS.values(), ids=TEXTS)
def text_rung(request) -> Rung:
    """Each rung that continues a text: for what the others, which rewrite lines, have tests of their own."""
    return request.param


@pytest.fixture(params=TEXT_NETWORKS.values(), ids=TEXT_NETWORKS)
def text_network(request) -> Rung:
    """Each of these that learns by gradient descent."""
    return request.param


def is_of_pairs(request) -> bool:
    """Whether a test is about a model that rewrites lines: its `rung` or `network` is one."""
    named = (name for name in ("rung", "network") if name in request.fixturenames)
    return any(request.getfixturevalue(name).rewrites for name in named)


@pytest.fixture(params=COUNTED.values(), ids=COUNTED)
def counted(request) -> Rung:
    """Each rung that counts."""
    return request.param


@pytest.fixture(autouse=True)
def true_arithmetic():
    """Training lets the processor round the tiniest numbers to 0, in the whole thread and for good."""
    yield
    torch.set_flush_denormal(False)
