"""Runs that this server did not start: found, listed, opened and pruned; and which run a token means."""

import os
import re
import shutil

import torch

from lm import runs, tasks
from lm.ladder import RUNGS
from lm.runs import recording
from lm.runs.checksums import as_line, at_end
from lm.runs.lock import WriterLock
from lm.runs.run import GONE
from lm.training.loop import train
from playground.runs import library as library_module
from playground.serving.limits import Limits
from playground.serving.visitors import Visitor
from playground.tabs.actions import Actions
from tests.playground.live_runs import LONG, directory_of


def test_a_run_of_an_earlier_server_is_shown_as_it_ended(start, status, services, make_services):
    token = start(steps=5)
    assert status(token, "finished")["ours"]
    name = directory_of(services, token).name
    later = make_services()
    assert later.library.answer(token)["status"] == "unknown"
    answer = later.library.answer(f"local:{name}")
    assert answer["status"] == "finished" and answer["train"]["step"] == [1, 2, 3, 4, 5]
    assert later.supervisor.command(f"local:{name}", "resume") == "unknown"  # it has ended


def append_step(run, step):
    with run.metrics_path.open("ab") as file:
        line = {"type": "step", "step": step, "loss": 4.0, "seconds": 0.1}
        file.write(as_line(line, at_end(run.metrics_path.read_bytes())))


def test_a_run_of_another_process_is_shown_and_listed_while_it_trains_and_after(
    new_run, tiny_plan, supervisor, library, decoder
):
    """Its lock tells whether it lives, and its metrics how far it is: its status was written at its start.

    An evaluation may take an hour without a line: the clock tells nothing.
    """
    run = new_run(library.runs_folder / "cli", tiny_plan(decoder))
    with WriterLock(run.directory):
        recording.write_status(run.directory, "running", 0)
        assert library.answer("local:cli")["train"]["step"] == []
        append_step(run, 1)
        os.utime(run.metrics_path, (1e9, 1e9))
        answer = library.answer("local:cli")
        assert (answer["status"], answer["train"]["step"]) == ("running", [1])
        assert not supervisor.is_live("local:cli") and not answer["ours"]
        assert supervisor.command("local:cli", "stop") == "unknown"  # not ours to stop
        append_step(run, 2)
        ((about, token),) = library.local_runs(decoder.name)
        assert token == "local:cli" and " · 2 steps so far · " in about
        supervisor.limits = Limits.make(kept_runs=1)
        newer = new_run(library.runs_folder / "newer", tiny_plan(decoder)).directory
        library.prune()  # neither the one in training, though it is the oldest, nor the only ended one
        assert newer.exists()
        shutil.rmtree(newer)
    answer = library.answer("local:cli")
    assert (answer["status"], answer["reason"]) == ("stopped", GONE)
    ((about, _),) = library.local_runs(decoder.name)
    assert " · 2 steps · " in about


def test_a_run_made_anew_in_the_place_of_a_deleted_one_is_another_run(
    new_run, tiny_plan, services, library
):
    """Neither its plan nor its curve nor its weights are those of the first."""
    bigram, folder = RUNGS["bigram"], library.runs_folder / "again"

    def made(seed):
        run = new_run(folder, tiny_plan(bigram, steps=2, seed=seed))
        for _ in recording.record(run, train(run.plan, tasks.text_data(run.corpus()))):
            pass
        view = library.view("local:again")
        return view, services.snapshots.model(view.run, None)[0]

    first, weights = made(seed=1)
    shutil.rmtree(folder)
    assert not library.knows("local:again")
    second, others = made(seed=2)
    assert (first.run.plan.training.seed, second.run.plan.training.seed) == (1, 2)
    assert not torch.equal(*(next(iter(m.parameters())) for m in (weights, others)))
    assert library.view("local:again") is second


def test_only_so_many_opened_runs_are_kept_in_memory(new_run, tiny_plan, library, monkeypatch):
    monkeypatch.setattr(library_module, "KEEP", 2)
    for name in "abc":
        new_run(library.runs_folder / name, tiny_plan(RUNGS["bigram"]))
    views = [library.view(f"local:{name}") for name in "abc"]
    assert library.view("local:c") is views[2] and library.view("local:a") is not views[0]


def test_shipped_runs_are_found_by_their_rung(new_run, tiny_plan, library):
    assert library.shipped("bigram") is None
    new_run(library.shipped_folder / "bigram", tiny_plan(RUNGS["bigram"]))
    assert library.shipped("bigram") == "shipped:bigram"
    assert library.knows("shipped:bigram") and not library.knows("shipped:decoder_transformer")


def test_a_rung_may_ship_with_more_runs_than_one(new_run, tiny_plan, services, library):
    for folder in ("bigram", "bigram-best", "bigram-speedrun"):
        new_run(library.shipped_folder / folder, tiny_plan(RUNGS["bigram"]))
    assert library.also_shipped("bigram") == {
        "best": "shipped:bigram-best",
        "speedrun": "shipped:bigram-speedrun",
    }
    assert library.also_shipped("decoder_transformer") == {}
    shown = Actions(RUNGS["bigram"], services).choices(None)
    assert ("the included run of recipe best", "shipped:bigram-best") in shown


def test_folders_that_are_no_runs_are_passed_over(library, new_run, tiny_plan):
    """Nor are runs listed that have not taken a step."""
    new_run(library.runs_folder / "not-begun", tiny_plan(RUNGS["bigram"]))
    good = new_run(library.runs_folder / "good", tiny_plan(RUNGS["bigram"])).directory
    append_step(runs.open_run(good), 1234)
    (library.runs_folder / "texts").mkdir()
    (library.runs_folder / "a-file").write_text("x")
    (library.runs_folder / "broken").mkdir()
    (library.runs_folder / "broken" / "run.json").write_text("{")
    ((about, token),) = library.local_runs("bigram")
    assert token == "local:good"
    assert re.fullmatch(r"[-\d]{10} \d\d:\d\d · own settings · 1,234 steps · .+", about)


def test_a_live_run_opened_from_its_folder_is_commanded_by_its_own_token(
    start, services, library, supervisor, status, monkeypatch
):
    token = start(paused=True, **LONG)
    named = f"local:{directory_of(services, token).name}"
    assert library.token_of(named) == token
    assert library.view(named) is library.view(token)
    supervisor.command(token, "stop")
    status(token, "stopped")
    assert library.token_of(named) == named
    monkeypatch.setattr(library, "open_local", False)
    assert not library.knows(named)


def test_the_oldest_ended_runs_make_room_for_a_new_one(
    start, services, library, supervisor, status, new_run, tiny_plan, decoder
):
    """Live runs are kept however old they are, and so are the texts, which are no runs."""
    live = start(paused=True, **LONG)
    ended = start(paused=True, **LONG)
    supervisor.command(ended, "stop")
    status(ended, "stopped")
    new = new_run(library.runs_folder / "new", tiny_plan(decoder)).directory
    (library.runs_folder / "texts").mkdir()
    for age, directory in enumerate(
        (new, directory_of(services, ended), directory_of(services, live))
    ):
        os.utime(directory, (1e9 - age, 1e9 - age))
    library.new_directory("bigram")
    assert library.knows(ended), "without a limit nothing is deleted"
    supervisor.limits = Limits.make(kept_runs=1)
    library.new_directory("bigram")
    assert library.knows("local:new") and library.knows(live)
    assert not library.knows(ended)
    assert (library.runs_folder / "texts").exists()


def test_a_visitor_s_own_runs_make_room_before_everybody_else_s(
    library, supervisor, new_run, tiny_plan, decoder, monkeypatch
):
    """215 Trains of one visitor pushed the finished runs of all others out."""
    directories = [
        new_run(library.runs_folder / name, tiny_plan(decoder)).directory
        for name in ("other", "mine-1", "mine-2", "mine-3")
    ]
    for age, directory in enumerate(directories):
        os.utime(directory, (1e9 + age, 1e9 + age))
    whose = dict.fromkeys(directories[1:], Visitor("me")) | {directories[0]: Visitor("other")}
    monkeypatch.setattr(supervisor, "visitors", lambda: whose)
    supervisor.limits = Limits.make(kept_runs=3, visitor_kept_runs=2)
    library.prune()
    assert [path.name for path in directories if path.exists()] == ["other", "mine-2", "mine-3"]
    (directories[3] / "large").write_bytes(bytes(1_000_000))
    supervisor.limits = Limits.make(visitor_kept_megabytes=1)
    library.prune()
    assert [path.name for path in directories if path.exists()] == ["other"]
