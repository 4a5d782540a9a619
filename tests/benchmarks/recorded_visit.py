"""All that the page sends to its server in one visit, recorded from a browser; `visit.py` sends it again."""

import json
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, Request

from tests.benchmarks import app
from tests.browser.conftest import Server

SERVER_FUNCTIONS = "component_server"
HEARTBEAT = "/heartbeat/"  # a stream that stays open as long as the page
QUIET = 5.0  # seconds until the opened page sends nothing more of its own


@dataclass(frozen=True)
class Sent:
    """A request of the page; `at` is in seconds from the navigation, or from the click on Train."""

    at: float
    path: str
    headers: dict[str, str]
    body: str | None = None

    @property
    def contents(self) -> dict[str, Any]:
        """The body of a POST."""
        return json.loads(self.body or "{}")

    @property
    def function(self) -> str:
        """The name of the server function that is called, if it is such a call."""
        return self.contents.get("fn_name", "") if SERVER_FUNCTIONS in self.path else ""


@dataclass(frozen=True)
class Script:
    """What a page sends in one visit.

    files: scripts and styles. heartbeat: the stream by which the server sees that a page is open. loading: the
    events of opening a page; opening: whatever else it sends until it is quiet. later: what it sends by itself
    after Train, without polls, looks and `keep_alive`, whose calls are in `calls`. token: of the run that was
    recorded, to be replaced.
    """

    document: Sent
    files: list[Sent]
    heartbeat: Sent
    loading: list[Sent]
    opening: list[Sent]
    begin: Sent
    calls: dict[str, Sent]
    later: list[Sent]
    write: list[Sent]
    token: str


def record(playground: app.App, page: Page, rung: str, **settings: object) -> Script:
    """Open the page, train a rung to its end and let it write, noting all requests."""
    notes: list[Sent] = []
    began = [time.perf_counter()]

    def note(request: Request) -> None:
        path = request.url.removeprefix(playground.url)
        headers = {k: v for k, v in request.headers.items() if k not in ("cookie", "host")}
        body = request.post_data if request.method == "POST" else None
        notes.append(Sent(time.perf_counter() - began[0], path, headers, body))

    page.on("request", note)
    app.open_rung(page, playground, rung, **settings)
    page.wait_for_function(
        "(key) => document.getElementById(`train-${key}`)?.checkVisibility()", arg=rung
    )
    page.wait_for_timeout(QUIET * 1000)
    opened = len(notes)
    began[0] = time.perf_counter()
    app.press(page, rung, "train")
    page.wait_for_function(
        "(key) => Playground.tab(key).record.status === 'finished'", arg=rung, polling=200
    )
    page.wait_for_timeout(1000)
    token = page.evaluate("(key) => Playground.tab(key).record.run", rung)
    trained = len(notes)
    page.locator(f"#sample-{rung}").click()
    page.wait_for_function("() => document.querySelector('.written .made')")
    page.wait_for_timeout(3000)
    config = Server(playground.process, playground.url, playground.runs_folder, app.ROOT).config()
    return _script(notes[:opened], notes[opened:trained], notes[trained:], config, token)


def _script(
    opening: list[Sent], training: list[Sent], writing: list[Sent], config: dict, token: str
) -> Script:
    load_events = {
        event["id"]
        for event in config["dependencies"]
        if any(target[1] == "load" for target in event["targets"])
    }
    posts = [one for one in opening if one.body is not None]
    loading = [
        one
        for one in posts
        if one.contents.get("fn_index") in load_events or one.function == "restore"
    ]
    (begin,) = (one for one in training if one.function == "begin")
    known = [one for one in training if one.function in ("poll", "look", "keep_alive")]
    own = [one for one in training if one.body and not one.function]
    keep_alive = next(
        component["id"]
        for component in config["components"]
        if "keep_alive" in component["props"].get("server_fns", [])
    )
    calls = {one.function: one for one in known}
    body = calls["poll"].contents | {"component_id": keep_alive, "fn_name": "keep_alive"}
    poll = calls["poll"]
    calls["keep_alive"] = Sent(0, poll.path, poll.headers, json.dumps(body))
    return Script(
        document=opening[0],
        files=[one for one in opening[1:] if one.body is None and HEARTBEAT not in one.path],
        heartbeat=next(one for one in opening if HEARTBEAT in one.path),
        loading=loading,
        opening=[one for one in posts if one not in loading],
        begin=begin,
        calls=calls,
        later=own,
        write=[one for one in writing if "/queue/" in one.path],
        token=token,
    )
