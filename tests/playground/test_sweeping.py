"""Sweeps on the page: runs in the queue, in a folder that the command line reads, and their result."""

import json
import shutil

import pytest

from lm import sweep
from lm.ladder import RUNGS
from lm.runs import recording, sweeps
from lm.training.loop import train
from playground import controls
from playground.runs.sweep_form import sweepable
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
    assert told["words"].startswith("Lowest: embedding size ")
    json.dumps(told)
    saved = sweeps.saved(sweeping.folder(key))
    folder = sweeping.folder(key)
    for point in sweep.again(saved):  # as `python -m lm sweep` makes them from the same words
        assert sweeping.library.view(f"local:{folder.name}/{point.name}").run.plan == point.plan
    assert sweeping.known() == [key]


def test_a_sweep_begins_with_the_settings_of_the_models_tab(sweeping, asked, ended):
    """Also those that fit only with the swept values: six heads do not divide the usual 64 numbers."""
    rung = RUNGS["multi_head_attention"]
    tab = controls.values_of(rung.plan(n_embd=48, n_head=6, learning_rate=0.02, seed=7))
    vary = {"model": rung.name, "vary": [["n_embd", "12,24"]], "settings": tab}
    told = sweeping.costs(asked(**vary))["from"]
    assert told == "classic with attention heads 4→6, learning rate 0.01→0.02, seed 1→7"
    key = sweeping.start(asked(**vary))["sweep"]
    ended(key)
    plans = [point.plan.values() for point in sweep.again(sweeps.saved(sweeping.folder(key)))]
    assert [(one["n_embd"], one["n_head"], one["seed"], one["steps"]) for one in plans] == [
        (12, 6, 7, 4),
        (24, 6, 7, 4),
    ]
    assert sweeping.costs(asked())["from"] == "classic"
    sizes = sweeping.costs(asked(kind="scale", model=rung.name, settings=tab))
    assert "heads" not in sizes["from"] and "seed" in sizes["from"]
    wrong = sweeping.costs(asked(**vary | {"settings": [*tab[:-1], None]}))["error"]
    assert wrong.startswith("On the tab of Multi-head: ")


@pytest.mark.parametrize("model", sweepable(), ids=lambda model: model["name"])
def test_the_form_tells_values_that_the_settings_take(model):
    """The bounds are told before anything is refused, and the example is within them."""
    rung = RUNGS[model["name"]]
    for name, _, _, possible, example in model["settings"]:
        assert possible and example
        for one in sweep.parse(rung, [f"{name}={example}"])[name]:
            field = rung.settings()[name]
            if field.kind == "choice":
                assert one in possible.split(", ")
            elif field.kind != "bool":
                assert field.minimum <= one <= field.maximum


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
    assert "Ten times the largest" in told["words"]


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
        ({"vary": [["n_embd", "4,4"]]}, "embedding size has a value twice"),
        ({"vary": [["n_embd", "4"], ["n_embd", "8"]]}, "embedding size is varied twice"),
        ({"vary": [["n_embd", " "]]}, "embedding size has no values yet"),
        ({"vary": [["nothing", "4"]]}, "no setting called"),
        ({"vary": [["n_embd", "4," * 10_001]]}, "at most 20,000 characters"),
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


def test_a_sweep_of_vocabularies_trains_on_the_tokens_of_the_tab(sweeping, asked):
    """Of characters, all its runs would be the same."""
    rung = RUNGS["bigram"]
    vary = {"model": "bigram", "kind": "vary", "vary": [["vocab_size", "260,300"]]}
    pieces = controls.values_of(rung.plan(tokenizer="bpe"))
    costs = sweeping.costs(asked(**vary, settings=pieces))
    assert len({point["parameters"] for point in costs["points"]}) == 2
    told = "Characters have no vocabulary to vary: choose BPE or Unigram under Tokens."
    assert sweeping.costs(asked(**vary)) == {"error": told}
    both = [["tokenizer", "bpe,unigram"], *vary["vary"]]
    assert sweeping.costs(asked(**vary | {"vary": both}))["runs"] == 4
