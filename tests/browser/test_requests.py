"""What reaches the server by another way than the page, and what is left when the server ends."""

import json
import math
import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from lm.models import RUNGS
from playground import controls

BAD = [math.nan, math.inf, -math.inf, -1, 2**40, 1e300, None, "64", "x", [], {}, [64]]
LONG = {"n_embd": 16, "n_head": 2, "n_layer": 1, "context_length": 16, "batch_size": 4}
LONG |= {"steps": 10_000, "evaluate_every": 1000}


@pytest.fixture
def handler(server):
    """`handler("train-bigram")`: the number of what that control does, as /config tells everybody."""
    config = server.config()
    names = {c["id"]: c["props"].get("elem_id") for c in config["components"]}

    def find(elem_id: str) -> int:
        for dependency in config["dependencies"]:
            targets = {names.get(target[0]) for target in dependency["targets"]}
            if elem_id in targets and dependency["backend_fn"]:
                return dependency["id"]
        raise LookupError(elem_id)

    return find


@pytest.fixture
def feeds(server):
    """The numbers of the components that have server functions: [(number, names)]."""
    return [
        (c["id"], c["props"]["server_fns"])
        for c in server.config()["components"]
        if c["props"].get("server_fns")
    ]


def run(server, number: int, data: list) -> tuple[int, object]:
    body = {"fn_index": number, "data": data, "session_hash": "somebody"}
    return server.post("/gradio_api/run/predict", body)


def settings(rung, **changed) -> list:
    return [(LONG | changed).get(n, f.default) for n, f in controls.settings_of(rung).items()]


def assert_calm(answer: object) -> None:
    assert "Traceback" not in json.dumps(answer)


def test_bad_settings_posted_to_train_start_nothing(server, handler, rung):
    before = set(server.runs.glob("*"))
    number = handler(f"train-{rung.name}")
    for place, name in enumerate(controls.settings_of(rung)):
        for value in BAD:
            data = [None, "synthetic_plays", *settings(rung)]
            data[2 + place] = value
            status, answer = run(server, number, data)
            assert_calm(answer)
            if status == 200:
                notice = answer["data"][3]
                assert notice["visible"] and notice["value"].endswith("."), (name, value, answer)
            else:  # what Gradio itself refuses
                assert answer["error"], (name, value, answer)
    assert set(server.runs.glob("*")) == before


@pytest.mark.parametrize("name", ["train", "reset", "step"])
@pytest.mark.parametrize(
    "data",
    [
        [],
        [None],
        [None] * 50,
        "x",
        None,
        {"a": 1},
        ["local:../..", "own:../../etc/passwd"],
        [["a"], {"b": 1}],
    ],
    ids=repr,
)
def test_bad_payloads_are_refused_calmly(server, handler, name, data):
    before = set(server.runs.glob("*"))
    _, answer = run(server, handler(f"{name}-bigram"), data)
    assert_calm(answer)
    assert set(server.runs.glob("*")) == before


def test_foreign_texts_and_tokens_posted_start_and_touch_nothing(server, handler):
    before = set(server.runs.glob("*"))
    rung = RUNGS["bigram"]
    for foreign in ("shipped:../x", "own:../../etc/passwd", "local:..", 7, math.nan, ["a"], {}):
        status, answer = run(server, handler("train-bigram"), [foreign, foreign, *settings(rung)])
        assert_calm(answer)
        assert status == 200 and answer["data"][3]["visible"]
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
    for number, name in [(number, name) for number, names in feeds[:4] for name in names]:
        body = {"session_hash": "somebody", "component_id": number, "fn_name": name}
        status, answer = server.post("/gradio_api/component_server", body | {"data": data})
        assert status == 200, answer
        assert answer.get("status") == "unknown" or answer["error"]


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


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_server_that_ends_leaves_no_process(start_server, processes, number):
    server = start_server()
    config = server.config()
    names = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
    train = next(
        d["id"] for d in config["dependencies"] if names.get(d["targets"][0][0]) == "train-bigram"
    )
    data = [None, "synthetic_plays", *settings(RUNGS["bigram"])]
    _, answer = run(server, train, data)
    token = answer["data"][0]
    (poll,) = [
        c["id"]
        for c in config["components"]
        if c["props"].get("server_fns") == ["poll", "order"]
        and c["props"]["props"]["feed"] == "bigram"
    ]
    body = {"session_hash": "x", "component_id": poll, "fn_name": "poll", "data": [token, 0, 0]}
    deadline = time.monotonic() + 90
    while server.post("/gradio_api/component_server", body)[1]["step"] < 3:
        assert time.monotonic() < deadline, "the run does not start"
        time.sleep(0.1)
    below = processes.below(server.process.pid)
    assert below
    server.process.send_signal(number)
    code = server.process.wait(90)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    while any(map(processes.alive, below)):
        assert time.monotonic() < deadline + 90, "processes outlive the server"
        time.sleep(0.05)
    (folder,) = [path.parent for path in server.runs.glob("*/run.json")]
    status = json.loads((folder / "status.json").read_text())
    assert status["status"] == ("running" if number == signal.SIGKILL else "stopped")
    assert "Traceback" not in server.log.read_text()
