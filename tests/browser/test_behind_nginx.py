"""Behind a proxy, at / and under a path, whether it forwards the name and the path or not.

One server stands behind a real nginx: as `playground/hosting/nginx/` forwards, and as one that forwards
neither name nor path. Requests prove that all that a page asks for is where the page looks for it; one page is
opened in a browser, where it used to call 127.0.0.1.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.browser.conftest import ROOT, Server, free_port, query_for
from tests.browser.tab import Tab
from tests.browser.test_requests import call, feed_of

CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    {shipped}
    server {{ listen 127.0.0.1:{nameless}; client_max_body_size 100m;
        proxy_http_version 1.1; proxy_buffering off;
        location / {{ proxy_pass {server}; }}
        location /lm/ {{ proxy_pass {server}/; }}
    }}
}}
"""
# Files with a version, also those that Gradio's settings name.
OURS = re.compile(r"\./[\w./=-]+\?v=\w+")
LINK = re.compile(r'(?:src|href)="([^"]+\.(?:js|css|json)[^"]*)"')


@pytest.fixture(scope="module")
def behind(start_server) -> Server:
    """A server for a path, started where a SOCKS proxy is set, which must not stand in its own way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("all_proxy", "socks5://127.0.0.1:1")
        return start_server("--root-path", "/lm")


@pytest.fixture(scope="module")
def proxies(behind, tmp_path_factory) -> Iterator[dict[str, Server]]:
    """nginx: the server as `playground/hosting/nginx/` shows it, and without its name."""
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if nginx is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("no nginx on the PATH")
        pytest.skip("no nginx on the PATH")
    folder, ports = (
        tmp_path_factory.mktemp("nginx"),
        {name: free_port() for name in ("root", "path", "nameless")},
    )
    shipped = "".join(
        (ROOT / f"playground/hosting/nginx/{name}.conf")
        .read_text("utf-8")
        .replace("listen 80;", f"listen 127.0.0.1:{ports[name]};")
        .replace("http://127.0.0.1:7860;", f"{behind.url};")
        for name in ("root", "path")
    )
    places = {"folder": folder, "server": behind.url, "nameless": ports["nameless"]}
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(shipped=shipped, **places))
    process = subprocess.Popen(
        [nginx, "-p", str(folder), "-e", str(folder / "error"), "-c", str(file)]
    )
    seen = {name: replace(behind, url=f"http://127.0.0.1:{port}") for name, port in ports.items()}
    seen["root"].wait()
    yield seen
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize(
    ("name", "path"), [("root", ""), ("path", "/lm"), ("nameless", ""), ("nameless", "/lm")]
)
def test_all_that_a_page_asks_for_is_where_it_looks_for_it(proxies, name, path):
    server = replace(proxies[name], url=proxies[name].url + path)
    with urllib.request.urlopen(f"{server.url}/") as answer:
        page, address = answer.read().decode(), answer.url
    links = set(LINK.findall(page)) | set(OURS.findall(page))
    for name in ("playground.js", "style.css", "plotly.min.js"):
        assert sum(f"/{name}?v=" in link for link in links) == 1, links
    for link in links - {"./manifest.json"}:  # only an installed page has that
        assert not link.startswith(("/", "http")), link
        urllib.request.urlopen(urllib.parse.urljoin(address, link)).close()
    bigram = feed_of(server, "bigram")
    assert call(server, bigram, "poll", ["shipped:bigram", 0, 0])[1]["status"]
    status, files = upload(server, b"a text to learn from " * 100)
    assert status == 200 and len(files) == 1
    joined = server.post(
        "/gradio_api/queue/join", {"fn_index": 0, "data": [], "session_hash": "me"}
    )
    assert "<html" not in str(joined)  # it has arrived
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        assert json.load(answer)["status"] == "ok"


def upload(server: Server, text: bytes) -> tuple[int, object]:
    """Send a file as the page does."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
    return server.post(
        "/gradio_api/upload", head + text + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
    )


def test_a_page_under_a_path_trains_behind_a_proxy_that_forwards_neither_name_nor_path(
    proxies, context, decoder
):
    origin, asked = proxies["nameless"].url, []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{origin}/lm{query_for(decoder, steps=20)}")
    tab = Tab(page, decoder).ready().train().reaches("finished")
    assert tab.step == 20
    elsewhere = [url for url in asked if not url.startswith((f"{origin}/lm/", "data:", "blob:"))]
    assert not elsewhere


def test_a_path_without_its_last_slash_leads_to_the_page(behind, proxies):
    """The page's links would otherwise lead to the folder above."""
    for server in (behind, proxies["path"], proxies["nameless"]):
        with urllib.request.urlopen(f"{server.url}/lm?model=bigram") as answer:
            assert answer.url == f"{server.url}/lm/?model=bigram"


def test_the_server_says_where_it_is(behind, proxies):
    assert f"The playground is at {behind.url}/" in behind.log.read_text()
