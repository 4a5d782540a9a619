"""What the controls do, called with what no slider would send: a sentence comes back, never an exception."""

import errno
import json
import math
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest

from lm import recording, runs
from lm.generation import SamplingConfig
from lm.models import RUNGS
from lm.settings import describe
from lm.training import train
from playground import controls
from playground.actions import MOST_WRITTEN, Actions
from playground.services import Services
from playground.workers import Workers

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


@pytest.fixture(scope="module")
def library(tmp_path_factory, make_services, text, tiny_plan) -> Iterator[Services]:
    """A server with a finished run of every rung, "local:" and the rung's name; not to be changed."""
    folder = tmp_path_factory.mktemp("library")
    workers = Workers(folder / "runs", folder / "shipped", cores=1)
    data = runs.data_for(text.corpus, text.tokenizer)
    for rung in RUNGS.values():
        plan = tiny_plan(rung, steps=2, evaluate_every=2)
        directory = workers.runs_folder / rung.name
        run = recording.create(
            directory, plan, text.corpus, text.tokenizer, text.baselines, text.counted_pairs
        )
        for _ in recording.record(run, train(plan, data)):
            pass
    yield make_services(workers)
    workers.close()


@pytest.fixture
def reader(library, rung) -> Actions:
    """The handlers of each rung, on the library."""
    return Actions(rung, library)


@pytest.fixture
def deep(library, decoder) -> Actions:
    """Those of the decoder."""
    return Actions(decoder, library)


@pytest.fixture
def values(decoder, tiny_values) -> list:
    return tiny_values(decoder)


DEEP = "local:decoder_transformer"


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


def written(actions: Actions, token, prompt, **changed) -> dict:
    """The last of what the writing pane is told."""
    sampling = {field.name: field.default for field in describe(SamplingConfig)}
    *_, last = actions.write(token, prompt, *(sampling | {"max_new_tokens": 12} | changed).values())
    sendable(last)
    assert last["done"]
    return last


def shortened(value) -> str:
    return repr(value)[:20]


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
def test_a_bad_value_starts_nothing(rung, services, own_text, tiny_values, name):
    handler = getattr(Actions(rung, services), name)
    for place, field in enumerate(controls.settings_of(rung).values()):
        for value in BAD_VALUES:
            fine = (field.kind == "float" and value == 1.5) or (
                field.kind == "bool" and value is True
            )
            if fine:
                continue  # a value like any other
            values = tiny_values(rung)
            values[place] = value
            *kept, note = handler(None, own_text, *values)
            assert all(map(is_skip, kept))
            assert_one_sentence(sentence_of(note))
    assert not list(services.workers.runs_folder.glob("*/run.json"))


def test_heads_that_do_not_divide_are_refused_with_those_that_would(actions, own_text, tiny_values):
    values = tiny_values(actions.rung, n_embd=20, n_head=3)
    *kept, note = actions.train(None, own_text, *values)
    assert all(map(is_skip, kept))
    assert "choose 1, 2, 4, 5, 10" in sentence_of(note)
    assert "choose 1, 2, 4, 5, 10" in actions.estimate(own_text, *values)


def test_a_context_longer_than_the_text_is_refused(services, tiny_values, rung, play):
    short = services.texts.add(play[:1000].encode())
    actions, values = Actions(rung, services), tiny_values(rung, context_length=1024)
    assert "shorter context" in sentence_of(actions.train(None, short, *values)[3])
    assert "shorter context" in actions.estimate(short, *values)


@pytest.mark.parametrize("corpus", FOREIGN, ids=shortened)
def test_an_unknown_text_is_one_sentence(actions, values, corpus):
    *kept, note = actions.train(None, corpus, *values)
    assert all(map(is_skip, kept))
    assert_one_sentence(sentence_of(note))
    estimate = actions.estimate(corpus, *values)
    assert "impossible" in estimate
    sendable([estimate, sentence_of(note)])


def test_a_folder_that_cannot_be_written_is_one_sentence(
    make_workers, make_services, tmp_path, decoder, values
):
    (tmp_path / "file").write_text("in the way")
    actions = Actions(decoder, make_services(make_workers(tmp_path / "file")))
    note = actions.train(None, "synthetic_plays", *values)[3]
    assert "cannot be written" in sentence_of(note)


def test_a_full_disk_is_one_sentence_and_the_run_before_goes_on(
    actions, own_text, values, workers, monkeypatch, wait_for_status
):
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


def test_an_order_is_carried_out_and_answered(
    actions, own_text, tiny_values, workers, wait_for_status
):
    """The answer is that of a poll, with the state that the order led to and what is not yet known."""
    run = actions.train(None, own_text, *tiny_values(actions.rung, steps=100_000))[0]
    wait_for_status(workers, run, "running")
    for name, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        actions.order([run, 0, 0, name])
        wait_for_status(workers, run, status)
    answer = actions.order([run, 0, 0, "resume"])  # it has ended, and stays so
    assert answer["status"] == "stopped"
    assert answer["train"]["step"][0] == 1
    assert answer.keys() == actions.poll([run, 0, 0]).keys()


@pytest.mark.parametrize("name", ["step", "learning_rate", "train", "", None, 7])
def test_what_is_no_order_changes_nothing(
    actions, own_text, tiny_values, workers, wait_for_status, name
):
    run = actions.train(None, own_text, *tiny_values(actions.rung, steps=100_000))[0]
    wait_for_status(workers, run, "running")
    assert actions.order([run, 0, 0, name])["status"] == "running"


# Foreign tokens


@pytest.mark.parametrize("token", FOREIGN, ids=shortened)
def test_a_foreign_token_touches_nothing(deep, token):
    for order in ("pause", "resume", "stop", "step", "nonsense"):
        assert deep.order([token, 0, 0, order])["status"] == "unknown"
    assert not sentence_of(deep.change_learning_rate(token, 0.001))
    answer = deep.poll([token, 0, 0])
    assert answer["status"] == "unknown"
    assert_one_sentence(answer["reason"])
    sendable(answer)
    look = deep.look([token, None, "abc"])
    assert_one_sentence(look["error"])
    sendable(look)
    shown = deep.open(token)
    assert_one_sentence(sentence_of(shown[3]))
    assert all(map(is_skip, shown[:3] + shown[5:]))
    last = written(deep, token, "ROMEO:")
    assert last["tokens"] == []
    assert_one_sentence(last["note"])
    assert deep.choices(token)["value"] is None


@pytest.mark.parametrize("token", FOREIGN, ids=shortened)
def test_a_page_that_remembers_a_foreign_run_still_opens(deep, token):
    shown = deep.restore(token, "synthetic_plays", {})
    assert shown[0] is None and shown[1] == {"run": None}
    assert shown[2]["data"]
    assert shown[5:] == [f.default for f in controls.settings_of(deep.rung).values()]


def test_the_reason_for_an_unknown_run_shows_no_folder_of_the_server(deep):
    for token in ("shipped:nothing", "local:nothing", "local:texts"):
        for said in (deep.poll([token, 0, 0])["reason"], deep.look([token, 0, ""])["error"]):
            assert str(deep.services.workers.runs_folder.parent) not in said


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
def test_garbage_to_poll_and_look_is_answered(deep, data):
    assert deep.poll(data)["status"] == "unknown"
    assert_one_sentence(deep.look(data)["error"])


@pytest.mark.parametrize("start", [-1, 10**9, 2**80, math.nan, 1.5, "1", None, []], ids=repr)
def test_nonsense_starts_are_answered_from_the_beginning(deep, start):
    answer = deep.poll([DEEP, start, start])
    assert answer["status"] == "finished"
    assert (answer["from"], answer["from_events"]) == (0, 0)
    assert answer["train"]["step"] == [1, 2]


def test_a_run_of_another_rung_is_not_opened_here(deep):
    shown = deep.open("local:bigram")
    assert "another rung" in sentence_of(shown[3])
    assert all(map(is_skip, shown[:3] + shown[5:]))


def test_where_local_runs_are_closed_they_cannot_be_named(deep, monkeypatch):
    monkeypatch.setattr(deep.services.workers, "open_local", False)
    assert deep.services.workers.local_runs("decoder_transformer") == []
    monkeypatch.setattr(deep.services.workers, "_opened", {})
    assert deep.poll([DEEP, 0, 0])["status"] == "unknown"


# Opening and restoring


def test_a_finished_run_opens_with_its_settings(reader, tiny_values):
    token = f"local:{reader.rung.name}"
    shown = reader.open(token)
    assert shown[:2] == [token, {"run": token}]
    assert shown[5:] == tiny_values(reader.rung, steps=2, evaluate_every=2)
    assert not sentence_of(shown[3])


def test_a_reload_shows_the_run_in_training_and_its_settings(actions, own_text, values):
    token = actions.reset(None, own_text, *values)[0]
    shown = actions.restore(token, own_text, {})
    assert shown[:2] == [token, {"run": token}]
    assert shown[5:] == values


def test_a_link_goes_before_the_settings_of_the_run(deep, tiny_values):
    fields = list(controls.settings_of(deep.rung))
    shown = deep.restore(DEEP, "synthetic_plays", {"model": deep.rung.name, "n_embd": "32"})
    assert shown[0] == DEEP
    assert shown[5:][fields.index("n_embd")] == 32
    other = deep.restore(DEEP, "synthetic_plays", {"model": "bigram", "n_embd": "32"})
    assert other[5:] == tiny_values(deep.rung, steps=2, evaluate_every=2)


def test_a_run_that_is_gone_is_said_to_be(deep):
    assert "no longer here" in sentence_of(deep.restore("gone", "synthetic_plays", {})[3])


def test_the_runs_that_can_be_opened_are_listed(reader):
    tokens = [token for _, token in reader.choices(None)["choices"]]
    assert tokens == [f"local:{reader.rung.name}"]


# The learning rate


def test_a_bad_learning_rate_is_one_sentence_and_the_run_goes_on(
    actions, own_text, values, workers, wait_for_status
):
    token = actions.reset(None, own_text, *values)[0]
    for rate in (None, math.nan, math.inf, 0, -1, 2, "2", "nan", "x", "", [], {}, True):
        sentence = sentence_of(actions.change_learning_rate(token, rate))
        assert_one_sentence(sentence)
        assert "Learning rate" in sentence
    wait_for_status(workers, token, "paused")


# The estimate


def test_the_estimate_counts_the_parameters_of_the_model_that_is_trained(
    services, rung, own_text, tiny_plan, tiny_values, new_run, tmp_path
):
    estimate = Actions(rung, services).estimate(own_text, *tiny_values(rung))
    record = new_run(tmp_path / "run", tiny_plan(rung)).record
    assert f"<b>{record.parameters:,}</b>" in estimate


def test_nothing_is_foretold_of_a_rung_that_was_not_rehearsed(actions, own_text, values, services):
    assert "≈" in actions.estimate(own_text, *values)
    services.measured = False
    assert "measuring this machine" in actions.estimate(own_text, *values)


def test_the_link_says_what_differs(services, rung, tiny_values):
    tools, _ = Actions(rung, services).name(*tiny_values(rung))
    query = dict(part.split("=") for part in tools["query"].split("&"))
    assert query["model"] == rung.name and query["context_length"] == "16"


# Recipes


def test_a_recipe_fills_the_controls_and_is_recognised(services, rung):
    """Also with another seed; a changed setting makes it nobody's recipe."""
    actions, names = Actions(rung, services), list(controls.settings_of(rung))
    seed = {"seed": 7} if "seed" in names else {}
    own = controls.values_of(rung.plan(**seed))
    for recipe in rung.recipes:
        answer = actions.follow(recipe.name)
        followed = [o if is_skip(n) else n for o, n in zip(own, answer, strict=True)]
        assert actions.name(*followed)[1] == recipe.name
        assert controls.plan_of(rung, followed) == rung.plan(recipe.name, **seed)
        followed[0] = followed[0] - 1 if followed[0] > 4 else followed[0] + 1
        assert actions.name(*followed)[1] is None


@pytest.mark.parametrize("recipe", FOREIGN, ids=shortened)
def test_an_unknown_recipe_changes_nothing(actions, recipe):
    assert all(map(is_skip, actions.follow(recipe)))


def test_a_sentence_that_quotes_a_visitor_is_no_markup(actions, values):
    estimate = actions.estimate("<img src=x onerror=alert(1)>", *values)
    assert "<img" not in estimate


def test_a_new_seed_is_one_the_run_takes(actions, values):
    fields = list(controls.settings_of(actions.rung))
    for _ in range(50):
        values[fields.index("seed")] = actions.new_seed()
        controls.plan_of(actions.rung, values)


# Writing


@pytest.mark.parametrize(
    "prompt", ["ROMEO:", "", None, "\n", 7, ["a"], "x" * 100_000], ids=shortened
)
def test_any_prompt_is_continued(reader, prompt):
    last = written(reader, f"local:{reader.rung.name}", prompt)
    assert len(last["tokens"]) == 12
    for _, probability, likeliest in last["tokens"]:
        assert 0 < probability <= 1 and likeliest


def test_a_prompt_longer_than_the_context_is_read_from_its_end(deep, play):
    last = written(deep, DEEP, play[:200])
    assert last["prompt"] == play[:200]
    assert "last 16 characters" in last["note"]
    short = written(deep, DEEP, play[184:200])
    assert last["tokens"] == short["tokens"] and short["note"] is None


@pytest.mark.parametrize("prompt", ["日本", "ROMEO ☃", "a\x00b", "<b>é</b>"])
def test_unknown_characters_are_left_out_and_named(deep, prompt):
    last = written(deep, DEEP, prompt)
    assert "never seen" in last["note"]
    assert len(last["tokens"]) == 12


def test_half_a_character_breaks_nothing(deep):
    assert len(written(deep, DEEP, "The \ud800king")["tokens"]) == 12
    sendable(deep.look([DEEP, None, "The \ud800king"]))
    sendable(deep.poll(["\ud800", 0, 0]))


@pytest.mark.parametrize("name", [field.name for field in describe(SamplingConfig)])
def test_bad_sampling_settings_are_one_sentence(deep, name):
    for value in (None, math.nan, math.inf, -1, "x", [], {}, 2**70, True):
        last = written(deep, DEEP, "ROMEO:", **{name: value})
        assert last["tokens"] == []
        assert_one_sentence(last["note"])


def test_the_page_writes_only_so_much(deep):
    last = written(deep, DEEP, "A", max_new_tokens=MOST_WRITTEN + 1)
    assert "at most" in last["note"] and last["tokens"] == []


def test_before_the_first_snapshot_there_is_a_sentence(actions, new_run, tiny_plan, workers):
    run = new_run(workers.runs_folder / "new", tiny_plan(actions.rung))
    for said in (
        written(actions, "local:new", "A")["note"],
        actions.look(["local:new", None, "abc"])["error"],
    ):
        assert_one_sentence(said)
        assert str(run.directory) not in said


# Looking


@pytest.mark.parametrize(
    "typed", ["", None, "a", "The king", "日本", "x" * 10_000, 7, []], ids=shortened
)
def test_any_text_is_looked_at(reader, typed):
    answer = reader.look([f"local:{reader.rung.name}", None, typed])
    assert "error" not in answer
    assert answer["kind"] in ("attention", "table")
    sendable(answer)


@pytest.mark.parametrize("step", [None, 0, 1, 2, -5, 10**12, 2**80, 1.5, math.nan, "2", True, []])
def test_any_step_is_looked_at_from_the_nearest_snapshot(deep, step):
    answer = deep.look([DEEP, step, "The king"])
    nearest = {-5: 0, 0: 0}.get(step, 2) if isinstance(step, int) and step < 1 else None
    assert answer["step"] in answer["steps"]
    if nearest is not None:
        assert answer["step"] == nearest
    if step in (None, 2, 10**12, 2**80):
        assert answer["step"] == 2


def test_two_visitors_looking_at_once_each_see_their_own_text(deep):
    texts = ["The king", "What news, my", "O"] * 2
    alone = {text: deep.look([DEEP, 2, text])["weights"] for text in texts}

    def look(text: str) -> bool:
        return all(deep.look([DEEP, 2, text])["weights"] == alone[text] for _ in range(20))

    with ThreadPoolExecutor(len(texts)) as visitors:
        assert all(visitors.map(look, texts))


# Damage


@pytest.fixture
def copied(library, services) -> str:
    """The token of a run that may be damaged."""
    name = "decoder_transformer"
    shutil.copytree(
        library.workers.runs_folder / name,
        services.workers.runs_folder / "copy",
        dirs_exist_ok=True,
    )
    return "local:copy"


def test_a_damaged_snapshot_is_one_sentence(actions, copied, workers):
    for path in (workers.runs_folder / "copy" / "snapshots").iterdir():
        path.write_bytes(b"not weights")
    assert_one_sentence(actions.look([copied, None, "abc"])["error"])
    assert_one_sentence(written(actions, copied, "A")["note"])


@pytest.mark.parametrize("name", ["metrics.jsonl", "status.json", "run.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "damage", [None, b"", b"{", b"[]", b"\xff\x00", b'{"type": 1}\n'], ids=repr
)
def test_a_damaged_run_is_one_sentence_wherever_it_is_used(actions, copied, workers, name, damage):
    path = workers.runs_folder / "copy" / name
    path.unlink() if damage is None else path.write_bytes(damage)
    answer = actions.poll([copied, 0, 0])
    if answer["status"] == "unknown":
        assert_one_sentence(answer["reason"])
    else:  # it can be watched without its tokenizer, and when its last line was torn
        torn = name == "metrics.jsonl" and damage is not None and not damage.endswith(b"\n")
        assert torn or name == "tokenizer.json"
    look = actions.look([copied, None, "abc"])
    if "error" in look:
        assert_one_sentence(look["error"])
    sendable([answer, look, written(actions, copied, "A")])
    actions.open(copied)
    actions.choices(copied)
    actions.restore(copied, "synthetic_plays", {})
