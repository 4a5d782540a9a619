"""What comes in from browsers: paths under `--root-path`, bounded sizes, and who listens to the queue.

Gradio reads a request's body whole before anybody can look at it, so its size is limited here.
"""

from collections import Counter
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.exchange import routes
from playground.runs import run_files

API = "/gradio_api"
QUEUE = f"{API}/queue/data"
CLOSED = (f"{API}/deep_link",)  # keeps a file for each call; the page's links need none
UNWANTED = 250_000_000  # bytes that are read of a request that is refused; a proxy of ours passes 200 MB on
SMALL = 1_000_000  # bytes of a request other than a text: settings, a prompt, a list of runs


class Listeners:
    """The sessions whose page now listens for what the queue writes to it."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def began(self, session: str) -> None:
        """A page has begun to listen."""
        self._open[session] += 1

    def ended(self, session: str) -> None:
        """It has stopped, or its connection is gone."""
        self._open[session] -= 1
        if self._open[session] <= 0:
            del self._open[session]

    def count(self) -> int:
        """How many sessions listen."""
        return len(self._open)

    def hears(self, session: str | None) -> bool:
        """Whether somebody listens."""
        return session in self._open


async def _read_away(receive: Receive) -> None:
    """Read a body that nobody wants, up to a limit: a proxy that still sends does not hear the answer."""
    read, more = 0, True
    while more and read < UNWANTED:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


class Gate:
    """Refuses requests that are too large, and takes the path of the proxy off the rest.

    text_bytes: of the largest text that a visitor may add. Such a text comes through the queue or as a file.
    model_bytes: of the files of the largest model.
    """

    def __init__(
        self,
        app: ASGIApp,
        root_path: str,
        text_bytes: int,
        listeners: Listeners,
        model_bytes: int = 0,
    ) -> None:
        self.app = app
        self.root_path = root_path
        self.largest = {
            f"{API}/queue/join": 2 * text_bytes + SMALL,  # as JSON, with what is escaped
            f"{API}/upload": 4 * text_bytes + SMALL,  # above our limit, which has a sentence
            run_files.ADDRESS: max(run_files.MOST_BYTES, model_bytes),
            routes.FILES: model_bytes,
        }
        self.listeners = listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = self.without_root(scope)
        path = scope["path"].rstrip("/")
        if scope["path"] == "" and self.root_path:
            query = scope["query_string"].decode("latin-1")
            page = f"{self.root_path}/{'?' if query else ''}{query}"
            await RedirectResponse(page)(scope, receive, send)
        elif path in CLOSED:
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
        elif path == QUEUE:
            await self.listen(scope, receive, send)
        else:
            await self.bounded(scope, receive, send, self.largest.get(path, SMALL))

    def without_root(self, scope: Scope) -> Scope:
        """The request as it would be without the proxy's path; some proxies take it off themselves."""
        root, path = self.root_path, scope["path"]
        if not root or not (path == root or path.startswith(f"{root}/")):
            return scope
        raw = scope.get("raw_path") or path.encode()
        return dict(scope) | {
            "path": path[len(root) :],
            "raw_path": raw[len(root) :] if raw.startswith(root.encode()) else raw,
        }

    async def listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a page listen to the queue, and know of it."""
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        self.listeners.began(session)
        try:
            await self.app(scope, receive, send)
        finally:
            self.listeners.ended(session)

    async def bounded(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """Pass a request on, but no more than `most` bytes of its body."""
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdigit() or int(stated) > most:
            await _read_away(receive)
            sentence = f"This request is too large: the page takes up to {most / 1e6:.0f} MB here."
            await JSONResponse({"detail": sentence}, 413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # A body of unknown length that grows too large ends like one whose sender has gone.
            return message if taken <= most else {"type": "http.disconnect"}

        await self.app(scope, counted, send)
