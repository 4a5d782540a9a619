"""A small copy of a run, to ship."""

import json
import shutil
import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lm import runs
from lm.errors import RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import packing, quantization, recording
from lm.training.loop import train

DECODER = RUNGS["decoder_transformer"]


def size(directory):
    return sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())


def told(run, kept):
    """What the run wrote down, but for the snapshots that were not kept."""
    return [line for line in run.metrics() if line["type"] != "snapshot" or line["step"] in kept]


def test_a_packed_run_is_smaller_and_can_be_opened(trained, data, tmp_path):
    packed_size = packing.pack(trained, tmp_path / "packed", 3, note="as a gift")
    packed = runs.open_run(tmp_path / "packed")
    assert packed_size == size(tmp_path / "packed") < size(trained.directory) / 2
    assert packed.record.note == "as a gift"
    assert packed.plan == trained.plan
    assert packed.status() == trained.status()
    assert packed.tokenizer() == data.tokenizer
    kept = packed.snapshots()
    assert len(kept) == 3
    assert {0, 12} <= set(kept) <= set(trained.snapshots())
    for line, whole in zip(packed.metrics(), told(trained, kept), strict=True):
        assert line.items() <= whole.items()
        assert whole.keys() - line.keys() <= {"learning_rate", "grad_norm"}
        assert line == whole or line["type"] == "step"
    with pytest.raises(RunProblem, match="holds nothing to go on from"):
        recording.rewind(packed)


def test_a_packed_run_has_its_pairs_without_its_text(on_a_file, tmp_path):
    """The text may be elsewhere when the copy is looked at. If it is gone when packing, so are the pairs."""
    path, run = on_a_file
    pairs = run.counted_pairs
    packing.pack(runs.open_run(run.directory), tmp_path / "packed", 1)
    path.unlink()
    packed = runs.open_run(tmp_path / "packed").counted_pairs
    assert packed.ids.tolist() == pairs.ids.tolist()
    assert packed.table == pytest.approx(pairs.table)
    packing.pack(runs.open_run(run.directory), tmp_path / "without", 1)
    with pytest.raises(RunProblem, match="own"):
        runs.open_run(tmp_path / "without").counted_pairs  # noqa: B018


def test_a_packed_run_holds_a_byte_for_each_weight(trained, tmp_path):
    packing.pack(trained, tmp_path / "packed", 2)
    tensors = load_file(tmp_path / "packed" / "snapshots" / "00000012.safetensors")
    (small, _), (full, _) = runs.open_run(tmp_path / "packed").model(), trained.model()
    for name, tensor in full.state_dict().items():
        matrix = tensor.ndim == 2
        assert tensors[name].dtype == (torch.int8 if matrix else torch.float16)
        back = small.state_dict()[name]
        assert back.dtype == torch.float32
        off = (back - tensor).abs()
        if matrix:
            assert (off <= tensor.abs().amax(dim=1, keepdim=True) / 254 * 1.001).all()
        else:
            torch.testing.assert_close(back, tensor, rtol=1e-3, atol=1e-6)


def test_a_packed_run_can_be_packed_again(trained, tmp_path):
    packing.pack(trained, tmp_path / "once", 3)
    packing.pack(runs.open_run(tmp_path / "once"), tmp_path / "twice", 2)
    (once, _), (twice, _) = (runs.open_run(tmp_path / n).model() for n in ("once", "twice"))
    for name, tensor in once.state_dict().items():
        torch.testing.assert_close(twice.state_dict()[name], tensor, atol=1e-6, rtol=1e-3)


def test_a_row_of_zeros_stays_zero():
    tensors = {"w": torch.tensor([[0.0, 0.0], [1.0, -2.0]]), "steps": torch.tensor([3])}
    back = quantization.in_floats(Path("x"), quantization.in_bytes(tensors))
    assert back.keys() == tensors.keys()
    torch.testing.assert_close(back["w"], tensors["w"], atol=0.01, rtol=0)
    assert back["steps"].tolist() == [3]


def test_counts_are_deflated_without_loss():
    """Of a thousand bytes, mostly ones; bytes that deflating would make longer stay as they are."""
    counts = torch.ones(1000, dtype=torch.uint8)
    counts[::7] = torch.arange(143, dtype=torch.uint8)
    tensors = {"counts": counts, "few": torch.tensor([3, 1], dtype=torch.uint8)}
    packed = quantization.in_bytes(tensors | {"none": torch.tensor([], dtype=torch.uint8)})
    assert packed.keys() == {"counts:deflated", "few", "none"}
    assert len(packed["counts:deflated"]) < 500
    back = quantization.in_floats(Path("x"), packed)
    assert back.keys() == {"counts", "few", "none"}
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    "damaged",
    [
        torch.zeros(9, dtype=torch.uint8),
        torch.ones(3),
        torch.tensor([], dtype=torch.uint8),
        torch.frombuffer(bytearray(zlib.compress(b"counts")[:-3]), dtype=torch.uint8),
    ],
)
def test_deflated_bytes_that_are_damaged_are_one_sentence(damaged):
    with pytest.raises(RunProblem, match="damaged: counts:deflated cannot be inflated"):
        quantization.in_floats(Path("x"), {"counts:deflated": damaged})


def test_bytes_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr(quantization, "MOST_INFLATED", 100)
    packed = quantization.in_bytes({"counts": torch.ones(101, dtype=torch.uint8)})
    with pytest.raises(RunProblem, match="cannot be inflated"):
        quantization.in_floats(Path("x"), packed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors | {"head.weight:scale": torch.ones(1, 16)},
        lambda tensors: tensors | {"head.weight:scale": torch.ones(3)},
        lambda tensors: tensors | {"norm.bias:scale": torch.ones(16, 1)},
        lambda tensors: tensors | {"nobody:scale": torch.ones(1, 1)},
    ],
)
def test_a_damaged_scale_is_one_sentence(damage, trained, tmp_path):
    packing.pack(trained, tmp_path / "packed", 2)
    path = tmp_path / "packed" / "snapshots" / "00000012.safetensors"
    save_file(damage(load_file(path)), path, {"step": "12"})
    with pytest.raises(RunProblem, match=r"damaged|does not fit"):
        runs.open_run(tmp_path / "packed").model()


@pytest.mark.parametrize("tied", [False, True])
def test_a_decoder_with_every_option_is_packed_and_opened(tied, begin, tiny_plan, data, tmp_path):
    plan = tiny_plan(
        DECODER,
        positions="rotary",
        norm="rms",
        qk_norm=True,
        tie_weights=tied,
        ngram_embedding="trigram",
        optimizer="muon",
        token_noise=0.1,
    )
    run = begin(tmp_path / "run", plan)
    for _ in recording.record(run, train(plan, data)):
        pass
    packing.pack(run, tmp_path / "packed", 2)
    (small, _), (full, _) = runs.open_run(tmp_path / "packed").model(), run.model()
    tokens = torch.arange(16)[None]
    torch.testing.assert_close(small(tokens), full(tokens), atol=0.05, rtol=0)


def test_the_card_says_recipe_time_loss_and_date(trained, tmp_path):
    packing.pack(trained, tmp_path / "packed", 2, note="As a gift.")
    card = (tmp_path / "packed" / "README.md").read_text("utf-8")
    last = [line for line in trained.metrics() if line["type"] == "evaluation"][-1]
    assert card.startswith("# Decoder transformer\n\nAs a gift.\n")
    assert "| recipe | settings of its own |" in card
    assert f"{last['loss']:.4f} nats" in card
    assert f"{last['step']} steps" in card
    assert trained.record.created[:10] in card
    assert f"{trained.record.parameters:,}" in card


def test_a_packed_run_names_no_path_of_this_machine(trained, tmp_path):
    elsewhere = trained.record.corpus.model_copy(update={"path": "/home/somebody/secret.txt"})
    record = trained.record.model_copy(update={"corpus": elsewhere})
    packing.pack(runs.Run(trained.directory, record, trained.plan), tmp_path / "packed", 2)
    assert "somebody" not in (tmp_path / "packed" / "run.json").read_text()


@pytest.mark.parametrize("snapshots", [1, 2, 3])
def test_as_many_snapshots_as_asked_and_always_the_last(snapshots, trained, tmp_path):
    packing.pack(trained, tmp_path / "packed", snapshots)
    kept = runs.open_run(tmp_path / "packed").snapshots()
    assert len(kept) == snapshots
    assert kept[-1] == trained.snapshots()[-1]


def test_a_run_in_training_is_packed_as_one_that_stopped(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    events = recording.record(run, train(run.plan, data))
    while next(events) and run.status()[2] < 7:
        pass
    packing.pack(run, tmp_path / "packed", 3)
    packed = runs.open_run(tmp_path / "packed")
    reason = "This copy was made at step 7, while the run trained."
    assert packed.status() == ("stopped", reason, 7)
    assert packed.snapshots() == [0, 5, 6]  # 5, the best, was evaluated
    assert "5 steps of 12 planned" in (tmp_path / "packed" / "README.md").read_text()
    assert run.status()[0] == "running"  # nothing has happened to the run itself
    events.close()


def test_what_cannot_be_packed(trained, tiny_plan, begin, tmp_path):
    with pytest.raises(RunProblem, match="already exists"):
        packing.pack(trained, trained.directory, 3)
    with pytest.raises(SettingsProblem, match="no snapshot or more, not -1"):
        packing.pack(trained, tmp_path / "packed", -1)
    with pytest.raises(RunProblem, match="no snapshot"):
        packing.pack(begin(tmp_path / "new", tiny_plan(DECODER)), tmp_path / "packed", 2)
    shutil.copytree(trained.directory, tmp_path / "damaged")
    (tmp_path / "damaged" / "status.json").unlink()
    with pytest.raises(RunProblem, match=r"status\.json is missing"):
        packing.pack(runs.open_run(tmp_path / "damaged"), tmp_path / "packed", 2)
    assert not (tmp_path / "packed").exists()  # nothing half-done is left


def test_lines_are_json_that_a_browser_reads(trained):
    """No NaN, no Infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    for line in trained.metrics_path.read_text("utf-8").splitlines():
        json.loads(line, parse_constant=refuse)
