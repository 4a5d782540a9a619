"""Sends the page and its files compressed and from memory, and the page as one that knows where it is.

Gradio renders the page and compresses every file anew for each visitor: 0.7 s of a core. All of them are the
same for everybody, so the first answer to each address is kept and sent to all who come later.

Gradio writes `launch(head=...)` after its own scripts. An import map has to stand before every module, so it is
put into the page here. Gradio also writes the address that it believes to be served at. Where a proxy forwards
neither name nor path, that is a wrong one, and the page would call 127.0.0.1. The browser knows the address, so
the page takes it from there.

The page also brings the cookie by which a visitor is counted (`visitors.py`).
"""

import gzip
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.serving.gate import API
from playground.serving.visitors import COOKIE, has_name

PAGE = "/"
# Gradio's own files, each under one address only: otherwise anybody could have any number of them kept.
OF_GRADIO = re.compile(r"/theme\.css|/assets/\w[\w.-]*|/static/js/\w[\w.-]*")
LASTING = "public, max-age=31536000, immutable"  # a year: another version has another address
BEGINNING = b"<head>"
HERE = b"new URL('.', location.href).href.replace(/[/]$/, '')"
ROOT = re.compile(rb'const root = "[^"]*";')  # of Gradio's script in the page's head
LAST = b"<script>window.gradio_config.root = " + HERE + b"</script></head>"
MONTH = 30 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Answer:
    """A whole answer; `packed` says whether the body is compressed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    packed: bool = False

    @classmethod
    def compressed(cls, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> "Answer":
        """An answer that takes little memory; its headers without those that say how it was sent."""
        names = (b"content-type", b"last-modified", b"etag")
        smaller = gzip.compress(body, compresslevel=6)
        packed = len(smaller) < 0.9 * len(body)
        kept = [(name, value) for name, value in headers if name.lower() in names]
        return cls(status, kept, smaller if packed else body, packed)

    async def send(self, asked: HTTPConnection, send: Send, more: dict[str, str]) -> None:
        """Send it to a browser, with more headers, unpacked if the browser cannot do that."""
        headers, body = MutableHeaders(raw=[*self.headers, *_raw(more)]), self.body
        if self.packed:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in asked.headers.get("accept-encoding", ""):
                headers["Content-Encoding"] = "gzip"
            else:
                body = gzip.decompress(body)
        headers["Content-Length"] = str(len(body))
        await send({"type": "http.response.start", "status": self.status, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})


class Delivery:
    """Answers from memory for the page and its files, with `first` at the beginning of the page's head.

    files: ours, which Gradio serves under their paths. routes: ours, whose answer is the same for everybody.
    """

    def __init__(
        self, app: ASGIApp, first: str, files: Iterable[Path] = (), routes: Iterable[str] = ()
    ) -> None:
        self.app = app
        self.first = first.encode()
        self.ours = frozenset({*(f"{API}/file={path}" for path in files), *routes})
        self._kept: dict[str, Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not self.keeps(scope["path"]):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        answer = self._kept.get(scope["path"]) or await self._first_answer(scope, receive)
        more = {}
        if scope["path"] == PAGE:
            more["Cache-Control"] = "no-cache"
            if not has_name(asked.cookies):
                more["Set-Cookie"] = _cookie(asked)
        elif answer.status == 200 and (_versioned(scope) or scope["path"].startswith("/assets/")):
            more["Cache-Control"] = LASTING
        await answer.send(asked, send, more)

    def keeps(self, path: str) -> bool:
        """Whether the answer to a path is the same for everybody."""
        return path == PAGE or path in self.ours or bool(OF_GRADIO.fullmatch(path))

    async def _first_answer(self, scope: Scope, receive: Receive) -> Answer:
        """Gradio's answer to a request that tells nothing of who asks; it is kept unless it is an error."""
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self.app(dict(scope) | {"headers": [], "query_string": b""}, receive, collect)
        body = b"".join(parts)
        if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
            body = self.completed(body)
        answer = Answer.compressed(start["status"], start["headers"], body)
        if answer.status == 200:
            self._kept[scope["path"]] = answer
        return answer

    def completed(self, page: bytes) -> bytes:
        """The page with our scripts, and with the browser's address in place of Gradio's."""
        page = page.replace(BEGINNING, BEGINNING + self.first, 1)
        page = page.replace(b'href="/manifest.json"', b'href="./manifest.json"', 1)
        page = ROOT.sub(b"const root = " + HERE + b";", page, count=1)
        return page.replace(b"</head>", LAST, 1) if b"window.gradio_config" in page else page


def _versioned(scope: Scope) -> bool:
    """Whether the address names the version of the file."""
    return scope["query_string"].startswith(b"v=")


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _cookie(asked: HTTPConnection) -> str:
    """A new name for a visitor. A Space shows the page in a frame of another site: so `SameSite=None`."""
    forwarded = asked.headers.get("x-forwarded-proto", "").startswith("https")
    secure = forwarded or asked.scope.get("scheme") == "https"
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{COOKIE}={secrets.token_urlsafe(16)}; Max-Age={MONTH}; Path=/; HttpOnly; {site}"
