"""Several processes train as one: the same losses, exact evaluations, exact resumption, one sentence each."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from lm.commands.train_together import agree
from lm.corpora import pairs
from lm.errors import SettingsProblem
from lm.ladder import RUNGS
from lm.rewriting import Rewriter
from lm.runs import open_run
from lm.tasks import Rewrite
from lm.tokenizers import CharacterTokenizer
from lm.training.events import ChangeLearningRate, Checkpoint, Evaluated, Step, TakeCheckpoint
from lm.training.loop import train
from lm.training.processes.group import joined
from lm.training.processes.in_step import in_step
from tests.lm.command_line import ROOT, lm
from tests.lm.processes import together

SIZES = {"n_embd": 16, "n_head": 2, "n_layer": 1, "context_length": 16}
BRIEF = {"steps": 50, "batch_size": 6, "evaluate_every": 25, "warmup_steps": 3, "dropout": 0.0}
TENSORS = ("weights", "optimizer")  # of a checkpoint


def plan_of(name="decoder_transformer", **given):
    """A tiny plan of fifty steps. Without dropout: each process would draw other random numbers."""
    known = {"recipe", *RUNGS[name].settings()}
    return RUNGS[name].plan(**{k: v for k, v in (SIZES | BRIEF | given).items() if k in known})


def losses(events):
    """The losses of steps and evaluations, in their order."""
    return [event.loss for event in events if isinstance(event, Step | Evaluated)]


def test_two_processes_learn_as_one_does(text_data):
    """Rows that both read, gradients that are added and not averaged, and parts of the validation split that
    are left out or counted twice would show in the second step or in the first evaluation.
    """
    plan = plan_of(token_noise=0.1)
    both = together(2, lambda group: losses(train(plan, text_data, group=group)))
    alone = losses(train(plan, text_data))
    assert len(alone) == 52
    assert both[0] == pytest.approx(alone, abs=1e-5)
    assert both[0] == both[1]


def test_two_processes_rewrite_as_one_does(monkeypatch):
    """Answers have different lengths: a mean over each process's own tokens would be another mean. Of an
    evaluation each process reads and answers its half, and lines left out or counted twice would show.
    """
    numbers = pairs.from_tsv("".join(f"{n}\t{str(n)[::-1]}\n" for n in range(1, 400)))
    pair_data = Rewrite.load(numbers, CharacterTokenizer.from_text(numbers.text))
    brief = {"steps": 8, "evaluate_every": 8, "precision": "float32"}
    plan = plan_of("encoder_decoder", **brief, learning_rate=1e-2, context_length=32)
    monkeypatch.setattr("lm.tasks.rewrite.AT_ONCE", 64)  # tokens: an odd number of parts

    def learned(group=None):
        answered: list[int] = []
        write = Rewriter.rewrite
        with pytest.MonkeyPatch.context() as patch:
            count = lambda self, lines: answered.append(len(lines)) or write(self, lines)  # noqa: E731
            patch.setattr(Rewriter, "rewrite", count)
            events = list(train(plan, pair_data, group=group))
        scores = [dict(event.scores) for event in events if isinstance(event, Evaluated)]
        return losses(events), scores, max(answered)

    alone, both = learned(), together(2, learned)
    assert both[0][0] == pytest.approx(alone[0], abs=1e-5)
    assert both[0][1] == both[1][1] == alone[1]
    assert both[0][2] + both[1][2] == alone[2]


def test_a_run_of_three_processes_goes_on_exactly_and_with_one_less(text_data):
    """With three, the order of a sum matters: torch takes another one from the second pass on, so that the
    first step after a resumption would differ in its last bits.
    """
    plan = plan_of(steps=12, evaluate_every=6)
    dropping = plan_of(steps=12, evaluate_every=6, dropout=0.1)

    def resumed(group):
        saved, whole = None, []
        for event in train(dropping, text_data, group=group):
            saved = at_six(event) or saved
            whole.append(event)
        rest = losses(train(dropping, text_data, resume=saved, group=group))
        saved = [*filter(None, map(at_six, train(plan, text_data, group=group)))][-1]
        in_arrays = {n: {k: t.numpy() for k, t in getattr(saved, n).items()} for n in TENSORS}
        return losses(e for e in whole if e.step > 6), rest, replace(saved, **in_arrays)

    whole, rest, saved = together(3, resumed)[0]
    tensors = {n: {k: torch.from_numpy(a) for k, a in getattr(saved, n).items()} for n in TENSORS}
    saved = replace(saved, **tensors)
    assert rest == whole
    assert len(rest) == 7
    after = together(2, lambda group: losses(train(plan, text_data, resume=saved, group=group)))
    alone = losses(e for e in train(plan, text_data) if e.step > 6)
    assert after[0] == pytest.approx(alone, abs=1e-5)
    assert len(alone) == 7


def at_six(event):
    """A checkpoint after six steps, which stays as it is while training goes on; None of any other event."""
    if not isinstance(event, Checkpoint) or event.step != 6:
        return None
    tensors = {n: {k: t.clone() for k, t in getattr(event, n).items()} for n in TENSORS}
    return replace(event, **tensors)


def test_commands_to_the_first_process_reach_all(text_data):
    """A process that took a step more, or kept its learning rate, would wait for the others for ever, or
    change its weights in another way.
    """
    plan = plan_of()

    def steered(group):
        events, found = in_step(train(plan, text_data, group=group), group), []
        for event in events:
            found.append((type(event).__name__, event.step))
            if group.first and isinstance(event, Step) and event.step == 3:
                events.send(ChangeLearningRate(1e-4))
                taken = events.send(TakeCheckpoint())
                assert isinstance(taken, Checkpoint) and taken.learning_rate == 1e-4
                found += [("LearningRateChanged", 3), ("Checkpoint", 3)]
            if group.first and event.step == 5:
                events.close()
        return found

    first, second = together(2, steered)
    assert first == second
    assert first[-1] == ("Step", 5)


def test_a_process_that_dies_ends_the_others_with_one_sentence(text_data):
    plan = plan_of(steps=1000, evaluate_every=1000)

    def until_one_dies(group):
        for event in in_step(train(plan, text_data, group=group), group):
            if group.rank == 1 and event.step == 5:
                raise SettingsProblem("It dies.")

    survivor, _ = together(2, until_one_dies)
    assert survivor == (
        "One of the 2 processes has died, so the others have ended, too: --resume goes on from the last "
        "checkpoint."
    )


def test_a_process_that_ends_before_training_is_told_in_one_sentence():
    """If the first may not write the run directory, the others wait for it: theirs was a traceback of gloo."""

    def begin(group):
        if group.first:
            raise SettingsProblem("There is a run already.")
        group.from_first(0.0)

    first, second = together(2, begin)
    assert first == "There is a run already."
    assert second.startswith("One of the 2 processes has died")


def test_processes_with_different_texts_are_told_so():
    told = together(3, lambda group: group.check_same(corpus=str(group.rank // 2)))
    assert set(told) == {
        "Process 2 does not have the same corpus as process 0: give all 3 processes the same corpus."
    }


@pytest.mark.parametrize("flag", ["--shard", "--resume"])
def test_processes_that_disagree_on_a_flag_are_told_so(flag, play):
    """One that spreads its weights, and one that does not, ended in an abort inside gloo."""

    def disagree(group):
        sharded, begun = (group.first and flag == one for one in ("--shard", "--resume"))
        agree(replace(group, sharded=sharded), plan_of(), play, begun)

    for told in together(2, disagree):
        assert f"does not have the same choice of {flag} as process 0" in told


def test_a_plan_that_cannot_be_shared_out_is_refused(text_data):
    def refused(group):
        told = []
        for plan in plans:
            with pytest.raises(SettingsProblem) as problem:
                group.check(plan)
            told.append(str(problem.value))
        with pytest.raises(SettingsProblem) as problem:
            group.check(plans[0], begun=True)
        return [*told, str(problem.value)]

    plans = [plan_of(batch_size=7), plan_of("ngram"), plan_of(batch_size=1)]
    uneven, counting, one, begun = together(2, refused)[0]
    assert uneven == (
        "A batch size of 7 cannot be shared out equally to 2 processes: choose a batch size of 6 or 8, or "
        "another --nproc-per-node."
    )
    assert "choose a batch size of 2," in one
    assert counting.endswith("leave torchrun out.")
    assert begun.endswith(": resume it with an --nproc-per-node that divides the batch size.")


def test_a_port_that_is_taken_is_named(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": "0", "WORLD_SIZE": "2"}
        for name, value in where.items():
            monkeypatch.setenv(name, value)
        told = f"port of 127.0.0.1:{port} is taken: choose"
        with pytest.raises(SettingsProblem, match=told), joined("cpu"):
            pass


WRONG = {
    "variable RANK is missing": {"RANK": ""},
    "variable WORLD_SIZE is 'two'": {"WORLD_SIZE": "two"},
    "variable MASTER_PORT is '99999'": {"MASTER_PORT": "99999"},
    "variable MASTER_ADDR is missing": {"MASTER_ADDR": ""},
    "RANK is 2, and must be less than WORLD_SIZE, 2": {"RANK": "2"},
}


@pytest.mark.parametrize("told", WRONG)
def test_an_environment_that_torchrun_did_not_make_is_named(told):
    """Some clusters set a part of these variables for every program: that was a traceback of torch."""
    usual = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "RANK": "0", "WORLD_SIZE": "2"}
    environment = {name: value for name, value in (usual | WRONG[told]).items() if value}
    expected = pytest.raises(SettingsProblem, match=told + ".*: start.* with torchrun")
    with expected, joined("cpu", environment=environment):
        pass


def torchrun(*arguments, **options):
    """`torchrun` with two processes, each on one thread."""
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lm"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    every = {"cwd": ROOT, "env": environment, "text": True}
    return subprocess.Popen([sys.executable, *words, *map(str, arguments)], **every | options)


@pytest.fixture
def flags(tmp_path, play):
    """A short text, and a batch that two can share."""
    (tmp_path / "play.txt").write_text(play.text)
    return ["--corpus", tmp_path / "play.txt", "--context-length", "8", "--batch-size", "4"]


def test_torchrun_writes_the_run_directory_of_one_process(tmp_path, flags):
    """The command that people type, from the first import to the last line."""
    flags = [*flags, "--steps", "4", "--evaluate-every", "2", "--recipe", "classic"]
    with torchrun("train", "bigram", "--out", tmp_path / "two", *flags, stdout=-1) as process:
        told = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert told.count("validation loss") == 1
    lm("train", "bigram", "--out", tmp_path / "one", *flags)
    one, two = (open_run(tmp_path / name) for name in ("one", "two"))
    assert two.status() == ("finished", None, 4)
    assert two.snapshots() == one.snapshots()
    assert two.record.model_dump(exclude={"created"}) == one.record.model_dump(exclude={"created"})
    for of_one, of_two in zip(one.metrics(), two.metrics(), strict=True):
        assert of_two["type"] == of_one["type"]
        assert of_two.get("loss") == pytest.approx(of_one.get("loss"), abs=1e-5)


@pytest.mark.slow
def test_torchrun_ends_with_one_sentence_if_a_process_is_killed_and_the_run_goes_on(
    tmp_path, flags
):
    flags = ["train", "bigram", "--out", tmp_path / "run", *flags]
    process = torchrun(*flags, "--steps", "100000", stdout=-1, stderr=-1)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not metrics.exists() or metrics.stat().st_size < 50_000:
        time.sleep(0.2)
        assert process.poll() is None
    second = next(pid for pid in children(process.pid) if environment_of(pid)["RANK"] == "1")
    os.kill(second, signal.SIGKILL)
    told = process.communicate(timeout=60)[1]
    ours = [line for line in told.splitlines() if line.startswith(("Error", "Stopped", "Interr"))]
    assert len(ours) == 1
    assert "processes has died" in ours[0]
    run = open_run(tmp_path / "run")
    status, reason, step = run.status()
    assert status == "failed" and ours[0] == f"Error: {reason}"
    on = torchrun(*flags, "--resume", "--steps", str(step + 10), stdout=-1, stderr=-1)
    told = on.communicate(timeout=120)
    assert on.returncode == 0, told
    assert run.status()[::2] == ("finished", step + 10)


def children(pid):
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return list(map(int, file.read().split()))


def environment_of(pid):
    with open(f"/proc/{pid}/environ") as file:
        return dict(re.findall(r"([^=\0]+)=([^\0]*)", file.read()))
