"""The playground as a person meets it: started as a process of its own, opened in a real browser."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from lm import corpora
from lm.errors import CorpusProblem
from lm.models import RUNGS, Rung
from playground import controls

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0  # seconds for a thing that must come, on a crowded machine
LAPTOP = {"width": 1366, "height": 768}
TINY = {
    "n_embd": 16,
    "n_head": 2,
    "n_layer": 2,
    "context_length": 16,
    "batch_size": 4,
    "steps": 10_000,
    "evaluate_every": 1000,
    "warmup_steps": 0,
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Server:
    """The playground, running."""

    process: subprocess.Popen
    url: str
    runs: Path
    log: Path

    def post(self, path: str, body: object) -> tuple[int, object]:
        """Status and decoded answer of a raw request; body: anything JSON has, and NaN, or bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error  # it can be read like any other
        with answer:
            text = answer.read().decode()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    def config(self) -> dict:
        with urllib.request.urlopen(self.url + "/config", timeout=PATIENCE) as answer:
            return json.load(answer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    """What runs on this machine; needs /proc, elsewhere it finds nothing."""

    @staticmethod
    def below(pid: int) -> set[int]:
        """The processes that a process started, and those that they started."""
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    parents[int(stat.parent.name)] = int(parent)
        found = {pid}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {pid}

    @staticmethod
    def alive(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state not in "ZX"


@pytest.fixture(scope="session")
def processes() -> type[Processes]:
    return Processes


@pytest.fixture(scope="session")
def corpus() -> str:
    """The text the page opens with: Tiny Shakespeare if it is to be had, else the synthetic plays."""
    try:
        return corpora.load("tiny_shakespeare").name
    except CorpusProblem:
        return "synthetic_plays"


@pytest.fixture(scope="session")
def start_server(tmp_path_factory) -> Iterator[Callable[[], Server]]:
    """`start_server()`: another playground on a free port; all are ended with the session."""
    started: list[Server] = []

    def start() -> Server:
        folder, port = tmp_path_factory.mktemp("server"), free_port()
        command = [sys.executable, "-m", "playground", "--no-browser", "--port", str(port)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--runs", str(folder / "runs")],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        server = Server(process, f"http://127.0.0.1:{port}", folder / "runs", folder / "log")
        started.append(server)
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                server.config()
                return server
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the playground did not start: {server.log.read_text()[-2000:]}")
            time.sleep(0.1)

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def server(start_server) -> Iterator[Server]:
    """The playground that all tests share; in the end nothing of it is left, and nothing broke."""
    server = start_server()
    yield server
    below = Processes.below(server.process.pid)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    deadline = time.monotonic() + PATIENCE
    while any(map(Processes.alive, below)):
        assert time.monotonic() < deadline, "processes outlive the server"
        time.sleep(0.05)
    log = server.log.read_text()  # Gradio's own tracebacks over malformed requests do not count
    assert not any(f'File "{ROOT / name}' in log for name in ("playground", "lm")), log[-4000:]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or Chrome; a machine without may skip, except where CI=true."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        sentence = "no chromium and no google-chrome on the PATH"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """Everything that went wrong in the pages of a test."""

    troubles: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def over(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"page error: {error}"))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _console(self, message) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text} {message.location}")

    def _failed(self, request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a reload gives up what is under way
            self.troubles.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    """No test leaves an error in the console, a failed request, or asks another machine for anything."""
    watch = Watch()
    yield watch
    assert not watch.troubles
    assert watch.hosts <= {"127.0.0.1", ""}


@pytest.fixture
def new_context(browser, watch) -> Iterator[Callable[..., BrowserContext]]:
    """`new_context(viewport=...)`: a visitor with a storage of their own."""
    made: list[BrowserContext] = []

    def make(**options) -> BrowserContext:
        context = browser.new_context(**({"viewport": LAPTOP} | options))
        context.set_default_timeout(PATIENCE * 1000)
        context.on("page", watch.over)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def context(new_context) -> BrowserContext:
    return new_context()


class Tab:
    """One rung's tab in one browser page."""

    def __init__(self, page: Page, rung: Rung) -> None:
        self.page = page
        self.rung = rung
        self.key = rung.name
        self.panel = page.locator(f"#panel-{self.key}")

    def select(self) -> "Tab":
        """Click it on the ladder and wait until it lives."""
        self.page.locator(f"#rung-{self.key}-button").click()
        return self.ready()

    def ready(self) -> "Tab":
        self.panel.wait_for(state="visible")
        self.until("record.run === null || record.status !== null", feed=True)
        return self

    def beside(self, rung: Rung) -> "Tab":
        """Another rung's tab on the same page."""
        return Tab(self.page, rung)

    # What it knows

    def until(self, expression: str, *, feed: bool = False) -> "Tab":
        """Wait until JavaScript over `record` and `feed` is true."""
        body = f"const feed = Playground.feed('{self.key}'); const record = feed.record;"
        started = (
            "window.Playground &&"
            if not feed
            else (f"window.Playground && document.querySelector('#panel-{self.key} .strip') &&")
        )
        self.page.wait_for_function(
            f"() => {started} (() => {{ {body} return {expression}; }})()", polling=50
        )
        return self

    def get(self, expression: str):
        """The value of JavaScript over `record`."""
        return self.page.evaluate(
            f"() => {{ const record = Playground.feed('{self.key}').record; return {expression} }}"
        )

    @property
    def token(self) -> str | None:
        return self.get("record.run")

    @property
    def step(self) -> int:
        return self.get("record.step")

    # What one does with it

    def press(self, name: str) -> "Tab":
        self.page.locator(f"#{name}-{self.key}").click()
        return self

    def train(self) -> "Tab":
        """Press Train and wait until the new run is there."""
        before = self.token
        self.press("train")
        self.until(f"record.run && record.run !== {json.dumps(before)} && record.status !== null")
        return self

    def reaches(self, *statuses: str) -> "Tab":
        self.until(f"{list(statuses)}.includes(record.status)")
        assert self.get("record.status") in (*statuses, "finished"), self.get("record.reason")
        return self

    def set(self, name: str, value: object) -> "Tab":
        """Type a value into a setting's number box."""
        box = self.panel.locator(f"#{self.key}-{name} input[type=number]")
        box.fill(str(value))
        box.press("Enter")
        return self

    def choose(self, name: str, label: str) -> "Tab":
        """Pick an option of a setting's dropdown."""
        self.panel.locator(f"#{self.key}-{name} input").click()
        self.page.get_by_role("option", name=label, exact=True).click()
        return self

    def prompt(self, text: str) -> "Tab":
        """Type what is to be continued."""
        self.panel.locator(f"#prompt-{self.key} input, #prompt-{self.key} textarea").fill(text)
        return self

    def force(self, name: str) -> "Tab":
        """Press a button as a script would, also one that the run's state has put out of reach."""
        self.page.locator(f"#{name}-{self.key}").dispatch_event("click")
        return self

    def value(self, name: str) -> str:
        return self.panel.locator(f"#{self.key}-{name} input[type=number]").input_value()

    def estimate(self) -> str:
        return self.page.locator(f"#estimate-{self.key}").inner_text()

    def estimate_changes(self, before: str) -> "Tab":
        self.page.wait_for_function(
            "([key, before]) => document.querySelector(`#estimate-${key}`).innerText !== before",
            arg=[self.key, before],
        )
        return self

    def note(self) -> str:
        """The second line of its button on the ladder."""
        return self.page.locator(f"#rung-{self.key}-button").get_attribute("data-note") or ""

    def points(self) -> int:
        """Points that plotly has drawn of the smoothed train curve."""
        return self.page.evaluate(
            "(key) => { const plot = document.querySelector(`#panel-${key} .loss-card .plot`);"
            " return plot?.data?.find((t) => t.meta.role === 'smooth')?.x.length ?? 0 }",
            self.key,
        )

    def wait_for_points(self, least: int) -> "Tab":
        self.page.wait_for_function(
            "([key, least]) => { const plot ="
            " document.querySelector(`#panel-${key} .loss-card .plot`);"
            " const x = plot?.data?.find((t) => t.meta.role === 'smooth')?.x;"
            " return x && x.length >= least }",
            arg=[self.key, least],
        )
        return self

    def notice(self) -> str:
        return self.page.locator(f"#notice-{self.key}").inner_text()


def query_for(rung: Rung, **changed) -> str:
    """The address of a page on which a rung is set to train in a moment."""
    known = controls.settings_of(rung)
    settings = {name: value for name, value in (TINY | changed).items() if name in known}
    return "/?" + urlencode({"model": rung.name, **settings})


@pytest.fixture
def open_tab(server, context) -> Callable[..., Tab]:
    """`open_tab(rung, steps=300)`: the page, opened on a rung with tiny settings."""

    def open_page(rung: Rung, *, within: BrowserContext = context, plain=False, **changed) -> Tab:
        page = within.new_page()
        page.goto(server.url + ("/" if plain else query_for(rung, **changed)))
        tab = Tab(page, rung)
        return tab.select() if plain else tab.ready()

    return open_page


@pytest.fixture
def decoder() -> Rung:
    return RUNGS["decoder_transformer"]
