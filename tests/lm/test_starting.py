"""A run that starts from another: exactly that one at first, then what it trains, and never without it."""

import json
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from lm import corpora, tasks
from lm.costs.sizes import disk, memory, trained_parameters
from lm.errors import Problem, RunProblem
from lm.ladder import RUNGS
from lm.runs import archive, open_run, packing, recording, starting
from lm.runs.facts import facts
from lm.runs.files import read_json, write_json
from lm.runs.preparation import prepare
from lm.sweep import points
from lm.tasks import TaskConfig
from lm.tokenizers import TokenizerConfig
from lm.training.events import Step, TakeCheckpoint
from lm.training.learners import make_learner
from lm.training.loop import train
from tests.lm.command_line import lm, refusal
from tests.lm.recorded import record_all, resume

DECODER = RUNGS["decoder_transformer"]
WAYS = ("all", "last", "lora")
GROWN = {"token_embedding.weight", "head.weight", "head.bias"}
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def base(play_file, tiny_plan, tmp_path_factory):
    """A finished run of the small decoder on a file."""
    prepared = prepare(corpora.load(str(play_file)), TokenizerConfig(), TaskConfig())
    run = prepared.new_run(tmp_path_factory.mktemp("base") / "first", tiny_plan(DECODER))
    record_all(run, prepared.data)
    return open_run(run.directory)


@pytest.fixture(scope="module")
def begin_from(base, tmp_path_factory):
    """`begin_from(trained="lora")`: a new run that starts from it, and its data; § is new to it."""
    text = corpora.from_text("It is 5 § to 6, and not 7.\n" * 60, name="other")

    def make(first=base, **given):
        brief = {"steps": 6, "batch_size": 4, "evaluate_every": 3, "learning_rate": 3e-3}
        given = brief | {"warmup_steps": 0, "start": str(first.directory)} | given
        plan, found = starting.planned(first.plan.rung, None, given)
        prepared = prepare(text, plan.tokenizer, plan.task, {"uniform": 4.0}, base=found)
        run = prepared.new_run(tmp_path_factory.mktemp("tuned") / "run", plan)
        return run, prepared.data

    return make


@pytest.fixture(scope="module")
def tuned(begin_from):
    """A finished run for each way, for reading only."""
    made = {way: begin_from(trained=way) for way in WAYS}
    for run, data in made.values():
        record_all(run, data)
    return {way: open_run(run.directory) for way, (run, _) in made.items()}


@torch.no_grad()
def scores(model):
    return model(torch.arange(16)[None])


@every_way
def test_at_first_it_is_the_run_that_it_starts_from(tuned, base, way):
    """Exactly, in the scores of every known character; the new ones have rows of their own."""
    known, run = base.record.vocab_size, tuned[way]
    found = scores(run.model(0)[0])
    assert torch.equal(found[..., :known], scores(base.model()[0]))
    assert found.shape[-1] == run.record.vocab_size == known + len(run.record.base.added)
    assert "§" in run.record.base.added
    assert run.tokenizer().encode("the").tolist() == base.tokenizer().encode("the").tolist()


@every_way
def test_what_is_read_is_what_was_trained(tuned, begin_from, way):
    """The model in training, with LoRA's matrices beside the others, and the one read from a snapshot."""
    run = tuned[way]
    task = tasks.KINDS["continue"](begin_from(trained=way)[1], run.plan.context_length, "cpu")
    learner = make_learner(run.plan, task, "cpu", known=starting.known_of(run))
    learner.restore(run.checkpoint()[0])
    found = scores(run.model()[0])
    torch.testing.assert_close(found, scores(learner.model), rtol=1e-5, atol=1e-5)
    assert (found - scores(run.model(0)[0])).abs().max() > 1e-3


def test_only_what_is_trained_changes_and_is_kept(tuned, base):
    """Of the last layer and of LoRA; new rows of embedding and output head are trained in any case."""
    before = base.snapshot(base.snapshots()[-1])
    last, lora = (tuned[way].snapshot(6) for way in ("last", "lora"))
    kept = {name for name, one in before.items() if torch.equal(one, last[name])}
    assert kept == {n for n in before if n.startswith(("blocks.0", "position"))}
    changed = {name for name, one in before.items() if not torch.equal(one, lora[name])}
    layers = [
        f"blocks.{n}.attention.{m}" for n in (0, 1) for m in ("query_key_value", "projection")
    ]
    assert changed - GROWN == {f"{layer}.weight" for layer in layers}
    with safe_open(tuned["lora"].snapshot_path(6), framework="pt") as file:
        held = set(file.keys())
    assert held - GROWN == {f"{layer}.{matrix}" for layer in layers for matrix in ("down", "up")}


def test_what_is_told_before_is_what_is_trained(tuned, base):
    """A plan's parameters are those of its checkpoint, and frozen weights take less memory and disk."""
    needed = {}
    for way, run in tuned.items():
        size = run.record.vocab_size
        told = trained_parameters(run.plan, size, base.record.vocab_size)
        assert told == sum(one.numel() for one in run.checkpoint()[0].weights.values())
        assert run.record.trained == (None if way == "all" else told)
        needed[way] = memory(run.plan, size), disk(run.plan, size, 5)
    assert needed["lora"][0] < needed["all"][0] and needed["lora"][1] < needed["last"][1] / 2


@every_way
def test_resumed_it_is_the_run_that_was_never_interrupted(begin_from, tuned, way):
    run, data = begin_from(trained=way)
    events = recording.record(run, train(run.plan, data, known=starting.known_of(run)))
    while not isinstance(event := next(events), Step) or event.step < 4:
        pass
    events.send(TakeCheckpoint())
    events.close()
    again = resume(run.directory, data)
    whole, theirs = again.snapshot(6), tuned[way].snapshot(6)
    assert all(torch.equal(one, theirs[name]) for name, one in whole.items())
    curves = [
        [(line["loss"], line["old_loss"]) for line in one.evaluations()]
        for one in (again, tuned[way])
    ]
    assert curves[0] == curves[1]


def test_both_texts_are_judged_from_the_beginning(tuned, base):
    """The old loss is that of text that was held out from the other run, and that run's own at step 0."""
    run = tuned["lora"]
    lines = run.evaluations()
    assert [line["step"] for line in lines] == [0, 3, 6]
    assert all("old_loss" in line for line in lines) and "old_loss" not in base.evaluations()[0]
    windows = starting.known_of(run).data.validation.unfold(0, 17, 1)
    with torch.no_grad():
        found = run.model()[0](windows[:, :-1])
    expected = F.cross_entropy(found.flatten(0, 1), windows[:, 1:].flatten()).item()
    assert lines[-1]["old_loss"] == pytest.approx(expected, rel=1e-5)
    told = facts(run)
    assert [one.old for one in told.judged] == [line["old_loss"] for line in lines]
    assert told.base.title == "first"


def test_without_the_old_text_it_is_not_judged_and_training_goes_on(trained, begin_from):
    """The other run learned from a text that was given, and is in no file."""
    run, data = begin_from(trained, trained="lora", steps=1)
    record_all(run, data)
    assert all("old_loss" not in line for line in run.evaluations())


# Without the run that it started from


@pytest.fixture
def moved(tuned, base, tmp_path):
    """`moved("lora")`: both runs copied to another folder, and the run that says so."""

    def make(way):
        shutil.copytree(base.directory, tmp_path / "first")
        shutil.copytree(tuned[way].directory, tmp_path / "run")
        contents = read_json(tmp_path / "run" / "run.json")
        contents["base"]["path"] = str(tmp_path / "gone" / "first")
        write_json(tmp_path / "run" / "run.json", contents)
        return open_run(tmp_path / "run")

    return make


def test_runs_that_are_moved_together_find_each_other(moved, tuned):
    assert torch.equal(scores(moved("lora").model()[0]), scores(tuned["lora"].model()[0]))


def test_a_missing_base_is_one_sentence(moved, tmp_path):
    run = moved("lora")
    shutil.rmtree(tmp_path / "first")
    for ask in (run.model, lambda: starting.known_of(run)):
        with pytest.raises(RunProblem, match=r"no longer at .*: put it back\.$"):
            ask()


def test_an_altered_base_is_one_sentence(moved, tmp_path, tuned):
    """With another snapshot of the same step, LoRA's changes would be added to the wrong weights."""
    run = moved("last")
    shutil.copyfile(
        tuned["all"].snapshot_path(6), tmp_path / "first/snapshots/00000012.safetensors"
    )
    with pytest.raises(RunProblem, match="missing or has changed since"):
        run.model()


def test_a_run_of_all_weights_needs_no_base(moved, tmp_path, tuned):
    run = moved("all")
    shutil.rmtree(tmp_path / "first")
    assert torch.equal(scores(run.model()[0]), scores(tuned["all"].model()[0]))
    assert starting.known_of(run).weights is None  # it goes on from its checkpoint


def test_a_packed_copy_holds_all_weights(moved, tmp_path):
    """And names no place of this machine; it then goes into a zip file, which the run itself does not."""
    run = moved("lora")
    with pytest.raises(RunProblem, match="only the weights that changed since its start: pack it"):
        archive.export_run(run, tmp_path / "run.zip")
    packing.pack(run, tmp_path / "packed", 2)
    expected = scores(run.model()[0])
    shutil.rmtree(tmp_path / "first")
    assert str(tmp_path) not in (tmp_path / "packed/run.json").read_text()
    archive.export_run(open_run(tmp_path / "packed"), tmp_path / "run.zip")
    copy = archive.import_run(tmp_path / "run.zip", tmp_path, "copy")
    torch.testing.assert_close(scores(copy.model()[0]), expected, rtol=0, atol=0.05)
    assert copy.record.base.title == "first" and "started from" in packing.card(copy)


def test_a_zip_that_names_a_run_of_this_machine_is_refused(moved, tmp_path, monkeypatch):
    run = moved("all")
    monkeypatch.setattr(type(run.record), "without_places", lambda record: record)
    archive.export_run(run, tmp_path / "run.zip")
    with pytest.raises(RunProblem, match="names a place on another machine"):
        archive.import_run(tmp_path / "run.zip", tmp_path)


# Refusals


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_embd": 32}, "first has --n-embd 16, not 32"),
        ({"context_length": 32}, "first has --context-length 16, not 32"),
        ({"tokenizer": "bpe"}, "first has --tokenizer characters, not bpe"),
        ({"trained": "last", "last_layers": 3}, "has 2 layers, and its last 3 cannot be trained"),
        ({"trained": "lora", "ngram_share": 0.2}, "Counted n-grams are for a run that trains all"),
        ({"start": "random", "trained": "lora"}, "has to train all of its weights"),
        ({"start": "nowhere"}, "nowhere holds no run"),
    ],
)
def test_a_start_that_cannot_be_is_one_sentence(begin_from, given, sentence):
    with pytest.raises(Problem, match=sentence):
        begin_from(**given)


def test_a_run_of_another_model_or_without_layers_is_no_start_for_it(base, finished, begin_from):
    with pytest.raises(Problem, match="Bigram cannot start from it"):
        starting.planned(RUNGS["bigram"], None, {"start": str(base.directory)})
    with pytest.raises(Problem, match="no layers to choose from"):
        begin_from(open_run(finished), trained="lora")
    with pytest.raises(Problem, match="Start from is one of random"):
        RUNGS["ngram"].plan(start=str(base.directory))
    with pytest.raises(Problem, match="sweep start from random numbers"):
        points(DECODER, {"n_layer": [1, 2]}, given={"start": str(base.directory)})


def test_pairs_of_an_ngram_embedding_have_no_room_for_new_characters(
    begin, text_data, tiny_plan, begin_from, tmp_path
):
    """Their rows are numbered by the size of the vocabulary: each pair would read another's."""
    first = begin(tmp_path / "pairs", tiny_plan(DECODER, ngram_embedding="bigram", steps=1))
    record_all(first, text_data)
    with pytest.raises(Problem, match="n-gram embedding has no room"):
        begin_from(first)


# What else a start goes together with


def test_a_bigram_learns_on_with_a_larger_table(finished, begin_from):
    """Its table has a row and a column for each character, and so for the new one."""
    first = open_run(finished)
    run, data = begin_from(first)
    record_all(run, data)
    known = first.record.vocab_size
    assert torch.equal(scores(run.model(0)[0])[..., :known], scores(first.model()[0]))


def test_a_shorter_context_keeps_the_first_positions(begin_from, base):
    run, data = begin_from(context_length=8, trained="lora")
    record_all(run, data)
    tokens, known = torch.arange(8)[None], base.record.vocab_size
    with torch.no_grad():
        found, before = run.model(0)[0](tokens), base.model()[0](tokens)
    torch.testing.assert_close(found[..., :known], before, rtol=1e-5, atol=1e-5)


def test_a_tuned_run_is_a_start_like_any_other(begin_from, tuned):
    """Its whole weights are found through the run that it started from itself."""
    run, data = begin_from(tuned["lora"], trained="lora", lora_on="all")
    record_all(run, data)
    assert torch.equal(scores(run.model(0)[0]), scores(tuned["lora"].model()[0]))
    assert run.record.base.added == ""


def test_from_the_command_line_it_tells_both_texts_and_resumes(base, play_file, digits, tmp_path):
    """A decoder of a text goes on with pairs: only the answers count in its loss."""
    (tmp_path / "digits.tsv").write_text(digits.text)
    out, way = tmp_path / "run", ["--trained", "lora", "--lora-rank", 2]
    given = ["--steps", 2, "--evaluate-every", 2, "--start", base.directory, *way]
    told = lm(
        "train",
        "decoder_transformer",
        "--corpus",
        tmp_path / "digits.tsv",
        "--out",
        out,
        *given,
        "--json",
    )
    assert "Starts from first, step 12; LoRA of rank 2, alpha 16, on attention:" in told.stderr
    assert "get new rows in the embedding and in the output head: '\\t', 0, 1, 2" in told.stderr
    assert "on the text of the run that it started from" in told.stderr
    assert {"old_loss", "exact", "val_loss"} <= json.loads(told.stdout).keys()
    costs = lm(
        "train",
        "decoder_transformer",
        "--corpus",
        play_file,
        "--out",
        tmp_path / "no",
        *given,
        "--dry-run",
    )
    assert (
        "parameters are trained; it takes about" in costs.stdout and not (tmp_path / "no").exists()
    )
    lm("train", "decoder_transformer", "--out", out, "--resume", "--steps", 3)
    assert open_run(out).evaluations()[-1]["step"] == 3
    assert lm("sample", out, "--prompt", "123").stdout.endswith("\n")
    wrong = ["--corpus", play_file, "--out", tmp_path / "new", "--start", tmp_path / "none"]
    assert "holds no run" in refusal("train", "decoder_transformer", *wrong, code=3)
