"""Calls of the page's functions, answered before Gradio's routes and as these answer them."""

import math

import gradio as gr
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from playground.serving.calls import ADDRESS, Calls


def told(data, request: gr.Request):
    return {"data": data, "host": request.client.host, "cookie": request.cookies.get("name")}


def plain(data):
    return data


def numbers(_):
    return {"loss": math.nan, "most": math.inf, "pair": (1, 2.5), "text": "é", "none": None}


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    with gr.Blocks() as page:
        gr.Button("something else")
        gr.HTML("", server_functions=[told, plain, numbers])
    return page


@pytest.fixture(scope="module")
def clients(page) -> list[TestClient]:
    """Through us, and past us."""
    cookies = {"name": "me"}
    return [TestClient(app, cookies=cookies) for app in (Calls(page.app, page), page.app)]


def call(page, name: str, data: object) -> dict[str, object]:
    (number,) = [key for key, part in page.blocks.items() if isinstance(part, gr.HTML)]
    return {"session_hash": "me", "component_id": number, "fn_name": name, "data": data}


@pytest.mark.parametrize(
    ("name", "data"), [("told", [1, "é"]), ("plain", {"a": [None, 2]}), ("numbers", [])]
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_call_gets_the_answer_that_gradio_gives(page, clients, name, data, slash):
    """The page posts to the address with a slash at its end."""
    ours, theirs = (one.post(ADDRESS + slash, json=call(page, name, data)) for one in clients)
    assert ours.status_code == theirs.status_code == 200
    assert ours.json() == theirs.json()
    assert ours.headers["content-type"] == theirs.headers["content-type"]


def test_a_call_does_not_reach_gradio(page):
    """Its route takes several times the work of a poll. What is no call does reach it."""
    reached = []

    async def gradio(scope, receive, send):
        reached.append(scope["path"])
        await PlainTextResponse("")(scope, receive, send)

    client = TestClient(Calls(gradio, page))
    assert client.post(ADDRESS, json=call(page, "plain", [7])).json() == [7]
    assert not reached
    client.get(ADDRESS)
    client.post(ADDRESS, files={"file": b"x"})
    client.post("/gradio_api/queue/join", json={})
    assert len(reached) == 3


def test_a_call_keeps_its_session_and_a_long_name_does_not_fill_the_memory(page, clients):
    client, sessions = clients[0], page.app.state_holder
    body = call(page, "plain", []) | {"session_hash": "s" * 500_000}
    assert client.post(ADDRESS, json=body).status_code == 200
    assert "me" in sessions and max(map(len, sessions.session_data)) <= 100


@pytest.mark.parametrize(
    "changed",
    [
        {"component_id": 10**6},
        {"component_id": [1]},
        {"fn_name": "__init__"},
        {"fn_name": {}},
        None,
    ],
    ids=repr,
)
def test_what_names_no_function_is_refused(page, clients, changed):
    body = call(page, "plain", []) | changed if changed else [1]
    assert clients[0].post(ADDRESS, json=body).status_code == 400
    broken = {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}
    assert clients[0].post(ADDRESS, **broken).status_code == 400
