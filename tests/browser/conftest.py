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
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from lm import corpora
from lm.errors import CorpusProblem
from lm.ladder import RUNGS
from lm.plan import Rung
from tests.browser.five_runs import WANTED, train_five
from tests.browser.tab import Tab

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds for a thing that must come, on a crowded machine
expect.set_options(timeout=PATIENCE * 1000)
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

    def post(self, path: str, body: object, kind: str = "application/json") -> tuple[int, object]:
        """Status and decoded answer of a raw request; body: anything JSON has, and NaN, or bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind})
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

    def wait(self) -> "Server":
        """Return once it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                self.config()
                return self
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the playground did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

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
def start_server(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """`start_server("--flag")`: another playground, in a process group of its own; all end with the session.

    module: another one to run in its place.
    """
    started: list[Server] = []

    def start(*flags: str, module: str = "playground") -> Server:
        folder, port = tmp_path_factory.mktemp("server"), free_port()
        command = [sys.executable, "-m", module, "--no-browser", "--port", str(port)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--runs", str(folder / "runs"), *flags],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        server = Server(process, f"http://127.0.0.1:{port}", folder / "runs", folder / "log")
        started.append(server)
        return server.wait()

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
def chromium() -> str:
    """The path of Debian's Chromium, or Chrome; a machine without may skip, except where CI=true."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        sentence = "no chromium and no google-chrome on the PATH"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright, chromium) -> Iterator[Browser]:
    """For visitors who have been nowhere yet, each with a storage of their own."""
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def profile(playwright, chromium, tmp_path_factory) -> Iterator[BrowserContext]:
    """A browser that keeps the files of a page from one test to the next, already compiled."""
    profile = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"), executable_path=chromium, args=FLAGS, viewport=LAPTOP
    )
    profile.set_default_timeout(PATIENCE * 1000)
    yield profile
    profile.close()


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
        for page in context.pages:
            stop_runs(page)
        context.close()


def stop_runs(page: Page) -> None:
    """End the runs of a page: in the next test they would stand before others in the queue."""
    stop = """(keys) => {
        const live = keys.filter((key) => window.Playground?.live(key));
        for (const key of live) document.getElementById(`stop-${key}`)?.click();
        return live.length;
    }"""
    with contextlib.suppress(PlaywrightError):  # a page that a test has closed or broken
        if page.evaluate(stop, list(RUNGS)):
            keys = json.dumps(list(RUNGS))
            page.wait_for_function(f"() => !{keys}.some(Playground.live)", timeout=5000)


@pytest.fixture
def context(profile, watch) -> Iterator[BrowserContext]:
    """A visitor of whom nothing is known: no cookie, nothing stored. Only the page's files are kept."""
    profile.on("page", watch.over)
    yield profile
    profile.remove_listener("page", watch.over)
    blank, *pages = profile.pages
    origins = set()
    for page in pages:
        stop_runs(page)
        address = urlsplit(page.url)
        origins.add(f"{address.scheme}://{address.netloc}")
        page.close()
    profile.clear_cookies()
    session = profile.new_cdp_session(blank)
    for origin in origins - {"about://"}:
        what = {"origin": origin, "storageTypes": "local_storage,indexeddb,service_workers"}
        session.send("Storage.clearDataForOrigin", what)
    session.detach()


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory) -> Path:
    """A folder with the runs of `five_runs.py`."""
    folder = tmp_path_factory.mktemp("five")
    train_five(folder, tmp_path_factory.mktemp("texts"))
    return folder


@pytest.fixture
def five_runs(server, small_runs) -> Path:
    """The shared server's folder, with a copy of these runs."""
    for name in WANTED:
        shutil.rmtree(server.runs / name, ignore_errors=True)
        shutil.copytree(small_runs / name, server.runs / name)
    return server.runs


def query_for(rung: Rung, **changed) -> str:
    """The address of a page on which a rung is set to train in a moment."""
    known = rung.settings()
    given = {*known, "text", "tokens", "pairs"}
    settings = {name: value for name, value in (TINY | changed).items() if name in given}
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
