"""What reaches the server by another way than the page, and what is left when the server ends."""

import json
import math
import urllib.error
import urllib.request

import pytest

from lm.ladder import RUNGS

BAD = [math.nan, math.inf, -math.inf, -1, 2**40, 1e300, None, "64", "x", [], {}, [64]]
LONG = {"n_embd": 16, "n_head": 2, "n_layer": 1, "context_length": 16, "batch_size": 4}
LONG |= {"steps": 10_000, "evaluate_every": 1000}


@pytest.fixture
def feeds(server):
    """The numbers of the components that have server functions: [(number, names)]."""
    return [
        (c["id"], c["props"]["server_fns"])
        for c in server.config()["components"]
        if c["props"].get("server_fns")
    ]


def feed_of(server, rung: str) -> int:
    """The number of the component that starts, steers and polls a rung's runs."""
    (number,) = [
        c["id"]
        for c in server.config()["components"]
        if "begin" in c["props"].get("server_fns", []) and c["props"]["props"]["feed"] == rung
    ]
    return number


def call(server, number: int, name: str, data: object) -> tuple[int, dict]:
    """Call a server function of a component, as the page does."""
    body = {"session_hash": "somebody", "component_id": number, "fn_name": name, "data": data}
    return server.post("/gradio_api/component_server", body)


ABOUT_NO_RUN = ("keep_alive", "count", "table", "restore")  # functions that name no run, or many


def settings(rung, **changed) -> list:
    return [(LONG | changed).get(n, f.default) for n, f in rung.settings().items()]


def assert_calm(answer: object) -> None:
    assert "Traceback" not in json.dumps(answer)


def test_bad_settings_posted_to_train_start_nothing(server, decoder):
    """Of the model with most settings; `test_actions.py` tries each model without a server."""
    before, rung = set(server.runs.glob("*")), decoder
    number = feed_of(server, rung.name)
    for place, name in enumerate(rung.settings()):
        for value in BAD:
            data = ["train", None, "synthetic_plays", *settings(rung)]
            data[3 + place] = value
            status, answer = call(server, number, "begin", data)
            assert_calm(answer)
            assert status == 200 and answer["error"].endswith("."), (name, value, answer)
    assert set(server.runs.glob("*")) == before


@pytest.mark.parametrize("name", ["train", "reset", "step"])
@pytest.mark.parametrize(
    "data",
    [[], [None], [None] * 50, ["local:../..", "own:../../etc/passwd"], [["a"], {"b": 1}]],
    ids=repr,
)
def test_bad_payloads_are_refused_calmly(server, name, data):
    before = set(server.runs.glob("*"))
    status, answer = call(server, feed_of(server, "bigram"), "begin", [name, *data])
    assert_calm(answer)
    assert status == 200 and answer["error"]
    assert set(server.runs.glob("*")) == before


def test_foreign_texts_and_tokens_posted_start_and_touch_nothing(server):
    before = set(server.runs.glob("*"))
    rung = RUNGS["bigram"]
    for foreign in ("shipped:../x", "own:../../etc/passwd", "local:..", 7, math.nan, ["a"], {}):
        data = ["train", foreign, foreign, *settings(rung)]
        status, answer = call(server, feed_of(server, "bigram"), "begin", data)
        assert_calm(answer)
        assert status == 200 and answer["error"]
    assert set(server.runs.glob("*")) == before


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        7,
        {},
        ["shipped:../x", 0, 0],
        ["local:..", None, "abc"],
        ["x" * 10_000, -1, -1],
        [None, math.nan, math.inf],
        ["\ud800", 1, 2],
        ["\ud800", None, "\ud800"],
        ["local:..", 0, 0, "stop"],
        [None, None, None, ["stop"]],
        [[["deep"]], {"a": 1}, 1e300],
        [1, 2, 3, 4, 5],
    ],
    ids=lambda data: repr(data)[:30],
)
def test_garbage_to_the_server_functions_is_answered(server, feeds, data):
    for number, name in [(number, name) for number, names in feeds[:6] for name in names]:
        status, answer = call(server, number, name, data)
        assert status == 200, answer
        assert_calm(answer)
        if isinstance(answer, list):  # the news of several runs
            assert all(one["status"] == "unknown" for one in answer)
        elif name not in ABOUT_NO_RUN:
            assert answer.get("status") == "unknown" or answer.get("error") or answer.get("text")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", {"fn_index": 10**6}, {}, 7])
def test_requests_that_are_no_requests_bring_nothing_down(server, body):
    for path in ("/gradio_api/run/predict", "/gradio_api/component_server"):
        status, answer = server.post(path, body)
        assert status >= 400
        assert_calm(answer)
    assert server.config()["title"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{runs}", "requirements.txt", "../requirements.txt"]
)
def test_no_file_but_the_page_s_own_is_served(server, path):
    runs = next(server.runs.glob("*/run.json"), server.runs)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/gradio_api/file={path.format(runs=runs)}")
    assert caught.value.code in (403, 404)
