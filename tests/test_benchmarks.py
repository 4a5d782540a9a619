"""The benchmarks start, and print a table with the machine's description. Their figures are not tested."""

import importlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lm import corpora, runs
from lm.costs.sizes import count_parameters, outline
from lm.ladder import RUNGS
from tests.benchmarks import damage, nanogpt, rewriting, time_to_loss, visit
from tests.benchmarks.report import Table, spread, take_turns

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "benchmarks"
README = FOLDER / "README.md"
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if "@benchmark(" in p.read_text("utf-8"))


@pytest.fixture
def text(tmp_path) -> Path:
    """A short play in a file."""
    path = tmp_path / "play.txt"
    path.write_text(corpora.load("synthetic_plays").text[:20_000], "utf-8")
    return path


def run(script: str, *arguments: str) -> str:
    """The output of a benchmark, run quickly on one core."""
    command = [sys.executable, "-m", f"tests.benchmarks.{script}", "--quick", "--cores", "1"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_gives_a_command_for_every_script():
    """Else a new benchmark would have no documentation, or a deleted one would keep its row."""
    told = re.findall(
        r"^python -m tests\.benchmarks\.(\w+)", README.read_text("utf-8"), re.MULTILINE
    )
    assert len(told) > 5 and sorted(told) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_help_of_a_benchmark_names_its_row(script):
    command = importlib.import_module(f"tests.benchmarks.{script}").main
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "Row " in result.output and "--markdown" in result.output


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_default_recipes_of_a_benchmark_exist(script):
    command = importlib.import_module(f"tests.benchmarks.{script}").main
    known = {recipe.name for recipe in RUNGS["decoder_transformer"].recipes}
    for option in command.params:
        if option.name == "recipe" and isinstance(option.default, str):
            assert option.default in known


def test_a_benchmark_can_read_an_existing_run():
    printed = run("loss_of_a_t4", "--markdown", "--run", "checkpoints/decoder_transformer")
    assert "### Seconds of training" in printed and "a smoke test" in printed
    assert "| existing runs |" in printed and "torch" in printed


@pytest.mark.slow
def test_a_rung_is_timed(text):
    """A whole benchmark in a process of its own, from its options to its table."""
    printed = run("training_speed", "--rung", "bigram", "--corpus", str(text))
    assert "Bigram" in printed and "32 × 8" in printed and "GFLOP/s" in printed


@pytest.mark.slow
def test_lines_are_rewritten_by_a_decoder_alone():
    """From the recipe's settings to the table; the row says how many sums are right."""
    printed = run("rewriting", "--row", "sums-decoder")
    assert re.search(r"^sums-decoder .*% right; longer: [\d.]+%", printed, re.MULTILINE)


@pytest.mark.slow
def test_an_imported_model_writes_what_transformers_writes():
    """Of the smoke test, a small Llama with random weights: the same tokens in float32."""
    printed = run("pretrained")
    (row,) = [line for line in printed.splitlines() if line.startswith("ours, float32")]
    assert row.endswith("yes")


def test_the_decoders_of_the_rewriting_table_are_as_large():
    """A comparison at the same parameters; the tokens' embeddings differ by some positions."""
    of_row = {}
    for name, row in rewriting.ROWS.items():
        plan = RUNGS[row.model].plan(
            rewriting.base(row),
            **rewriting.settings(row),
            task="rewrite" if row.model == "encoder_decoder" else "answer",
        )
        of_row[name] = count_parameters(outline(plan, 60))
    pairs = [name for name in of_row if name.endswith("-decoder")]
    assert len(pairs) == 4
    for name in pairs:
        assert of_row[name] == pytest.approx(of_row[name.removesuffix("-decoder")], rel=0.02)


@pytest.mark.slow
def test_damaged_runs_are_used_in_every_way():
    """The campaign as a whole, on two damages: no use is left out of the table."""
    printed = run("damage", "--damages", "2")
    uses = re.findall(r"^(\w+)  +\d+  +\d+", printed.partition("How the uses")[2], re.MULTILINE)
    assert uses[-2:] == ["resume", "all"] and len(uses) == 11


def test_every_damage_changes_a_file_and_is_repeatable(tmp_path):
    """Else a damage that does nothing would count as one that was survived."""
    whole = tmp_path / "whole"
    (whole / "snapshots").mkdir(parents=True)
    for name in ("run.json", "metrics.jsonl", "snapshots/1.safetensors", "snapshots/2.safetensors"):
        (whole / name).write_bytes(b"".join(b"%d %s\n" % (i, name.encode()) for i in range(30)))
    before = contents(whole)
    done = set()
    for seed in range(60):
        found = []
        for copy in (tmp_path / f"{seed}-{i}" for i in (1, 2)):
            shutil.copytree(whole, copy)
            found.append((damage.do_damage(copy, random.Random(seed)), contents(copy)))
        assert found[0] == found[1]
        (done_to, after), _ = found
        changed = {name for name in before if after.get(name) != before[name]}
        assert changed == set(done_to.files)
        done.add(done_to.kind)
    assert done == {*damage.CHANGES, "delete", "swap"}


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on the PATH")
def test_a_visitor_without_a_browser_polls_as_often_as_the_page():
    """Else the class would measure another load than that of thirty pages."""
    states = [
        (e, left, s, place)
        for e in (True, False)
        for left in (None, 3, 90, 600)
        for s in (0, 1, 5, 60)
        for place in (0, 1, 5, 60)
    ]
    script = """
      import { pace } from "./playground/components/tab/polling.js";
      const told = JSON.parse(process.argv[1]).map(([eager, seconds_left, trained, place]) => {
        const queue = place ? { place } : null;
        const record = { seconds_left, queue, train: { seconds: trained ? [trained] : [] } };
        return pace({ record, eager: () => eager }, { visible: true, misses: 0 });
      });
      console.log(JSON.stringify(told));
    """
    words = ["node", "--input-type=module", "--eval", script, json.dumps(states)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [1000 * visit.pace(*state) for state in states] == pytest.approx(json.loads(done.stdout))


def test_a_place_in_the_queue_is_told_by_its_three_numbers():
    assert visit.told_place({"place": 2, "of": 5, "seconds": None})
    for told in (None, {}, {"place": 2, "of": 5}, {"place": 0, "of": 5, "seconds": 1}, "2 of 5"):
        assert not visit.told_place(told)


def test_a_loss_counts_from_the_first_evaluation_at_or_below_it():
    shipped = runs.open_run(ROOT / "checkpoints" / "decoder_transformer")
    losses = {e["step"]: e["loss"] for e in shipped.metrics() if e["type"] == "evaluation"}
    steps = sorted(losses)
    between = losses[steps[2]]
    found = time_to_loss.outcome(shipped, between)
    assert found.reached and found.steps == next(s for s in steps if losses[s] <= between)
    assert found.tokens == found.steps * shipped.record.tokens_per_step
    missed = time_to_loss.outcome(shipped, 0.1)
    assert not missed.reached and missed.loss == min(losses.values())


def test_an_iteration_with_an_evaluation_in_it_counts_as_a_median_one():
    training = nanogpt.Training({}, {}, [9.0, 1.0, 2.0, 3.0, 9.0, 2.0], every=4)
    assert training.seconds_until(3) == 2.0 + 1.0 + 2.0
    assert training.seconds_until(5) == 2.0 + 1.0 + 2.0 + 3.0 + 2.0


def test_contestants_take_turns():
    order: list[str] = []
    take_turns(3, {name: lambda _, name=name: order.append(name) for name in "AB"})
    assert "".join(order) == "ABABAB"


def test_a_table_is_printed_for_the_terminal_and_as_markdown():
    table = Table(("rung", "ms"), [["bigram", "1.5"], ["block", spread([30.0, 10.0, 20.0])]])
    assert table.plain().splitlines()[2:] == ["bigram         1.5", "block   20 (10–30)"]
    assert table.markdown().splitlines()[1:3] == ["| --- | --- |", "| bigram | 1.5 |"]
