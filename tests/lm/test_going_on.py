"""A run that has ended goes on with more steps, another learning rate or other evaluations, and says so."""

import json
import shutil

import pytest

from lm import runs
from lm.errors import RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import going_on, packing, recording
from lm.runs.comparing import differences_of
from lm.runs.facts import facts
from lm.settings import flag
from lm.training.events import ChangeLearningRate, Step, TakeCheckpoint
from lm.training.loop import train
from lm.training.schedule import learning_rate_factor
from tests.lm.command_line import QUICK, lm, refusal
from tests.lm.recorded import record_all, resume
from tests.lm.test_resuming import contents, final, happened

DECODER, BIGRAM = RUNGS["decoder_transformer"], RUNGS["bigram"]


@pytest.fixture
def ended(trained, tmp_path):
    """A finished run of twelve steps, to be changed."""
    shutil.copytree(trained.directory, tmp_path / "run")
    return runs.open_run(tmp_path / "run")


def rates(run):
    return {line["step"]: line["learning_rate"] for line in run.metrics() if line["type"] == "step"}


def changes_in(run):
    return [line for line in run.metrics() if line["type"] == "changed"]


def plain(change):
    """As it stands in metrics.jsonl."""
    return json.loads(json.dumps({"type": "changed", **change.model_dump()}))


# More steps


def test_more_steps_continue_the_run(ended, data):
    """What was learned and written stays; steps 13 to 20 come after it."""
    before, weights = ended.metrics(), ended.metrics_path.read_bytes()
    run = going_on.go_on(ended, {"steps": 20})
    assert run.plan.steps == 20
    assert run.status() == ("stopped", None, 12)
    run = resume(run.directory, data)
    assert run.status() == ("finished", None, 20)
    assert run.metrics_path.read_bytes().startswith(weights)
    assert run.metrics()[: len(before)] == before
    steps = [line["step"] for line in run.metrics() if line["type"] == "step"]
    assert steps == list(range(1, 21))
    assert [line["step"] for line in run.evaluations()] == [5, 10, 12, 15, 20]
    assert 20 in run.snapshots()


def test_the_rate_is_that_of_the_schedule_for_all_steps(ended, data):
    """Not decayed once more from nearly nothing: the jump is marked with both rates."""
    run = going_on.go_on(ended, {"steps": 24})
    (change,) = run.record.changes
    run = resume(run.directory, data)
    peak = run.plan.training.learning_rate
    for step, rate in rates(run).items():
        plan = ended.plan if step <= 12 else run.plan
        assert rate == pytest.approx(peak * learning_rate_factor(step - 1, plan.training), rel=1e-3)
    assert change.rate == pytest.approx(
        (
            peak * learning_rate_factor(12, ended.plan.training),
            peak * learning_rate_factor(12, run.plan.training),
        )
    )
    assert change.rate[1] == pytest.approx(rates(run)[13], rel=1e-3)
    said = going_on.in_words(change, run.plan.steps)
    assert "From step 13 on: steps 12→24." in said
    assert f"from {change.rate[0]:.3g} to {change.rate[1]:.3g}" in said
    assert "its schedule now ends at step 24" in said


def test_a_constant_rate_goes_on_without_a_jump(begin, data, tiny_plan, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(BIGRAM, decay="constant"))
    record_all(run, data)
    run = going_on.go_on(run, {"steps": 20})
    assert going_on.in_words(run.record.changes[0], 20) == "From step 13 on: steps 12→20."


# How it is written down


def test_a_change_is_marked_with_its_step(ended, data):
    given = {"steps": 20, "learning_rate": 0.01, "evaluate_every": 4}
    run = going_on.go_on(ended, given)
    (change,) = run.record.changes
    assert change.step == 12
    assert change.settings == {
        "steps": (12, 20),
        "learning_rate": (0.003, 0.01),
        "evaluate_every": (5, 4),
    }
    assert changes_in(run) == []  # nothing has been trained with it yet
    run = resume(run.directory, data)
    assert changes_in(run) == [plain(change)]
    steered = [line for line in run.metrics() if line["type"] == "learning_rate"]
    assert [(line["step"], line["learning_rate"]) for line in steered] == [(12, 0.01)]
    assert [line["step"] for line in run.evaluations()] == [5, 10, 12, 16, 20]
    assert rates(run)[13] == pytest.approx(0.01 * learning_rate_factor(12, run.plan.training), 1e-3)


def test_the_plan_recipe_and_facts_stay_true(begin, data, tmp_path, tiny_plan):
    """A link or a recipe would train another run: nothing may claim that the settings make this one."""
    plan = BIGRAM.plan(steps=3, evaluate_every=1)
    run = begin(tmp_path / "run", plan)
    record = run.record.model_copy(update={"recipe": "classic"})
    recording.write_json(run.directory / "run.json", record.model_dump())
    run = runs.open_run(run.directory)
    record_all(run, data)
    before = facts(run)
    assert before.recipe == "classic"
    run = going_on.go_on(run, {"steps": 6, "learning_rate": 0.02})
    after = facts(run)
    assert run.record.recipe is after.recipe is None
    assert after.begun == before.plan
    assert run.plan.training.learning_rate == before.plan.training.learning_rate
    assert differences_of(before, after) == [
        "steps 3→6 from step 3 on",
        "learning rate 0.01→0.02 from step 3 on",
    ]
    resume(run.directory, data)
    assert facts(run).changes == after.changes  # the line of the rate is not another change
    packing.pack(runs.open_run(run.directory), tmp_path / "packed", 2)
    packed = runs.open_run(tmp_path / "packed")
    assert packed.record.changes == run.record.changes
    assert "went on | steps 3→6 from step 3 on" in (tmp_path / "packed" / "README.md").read_text()


def test_the_same_settings_are_no_change(ended):
    before = contents(ended.directory)
    run = going_on.go_on(ended, {"steps": 12, "learning_rate": 0.003, "n_embd": 16})
    assert run.record.changes == ()
    assert contents(run.directory) == before


def test_a_run_may_change_several_times(ended, data):
    going_on.go_on(ended, {"steps": 16})
    run = resume(ended.directory, data)
    run = going_on.go_on(run, {"steps": 20, "learning_rate": 0.001})
    run = resume(run.directory, data)
    run = going_on.go_on(run, {"steps": 24, "learning_rate": 0.001})
    run = resume(run.directory, data)
    assert changes_in(run) == [plain(change) for change in run.record.changes]
    assert [change.step for change in run.record.changes] == [12, 16, 20]
    assert "learning_rate" not in run.record.changes[2].settings
    assert facts(run).begun == ended.plan


# Exactness


@pytest.mark.parametrize("where", [13, 16, 19])
def test_a_changed_run_can_be_stopped_and_resumed(where, ended, data, tmp_path):
    """Bit for bit as if it had not been stopped, and the change is told once."""
    shutil.copytree(ended.directory, tmp_path / "whole")
    given = {"steps": 20, "learning_rate": 0.01}
    whole = going_on.go_on(runs.open_run(tmp_path / "whole"), given)
    whole = resume(whole.directory, data)
    run = going_on.go_on(ended, given)
    events = recording.record(run, train(run.plan, data, resume=recording.rewind(run)))
    for event in events:
        if isinstance(event, Step) and event.step == where:
            events.send(TakeCheckpoint())
            events.close()
            break
    run = resume(run.directory, data)
    assert happened(run, snapshots=False) == happened(whole, snapshots=False)
    assert final(run) == final(whole)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_change_survives_a_crash_before_its_first_checkpoint(steps, ended, data, tmp_path):
    """The lines after the last checkpoint are forgotten, and the line of the change is among them."""
    run = going_on.go_on(ended, {"steps": 20, "learning_rate": 0.01})
    events = recording.record(run, train(run.plan, data, resume=recording.rewind(run)))
    for _ in range(steps):
        next(events)
    shutil.copytree(run.directory, tmp_path / "crashed")  # as a killed process leaves it
    events.close()
    crashed = runs.open_run(tmp_path / "crashed")
    assert going_on.changes(crashed.plan, {"steps": 20}, step=12) == {}
    run = resume(crashed.directory, data)
    assert changes_in(run) == [plain(change) for change in run.record.changes]
    assert rates(run)[13] == pytest.approx(0.01 * learning_rate_factor(12, run.plan.training), 1e-3)
    assert run.status() == ("finished", None, 20)


def test_a_rate_that_was_steered_later_is_kept(ended, data):
    """The change was applied once; a checkpoint at the same step holds what came after it."""
    run = going_on.go_on(ended, {"steps": 20, "learning_rate": 0.01})
    events = recording.record(run, train(run.plan, data, resume=recording.rewind(run)))
    next(events)
    events.send(ChangeLearningRate(0.002))
    events.send(TakeCheckpoint())
    events.close()
    checkpoint = recording.rewind(runs.open_run(run.directory))
    assert checkpoint.learning_rate == 0.002
    assert facts(runs.open_run(run.directory)).changes[-1].settings == {
        "learning_rate": (0.01, 0.002)
    }


def test_a_run_that_has_learned_nothing_yet_just_has_other_settings(
    begin, data, tiny_plan, tmp_path
):
    run = begin(tmp_path / "run", tiny_plan(BIGRAM))
    run = going_on.go_on(run, {"steps": 8, "learning_rate": 0.01})
    assert run.record.changes == ()
    assert (run.plan.steps, run.plan.training.learning_rate) == (8, 0.01)
    record_all(run, data)
    assert run.status() == ("finished", None, 8)
    fresh = begin(tmp_path / "fresh", tiny_plan(BIGRAM, steps=8, learning_rate=0.01))
    record_all(fresh, data)
    assert happened(run) == happened(fresh)


def test_a_stopped_run_may_end_earlier(begin, data, tiny_plan, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(BIGRAM))
    events = recording.record(run, train(run.plan, data))
    for event in events:
        if isinstance(event, Step) and event.step == 4:
            events.send(TakeCheckpoint())
            events.close()
            break
    going_on.go_on(run, {"steps": 6})
    assert resume(run.directory, data).status() == ("finished", None, 6)


# Refusals


@pytest.mark.parametrize(
    "name",
    [name for name in DECODER.settings() if name not in going_on.CHANGEABLE],
)
def test_every_other_setting_is_refused_with_a_reason(name, ended):
    before = contents(ended.directory)
    with pytest.raises(RunProblem) as problem:
        going_on.go_on(ended, {name: "another"})
    said = str(problem.value)
    assert f"was begun with {flag(name)} " in said
    assert "can change --steps, --learning-rate and --evaluate-every" in said
    assert len(said.split(": ", 1)[1].split(".")[0]) > 15  # the reason
    assert contents(ended.directory) == before


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"steps": 12.5}, "Steps must be a whole number"),
        ({"steps": 10}, "has taken 12 steps"),
        ({"steps": 5_000_000}, "from 1 to 1,000,000"),
        ({"learning_rate": 7.0}, "Learning rate must be a number"),
        ({"learning_rate": float("nan")}, "Learning rate"),
        ({"evaluate_every": 0}, "Evaluate every"),
        ({"steps": 20, "evaluate_every": 0}, "Evaluate every"),
        ({"colour": "red"}, "no setting called 'colour'"),
    ],
)
def test_values_that_cannot_be(given, named, ended):
    before = contents(ended.directory)
    for refuse in (going_on.check, going_on.go_on):
        with pytest.raises(SettingsProblem, match=named):
            refuse(ended, given)
    assert contents(ended.directory) == before


def test_a_run_in_training_and_a_packed_one_are_refused(ended, begin, data, tiny_plan, tmp_path):
    run = begin(tmp_path / "live", tiny_plan(BIGRAM))
    events = recording.record(run, train(run.plan, data))
    next(events)
    with pytest.raises(RunProblem, match="trains the run"):
        going_on.go_on(run, {"steps": 20})
    events.close()
    packing.pack(ended, tmp_path / "packed", 2)
    with pytest.raises(RunProblem, match="nothing to go on from"):
        going_on.go_on(runs.open_run(tmp_path / "packed"), {"steps": 20})


# On the command line


def test_the_command_line(text, tmp_path):
    train_ = ("train", "bigram", "--out", tmp_path / "run", "--corpus", text)
    lm(*train_, *QUICK)
    said = lm(*train_, "--resume", "--steps", "20", "--learning-rate", "0.02")
    assert "From step 13 on: steps 12→20, learning rate 0.01→0.02." in said.stderr
    assert "after 20 steps" in said.stdout
    assert json.loads(lm("runs", tmp_path / "run", "--json").stdout)[0]["steps"] == 20
    assert "From step" not in lm(*train_, "--resume", "--steps", "20").stderr
    assert "begun with --n-embd 32, not 64" in refusal(
        *train_, "--resume", "--n-embd", "64", code=3
    )
    assert "has taken 20 steps" in refusal(*train_, "--resume", "--steps", "15", code=2)
    refused = refusal(*train_, "--resume", "--recipe", "best", code=3)
    assert "was begun with" in refused
