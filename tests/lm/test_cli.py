"""The command line: it teaches, it works without a browser, and its exit codes mean something."""

import json

import pytest

from lm import corpora, evaluation, runs
from lm.corpora import own_text
from lm.costs.sizes import count_parameters
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import describe
from lm.tasks import KINDS
from tests.conftest import of_typical_rungs
from tests.lm.command_line import QUICK, lm, quick, refusal


def test_models_lists_the_ladder():
    output = lm("models").stdout
    for rung in RUNGS.values():
        assert rung.name in output
        assert rung.idea in output
        assert f"{count_parameters(rung.model(rung.plan().model, 65)):,} parameters" in output


def test_corpora_lists_and_describes(text):
    listed = lm("corpora").stdout
    assert all(name in listed for name in corpora.names())
    described = lm("corpora", text).stdout
    assert "6,000 characters" in described
    assert "uniform" in described
    assert "5-gram" in described
    assert lm("corpora", text, "--text").stdout == text.read_text("utf-8")


def test_the_synthetic_plays_have_a_floor():
    assert "which no model can beat" in lm("corpora", "synthetic_plays").stdout


def test_train_evaluate_sample_resume(text_rung, text, tmp_path):
    out = tmp_path / "run"
    trained = lm("train", text_rung.name, "--corpus", text, "--out", out, *quick(text_rung))
    run = runs.open_run(out)
    steps, tokens = run.plan.steps, run.plan.steps * run.record.tokens_per_step
    assert f"after {steps} steps, {tokens:,} tokens" in trained.stdout
    assert "step 5: validation loss" in trained.stderr
    result = json.loads(lm("evaluate", out, "--json").stdout)
    assert result["model"] == text_rung.name
    assert result["context_length"] == 16
    assert result["tokens"] == 599
    assert result["step"] == steps
    assert result["bits_per_char"] == pytest.approx(result["val_loss"] / 0.693147, rel=1e-4)
    assert result["parameters"] == count_parameters(run.model()[0])
    evaluations = [line for line in run.metrics() if line["type"] == "evaluation"]
    assert result["val_loss"] == pytest.approx(evaluations[-1]["loss"], abs=1e-9)
    assert f"{result['val_loss']:.4f} nats" in lm("evaluate", out).stdout
    sampled = lm("sample", out, "--prompt", "The ", "--max-new-tokens", "9", "--seed", "4").stdout
    assert sampled.startswith("The ")
    assert len(sampled) == 4 + 9 + 1
    before = run.metrics_path.read_bytes()
    lm("train", text_rung.name, "--out", out, "--resume")
    assert run.metrics_path.read_bytes() == before


def test_of_a_huge_text_a_stated_part_is_evaluated(text, tmp_path, monkeypatch):
    """On a text of 49 MB, the first evaluation of a larger model had no end."""
    monkeypatch.setattr(evaluation, "MOST_TOKENS", 300)
    out = tmp_path / "run"
    trained = lm("train", "bigram", "--corpus", text, "--out", out, *QUICK)
    assert "bits, over 288 evenly spread characters)" in trained.stdout
    (line,) = [e for e in runs.open_run(out).evaluations() if e["step"] == 12]
    assert line["characters"] == 288  # 18 rows of 16 tokens
    assert "over 288 evenly spread characters of a_play.txt" in lm("evaluate", out).stdout
    result = json.loads(lm("evaluate", out, "--json").stdout)
    assert (result["characters"], result["whole_split"]) == (288, False)
    assert result["val_loss"] == pytest.approx(line["loss"], abs=1e-9)
    monkeypatch.undo()
    result = json.loads(lm("evaluate", out, "--json").stdout)
    assert (result["characters"], result["whole_split"]) == (599, True)


def test_every_rung_takes_the_shortest_text_at_its_defaults(text_rung, tmp_path):
    """The n-gram reads rows of 1,024 tokens, and refused a text of 1,000 characters, the least there was."""
    path = tmp_path / "short.txt"
    path.write_text(corpora.load("synthetic_plays").text[: own_text.SHORTEST])
    brief = {"--steps": "1", "--evaluate-every": "1", "--batch-size": "1"}
    known = [f"--{name.replace('_', '-')}" for name in text_rung.settings()]
    flags = [word for flag, value in brief.items() if flag in known for word in (flag, value)]
    lm("train", text_rung.name, "--corpus", path, "--out", tmp_path / "run", *flags)
    longest = text_rung.settings()["context_length"].live_maximum
    assert longest + 2 <= corpora.TRAIN_SHARE * own_text.SHORTEST, (
        "a longer context needs more text"
    )


@pytest.mark.parametrize("task", RUNGS["decoder_transformer"].tasks)
def test_every_setting_can_be_given_and_is_kept(task, play_file, digits, tmp_path):
    """With every task; a share of counted n-grams goes with a text only, since of lines nothing is counted."""
    text = play_file
    if KINDS[task].pairs:
        text = tmp_path / "digits.tsv"
        text.write_text(digits.text, "utf-8")
    decoder = RUNGS["decoder_transformer"]
    expected = {"n_embd": 8, "n_head": 2, "n_layer": 1, "context_length": 16, "dropout": 0.25}
    expected |= {"window": 8, "sinks": 2, "stride": 3, "prefix": 5}
    expected |= {"start": "random", "last_layers": 2, "lora_rank": 4, "lora_alpha": 2.0}
    expected |= {"steps": 12, "batch_size": 4, "evaluate_every": 5, "warmup_steps": 2, "seed": 7}
    expected |= {"learning_rate": 0.002, "muon_learning_rate": 0.05, "weight_decay": 0.5}
    expected |= {
        "gradient_clip": 0.5,
        "hold": 0.5,
        "final_learning_rate": 0.1,
        "beta2": 0.9,
        "token_noise": 0.1,
        "vocab_size": 300,
    }
    for field in decoder.settings().values():
        if field.kind == "choice":
            expected[field.name] = field.choices[-1]
        elif field.kind == "bool":
            expected[field.name] = not field.default
    expected["task"] = task
    expected["ngram_share"] = 0.3 if task == "continue" else 0.0
    expected["pattern"] = "sinks"  # a prefix needs the causal mask,
    expected["trained"] = "all"  # and the others a run to start from
    expected["zero_init"] = False  # without the residual path nothing would pass
    given = []
    for name, value in expected.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            given.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            given += [f"--{flag}", str(value)]
    lm("train", decoder.name, "--corpus", text, "--out", tmp_path / "run", *given)
    plan = runs.open_run(tmp_path / "run").plan
    assert plan.values() == expected


# Recipes


def test_every_recipe_can_be_asked_for_and_changed(rung, text, tmp_path):
    """What a flag says goes before the recipe, and makes it nobody's."""
    brief = {"steps": 2, "evaluate_every": 2, "batch_size": 4, "context_length": 16, "n_layer": 1}
    known = rung.settings()
    flags = [
        word
        for name, value in brief.items()
        if name in known
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    for recipe in rung.recipes:
        out = tmp_path / recipe.name
        lm("train", rung.name, "--recipe", recipe.name, "--corpus", text, "--out", out, *flags)
        run = runs.open_run(out)
        kept = run.plan.values()
        changed = {flag[2:].replace("-", "_") for flag in flags[::2]}
        wanted = rung.plan(recipe.name)
        expected = wanted.values()
        assert {name for name in kept if kept[name] != expected[name]} <= changed
        assert run.record.recipe is None or not wanted.training.model_fields


def test_a_recipe_is_followed_remembered_and_resumed(text, tmp_path):
    asked = ("train", "bigram", "--recipe", "speedrun", "--out", tmp_path / "run")
    result = lm(*asked, "--corpus", text, "--seed", "7", "--json")
    assert json.loads(result.stdout)["recipe"] == "speedrun"
    assert runs.open_run(tmp_path / "run").record.recipe == "speedrun"
    lm(*asked, "--resume")


def test_an_unknown_recipe_is_refused(text, tmp_path):
    stderr = lm("train", "bigram", "--recipe", "stew", "--out", tmp_path / "run", code=2).stderr
    assert "stew" in stderr and "classic" in stderr


@pytest.mark.parametrize("recipe", ["classic", "speedrun"])
def test_a_resumed_run_keeps_its_settings_whatever_recipe_is_asked_for(recipe, finished):
    again = ("train", "bigram", "--out", finished, "--resume", "--recipe", recipe)
    assert "keeps it: its weights were learned in that model" in refusal(*again, code=3)


@of_typical_rungs
def test_the_result_as_json(rung, text, tmp_path):
    """Of a run whose settings are the rung's own, but for those that are given."""
    out = tmp_path / "run"
    flags = ("--corpus", text, "--out", out, "--json", *quick(rung))
    result = json.loads(lm("train", rung.name, *flags).stdout)
    run = runs.open_run(out)
    last = [line for line in run.metrics() if line["type"] == "evaluation"][-1]
    assert result["model"] == rung.name
    assert result["recipe"] == run.record.recipe
    assert result["steps"] == last["step"] == run.plan.steps
    assert result["seconds"] == last["seconds"]
    assert result["val_loss"] == last["loss"]
    assert result["tokens"] == last["step"] * run.record.tokens_per_step
    assert result["reached"] is True
    kept, own = run.plan.values(), rung.plan().values()
    given = {flag[2:].replace("-", "_") for flag in quick(rung)[::2]}
    assert {name for name in own if kept[name] != own[name]} <= given


def test_help_mentions_every_setting(rung):
    output = " ".join(lm("train", rung.name, "--help").stdout.split())
    assert rung.idea in output
    for field in rung.settings().values():
        assert f"--{field.name.replace('_', '-')} " in output
        assert field.help.split()[0].rstrip(".") in output
    assert "--until-val-loss" in output
    assert "Exit codes" in output


def test_help_of_sample_mentions_every_setting():
    output = lm("sample", "--help").stdout
    for field in describe(SamplingConfig):
        assert f"--{field.name.replace('_', '-')} " in output


def test_help_teaches():
    output = lm("--help").stdout
    for word in ("models", "train", "evaluate", "sample", "corpora", "pack", "Exit codes"):
        assert word in output
    assert all(name in lm("train", "--help").stdout for name in RUNGS)


# Sampling


def test_the_same_seed_writes_the_same(finished):
    def written(seed):
        return lm("sample", finished, "--seed", seed, "--max-new-tokens", 40).stdout

    assert written(1) == written(1) != written(2)
    assert written(1).startswith("\n")


def test_greedy_and_earlier_snapshots(finished):
    greedy = ("sample", finished, "--temperature", "0", "--max-new-tokens", "30")
    assert lm(*greedy).stdout == lm(*greedy, "--seed", "9").stdout
    written = ("sample", finished, "--temperature", "1", "--max-new-tokens", "60")
    assert lm(*written, "--step", "0").stdout != lm(*written).stdout


def test_a_text_without_line_ends_begins_with_its_first_character(tmp_path):
    (tmp_path / "own.txt").write_text("abcabcd" * 300)
    lm("train", "bigram", "--corpus", tmp_path / "own.txt", "--out", tmp_path / "run", *QUICK)
    assert lm("sample", tmp_path / "run", "--max-new-tokens", "5").stdout.startswith("a")


# Until it is good enough


def test_until_a_loss_that_is_reached(text, tmp_path):
    out = tmp_path / "run"
    lm("train", "bigram", "--corpus", text, "--out", out, *QUICK, "--until-val-loss", "9")
    run = runs.open_run(out)
    assert run.status() == ("stopped", None, 5)
    assert run.snapshots()[-1] == 5
    lm("train", "bigram", "--out", out, "--resume")
    assert run.status() == ("finished", None, 12)
    losses = [line["step"] for line in run.metrics() if line["type"] == "evaluation"]
    assert losses == [5, 10, 12]


def test_until_a_loss_that_is_not_reached(text, tmp_path):
    arguments = ("train", "bigram", "--corpus", text, "--out", tmp_path / "run", *QUICK)
    result = lm(*arguments, "--until-val-loss", "0.5", code=5)
    assert "did not reach 0.5" in result.stderr
    assert runs.open_run(tmp_path / "run").status() == ("finished", None, 12)
    lm("train", "bigram", "--out", tmp_path / "run", "--resume", "--until-val-loss", "0.5", code=5)
    lm("train", "bigram", "--out", tmp_path / "run", "--resume", "--until-val-loss", "9")


# 4, a loss that runs away; a packed copy; Ctrl-C


def test_a_loss_that_runs_away(text, tmp_path):
    wild = ["--learning-rate", "1", "--gradient-clip", "0", "--warmup-steps", "0", "--n-embd", "16"]
    arguments = ("train", "multi_head_attention", "--corpus", text, "--out", tmp_path / "run")
    sentence = refusal(*arguments, *QUICK, *wild, "--steps", "200", code=4)
    assert "Try a learning rate of 0.3" in sentence
    assert runs.open_run(tmp_path / "run").status()[0] == "failed"
    lm("sample", tmp_path / "run", "--max-new-tokens", "5")  # the last good snapshot


def test_pack(finished, text, tmp_path):
    packed = tmp_path / "packed"
    out = lm("pack", finished, "--out", packed, "--snapshots", "3", "--note", "a gift").stdout
    assert "MB" in out
    results = [
        json.loads(lm("evaluate", run, "--json", "--corpus", text).stdout)["val_loss"]
        for run in (packed, finished)
    ]
    assert results[0] == pytest.approx(results[1], abs=1e-3)
