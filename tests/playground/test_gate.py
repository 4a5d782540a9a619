"""What comes in: bounded requests, the path of a proxy, and who listens."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.serving.gate import QUEUE, SMALL, Gate, Listeners

TEXT = 3_000_000  # bytes of the largest text


@pytest.fixture
def listeners():
    return Listeners()


@pytest.fixture
def client(listeners):
    async def size(request):
        try:
            return JSONResponse(len(await request.body()))
        except ClientDisconnect:
            return JSONResponse("gone", 400)

    def heard(request):
        return JSONResponse(listeners.hears("me"))

    return TestClient(
        Starlette(
            routes=[
                Route("/gradio_api/component_server", size, methods=["POST"]),
                Route("/gradio_api/queue/join", size, methods=["POST"]),
                Route("/gradio_api/upload", size, methods=["POST"]),
                Route("/gradio_api/deep_link", heard),
                Route(QUEUE, heard),
                Route("/heard", heard),
                Route("/", heard),
            ],
            middleware=[Middleware(Gate, root_path="/lm", text_bytes=TEXT, listeners=listeners)],
        )
    )


@pytest.mark.parametrize("root", ["", "/lm"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_request_larger_than_any_of_the_page_is_refused_before_it_is_read(client, root, slash):
    """`keep_alive` with a list of 30 MB took 19.6 s; Gradio reads and parses a body of any size."""
    path = f"{root}/gradio_api/component_server"
    assert client.post(path, content=b"x" * SMALL).json() == SMALL
    refused = client.post(path + slash, content=b"x" * (SMALL + 1))
    assert refused.status_code == 413 and "too large" in refused.json()["detail"]
    assert client.post(path, content=b"", headers={"Content-Length": "-5"}).status_code == 413


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload"])
def test_a_text_may_be_larger_than_our_own_limit_which_has_a_sentence(client, path):
    assert client.post(path, content=b"\n" * (TEXT + 1)).json() == TEXT + 1
    assert client.post(path, content=b"x" * (5 * TEXT)).status_code == 413


def test_a_refused_request_is_read_to_its_end_first():
    """nginx, which still sends, told of a bad gateway in place of our sentence."""
    sent = [{"type": "http.request", "body": b"x" * SMALL, "more_body": n < 4} for n in range(5)]
    told: list[dict] = []

    async def receive():
        assert not told, "answered before the end"
        return sent.pop(0)

    async def send(message):
        told.append(message)

    gate = Gate(None, "", TEXT, Listeners())
    headers = [(b"content-length", b"5000000")]
    scope = {"type": "http", "path": "/run", "headers": headers, "method": "POST"}
    asyncio.run(gate(scope, receive, send))
    assert not sent and told[0]["status"] == 413


def test_a_body_of_unknown_length_is_cut_off(client):
    chunks = (b"x" * 100_000 for _ in range(1000))
    answer = client.post("/gradio_api/component_server", content=chunks)
    assert (answer.status_code, answer.json()) == (400, "gone")


def test_the_proxy_s_path_is_taken_off_if_the_proxy_has_not(client):
    assert client.get("/lm/heard").json() is False
    assert client.get("/heard").json() is False
    assert client.get("/lmx/heard").status_code == 404
    redirect = client.get("/lm", follow_redirects=False)  # "./" would be the folder above
    assert redirect.headers["location"].endswith("/lm/")


def test_a_page_listens_as_long_as_its_connection_is_open(client, listeners):
    assert client.get(f"{QUEUE}?session_hash=me").json() is True
    assert not listeners.hears("me")
    for _ in range(2):
        listeners.began("me")
    listeners.ended("me")
    assert listeners.hears("me")


def test_no_request_keeps_a_file_on_the_server(client):
    assert client.get("/gradio_api/deep_link?session_hash=me").status_code == 404
