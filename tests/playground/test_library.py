"""Runs that this server did not start: found, listed, opened and pruned; and which run a token means."""

import json
import os
import re
import time

from lm.ladder import RUNGS
from lm.runs import recording
from playground.actions import Actions
from playground.library import SILENCE
from tests.playground.live_runs import LONG, directory_of


def test_a_run_of_an_earlier_server_is_shown_as_it_ended(start, status, services, make_services):
    token = start(steps=5)
    status(token, "finished")
    name = directory_of(services, token).name
    later = make_services()
    assert later.library.answer(token)["status"] == "unknown"
    answer = later.library.answer(f"local:{name}")
    assert answer["status"] == "finished" and answer["train"]["step"] == [1, 2, 3, 4, 5]
    assert later.supervisor.command(f"local:{name}", "resume") == "unknown"  # it has ended


def test_a_run_whose_server_was_killed_counts_as_stopped_once_it_is_silent(
    new_run, tiny_plan, library, decoder
):
    run = new_run(library.runs_folder / "old", tiny_plan(decoder))
    answer = library.answer("local:old")
    assert answer["status"] == "running"  # another process may be writing it
    past = time.time() - SILENCE - 1
    os.utime(run.metrics_path, (past, past))
    answer = library.answer("local:old")
    assert answer["status"] == "stopped" and "its process has exited" in answer["reason"]


def test_a_run_of_the_command_line_is_watched_while_it_is_written(
    new_run, tiny_plan, supervisor, library, decoder
):
    run = new_run(library.runs_folder / "cli", tiny_plan(decoder))
    assert library.answer("local:cli")["train"]["step"] == []
    with run.metrics_path.open("a") as file:
        file.write(json.dumps({"type": "step", "step": 1, "loss": 4.0, "seconds": 0.1}) + "\n")
    assert library.answer("local:cli")["train"]["step"] == [1]
    assert not supervisor.is_live("local:cli")
    assert supervisor.command("local:cli", "stop") == "unknown"  # not ours to stop
    assert library.answer("local:cli")["status"] == "running"


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
    recording.write_status(good, "stopped", 1234)
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


def test_a_hosted_page_deletes_the_oldest_ended_runs(
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
    library.prune(keep=1)
    assert library.knows("local:new") and library.knows(live)
    assert not library.knows(ended)
    assert (library.runs_folder / "texts").exists()


def test_only_a_hosted_page_makes_room_for_a_new_run(library, monkeypatch):
    pruned = []
    monkeypatch.setattr(library, "prune", lambda: pruned.append(True))
    library.new_directory("bigram")
    assert not pruned
    monkeypatch.setattr(library, "open_local", False)
    library.new_directory("bigram")
    assert pruned
