"""Sends the page compressed, and with our scripts before all others.

Gradio sends the page uncompressed, with a megabyte of settings, and writes `launch(head=...)` after its own
scripts. An import map has to stand before every module, so it is put into the page here.
"""

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BEGINNING = b"<head>"


class Delivery:
    """Puts `first` at the beginning of every page's head, and compresses pages for browsers that accept it."""

    def __init__(self, app: ASGIApp, first: str) -> None:
        self.app = app
        self.first = first.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        compress = "gzip" in Headers(scope=scope).get("accept-encoding", "")
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
                    page = body.replace(BEGINNING, BEGINNING + self.first, 1)
                    await _send_page(start, page, compress, send)

        await self.app(scope, receive, pass_on)


def _is_page(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "")
    return kind.startswith("text/html") and "content-encoding" not in headers


async def _send_page(start: Message, page: bytes, compress: bool, send: Send) -> None:
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    if compress:
        page = gzip.compress(page, compresslevel=6)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(page))
    await send(start)
    await send({"type": "http.response.body", "body": page})
