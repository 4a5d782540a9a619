"""A list of runs is there at once, and what it says is so."""

import os
import shutil
import time

import pytest

from lm.ladder import RUNGS
from lm.runs import label, listing, recording
from lm.runs.facts import facts
from lm.training.events import Step
from lm.training.loop import train

BIGRAM = RUNGS["bigram"]


@pytest.fixture
def folder(on_a_file, tmp_path):
    """Three runs, one of them in a sweep, and things that are no runs."""
    _, run = on_a_file
    folder = tmp_path / "runs"
    for place in ("a", "b", "sweep/c"):
        shutil.copytree(run.directory, folder / place)
    (folder / "sweep" / "sweep.json").write_text("{}")
    (folder / "other").mkdir()
    (folder / "file").write_text("")
    return folder


def names(listed):
    return [one.directory.name for one in listed.runs]


def test_all_runs_of_a_folder_and_of_its_sweeps(folder):
    listed = listing.Listing().of(folder, folder / "nowhere")
    assert names(listed) == ["a", "b", "c"]
    assert not listed.problems
    assert listed.runs[0] == facts(open_again(folder / "a"))


def open_again(directory):
    from lm.runs import open_run

    return open_run(directory)


def test_a_damaged_run_hides_no_other(folder):
    (folder / "a" / "run.json").write_text("{")
    (folder / "b" / "metrics.jsonl").unlink()
    listed = listing.Listing().of(folder)
    assert names(listed) == ["c"]
    assert sorted(path.name for path in listed.problems) == ["a", "b"]
    assert all(str(path) in problem for path, problem in listed.problems.items())


def test_only_what_changed_is_read_again(folder, monkeypatch):
    opened, original = [], listing.open_run
    monkeypatch.setattr(listing, "open_run", lambda d: opened.append(d.name) or original(d))
    known = listing.Listing()
    known.of(folder)
    assert opened == ["a", "b", "c"]
    opened.clear()
    before = known.of(folder)
    assert opened == []
    label.write(folder / "b", "renamed")
    after = known.of(folder)
    assert opened == ["b"]
    assert [one.name for one in after.runs] == ["", "renamed", ""]
    assert after.runs[0] is before.runs[0]
    shutil.rmtree(folder / "a")
    assert names(known.of(folder)) == ["b", "c"]


def test_a_run_made_in_the_place_of_another_is_not_that_run(folder):
    known = listing.Listing()
    first = known.of(folder).runs[0]
    shutil.rmtree(folder / "a")
    shutil.copytree(folder / "b", folder / "a")
    os.utime(folder / "a" / "run.json", ns=(1, 1))
    assert known.of(folder).runs[0].identity != first.identity


def test_a_run_in_training_moves_on_and_one_that_was_killed_has_stopped(
    begin, data, tiny_plan, tmp_path
):
    """A killed process changes no file: only its lock tells."""
    run = begin(tmp_path / "run", tiny_plan(BIGRAM, evaluate_every=2))
    known = listing.Listing()
    events = recording.record(run, train(run.plan, data))
    for event in events:
        if isinstance(event, Step):
            (found,) = known.of(tmp_path).runs
            assert (found.status, found.step) == ("running", event.step)
        if isinstance(event, Step) and event.step == 5:
            break
    files = {path: path.read_bytes() for path in run.directory.iterdir() if path.is_file()}
    events.close()
    for path, contents in files.items():  # as a killed process leaves them
        path.write_bytes(contents)
    assert known.of(tmp_path).runs[0].status == "stopped"


def test_a_hundred_runs_of_three_thousand_steps_are_there_at_once(trained, tmp_path):
    """Reading all their lines takes four seconds: their JSON alone is 25 MB."""
    run = tmp_path / "runs" / "000"
    shutil.copytree(trained.directory, run)
    recorder = recording.Recorder(open_again(run))
    for step in range(13, 3001):
        recorder.write(Step(step, 2.0, 0.001, 1.0, step / 10))
    recorder.close()
    for number in range(1, 100):
        (run.parent / f"{number:03}").mkdir()
        for name in ("run.json", "status.json", "metrics.jsonl"):
            os.link(run / name, run.parent / f"{number:03}" / name)
    began = time.thread_time()
    known = listing.Listing()
    assert len(known.of(run.parent).runs) == 100
    first = time.thread_time() - began
    known.of(run.parent)
    again = time.thread_time() - began - first
    assert first < 1.0  # 0.1 s on a quiet machine
    assert again < 0.1
