"""A growing metrics file as columns: read once, whole lines only, thinned when long, told piece by piece."""

import json
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm import runs
from lm.errors import RunProblem
from lm.ladder import RUNGS
from lm.runs.checksums import as_line
from playground.runs import run_view
from playground.runs.run_view import RunView

COLUMNS = ("step", "loss", "smooth", "seconds")


def step(number: int, loss: float | None = None, seconds: float | None = None) -> str:
    return line(
        type="step",
        step=number,
        loss=4.0 - 0.001 * number if loss is None else loss,
        learning_rate=0.001,
        grad_norm=1.0,
        seconds=0.01 * number if seconds is None else seconds,
    )


def evaluation(number: int, loss: float) -> str:
    return line(
        type="evaluation", step=number, loss=loss, bits_per_char=loss / 0.693, seconds=0.01 * number
    )


def line(**record) -> str:
    return json.dumps(record) + "\n"


def ask(view: RunView, status: str = "running", start: int = 0, events: int = 0) -> dict:
    return view.answer(status, None, start, events)


def append(run: runs.Run, text: str) -> None:
    with run.metrics_path.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.fixture
def begun(new_run, tiny_plan, decoder, tmp_path):
    """`begun(steps=100)`: a run directory with nothing in its metrics yet."""
    return lambda **changed: new_run(tmp_path / "run", tiny_plan(decoder, **changed))


@pytest.fixture
def run(begun) -> runs.Run:
    return begun(steps=100)


# Reading on


def test_each_look_takes_in_what_has_been_appended(run):
    view = RunView(run)
    assert ask(view)["train"]["step"] == []
    append(run, step(1) + step(2))
    assert ask(view)["train"]["step"] == [1, 2]
    append(run, evaluation(2, 3.5) + step(3))
    answer = ask(view)
    assert answer["train"]["step"] == [1, 2, 3]
    assert [event["type"] for event in answer["events"]] == ["evaluation"]
    assert (answer["step"], answer["steps"], answer["best"]) == (3, 100, 3.5)


@pytest.mark.parametrize("cut", [1, 7, 40, -2, -1])
def test_a_torn_last_line_waits_until_it_is_whole(run, cut):
    view, torn = RunView(run), step(2)
    append(run, step(1) + torn[:cut])
    assert ask(view)["train"]["step"] == [1]
    append(run, torn[cut:] + step(3))
    assert ask(view)["train"]["step"] == [1, 2, 3]


def test_the_cut_may_go_through_a_letter(run):
    view = RunView(run)
    whole = line(type="sample", step=0, text="Zoë ♥").replace("\\u2665", "♥").encode()
    place = whole.index("♥".encode()) + 1
    with run.metrics_path.open("ab") as file:
        file.write(whole[:place])
        file.flush()
        assert ask(view)["events"] == []
        file.write(whole[place:])
    assert ask(view)["events"][0]["text"] == "Zoë ♥"


def test_what_has_been_read_is_not_read_again(run, monkeypatch):
    view = RunView(run)
    append(run, "".join(step(n) for n in range(1, 50)))
    view.refresh()
    starts = []
    read = runs.read_metrics
    monkeypatch.setattr(
        runs, "read_metrics", lambda p, start, end: starts.append(start) or read(p, start, end)
    )
    append(run, step(50))
    view.refresh()
    assert starts == [run.metrics_path.stat().st_size - len(step(50))]
    assert view.step == 50


def test_a_file_larger_than_a_piece_is_read_in_pieces_and_many_events_are_sent_in_parts(
    run, monkeypatch
):
    """A run of a million steps would take gigabytes as records, and its events megabytes in an answer."""
    lines = [step(n) if n % 3 else evaluation(n, 3.0) for n in range(1, 601)]
    append(run, "".join(lines))
    monkeypatch.setattr(run_view, "PIECE", 500)
    monkeypatch.setattr(run_view, "MOST_EVENTS", 90)
    view, events = RunView(run), []
    while part := ask(view, start=400, events=len(events))["events"]:
        assert len(part) <= 90
        events += part
    assert [event["step"] for event in events] == list(range(3, 601, 3))
    assert ask(view)["step"] == 599


@given(st.integers(0, 60), st.integers(1, 30))
def test_a_run_that_was_rewound_is_shown_as_it_now_is(make_view, kept, added):
    view, run = make_view()
    old = [step(n) for n in range(1, 61)]
    append(run, "".join(old))
    view.refresh()
    run.metrics_path.write_text("".join(old[:kept]))
    append(run, "".join(step(kept + n, loss=1.5, seconds=2.0 + n) for n in range(1, added + 1)))
    train = ask(view)["train"]
    assert train["step"] == list(range(1, kept + added + 1))
    assert train["loss"][kept:] == [1.5] * added
    assert view.step == kept + added


@pytest.fixture(scope="session")
def make_view(tmp_path_factory, text, tiny_plan):
    """`make_view()`: a view of a new run; for tests that hypothesis repeats."""
    folder = tmp_path_factory.mktemp("views")
    plan = tiny_plan(RUNGS["bigram"], steps=100)

    def make() -> tuple[RunView, runs.Run]:
        run = text.new_run(folder / str(len(list(folder.iterdir()))), plan)
        return RunView(run), run

    return make


@pytest.mark.parametrize(
    "bad",
    [
        "not json\n",
        "[]\n",
        "{}\n",
        line(type="step", step=1),
        line(type="step", step="one", loss=1.0, seconds=0.1),
        line(type="step", step=1, loss="low", seconds=0.1),
        line(type="step", step=1, loss=1.0, seconds=None),
        line(type="evaluation", step=1),
        line(type="evaluation", step=1, loss=None, seconds=0.1),
        line(type="evaluation", step=1, loss=2.0),
        line(type="evaluation", step=None, loss=2.0, seconds=1.0),
        line(type=["step"], step=1),
        "\x00\x00\x00\n",
    ],
)
def test_a_damaged_file_is_one_sentence_each_time_it_is_asked_for(run, bad):
    view = RunView(run)
    append(run, step(1) + bad + step(2))
    for _ in range(2):
        with pytest.raises(RunProblem, match="damaged"):
            ask(view)


def test_a_file_that_is_gone_is_one_sentence(run):
    view = RunView(run)
    append(run, step(1))
    view.refresh()
    run.metrics_path.unlink()
    with pytest.raises(RunProblem, match="cannot be read"):
        ask(view)


# The contract of the poll


@given(st.integers(-5, 60), st.integers(-5, 30))
def test_an_answer_begins_where_it_was_asked_to_or_at_the_beginning(make_view, start, events):
    view, run = make_view()
    append(run, "".join(step(n) + evaluation(n, 4 - 0.01 * n) for n in range(1, 21)))
    answer = ask(view, "running", start, events)
    assert answer["from"] == (start if 0 <= start <= 20 else 0)
    assert answer["from_events"] == (events if 0 <= events <= 20 else 0)
    assert answer["train"]["step"] == list(range(1, 21))[answer["from"] :]
    assert [e["step"] for e in answer["events"]] == list(range(1, 21))[answer["from_events"] :]
    assert len({len(answer["train"][name]) for name in COLUMNS}) == 1


def test_pieces_put_together_are_the_whole(run):
    view, got, events = RunView(run), {name: [] for name in COLUMNS}, []
    for n in range(1, 31):
        append(run, step(n) + (evaluation(n, 3.0) if n % 7 == 0 else ""))
        if n % 4 == 0:
            answer = ask(view, "running", len(got["step"]), len(events))
            assert (answer["from"], answer["from_events"]) == (len(got["step"]), len(events))
            for name in COLUMNS:
                got[name] += answer["train"][name]
            events += answer["events"]
    rest = ask(view, "finished", len(got["step"]), len(events))
    whole = ask(RunView(run), "finished")
    assert {name: got[name] + rest["train"][name] for name in COLUMNS} == whole["train"]
    assert events + rest["events"] == whole["events"]


def test_two_browsers_asking_at_once_get_columns_of_one_length(run):
    view = RunView(run)
    append(run, step(1))
    view.refresh()

    class Interrupted(list):
        """A column after whose reading there is news, and another browser asks for it, if it can."""

        def __getitem__(self, key):
            found = super().__getitem__(key)
            append(run, step(len(self) + 1))
            other = threading.Thread(target=view.refresh)
            other.start()
            other.join(0.3)
            return found

    view.train["step"] = Interrupted(view.train["step"])
    train = view.answer("finished", None)["train"]
    assert len({len(train[name]) for name in COLUMNS}) == 1
    view.refresh()
    assert len(view.train["step"]) > 1  # there was news


def test_an_answer_is_plain_json_of_a_few_hundred_bytes_a_point(run):
    view = RunView(run)
    append(run, "".join(step(n) for n in range(1, 11)))
    answer = ask(view, "running", 8, 0)
    assert len(json.dumps(answer, allow_nan=False)) < 1000
    assert len(answer["train"]["step"]) == 2


# Long runs


def test_a_short_run_keeps_every_step(begun):
    run = begun(steps=run_view.CHART_POINTS)
    append(run, "".join(step(n) for n in range(1, 101)))
    assert len(ask(RunView(run))["train"]["step"]) == 100


@pytest.mark.parametrize("steps", [4001, 9_999, 10_000, 30_000])
def test_a_long_run_is_averaged_down_and_keeps_its_last_step(begun, steps):
    run = begun(steps=steps)
    append(run, "".join(step(n, loss=float(n % 2)) for n in range(1, steps + 1)))
    train = ask(RunView(run), "finished")["train"]
    assert len(train["step"]) <= run_view.CHART_POINTS
    assert train["step"][-1] == steps
    assert train["step"][0] == 1  # at once
    (gap,) = {b - a for a, b in pairwise(train["step"][1:-1])}
    assert train["step"][1] == (gap if gap > 1 else 2)
    assert all(0 <= loss <= 1 for loss in train["loss"])
    if gap == 2:
        assert set(train["loss"][1:-1]) == {0.5}


# What is said of a run


def test_speed_and_time_left_come_from_training_time_alone(run):
    view = RunView(run)
    append(run, "".join(step(n, seconds=0.5 * n) for n in range(1, 11)))
    answer = ask(view)
    assert answer["tokens_per_second"] == pytest.approx(run.record.tokens_per_step / 0.5)
    assert answer["seconds_left"] == pytest.approx(90 * 0.5)
    for status in ("finished", "stopped", "failed"):
        ended = ask(view, status)
        assert ended["tokens_per_second"] is None and ended["seconds_left"] is None


def test_the_best_loss_is_the_lowest_of_all(run):
    append(run, evaluation(0, 4.2) + evaluation(10, 2.5) + evaluation(20, 2.9))
    assert ask(RunView(run))["best"] == 2.5


def test_the_summary_names_the_text_and_the_status_comes_through(run):
    append(run, evaluation(0, 4.2) + step(1) + evaluation(1, 2.5))
    answer = RunView(run).answer("failed", "the reason")
    assert answer["summary"].startswith(run.record.corpus.title)
    assert (answer["status"], answer["reason"]) == ("failed", "the reason")


@pytest.mark.parametrize("status", ["stopped", "failed", "finished"])
def test_a_run_that_has_ended_is_said_to_fall_no_more(run, status):
    append(run, evaluation(0, 4.2) + step(1) + evaluation(1, 2.5))
    assert "2.50 and falling" in ask(RunView(run))["summary"]
    assert "ended at 2.50;" in ask(RunView(run), status)["summary"]


def test_an_empty_run_has_a_summary_and_a_figure(run):
    view = RunView(run)
    assert ask(view, "starting")["summary"]
    assert ask(view, "starting")["best"] is None
    assert view.chart()["data"]


def test_the_part_of_a_huge_split_that_was_evaluated_is_told(run):
    """Nothing is said where the whole split was read."""
    append(run, evaluation(50, 2.5))
    assert "spread evenly" not in ask(RunView(run))["summary"]
    part = json.loads(evaluation(100, 2.4)) | {"characters": 250_000}
    append(run, as_line(part).decode())
    assert "that of 250,000 characters, spread evenly over it." in ask(RunView(run))["summary"]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"n_layer": 2}, False),
        ({"n_layer": 6}, True),
        ({"n_layer": 2, "residual_path": False}, True),
        ({"n_layer": 1, "residual_path": False}, False),  # there is nothing to compare with
    ],
)
def test_gradients_are_told_where_depth_is_the_question(settings, shown, text, tiny_plan, tmp_path):
    run = text.new_run(tmp_path / "run", tiny_plan(RUNGS["decoder_transformer"], **settings))
    append(run, step(1))
    append(run, as_line(json.loads(step(2)) | {"layer_norms": [0.01, 2.0]}).decode())
    told = [event for event in ask(RunView(run))["events"] if event["type"] == "gradient"]
    expected = {"type": "gradient", "step": 2, "layers": [0.01, 2.0]}
    assert told == ([expected] if shown else [])


@pytest.mark.parametrize("bad", [[], ["long"], [None], 3, {}])
def test_damaged_gradients_are_one_sentence(bad, text, tiny_plan, tmp_path):
    run = text.new_run(tmp_path / "run", tiny_plan(RUNGS["decoder_transformer"], n_layer=6))
    append(run, as_line(json.loads(step(1)) | {"layer_norms": bad}).decode())
    with pytest.raises(RunProblem, match="damaged"):
        ask(RunView(run))
