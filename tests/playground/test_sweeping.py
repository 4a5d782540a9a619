"""Sweeps on the page: runs in the queue, in a folder that the command line reads, and their result."""

import json
import shutil

import pytest

from lm import sweep
from lm.ladder import RUNGS
from lm.runs import recording, sweeps
from lm.training.loop import train
from playground.runs.sweep_result import SweepResults
from playground.runs.sweeping import Sweeping
from playground.serving.visitors import Visitor
from tests.playground.answers import assert_one_sentence


@pytest.fixture
def sweeping(services) -> Sweeping:
    return Sweeping(services)


@pytest.fixture
def results(sweeping) -> SweepResults:
    return SweepResults(sweeping)


@pytest.fixture
def asked(own_text):
    """`asked(vary=[["n_embd", "4,8"]])`: a sweep of runs that take a moment."""
    usual = {
        "model": "single_head_attention",
        "kind": "vary",
        "text": own_text,
        "steps": 4,
        "largest": 20_000,
    }
    return lambda **changed: usual | {"vary": [["n_embd", "4,8"]], "count": 3} | changed


@pytest.fixture
def ended(results, wait):
    """`ended(key)`: the result once no run of the sweep is live any more."""

    def until(key):
        wait(lambda: not results.state(key)["live"], "the end of the sweep")
        return results.state(key)

    return until


def test_a_sweep_trains_its_runs_and_the_command_line_reads_it(sweeping, asked, ended):
    costs = sweeping.costs(asked())
    assert costs["runs"] == 2
    assert costs["parameters"] == sum(one["parameters"] for one in costs["points"])
    key = sweeping.start(asked())["sweep"]
    told = ended(key)
    assert [one["x"] for one in told["points"]] == [4, 8]
    assert all(one["status"] == "finished" and one["loss"] > 0 for one in told["points"])
    assert told["words"].startswith("Lowest: n embd ")
    json.dumps(told)
    saved = sweeps.saved(sweeping.folder(key))
    folder = sweeping.folder(key)
    for point in sweep.again(saved):  # as `python -m lm sweep` makes them from the same words
        assert sweeping.library.view(f"local:{folder.name}/{point.name}").run.plan == point.plan
    assert sweeping.known() == [key]


def test_its_runs_are_in_the_list_under_the_tokens_of_the_points(sweeping, asked, ended, services):
    told = ended(sweeping.start(asked())["sweep"])
    listed = services.comparison.table({})["runs"]
    assert {one["run"] for one in told["points"]} == {row["run"] for row in listed}


def test_sizes_come_with_a_law_once_three_have_finished(sweeping, asked, ended):
    told = ended(sweeping.start(asked(kind="scale", count=4, vary=[]))["sweep"])
    assert told["kind"] == "scale" and told["axis"] == "parameters"
    sizes = [one["x"] for one in told["points"]]
    assert told["law"]["curve"][0][0] == pytest.approx(min(sizes))
    assert told["law"]["curve"][-1][0] == pytest.approx(10 * max(sizes))
    assert "ten times the largest" in told["words"]


def test_a_law_of_few_points_says_not_to_trust_it(sweeping, asked, ended):
    told = ended(sweeping.start(asked(kind="scale", count=3, vary=[]))["sweep"])
    assert not told["law"]["trusted"]
    assert told["words"].startswith("Do not trust this law: ")


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"vary": [["steps", ",".join(map(str, range(1, 1001)))]]}, "1,000 runs"),
        ({"vary": [["n_embd", "4,0"]]}, "embedding size"),
        ({"vary": [["n_embd", "4,x"]]}, "embedding size"),
        ({"vary": [["n_embd", "4,4"]]}, "twice"),
        ({"vary": [["nothing", "4"]]}, "no setting called"),
        ({"vary": []}, "nothing to vary"),
        ({"vary": 7}, "nothing to vary"),
        ({"vary": [["n_embd", "4"], ["steps", "1"], ["seed", "1"]]}, "one setting, or two"),
        ({"kind": "scale", "count": 1000}, "1,000 runs"),
        ({"kind": "scale", "count": 1}, "at least 2"),
        ({"kind": "scale", "count": None}, "whole number"),
        ({"steps": 0}, "steps"),
        ({"steps": float("nan")}, "whole number"),
        ({"model": "ngram"}, "step by step"),
        ({"model": None}, "step by step"),
        ({"text": "nothing"}, "no text called"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(sweeping, asked, changed, because):
    for answer in (sweeping.costs(asked(**changed)), sweeping.start(asked(**changed))):
        assert_one_sentence(answer["error"])
        assert because in answer["error"].lower() or because in answer["error"]
    assert sweeping.known() == []


@pytest.mark.parametrize("asked_for", [None, 7, [], "x", {"kind": []}])
def test_no_description_is_one_sentence(sweeping, asked_for):
    assert_one_sentence(sweeping.start(asked_for)["error"])


def test_a_stopped_sweep_begins_no_further_run(make_services, asked, wait):
    services = make_services(cores=1)
    sweeping = Sweeping(services)
    results = SweepResults(sweeping)
    long = asked(steps=100_000, vary=[["n_embd", "4,8,12"]])
    key = sweeping.start(long | {"text": services.texts.add(_play())})["sweep"]
    wait(lambda: len(sweeping.begun[key].tokens) == 3, "its runs in the queue")
    sweeping.steer(key, "stop")
    wait(lambda: not results.state(key)["live"], "their end")
    assert {one["status"] for one in results.state(key)["points"]} == {"stopped"}


def _play() -> bytes:
    from lm import corpora

    return corpora.load("synthetic_plays").text[:20_000].encode()


def test_a_full_queue_is_waited_for(make_services, asked, wait):
    """A visitor who may have one run in the queue still sees all of the sweep trained."""
    from playground.serving.limits import Limits

    services = make_services(cores=1, limits=Limits(visitor_queued=1))
    sweeping = Sweeping(services)
    results = SweepResults(sweeping)
    few = asked(vary=[["n_embd", "4,8,12"]]) | {"text": services.texts.add(_play())}
    key = sweeping.start(few, Visitor("somebody", ""))["sweep"]
    wait(lambda: not results.state(key)["live"], "the end")
    assert [one["status"] for one in results.state(key)["points"]] == ["finished"] * 3


def test_a_run_that_is_deleted_is_told_and_the_rest_stays(sweeping, asked, ended):
    key = sweeping.start(asked())["sweep"]
    ended(key)
    shutil.rmtree(sweeping.folder(key) / "n_embd-4")
    told = ended(key)
    assert [one["status"] for one in told["points"]] == ["deleted", "finished"]
    shutil.rmtree(sweeping.folder(key))
    told = SweepResults(sweeping).state(key)
    assert_one_sentence(told["error"])


def test_two_pages_have_two_sweeps(sweeping, asked, ended):
    first, second = (sweeping.start(asked())["sweep"] for _ in range(2))
    assert first != second
    assert ended(first)["sweep"] == first and ended(second)["sweep"] == second


def test_the_included_sweep_is_the_first(sweeping, results, asked, ended, services, text):
    assert results.state(None) == {"sweep": None, "sweeps": []}
    rung = RUNGS["single_head_attention"]
    folder = services.library.shipped_folder / "sizes"
    points = sweep.points(rung, {"n_embd": (4, 8)}, given={"steps": 2, "evaluate_every": 2})
    saved = [{"directory": p.name, "settings": p.settings, "parameters": 9} for p in points]
    facts = {"recipe": "classic", "corpus": "x", "corpus_title": "x", "corpus_sha256": "x"}
    described = {"kind": "vary", "model": rung.name, "given": {"steps": 2, "evaluate_every": 2}}
    described |= {"varied": ["n_embd"], "points": saved} | facts
    sweeps.save(folder, sweeps.Sweep.model_validate(described))
    for point in points:
        run = text.new_run(folder / point.name, point.plan)
        for _ in recording.record(run, train(run.plan, text.data)):
            pass
    ended(sweeping.start(asked())["sweep"])
    told = results.state(None)
    assert told["sweep"] == "shipped:sizes"
    assert [one["run"] for one in told["points"]] == [f"shipped:sizes/{p.name}" for p in points]
    assert services.comparison.table({})["runs"]  # the list has the runs of an included sweep
    assert services.library.knows("shipped:sizes/n_embd-4")


@pytest.mark.parametrize(
    "key", ["local:..", "local:a/b", "shipped:", "x", 7, "local:\0", "local:gone"]
)
def test_a_key_of_no_sweep_is_one_sentence(results, key):
    assert_one_sentence(results.state(key)["error"])
