"""Looking at a run and writing with it: what no page would ask for is answered with a sentence."""

import base64
import math
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lm.generation import SamplingConfig
from lm.settings import describe
from playground.tabs.actions import MOST_WRITTEN, Actions
from tests.playground.answers import (
    DEEP,
    FOREIGN,
    assert_one_sentence,
    sampling,
    sendable,
    shortened,
    written,
)

# Foreign tokens


@pytest.mark.parametrize("token", FOREIGN, ids=shortened)
def test_a_foreign_token_touches_nothing(deep, token):
    for order in ("pause", "resume", "stop", "step", "nonsense"):
        assert deep.order([token, 0, 0, order])["status"] == "unknown"
    assert deep.change_learning_rate(token, 0.001) == {"notice": ""}
    answer = deep.poll([token, 0, 0])
    assert answer["status"] == "unknown"
    assert_one_sentence(answer["reason"])
    sendable(answer)
    look = deep.look([token, None, "abc"])
    assert_one_sentence(look["error"])
    sendable(look)
    opened = deep.open(token)
    assert opened.keys() == {"notice"}
    assert_one_sentence(opened["notice"])
    last = written(deep, token, "ROMEO:")
    assert last["tokens"] == []
    assert_one_sentence(last["note"])
    assert token not in [run for _, run in deep.choices(token)]


@pytest.mark.parametrize("token", FOREIGN, ids=shortened)
def test_a_page_that_remembers_a_foreign_run_still_opens(deep, token):
    answer = deep.restore(token, "synthetic_plays", {})
    assert answer["token"] is None and answer["feed"] == {"run": None}
    assert answer["chart"]["data"]
    fields = deep.rung.settings()
    assert answer["settings"] == {name: field.default for name, field in fields.items()}


def test_the_reason_for_an_unknown_run_shows_no_folder_of_the_server(deep):
    for token in ("shipped:nothing", "local:nothing", "local:texts"):
        for said in (deep.poll([token, 0, 0])["reason"], deep.look([token, 0, ""])["error"]):
            assert str(deep.library.runs_folder.parent) not in said


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
    answer = deep.open("local:bigram")
    assert answer.keys() == {"notice"} and "another model" in answer["notice"]


def test_where_local_runs_are_closed_they_cannot_be_named(deep, monkeypatch):
    monkeypatch.setattr(deep.library, "open_local", False)
    assert deep.library.local_runs("decoder_transformer") == []
    monkeypatch.setattr(deep.library, "_opened", {})
    assert deep.poll([DEEP, 0, 0])["status"] == "unknown"


# Writing


@pytest.mark.parametrize(
    "prompt", ["ROMEO:", "", None, "\n", 7, ["a"], "x" * 100_000], ids=shortened
)
def test_any_prompt_is_continued(finished, text_rung, prompt):
    last = written(Actions(text_rung, finished), f"local:{text_rung.name}", prompt)
    assert len(last["tokens"]) == 12
    for _, probability, likeliest in last["tokens"]:
        assert 0 < probability <= 1 and likeliest


def test_a_prompt_longer_than_the_context_is_read_from_its_end(deep, play):
    last = written(deep, DEEP, play[:200])
    assert last["prompt"] == play[:200]
    assert "last 16 tokens" in last["note"]
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


def test_before_the_first_snapshot_there_is_a_sentence(actions, new_run, tiny_plan, library):
    run = new_run(library.runs_folder / "new", tiny_plan(actions.rung))
    for said in (
        written(actions, "local:new", "A")["note"],
        actions.look(["local:new", None, "abc"])["error"],
    ):
        assert_one_sentence(said)
        assert str(run.directory) not in said


def test_a_new_request_of_a_pane_ends_the_writing_before(deep):
    """The page shows the answers to the newest alone; without this, two texts are written at once."""
    pane = {"run": DEEP, "step": 1, "pane": "a"}
    first, second = pane | {"number": 1}, pane | {"number": 2}
    values = sampling(max_new_tokens=1000)
    writing = deep.write(first, "A", *values)
    assert next(writing)["asked"] == 1
    other = deep.write(second | {"pane": "b"}, "A", *sampling())
    assert next(other)["asked"] == 2
    assert not next(writing)["done"]  # another pane's request changes nothing
    assert [answer["asked"] for answer in deep.write(second, "B", *sampling())][-1] == 2
    assert list(writing) == []
    assert list(deep.write(first, "A", *values)) == []  # one that comes late
    assert list(other)[-1]["done"]


@pytest.mark.parametrize("asked", [None, [], "x", 7, {}, {"run": DEEP, "number": [1], "pane": {}}])
def test_whatever_is_asked_for_is_answered(deep, asked):
    *_, last = deep.write(asked, "A", *sampling())
    sendable(last)
    assert last["done"] and last["asked"] == 0


# Looking


@pytest.mark.parametrize(
    "typed", ["", None, "a", "The king", "日本", "x" * 10_000, 7, []], ids=shortened
)
def test_any_text_is_looked_at(reader, typed):
    answer = reader.look([f"local:{reader.rung.name}", None, typed])
    assert "error" not in answer
    assert answer["kind"] in ("attention", "table", "lines")
    sendable(answer)


STEPS = {  # what may be sent for a step, to the snapshot nearest to it; there are those of 0, 1 and 2
    0: 0,
    1.0: 1,
    2: 2,
    -5: 0,
    10**12: 2,
    2**80: 2,
    10**400: 2,
    -1e300: 0,
    0.5: 0,
    None: 2,
    math.nan: 2,
    math.inf: 2,
    "0": 2,
    "": 2,
    "x": 2,
}


@pytest.mark.parametrize(("step", "nearest"), STEPS.items(), ids=shortened)
def test_any_step_is_looked_at_and_written_from_at_its_nearest_snapshot(deep, step, nearest):
    """Whatever is no number means the last snapshot; the answer says which one it is."""
    answer = deep.look([DEEP, step, "The king"])
    assert answer["steps"] == [0, 1, 2]
    assert answer["step"] == nearest
    assert written(deep, DEEP, "A", step=step)["step"] == nearest


@pytest.mark.parametrize("step", [True, False, [], {}, [0]], ids=repr)
def test_what_is_no_step_at_all_means_the_last_snapshot(deep, step):
    assert deep.look([DEEP, step, "The king"])["step"] == 2
    assert written(deep, DEEP, "A", step=step)["step"] == 2


def test_each_snapshot_writes_its_own_text(deep):
    """At temperature 1 an untrained and a trained model draw differently with the same seed."""
    texts = [written(deep, DEEP, "A", step=step, temperature=1.0)["tokens"] for step in (0, 2)]
    assert texts[0] != texts[1]
    assert texts[1] == written(deep, DEEP, "A", temperature=1.0)["tokens"]


def test_the_masks_of_every_layer_travel_as_bytes(deep):
    """They are data: 1 for each position that may be attended to, and no weight where there is a 0."""
    answer = deep.look([DEEP, None, "The king"])
    shape = answer["layers"], answer["heads"], 8, 8
    masks = np.frombuffer(base64.b64decode(answer["masks"]), np.uint8).reshape(shape[0], 8, 8)
    weights = np.frombuffer(base64.b64decode(answer["weights"]), np.uint8).reshape(shape)
    assert (masks == np.tril(np.ones((8, 8)))).all()
    assert not weights[np.broadcast_to(masks[:, None] == 0, shape)].any()
    assert weights[np.broadcast_to(masks[:, None] == 1, shape)].any()


def test_two_visitors_looking_at_once_each_see_their_own_text(deep):
    texts = ["The king", "What news, my", "O"] * 2
    alone = {text: deep.look([DEEP, 2, text])["weights"] for text in texts}

    def look(text: str) -> bool:
        return all(deep.look([DEEP, 2, text])["weights"] == alone[text] for _ in range(20))

    with ThreadPoolExecutor(len(texts)) as visitors:
        assert all(visitors.map(look, texts))


# Damage


@pytest.fixture
def copied(finished, library) -> str:
    """The token of a run that may be damaged."""
    name = "decoder_transformer"
    shutil.copytree(
        finished.library.runs_folder / name,
        library.runs_folder / "copy",
        dirs_exist_ok=True,
    )
    return "local:copy"


def test_a_damaged_snapshot_is_one_sentence(actions, copied, library):
    for path in (library.runs_folder / "copy" / "snapshots").iterdir():
        path.write_bytes(b"not weights")
    assert_one_sentence(actions.look([copied, None, "abc"])["error"])
    assert_one_sentence(written(actions, copied, "A")["note"])


@pytest.mark.parametrize("name", ["metrics.jsonl", "status.json", "run.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "damage", [None, b"", b"{", b"[]", b"\xff\x00", b'{"type": 1}\n'], ids=repr
)
def test_a_damaged_run_is_one_sentence_wherever_it_is_used(actions, copied, library, name, damage):
    path = library.runs_folder / "copy" / name
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
