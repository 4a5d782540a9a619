"""Sends the page compressed, with our scripts before all others, and as one that knows where it is.

Gradio sends the page uncompressed, with a megabyte of settings, and writes `launch(head=...)` after its own
scripts. An import map has to stand before every module, so it is put into the page here. Gradio also writes the
address that it believes to be served at. Where a proxy forwards neither name nor path, that is a wrong one, and
the page would call 127.0.0.1. The browser knows the address, so the page takes it from there.

The page also brings the cookie by which a visitor is counted (`visitors.py`).
"""

import gzip
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.visitors import COOKIE, has_name

BEGINNING = b"<head>"
HERE = b"new URL('.', location.href).href.replace(/[/]$/, '')"
ROOT = re.compile(rb'const root = "[^"]*";')  # of Gradio's script in the page's head
LAST = b"<script>window.gradio_config.root = " + HERE + b"</script></head>"
MONTH = 30 * 24 * 3600  # seconds


class Delivery:
    """Puts `first` at the beginning of every page's head, and compresses pages for browsers that accept it."""

    def __init__(self, app: ASGIApp, first: str) -> None:
        self.app = app
        self.first = first.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def pass_on(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _send_page(start, self.completed(body), HTTPConnection(scope), send)

        await self.app(scope, receive, pass_on)

    def completed(self, page: bytes) -> bytes:
        """The page with our scripts, and with the browser's address in place of Gradio's."""
        page = page.replace(BEGINNING, BEGINNING + self.first, 1)
        page = page.replace(b'href="/manifest.json"', b'href="./manifest.json"', 1)
        page = ROOT.sub(b"const root = " + HERE + b";", page, count=1)
        return page.replace(b"</head>", LAST, 1) if b"window.gradio_config" in page else page


def _is_page(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "")
    return kind.startswith("text/html") and "content-encoding" not in headers


async def _send_page(start: Message, page: bytes, asked: HTTPConnection, send: Send) -> None:
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    if "gzip" in asked.headers.get("accept-encoding", ""):
        page = gzip.compress(page, compresslevel=6)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(page))
    if not has_name(asked.cookies):
        headers.append("Set-Cookie", _cookie(asked))
    await send(start)
    await send({"type": "http.response.body", "body": page})


def _cookie(asked: HTTPConnection) -> str:
    """A new name for a visitor. A Space shows the page in a frame of another site: so `SameSite=None`."""
    forwarded = asked.headers.get("x-forwarded-proto", "").startswith("https")
    secure = forwarded or asked.scope.get("scheme") == "https"
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{COOKIE}={secrets.token_urlsafe(16)}; Max-Age={MONTH}; Path=/; HttpOnly; {site}"
