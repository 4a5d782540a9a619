"""The page on its way out: our scripts stand first, it is compressed, and nothing else changes."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground import components
from playground.delivery import Delivery

PAGE = (
    "<!doctype html><html><head><title>é</title></head><body>"
    + "long " * 5000
    + "<head></body></html>"
)
FIRST = "<script>first()</script>"


@pytest.fixture
def client():
    def page(request):
        return HTMLResponse(PAGE)

    def data(request):
        return JSONResponse({"text": "<head>"})

    def pieces(request):
        return StreamingResponse(iter([PAGE[:20], PAGE[20:]]), media_type="text/html")

    app = Starlette(
        routes=[Route("/", page), Route("/data", data), Route("/pieces", pieces)],
        middleware=[Middleware(Delivery, first=FIRST)],
    )
    return TestClient(app)


@pytest.mark.parametrize("path", ["/", "/pieces"])
@pytest.mark.parametrize("encoding", ["gzip, br", "identity"])
def test_a_page_begins_with_our_scripts_and_is_compressed_for_browsers_that_accept_it(
    client, path, encoding
):
    answer = client.get(path, headers={"Accept-Encoding": encoding})
    assert answer.text == PAGE.replace("<head>", "<head>" + FIRST, 1)
    assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in encoding else None)
    assert "accept-encoding" in answer.headers["vary"].lower()
    if "gzip" in encoding:
        assert int(answer.headers["content-length"]) < len(PAGE) / 5


def test_a_page_whose_head_alone_is_asked_for_is_no_fault(client):
    assert client.head("/").status_code == 200


def test_an_answer_that_is_no_page_passes_unchanged(client):
    answer = client.get("/data", headers={"Accept-Encoding": "gzip"})
    assert answer.json() == {"text": "<head>"}
    assert "content-encoding" not in answer.headers


def test_each_of_our_scripts_ends_where_it_should():
    """A `</script` in the text of one would end it there, and show the rest on the page."""
    first = components.page_first().lower()
    assert first.count("</script") == first.count("<script") == 3
