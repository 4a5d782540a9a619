"""Answers the calls of the page's live parts, before they reach Gradio's routes.

Gradio's own route gives the same answers (`gr.HTML(server_functions=...)`). For each call it reads the types
of the function anew, checks who is logged in, and copies the answer before it writes it; that is several times
the work of a poll. Here a call is looked up, answered in one of Gradio's threads, and written.
"""

import inspect
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio.to_thread
import gradio as gr
from gradio.routes import ORJSONResponse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.serving.gate import API

ADDRESS = f"{API}/component_server"
KIND = "application/json"  # of a call
LONGEST = 100  # characters of a session's name; the page's have a dozen


class Calls:
    """Answers calls of the server functions of a page; every other request goes to `app`."""

    def __init__(self, app: ASGIApp, page: gr.Blocks) -> None:
        """page: launched later; its sessions and its threads are used."""
        self.app = app
        self.page = page
        self.functions: dict[tuple[Any, Any], tuple[Callable[..., Any], bool]] = {
            (number, function.__name__): (function, _asks_for_request(function))
            for number, part in page.blocks.items()
            if isinstance(part, gr.HTML)
            for function in part.server_fns
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != ADDRESS:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.method != "POST" or request.headers.get("content-type") != KIND:
            await self.app(scope, receive, send)
            return
        await (await self.answer(request))(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """What the function returns, as JSON; an error that it raises passes through, as in Gradio."""
        try:
            asked = json.loads(await request.body())
            session, data = str(asked["session_hash"])[:LONGEST], asked["data"]
            function, with_request = self.functions[asked["component_id"], asked["fn_name"]]
        except (ValueError, TypeError, LookupError, RecursionError, ClientDisconnect):
            return JSONResponse({"detail": "This is no call of the page's functions."}, 400)
        self.page.app.state_holder[session]  # it counts as used now
        call = partial(function, data, request) if with_request else partial(function, data)
        answer = await anyio.to_thread.run_sync(call, limiter=self.page.limiter)
        return ORJSONResponse(answer)


def _asks_for_request(function: Callable[..., Any]) -> bool:
    """Whether a function takes the request besides the data."""
    return len(inspect.signature(function).parameters) > 1
