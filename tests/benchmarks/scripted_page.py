"""The page's server functions, as a script calls them: for `kills.py`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lm.ladder import RUNGS
from playground.texts import Texts
from tests.benchmarks import app
from tests.browser.conftest import Processes, Server

PATIENCE = 60.0  # seconds for a thing that must come
ENDED = ("stopped", "failed", "finished")


class ScriptedPage:
    """One model's tab, without a browser."""

    def __init__(
        self, playground: app.App, model: str, settings: dict[str, Any], text: bytes
    ) -> None:
        self.playground = playground
        self.server = Server(playground.process, playground.url, playground.runs_folder, Path())
        self.feed = next(
            component["id"]
            for component in self.server.config()["components"]
            if "begin" in component["props"].get("server_fns", [])
            and component["props"]["props"]["feed"] == model
        )
        self.text = Texts(playground.runs_folder, {}).add(text)
        fields = RUNGS[model].settings()
        self.values = [settings.get(name, field.default) for name, field in fields.items()]

    def begin(self) -> tuple[str, Path]:
        """Train; the run's token and directory."""
        before = set(self.playground.runs_folder.glob("*/run.json"))
        answer = self._call("begin", ["train", None, self.text, *self.values])
        if "run" not in answer:
            raise click.ClickException(f"The page does not train: {answer.get('error')}")
        (made,) = set(self.playground.runs_folder.glob("*/run.json")) - before
        return answer["run"], made.parent

    def poll(self, token: str) -> dict[str, Any]:
        return self._call("poll", [token, 0, 0])

    def settled(self, token: str) -> str:
        """The status of a run as soon as it has ended."""
        soon(lambda: self.poll(token)["status"] in ENDED)
        return self.poll(token)["status"]

    def started(self, before: set[int]) -> int:
        """The process of the run that was just begun; before: the processes until then."""
        found: set[int] = set()

        def there() -> bool:
            found.update(Processes.below(self.playground.process.pid) - before)
            return bool(found)

        if not soon(there):
            raise click.ClickException("The page starts no process for a run.")
        return max(found)

    def _call(self, name: str, data: list[Any]) -> dict[str, Any]:
        body = {"session_hash": "killer", "component_id": self.feed, "fn_name": name, "data": data}
        status, answer = self.server.post("/gradio_api/component_server", body)
        if status != 200 or not isinstance(answer, dict):
            raise click.ClickException(f"{name} is answered with {status}: {answer}")
        return answer


def soon(true: Callable[[], bool]) -> bool:
    """Wait until it is true; False if it is not in time."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
