"""The outline of a model, what a plan takes before it is trained, and times in words."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lm.costs import sizes
from lm.costs.sizes import check_fits, disk, memory, outline
from lm.errors import SettingsProblem
from lm.ladder import RUNGS
from lm.training.loop import replay_steps
from lm.wording import duration


def test_an_outline_has_the_parameters_of_the_model_without_drawing_them(rung, tiny_plan):
    """Their number is told at every move of a slider: drawing the weights of a large model takes seconds."""
    plan = tiny_plan(rung)
    before = torch.get_rng_state()
    outlined = outline(plan, 23)
    assert torch.equal(torch.get_rng_state(), before)
    model = rung.model(plan.model, 23)
    shapes = {name: tensor.shape for name, tensor in outlined.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert all(p.requires_grad for p in outlined.parameters())


WHOLE_RUN = """
import json, sys
from pathlib import Path
from lm import corpora
from lm.ladder import RUNGS
from lm.runs import recording
from lm.runs.preparation import prepare
from lm.training.loop import train
from tests.benchmarks.machine import peak_memory
model, settings, folder = json.loads(sys.argv[1])
plan = RUNGS[model].plan(**settings)
play = corpora.from_bytes(corpora.load("synthetic_plays").text[:5000].encode())
text = prepare(play, plan.tokenizer, plan.task)
run = text.new_run(Path(folder), plan)
for _ in recording.record(run, train(plan, text.data)):
    pass
files = sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors"))
print(json.dumps([peak_memory(), files, text.tokenizer.vocab_size]))
"""
SHORT = {"steps": 2, "evaluate_every": 2}
PLANS = {  # what takes most: the weights; fused attention and rotary positions; attention as the formula
    "weights": (
        "decoder_transformer",
        {"n_embd": 512, "n_layer": 5, "context_length": 64, "batch_size": 1},
    ),
    "results": (
        "decoder_transformer",
        {"n_embd": 128, "n_layer": 3, "context_length": 256, "batch_size": 48}
        | {"positions": "rotary", "dropout": 0.1, "activation": "swiglu"},
    ),
    "formula": ("multi_head_attention", {"n_embd": 32, "context_length": 256, "batch_size": 96}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of the process")
@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.slow if one != "formula" else ()) for one in PLANS],
)
def test_a_plan_takes_the_memory_and_the_disk_that_were_worked_out(name, tmp_path):
    """A plan of 1024 x 24 and batch 512 took 6.9 GB and 2.4 GB of disk before anybody had asked."""
    model, settings = PLANS[name]
    plan = RUNGS[model].plan(**settings | SHORT)
    job = json.dumps([model, settings | SHORT, str(tmp_path / "run")])
    command = [sys.executable, "-c", WHOLE_RUN, job]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    peak, files, vocab_size = json.loads(done.stdout)
    assert peak > 1.2 * sizes.PROCESS  # it says something about the plan
    assert 1 / 1.5 < memory(plan, vocab_size) / peak < 1.5
    assert files <= disk(plan, vocab_size, len(replay_steps(plan))) < 2.2 * files + 10_000


def test_a_plan_that_does_not_fit_is_refused_with_both_numbers(tmp_path, monkeypatch):
    plan = RUNGS["decoder_transformer"].plan(
        n_embd=1024, n_head=16, n_layer=24, context_length=1024, batch_size=512
    )
    monkeypatch.setattr(sizes, "free_memory", lambda: 16_000_000_000)
    with pytest.raises(
        SettingsProblem, match=r"about 6\d\d\.\d GB of memory, and 16\.0 GB are free"
    ):
        check_fits(plan, 65, tmp_path, 20)
    with pytest.raises(SettingsProblem, match=r"about 8\.\d GB of memory, and 4\.0 GB are allowed"):
        check_fits(plan, 65, tmp_path, 20, most_memory=4_000_000_000)
    monkeypatch.setattr(sizes, "free_disk", lambda folder: 5_000_000_000)
    with pytest.raises(SettingsProblem, match=r"about 31\.\d GB on the disk, and 5\.0 GB are free"):
        check_fits(plan, 65, tmp_path, 20, "cuda")


def test_every_recipe_fits_a_small_machine(rung, monkeypatch, tmp_path):
    monkeypatch.setattr(sizes, "free_memory", lambda: 4_000_000_000)
    for recipe in rung.recipes:
        plan = rung.plan(recipe.name)
        check_fits(plan, 65, tmp_path / "not" / "there", len(replay_steps(plan)))


def test_trying_a_plan_changes_no_random_number(rung, tiny_plan):
    before = torch.get_rng_state()
    memory(tiny_plan(rung), 23)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_free_memory_of_this_machine_is_a_number():
    assert sys.platform != "linux" or 0 < sizes.free_memory() < 1e14
    assert sizes.free_disk(Path.cwd()) > 0


def test_a_time_is_said_as_a_person_would():
    said = [duration(s) for s in (0.2, 1, 59, 60, 95, 3599, 3600, 90_061)]
    assert said == [
        "a second",
        "1 s",
        "59 s",
        "1 min 0 s",
        "1 min 35 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_a_time_never_has_sixty_seconds():
    for seconds in (59.6, 119.7, 3599.9, 7199.9):
        assert "60" not in duration(seconds)


def test_working_out_the_memory_of_a_plan_leaves_no_model_behind():
    """The graph held its own results: each estimate left 2 MB in the page's server for good."""
    plan = RUNGS["decoder_transformer"].plan()

    def tensors() -> int:
        gc.collect()
        return sum(isinstance(one, torch.Tensor) for one in gc.get_objects())

    before = tensors()
    memory(plan, 65)
    assert tensors() == before
