"""The playground, started by its command, and a headless Chromium that opens it."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from lm import runs
from tests.benchmarks.machine import ROOT
from tests.browser.conftest import FLAGS, LAPTOP, Processes, free_port

PATIENCE = 120.0  # seconds
QUIET = 5  # seconds without work after which the playground is idle
DECODER = "decoder_transformer"
TINY = {"n_embd": 16, "n_layer": 1, "context_length": 16, "batch_size": 4}
SCREEN = ViewportSize(width=LAPTOP["width"], height=LAPTOP["height"])
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class App:
    """The running playground; `seconds` is the time from the command to the page's first answer."""

    process: subprocess.Popen[bytes]
    url: str
    runs_folder: Path
    seconds: float

    def processes(self) -> list[int]:
        """The process ids of the server and of every process that it has started."""
        return [self.process.pid, *Processes.below(self.process.pid)]

    def settle(self) -> Iterator[None]:
        """Wait until the playground is idle: it prepares runs at first, and times plans for an open page.

        Yields once a second until then.
        """
        quiet = 0
        while quiet < QUIET:
            before = self._processor_seconds()
            time.sleep(1.0)
            quiet = quiet + 1 if self._processor_seconds() - before < 0.3 else 0
            yield

    def _processor_seconds(self) -> float:
        """Processor seconds of the server and its processes so far, on Linux; elsewhere 0."""
        ticks = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                ticks += int(told[11]) + int(told[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def newest_run(self) -> runs.Run | None:
        """The run that was created last, or None."""
        found = sorted(self.runs_folder.glob("*/run.json"), key=lambda path: path.stat().st_mtime)
        return runs.open_run(found[-1].parent) if found else None


@contextlib.contextmanager
def running(runs_folder: Path | None = None, *flags: str) -> Iterator[App]:
    """`python -m playground` on a free port, terminated at the end; its runs folder is a new one if None."""
    with TemporaryDirectory() as folder:
        port, runs_folder = free_port(), runs_folder or Path(folder) / "runs"
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "playground", "--no-browser", "--port", str(port)]
        began = time.perf_counter()
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--runs", str(runs_folder), *flags], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            while not _answers(url):
                if process.poll() is not None or time.perf_counter() > began + PATIENCE:
                    said = (Path(folder) / "log").read_text()
                    raise click.ClickException(f"the playground did not start:\n{said[-2000:]}")
                time.sleep(0.02)
            yield App(process, url, runs_folder, time.perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium or Chrome from the PATH."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        raise click.ClickException("There is no Chromium and no Chrome on the PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def give_way(below: int = 10) -> None:
    """Lower the priority of the browsers that run now, and of what they start, below that of a server.

    The visitors of a class have computers of their own; here their browsers stand on the server's cores.
    """
    for process in Processes.below(os.getpid()):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, int(thread.name), below)


def new_page(browser: Browser) -> Page:
    """A page with an empty browser profile, on a laptop's screen."""
    page = browser.new_context(viewport=SCREEN).new_page()
    page.set_default_timeout(PATIENCE * 1000)
    return page


def open_rung(page: Page, app: App, rung: str, **settings: object) -> None:
    """Open a rung's tab with these settings and wait until its chart is drawn."""
    page.goto(f"{app.url}/?{urlencode({'model': rung, **settings})}")
    page.wait_for_function(
        "(key) => window.Playground && Playground.tab(key).record.status !== null &&"
        " document.querySelector(`#panel-${key} .loss-card .main-svg`)",
        arg=rung,
    )


def press(page: Page, rung: str, button: str) -> None:
    """Click Train, Pause, Resume or Stop of a rung."""
    page.locator(f"#{button}-{rung}").click()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False
