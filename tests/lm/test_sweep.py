"""Sweeps: plans that differ as asked, refused when they cannot be, trained once, and always the same."""

import itertools
import json
import math
import shutil

import pytest

from lm import runs, sweep
from lm.costs.sizes import count_parameters, outline
from lm.errors import RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import sweeps
from lm.runs.listing import Listing
from tests.lm.command_line import lm, refusal
from tests.lm.test_resuming import final, happened

DECODER, BIGRAM = RUNGS["decoder_transformer"], RUNGS["bigram"]
SMALL = ["--steps", "6", "--batch-size", "4", "--evaluate-every", "3", "--context-length", "8"]


# Plans


def test_every_combination_is_a_plan():
    varied = sweep.parse(DECODER, ["n_layer=1,2", "learning-rate=0.001,0.01,0.1"])
    made = sweep.points(DECODER, varied, given={"steps": 10})
    assert [one.settings for one in made] == [
        {"n_layer": n, "learning_rate": rate} for n in (1, 2) for rate in (0.001, 0.01, 0.1)
    ]
    for one in made:
        assert one.plan == DECODER.plan(steps=10, **one.settings)
    assert len({one.name for one in made}) == 6
    assert made[0].name == "n_layer-1_learning_rate-0.001"
    assert made[0].title == "layers 1, learning rate 0.001"


def test_switches_and_choices_can_be_varied():
    varied = sweep.parse(DECODER, ["causal_mask=on,off", "norm=layer, rms"])
    made = sweep.points(DECODER, varied, recipe="speedrun")
    assert [one.plan.values()["causal_mask"] for one in made] == [True, True, False, False]
    assert [one.plan.values()["norm"] for one in made] == ["layer", "rms"] * 2
    assert all(one.plan.values()["positions"] == "rotary" for one in made)  # of the recipe


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["n_layer"], "names no values"),
        (["n_layer="], "names no values"),
        (["colour=red"], "no setting called 'colour'"),
        (["n_layer=1,99"], "Layers must be a whole number from 1 to 24, not 99."),
        (["n_layer=1,two"], "Layers must be a whole number from 1 to 24, not 'two'."),
        (["n_layer=1,"], "Layers must be a whole number"),
        (["learning_rate=nan"], "Learning rate must be a number"),
        (["norm=loud"], "Norm is one of layer, rms"),
        (["causal_mask=perhaps"], "on or off"),
        (["n_embd=30"], "4 attention heads cannot share an embedding of 30"),
        (["n_layer=1", "n_layer=2"], "varied twice"),
        (["n_layer=1,2,1"], "a value twice"),
        (["steps=5"], "varied and given"),
        ([], "nothing to vary"),
        ([f"seed={','.join(map(str, range(1000)))}"], "1,000 runs, and a sweep has at most 50"),
        (["seed=1,2,3,4,5,6,7,8", "n_layer=1,2,3,4,5,6,7"], "56 runs"),
    ],
)
def test_what_cannot_be_varied(words, named):
    with pytest.raises(SettingsProblem) as problem:
        sweep.points(DECODER, sweep.parse(DECODER, words), given={"steps": 5})
    assert named in str(problem.value)


def test_more_runs_can_be_allowed():
    varied = {"seed": tuple(range(60))}
    assert len(sweep.points(BIGRAM, varied, most=60)) == 60


@pytest.mark.parametrize(("rung", "largest"), [(DECODER, 1_000_000), (DECODER, 60_000)])
def test_sizes_are_evenly_spaced_in_log_parameters(rung, largest):
    made = sweep.sizes(rung, 5, 65, smallest=3000, largest=largest)
    known = [count_parameters(outline(one.plan, 65)) for one in made]
    steps = [math.log(b / a) for a, b in itertools.pairwise(known)]
    assert known == sorted(known)
    assert known[0] == pytest.approx(3000, rel=0.3)
    assert known[-1] == pytest.approx(largest, rel=0.15)
    assert max(steps) < 1.5 * min(steps)
    shapes = [(one.settings["n_layer"], one.settings["n_embd"]) for one in made]
    assert shapes == sorted(shapes)  # depth and width grow together
    assert len({one.plan.training for one in made}) == 1  # the same budget, in tokens


@pytest.mark.parametrize("name", [name for name in RUNGS if name not in ("ngram", "bigram")])
def test_every_model_with_a_width_has_sizes(name):
    made = sweep.sizes(RUNGS[name], 4, 65)
    assert len({one.name for one in made}) == 4


@pytest.mark.parametrize(
    ("rung", "options", "named"),
    [
        (RUNGS["ngram"], {}, "no embedding size"),
        (DECODER, {"given": {"n_embd": 64}}, "do not give it"),
        (DECODER, {"smallest": 5000, "largest": 5000}, "above the smallest"),
        (DECODER, {"smallest": 3000, "largest": 4000}, "far enough apart"),
        (DECODER, {"count": 1}, "at least 2"),
        (DECODER, {"count": 1000}, "1,000 runs"),
        (DECODER, {"given": {"batch_size": 0}}, "Batch size"),
    ],
)
def test_sizes_that_cannot_be(rung, options, named):
    with pytest.raises(SettingsProblem, match=named):
        sweep.sizes(rung, **{"count": 6, "vocab_size": 65} | options)


# The file


def test_another_sweep_in_the_folder_is_kept(tmp_path):
    one = sweeps.Sweep(
        kind="vary",
        model="bigram",
        recipe="classic",
        given={"steps": 3},
        varied=["n_embd"],
        corpus="a",
        corpus_title="A",
        corpus_sha256="f" * 64,
        points=[sweeps.SavedPoint(directory="x", settings={"n_embd": 8}, parameters=5)],
    )
    sweeps.save(tmp_path / "sweep", one)
    sweeps.save(tmp_path / "sweep", one)
    assert sweeps.saved(tmp_path / "sweep") == one
    with pytest.raises(RunProblem, match="holds another sweep, of bigram, n_embd"):
        sweeps.save(tmp_path / "sweep", one.model_copy(update={"given": {"steps": 4}}))
    assert sweeps.saved(tmp_path) is None
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    with pytest.raises(RunProblem, match="damaged"):
        sweeps.saved(tmp_path / "sweep")


# The command


def test_a_packed_sweep_is_a_sweep(done, tmp_path):
    """Also without weights: the curves and samples of its runs can be looked at."""
    out, _ = done
    for snapshots in (1, 0):
        packed = tmp_path / f"packed-{snapshots}"
        lm("pack", out, "--out", packed, "--snapshots", snapshots)
        assert sweeps.saved(packed) == sweeps.saved(out)
        found, before = (Listing().of(folder).runs for folder in (packed, out))
        assert [one.judged for one in found] == [one.judged for one in before]
        assert [one.status for one in found] == ["finished"] * 4
        kept = [runs.open_run(one.directory).snapshots() for one in found]
        assert kept == [[6] * snapshots] * 4
    assert "already exists" in refusal("pack", out, "--out", tmp_path / "packed-1", code=3)
    assert "holds no run" in refusal("pack", tmp_path, "--out", tmp_path / "x", code=3)


def swept(text, out, *arguments, code=0):
    return lm("sweep", "bigram", "--corpus", text, "--out", out, *SMALL, *arguments, code=code)


@pytest.fixture(scope="module")
def done(play_file, tmp_path_factory):
    """A sweep of four runs, and what it said."""
    out = tmp_path_factory.mktemp("sweep") / "sweep"
    vary = ["--vary", "n_embd=4,8", "--vary", "seed=1,2"]
    return out, swept(play_file, out, *vary, "--json")


def test_a_sweep_trains_its_points_and_describes_itself(done):
    out, result = done
    told = json.loads(result.stdout)
    assert [one["varied"]["n_embd"] for one in told["points"]] == [4, 4, 8, 8]
    assert all(one["status"] == "finished" for one in told["points"])
    described = sweeps.saved(out)
    assert [point.directory for point in described.points] == [
        f"n_embd-{n}_seed-{seed}" for n in (4, 8) for seed in (1, 2)
    ]
    assert (described.kind, described.varied) == ("vary", ["n_embd", "seed"])
    found = Listing().of(out.parent).runs
    assert len(found) == 4
    assert "4 runs to train" in result.stderr
    assert "floating-point operations" in result.stderr


def test_the_same_sweep_again_gives_the_same_points(done, text, tmp_path):
    """From its seeds, bit for bit; and timing steps before it has not changed the random numbers."""
    out, _ = done
    swept(text, tmp_path / "again", "--vary", "n_embd=4,8", "--vary", "seed=1,2")
    for directory in out.iterdir():
        if directory.is_dir():
            first, again = (
                runs.open_run(d) for d in (directory, tmp_path / "again" / directory.name)
            )
            assert happened(first) == happened(again)
            assert final(first) == final(again)
    alone = tmp_path / "alone"
    lm("train", "bigram", "--corpus", text, "--out", alone, *SMALL, "--n-embd", "8", "--seed", "2")
    assert happened(runs.open_run(alone)) == happened(runs.open_run(out / "n_embd-8_seed-2"))


def test_the_file_alone_makes_the_same_plans(done):
    out, _ = done
    described = sweeps.saved(out)
    for point in sweep.again(described):
        run = runs.open_run(out / point.name)
        assert run.plan == point.plan
        assert run.record.corpus.sha256 == described.corpus_sha256


def test_runs_that_have_ended_are_kept_and_others_trained(done, text, tmp_path):
    out, _ = done
    shutil.copytree(out, tmp_path / "sweep")
    shutil.rmtree(tmp_path / "sweep" / "n_embd-8_seed-1")
    kept = tmp_path / "sweep" / "n_embd-4_seed-1" / "metrics.jsonl"
    before = kept.stat().st_mtime_ns
    result = swept(text, tmp_path / "sweep", "--vary", "n_embd=4,8", "--vary", "seed=1,2")
    assert "1 run to train" in result.stderr
    assert "3 of the 4 are trained" in result.stderr
    assert kept.stat().st_mtime_ns == before
    again = runs.open_run(tmp_path / "sweep" / "n_embd-8_seed-1")
    assert happened(again) == happened(runs.open_run(out / "n_embd-8_seed-1"))
    assert "finished" in result.stdout


def test_a_dry_run_trains_nothing(text, tmp_path):
    result = swept(text, tmp_path / "sweep", "--vary", "n_embd=4,8", "--dry-run")
    assert "2 runs to train" in result.stderr
    assert not (tmp_path / "sweep").exists()


def test_sizes_end_with_the_law(text, tmp_path):
    arguments = ["--corpus", text, "--out", tmp_path / "sweep", *SMALL]
    scale = ["--scale", "4", "--smallest", "1000", "--largest", "12000"]
    result = lm("sweep", "single_block_transformer", *arguments, *scale)
    assert "L(N) = " in result.stdout
    assert "ten times the largest" in result.stdout
    told = json.loads(lm("sweep", "single_block_transformer", *arguments, *scale, "--json").stdout)
    assert told["kind"] == "scale"
    largest = max(one["parameters"] for one in told["points"])
    assert told["law"]["predicted_parameters"] == 10 * largest


def test_the_command_refuses(done, text, tmp_path):
    out, _ = done

    def refused(*arguments, code=2):
        return refusal("sweep", "bigram", "--corpus", text, *SMALL, *arguments, code=code)

    new = ("--out", tmp_path / "new")
    assert "Say what differs" in refused(*new)
    assert "Say what differs" in refused(*new, "--vary", "n_embd=4", "--scale", "4")
    assert "Embedding size must be" in refused(*new, "--vary", "n_embd=4,0")
    assert "at most 50" in refused(*new, "--vary", f"seed={','.join(map(str, range(1000)))}")
    too_many = refused(*new, "--vary", "seed=1,2,3,4", "--most", "3")
    assert "at most 3: choose fewer, or allow more with --most." in too_many
    assert not (tmp_path / "new").exists()
    another = refused("--out", out, "--vary", "n_embd=4,16", "--vary", "seed=1,2", code=3)
    assert "holds another sweep" in another
    assert not (out / "n_embd-16_seed-1").exists()
    other_text = tmp_path / "other.txt"
    other_text.write_text("to be or not to be\n" * 100)
    same = ("--out", out, "--vary", "n_embd=4,8", "--vary", "seed=1,2")
    assert "holds another run" in refused("--corpus", other_text, *same, code=3)
