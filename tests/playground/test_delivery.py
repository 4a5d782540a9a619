"""The page on its way out: our scripts stand first, it is compressed, and nothing else changes."""

from pathlib import Path

import gradio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground import components
from playground.delivery import ROOT, Delivery
from playground.visitors import COOKIE

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


GRADIO = (
    '<html><head><link rel="manifest" href="/manifest.json" />'
    '<script>window.gradio_config = {"root":"http://127.0.0.1:7860"};</script>'
    '<script>const root = "http://127.0.0.1:7860"; ask(root)</script></head></html>'
)


def test_the_page_takes_its_address_from_the_browser():
    """Behind a proxy that does not forward the name, Gradio's address is 127.0.0.1 (gradio #9972)."""
    page = Delivery(None, FIRST).completed(GRADIO.encode()).decode()
    assert page.count("127.0.0.1") == 1  # the setting, which is overwritten at the head's end
    assert page.index("127.0.0.1") < page.index("window.gradio_config.root = new URL('.', location")
    assert 'href="./manifest.json"' in page


def test_gradio_s_page_still_has_what_is_replaced_in_it():
    """Another version of Gradio may write the page in another way: then this says so."""
    template = (Path(gradio.__file__).parent / "templates/frontend/index.html").read_text("utf-8")
    assert ROOT.search(
        b'const root = "";'
    ) and "const root = {{ config.get('root', '') | toorjson" in (template)
    assert "window.gradio_config = {{ config" in template and template.count("</head>") == 1
    assert 'href="/manifest.json"' in template


def test_a_browser_gets_a_name_once_and_keeps_it(client):
    given = client.get("/").headers["set-cookie"]
    assert given.startswith(f"{COOKIE}=") and "HttpOnly" in given and "SameSite=Lax" in given
    assert "set-cookie" not in client.get("/").headers  # the client has sent it back
    client.cookies.clear()
    client.cookies.set(COOKIE, "of another make")
    assert "set-cookie" in client.get("/").headers
    assert "set-cookie" not in client.get("/data").headers


def test_a_page_in_a_frame_of_another_site_may_keep_its_name(client):
    """As on a Space; a browser refuses such a cookie unless it is Secure."""
    given = client.get("/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert "SameSite=None; Secure; Partitioned" in given


def test_each_of_our_scripts_ends_where_it_should():
    """A `</script` in the text of one would end it there, and show the rest on the page."""
    first = components.page_first().lower()
    assert first.count("</script") == first.count("<script") == 3
