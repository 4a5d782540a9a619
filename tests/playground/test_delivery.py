"""The page and its files on their way out: from memory, compressed, our scripts first, nothing else changed."""

from pathlib import Path

import gradio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.components import files
from playground.serving.delivery import LASTING, ROOT, Delivery
from playground.serving.visitors import COOKIE

PAGE = (
    "<!doctype html><html><head><title>é</title></head><body>"
    + "long " * 5000
    + "<head></body></html>"
)
FIRST = "<script>first()</script>"
OURS = Path("/a folder/ours.js")
FILE = f"/gradio_api/file={OURS}"
ASSET = "/assets/index-Abc_1.js"
CODE = "const long = 1;" * 500


@pytest.fixture
def asked() -> list[str]:
    """What reached Gradio: each path with the headers and the query that came with it."""
    return []


@pytest.fixture
def client(asked):
    def answer(request):
        asked.append(request.url.path)
        assert not request.url.path.startswith(("/assets", FILE)) or not request.query_params
        if request.url.path == "/":
            return HTMLResponse(PAGE, headers={"x-query": str(request.query_params)})
        if request.url.path == "/data":
            return JSONResponse({"text": "<head>"})
        if "gone" in request.url.path:
            return PlainTextResponse("gone", 404)
        if "picture" in request.url.path:
            return Response(bytes(range(256)), media_type="font/woff2")
        return Response(CODE, media_type="text/javascript")

    app = Starlette(
        routes=[Route("/{path:path}", answer)],
        middleware=[Middleware(Delivery, first=FIRST, files=[OURS], routes=["/style.css"])],
    )
    return TestClient(app)


@pytest.mark.parametrize("encoding", ["gzip, br", "identity"])
@pytest.mark.parametrize(
    ("path", "body"),
    [("/", PAGE.replace("<head>", "<head>" + FIRST, 1)), (ASSET, CODE), (FILE, CODE)],
)
def test_pages_and_files_are_compressed_for_browsers_that_accept_it(client, path, body, encoding):
    """And the page begins with our scripts."""
    for _ in range(2):  # as it comes from Gradio, and from memory
        answer = client.get(path, headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200 and answer.text == body
        assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in encoding else None)
        assert "accept-encoding" in answer.headers["vary"].lower()
        if "gzip" in encoding:
            assert int(answer.headers["content-length"]) < len(body) / 5


def test_what_is_the_same_for_everybody_is_made_once(client, asked):
    """Gradio took 64 ms of a core for each page, and 635 ms to compress its files, for every visitor."""
    for visitor in range(3):
        pages = ("/", f"/?model=bigram&visitor={visitor}")
        for path in (*pages, f"{ASSET}?v=1", f"{FILE}?v=2", "/style.css?v=3"):
            assert client.get(path).status_code == 200
    assert asked == ["/", ASSET, FILE, "/style.css"]


@pytest.mark.parametrize("path", ["/data", "/gradio_api/file=/uploaded.js", "/assets/more/x.js"])
def test_what_differs_or_has_many_addresses_is_not_kept(client, asked, path):
    """Otherwise anybody could fill the memory with files under ever new addresses."""
    for _ in range(2):
        assert client.get(path).status_code == 200
    assert len(asked) == 2


def test_the_page_that_is_kept_tells_nothing_of_who_asked_first(client):
    """A name in the address, or a forged Host, would be shown to everybody."""
    first = client.get("/?secret=1", headers={"Host": "evil.example"})
    assert "x-query" not in first.headers and "evil" not in first.text


def test_an_error_is_passed_on_and_not_kept(client, asked):
    for _ in range(2):
        assert client.get("/assets/gone.js").status_code == 404
    assert len(asked) == 2 and "cache-control" not in client.get("/assets/gone.js").headers


def test_a_browser_keeps_a_file_whose_address_holds_its_version_and_asks_for_the_page_anew(client):
    """A second visit asks for the page alone."""
    assert client.get(f"{FILE}?v=1").headers["cache-control"] == LASTING
    assert client.get(ASSET).headers["cache-control"] == LASTING
    assert "cache-control" not in client.get(FILE).headers
    assert client.get("/").headers["cache-control"] == "no-cache"


def test_a_file_that_compressing_does_not_make_smaller_is_sent_as_it_is(client):
    answer = client.get("/assets/picture.woff2")
    assert answer.content == bytes(range(256)) and "content-encoding" not in answer.headers


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
    first = files.page_first().lower()
    assert first.count("</script") == first.count("<script") == 3
