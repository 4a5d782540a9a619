"""Sends the page and its files compressed and from memory, and the page as one that knows where it is.

Gradio renders the page and compresses every file anew for each visitor: 0.7 s of a core. All of them are the
same for everybody, so the first answer to each address is kept and sent to all who come later. Those who come
while it is made wait for it; it is compressed in a thread, while others are answered.

Gradio writes `launch(head=...)` after its own scripts. An import map has to stand before every module, so it is
put into the page here. Gradio also writes the address that it believes to be served at. Where a proxy forwards
neither name nor path, that is a wrong one, and the page would call 127.0.0.1. The browser knows the address, so
the page takes it from there.

The page also brings the cookie by which a visitor is counted (`visitors.py`).
"""

import asyncio
import gzip
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread
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
    """A whole answer, with a tag of its content; `packed` says whether the body is compressed."""

    status: int
    kind: bytes  # the content type
    tag: str
    body: bytes
    packed: bool = False

    @classmethod
    def compressed(cls, status: int, kind: bytes, body: bytes) -> "Answer":
        """An answer that takes little memory."""
        # Weak: the same one for the packed body and the unpacked one.
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        smaller = gzip.compress(body, compresslevel=6)
        packed = len(smaller) < 0.9 * len(body)
        return cls(status, kind, tag, smaller if packed else body, packed)

    async def send(self, asked: HTTPConnection, send: Send, more: dict[str, str]) -> None:
        """Send it to a browser, with more headers; unpacked if it cannot do that, and empty if it has it."""
        status, body = self.status, self.body
        headers = MutableHeaders({"ETag": self.tag, **more})
        if self.packed:
            headers["Vary"] = "Accept-Encoding"
        if status == 200 and self.tag in asked.headers.get("if-none-match", ""):
            status, body = 304, b""
        else:
            headers.raw.append((b"content-type", self.kind))
            if self.packed and "gzip" in asked.headers.get("accept-encoding", ""):
                headers["Content-Encoding"] = "gzip"
            elif self.packed:
                body = gzip.decompress(body)
            headers["Content-Length"] = str(len(body))
        await send({"type": "http.response.start", "status": status, "headers": headers.raw})
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
        self._made: dict[str, asyncio.Task[Answer]] = {}  # answers that are being made

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
        """The answer that somebody else has asked for already, or a new one."""
        path = scope["path"]
        if path not in self._made:
            self._made[path] = asyncio.create_task(self._make(scope, receive))
            self._made[path].add_done_callback(lambda _: self._made.pop(path))
        return await asyncio.shield(self._made[path])

    async def _make(self, scope: Scope, receive: Receive) -> Answer:
        """Gradio's answer to a request that tells nothing of who asks; it is kept unless it is an error."""
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self.app(dict(scope) | {"headers": [], "query_string": b""}, receive, collect)
        kind, body = Headers(raw=start["headers"]).get("content-type", ""), b"".join(parts)
        if kind.startswith("text/html"):
            body = self.completed(body)
        compress = partial(Answer.compressed, start["status"], kind.encode(), body)
        answer = await anyio.to_thread.run_sync(compress)
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


def _cookie(asked: HTTPConnection) -> str:
    """A new name for a visitor. A Space shows the page in a frame of another site: so `SameSite=None`."""
    forwarded = asked.headers.get("x-forwarded-proto", "").startswith("https")
    secure = forwarded or asked.scope.get("scheme") == "https"
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{COOKIE}={secrets.token_urlsafe(16)}; Max-Age={MONTH}; Path=/; HttpOnly; {site}"
