"""What the controls do, called with what no slider would send: a sentence comes back, never an exception."""

import json
import math
import threading
from pathlib import Path

import gradio as gr
import pytest

from lm.generation import SamplingConfig
from lm.models import RUNGS, Rung
from lm.settings import describe
from lm.training import train
from playground import controls
from playground.actions import MOST_WRITTEN, Actions, duration

FOREIGN = [
    None,
    "",
    0,
    1.5,
    math.nan,
    True,
    [],
    ["a", "b"],
    {"run": 1},
    "x",
    "shipped:",
    "shipped:..",
    "shipped:../x",
    "shipped:/etc",
    "shipped:nothing",
    "shipped:.",
    "local:..",
    "local:../..",
    "local:../shipped/x",
    "local:a\x00b",
    "local:" + "a" * 5000,
    "local:texts",
    "other:thing",
    "\ud800",
    "local:\ud800",
    "<script>alert(1)</script>",
]
BAD_VALUES = [None, math.nan, math.inf, -math.inf, -1, 2**70, "", "64", "x", [], {}, True, 1.5]


@pytest.fixture
def actions(services, decoder) -> Actions:
    return Actions(decoder, services)


@pytest.fixture
def values(decoder, tiny_values) -> list:
    return tiny_values(decoder)


@pytest.fixture
def trained(services, new_run, tiny_plan, text, workers) -> dict[str, str]:
    """A finished run of every rung in the runs folder; rung name to token."""
    from lm import recording, runs

    tokens = {}
    data = runs.data_for(text.corpus, text.tokenizer)
    for rung in RUNGS.values():
        plan = tiny_plan(rung, steps=2, evaluate_every=2)
        run = new_run(workers.runs_folder / f"done-{rung.name}", plan)
        for _ in recording.record(run, train(plan, data)):
            pass
        tokens[rung.name] = f"local:{run.directory.name}"
    return tokens


def sentence_of(update) -> str:
    """What a notice says; a notice that says nothing is hidden."""
    assert update["visible"] == bool(update["value"])
    return update["value"]


def assert_one_sentence(text: str) -> None:
    assert text and text.rstrip()[-1] in ".!" and "\n" not in text and len(text) < 400, text
    assert "Traceback" not in text


def sendable(answer) -> str:
    """As it goes to the browser."""
    written = json.dumps(answer, ensure_ascii=False)
    written.encode("utf-8")
    return written


def is_skip(update) -> bool:
    return update == gr.skip()


# Starting


def test_train_starts_a_run_and_every_output_belongs_to_it(actions, own_text, values, workers):
    token, feed, chart, note = actions.train(None, own_text, *values)
    assert feed == {"run": token}
    assert workers.is_live(token)
    assert chart["data"] and not sentence_of(note)
    assert token not in str(
        workers.view(token).run.directory
    )  # the token cannot be read off a folder


@pytest.mark.parametrize("name", ["train", "reset", "step"])
@pytest.mark.parametrize("value", BAD_VALUES, ids=repr)
def test_a_bad_value_starts_nothing(rung, services, own_text, tiny_values, name, value):
    fields = controls.settings_of(rung)
    for place, field in enumerate(fields.values()):
        if value == 1.5 and field.kind == "float":
            continue  # a number like any other
        values = tiny_values(rung)
        values[place] = value
        *kept, note = getattr(Actions(rung, services), name)(None, own_text, *values)
        assert all(map(is_skip, kept))
        assert_one_sentence(sentence_of(note))
    assert not list(services.workers.runs_folder.glob("*/run.json"))


def test_heads_that_do_not_divide_are_refused_with_those_that_would(actions, own_text, tiny_values):
    values = tiny_values(actions.rung, n_embd=20, n_head=3)
    *kept, note = actions.train(None, own_text, *values)
    assert all(map(is_skip, kept))
    assert "choose 1, 2, 4, 5, 10" in sentence_of(note)
    assert "choose 1, 2, 4, 5, 10" in actions.estimate(own_text, *values)[0]


def test_a_context_longer_than_the_text_is_refused(services, tiny_values, rung, play):
    short = services.texts.add(play[:1000].encode())
    actions, values = Actions(rung, services), tiny_values(rung, context_length=1024)
    assert "shorter context" in sentence_of(actions.train(None, short, *values)[3])
    assert "shorter context" in actions.estimate(short, *values)[0]


@pytest.mark.parametrize("corpus", FOREIGN, ids=repr)
def test_an_unknown_text_is_one_sentence(actions, values, corpus):
    *kept, note = actions.train(None, corpus, *values)
    assert all(map(is_skip, kept))
    assert_one_sentence(sentence_of(note))
    estimate, query = actions.estimate(corpus, *values)
    assert "impossible" in estimate and query == {}
    sendable([estimate, sentence_of(note)])


def test_a_folder_that_cannot_be_written_is_one_sentence(
    make_workers, tmp_path, decoder, values, play
):
    from playground.services import Services

    (tmp_path / "file").write_text("in the way")
    services = Services(make_workers(tmp_path / "file"))
    assert "cannot be written" in sentence_of(
        Actions(decoder, services).train(None, "synthetic_plays", *values)[3]
    )
    services.close()


def test_a_full_disk_is_one_sentence_and_the_run_before_goes_on(
    actions, own_text, values, workers, monkeypatch, wait_for_status
):
    import errno

    token = actions.train(None, own_text, *values)[0]

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    *kept, note = actions.train(token, own_text, *values)
    monkeypatch.undo()
    assert all(map(is_skip, kept))
    assert "disk is full" in sentence_of(note)
    wait_for_status(workers, token, "finished")


def test_a_new_run_stops_the_one_before_and_keeps_it(
    actions, own_text, tiny_values, workers, wait_for_status
):
    values = tiny_values(actions.rung, steps=100_000)
    first = actions.train(None, own_text, *values)[0]
    wait_for_status(workers, first, "running")
    second = actions.train(first, own_text, *values)[0]
    assert second != first
    wait_for_status(workers, first, "stopped")
    wait_for_status(workers, second, "running")


# Foreign tokens


@pytest.mark.parametrize("token", FOREIGN, ids=repr)
def test_a_foreign_token_touches_nothing(actions, token, trained):
    for order in ("pause", "resume", "stop", "step", "nonsense"):
        actions.order(order, token)
    assert not sentence_of(actions.change_learning_rate(token, 0.001))
    answer = actions.poll([token, 0, 0])
    assert answer["status"] == "unknown"
    assert_one_sentence(answer["reason"])
    sendable(answer)
    look = actions.look([token, None, "abc"])
    assert_one_sentence(look["error"])
    sendable(look)
    (*_, note), shown = actions.open(token)[:4], actions.open(token)
    assert_one_sentence(sentence_of(note))
    assert all(map(is_skip, shown[:3] + shown[4:]))
    *_, written = actions.write(token, "ROMEO:", 0.8, 0, 1.0, 10, 1)
    assert written["done"] and written["tokens"] == []
    assert_one_sentence(written["note"])
    assert actions.shown_plan(token) is None
    assert actions.choices(token)["value"] is None


@pytest.mark.parametrize("token", FOREIGN, ids=repr)
def test_a_page_that_remembers_a_foreign_run_still_opens(actions, token):
    shown = actions.restore(token, "synthetic_plays", {})
    assert shown[0] is None and shown[1] == {"run": None}
    assert shown[2]["data"]
    assert shown[4:] == [f.default for f in controls.settings_of(actions.rung).values()]


def test_the_reason_for_an_unknown_run_shows_no_folder_of_the_server(actions, workers, trained):
    for token in ("shipped:nothing", "local:nothing", "local:texts"):
        for said in (actions.poll([token, 0, 0])["reason"], actions.look([token, 0, ""])["error"]):
            assert str(workers.runs_folder.parent) not in said


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        ["a"],
        ["a", 1],
        ["a", 1, 2, 3],
        {},
        "abc",
        7,
        [None, None, None],
        [[], {}, "x"],
        ["a", math.nan, math.inf],
        ["a", True, -(2**80)],
        [{"a": [1]}, "0", b"x"],
    ],
    ids=repr,
)
def test_garbage_to_poll_and_look_is_answered(actions, data):
    assert actions.poll(data)["status"] == "unknown"
    assert_one_sentence(actions.look(data)["error"])


@pytest.mark.parametrize("start", [-1, 10**9, 2**80, math.nan, 1.5, "1", None, [], True])
def test_nonsense_starts_are_answered_from_the_beginning(actions, trained, start):
    token = trained["decoder_transformer"]
    answer = actions.poll([token, start, start])
    assert answer["status"] == "finished"
    if start is not True:
        assert (answer["from"], answer["from_events"]) == (0, 0)
        assert answer["train"]["step"] == [1, 2]


def test_a_run_of_another_rung_is_not_opened_here(actions, trained):
    shown = actions.open(trained["bigram"])
    assert "another rung" in sentence_of(shown[3])
    assert all(map(is_skip, shown[:3] + shown[4:]))


def test_where_local_runs_are_closed_they_cannot_be_named(make_workers, decoder, services, trained):
    services.workers.open_local = False
    actions = Actions(decoder, services)
    assert actions.poll([trained["decoder_transformer"], 0, 0])["status"] == "unknown"
    assert services.workers.local_runs("decoder_transformer") == []


# Opening and restoring


def test_a_finished_run_opens_with_its_settings(services, trained, rung, tiny_values):
    shown = Actions(rung, services).open(trained[rung.name])
    assert shown[0] == trained[rung.name]
    assert shown[1] == {"run": shown[0]}
    assert shown[4:] == tiny_values(rung, steps=2, evaluate_every=2)
    assert not sentence_of(shown[3])


def test_a_reload_shows_the_run_in_training_and_its_settings(actions, own_text, values):
    token = actions.train(None, own_text, *values)[0]
    shown = actions.restore(token, own_text, {})
    assert shown[:2] == [token, {"run": token}]
    assert shown[4:] == values


def test_a_link_goes_before_the_settings_of_the_run(actions, own_text, values):
    token = actions.train(None, own_text, *values)[0]
    shown = actions.restore(token, own_text, {"model": actions.rung.name, "n_embd": "32"})
    fields = list(controls.settings_of(actions.rung))
    assert shown[0] == token
    assert shown[4:][fields.index("n_embd")] == 32
    other = actions.restore(token, own_text, {"model": "bigram", "n_embd": "32"})
    assert other[4:] == values


def test_a_run_that_is_gone_is_said_to_be(actions):
    assert "no longer here" in sentence_of(actions.restore("gone", "synthetic_plays", {})[3])


def test_the_runs_that_can_be_opened_are_listed(actions, trained):
    tokens = [token for _, token in actions.choices(None)["choices"]]
    assert tokens == [trained["decoder_transformer"]]


# The learning rate


@pytest.mark.parametrize("rate", [None, math.nan, math.inf, 0, -1, 2, "0.1", [], {}, True])
def test_a_bad_learning_rate_is_one_sentence_and_the_run_goes_on(
    actions, own_text, tiny_values, workers, wait_for_status, rate
):
    token = actions.reset(None, own_text, *tiny_values(actions.rung))[0]
    sentence = sentence_of(actions.change_learning_rate(token, rate))
    assert_one_sentence(sentence)
    assert "Learning rate" in sentence
    wait_for_status(workers, token, "paused")


# The estimate


def test_the_estimate_counts_the_parameters_of_the_model_that_is_trained(
    services, rung, own_text, tiny_values, workers
):
    actions, values = Actions(rung, services), tiny_values(rung)
    estimate, tools = actions.estimate(own_text, *values)
    token = actions.reset(None, own_text, *values)[0]
    assert f"<b>{workers.view(token).run.record.parameters:,}</b>" in estimate
    query = dict(part.split("=") for part in tools["query"].split("&"))
    assert query["model"] == rung.name and query["n_embd"] == "16"


def test_a_sentence_that_quotes_a_visitor_is_no_markup(actions, values):
    estimate, _ = actions.estimate("<img src=x onerror=alert(1)>", *values)
    assert "<img" not in estimate


def test_a_time_is_said_as_a_person_would():
    said = [duration(s) for s in (0.2, 1, 59, 60, 95, 3599, 3600, 90_061)]
    assert said == [
        "a second",
        "1 s",
        "59 s",
        "1 min 0 s",
        "1 min 35 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_a_time_never_has_sixty_seconds():
    for seconds in (59.6, 119.7, 3599.9, 7199.9):
        assert "60" not in duration(seconds)


def test_a_new_seed_is_one_the_run_takes(actions, values):
    fields = list(controls.settings_of(actions.rung))
    for _ in range(50):
        values[fields.index("seed")] = actions.new_seed()
        controls.plan_of(actions.rung, values)


# Writing


def written(actions: Actions, token: str, prompt, **changed) -> dict:
    sampling = {field.name: field.default for field in describe(SamplingConfig)}
    *_, last = actions.write(token, prompt, *(sampling | {"max_new_tokens": 12} | changed).values())
    sendable(last)
    assert last["done"]
    return last


@pytest.mark.parametrize("prompt", ["ROMEO:", "", None, "\n", 7, ["a"], "x" * 100_000])
def test_any_prompt_is_continued(services, rung: Rung, trained, prompt):
    last = written(Actions(rung, services), trained[rung.name], prompt)
    assert len(last["tokens"]) == 12
    for _, probability, likeliest in last["tokens"]:
        assert 0 < probability <= 1 and likeliest


def test_a_prompt_longer_than_the_context_is_read_from_its_end(actions, trained, play):
    last = written(actions, trained["decoder_transformer"], play[:200])
    assert last["prompt"] == play[:200]
    assert "last 16 characters" in last["note"]
    short = written(actions, trained["decoder_transformer"], play[184:200])
    assert last["tokens"] == short["tokens"] and short["note"] is None


@pytest.mark.parametrize("prompt", ["日本", "ROMEO ☃", "\ud800", "a\x00b", "<b>é</b>"])
def test_unknown_characters_are_left_out_and_named(actions, trained, prompt):
    last = written(actions, trained["decoder_transformer"], prompt)
    assert "never seen" in last["note"]
    assert len(last["tokens"]) == 12


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -1, "x", [], {}, 2**70, True])
@pytest.mark.parametrize("name", [field.name for field in describe(SamplingConfig)])
def test_bad_sampling_settings_are_one_sentence(actions, trained, name, value):
    last = written(actions, trained["decoder_transformer"], "ROMEO:", **{name: value})
    assert last["tokens"] == []
    assert_one_sentence(last["note"])


def test_the_page_writes_only_so_much(actions, trained):
    last = written(actions, trained["bigram"], "A", max_new_tokens=MOST_WRITTEN + 1)
    assert "at most" in last["note"] and last["tokens"] == []


def test_before_the_first_snapshot_there_is_a_sentence(actions, new_run, tiny_plan, workers):
    run = new_run(workers.runs_folder / "new", tiny_plan(actions.rung))
    assert_one_sentence(written(actions, "local:new", "A")["note"])
    looked = actions.look(["local:new", None, "abc"])["error"]
    assert_one_sentence(looked)
    assert str(run.directory) not in looked


# Looking


@pytest.mark.parametrize("text", ["", None, "a", "The king", "日本", "\ud800", "x" * 10_000, 7, []])
def test_any_text_is_looked_at(services, rung, trained, text):
    answer = Actions(rung, services).look([trained[rung.name], None, text])
    assert "error" not in answer
    assert answer["kind"] in ("attention", "table")
    sendable(answer)


@pytest.mark.parametrize("step", [None, 0, 1, 2, -5, 10**12, 2**80, 1.5, math.nan, "2", True, []])
def test_any_step_is_looked_at_from_the_nearest_snapshot(actions, trained, step):
    answer = actions.look([trained["decoder_transformer"], step, "The king"])
    assert answer["step"] in answer["steps"]
    if step in (None, 10**12, 2**80):
        assert answer["step"] == 2
    if step in (0, -5):
        assert answer["step"] == 0


def test_two_visitors_looking_at_once_each_see_their_own_text(actions, trained):
    token = trained["decoder_transformer"]
    texts = ["The king", "What news, my", "O"]
    alone = {text: actions.look([token, 2, text]) for text in texts}
    wrong = []

    def look(text: str) -> None:
        for _ in range(40):
            answer = actions.look([token, 2, text])
            if answer.get("weights") != alone[text].get("weights"):
                wrong.append((text, answer))

    visitors = [threading.Thread(target=look, args=(text,)) for text in texts * 2]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert not wrong


def test_a_damaged_snapshot_is_one_sentence(actions, trained, workers):
    token = trained["decoder_transformer"]
    for path in (workers.view(token).run.directory / "snapshots").iterdir():
        path.write_bytes(b"not weights")
    assert_one_sentence(actions.look([token, None, "abc"])["error"])
    assert_one_sentence(written(actions, token, "A")["note"])


def test_a_damaged_run_is_shown_as_unknown(actions, trained, workers):
    token = trained["decoder_transformer"]
    (workers.runs_folder / token.removeprefix("local:") / "metrics.jsonl").unlink()
    answer = actions.poll([token, 0, 0])
    assert answer["status"] == "unknown"
    assert_one_sentence(answer["reason"])
    (workers.runs_folder / token.removeprefix("local:") / "status.json").write_text("{")
    assert actions.poll([token, 0, 0])["status"] == "unknown"
