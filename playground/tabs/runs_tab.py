"""The Runs tab: all runs in a list, the ticked ones on one chart, and the same prompt through all of them."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from lm.errors import Problem, SettingsProblem
from lm.generation import SamplingConfig
from lm.settings import describe
from playground import components
from playground.arguments import arguments, sendable
from playground.looking.writing import Requests
from playground.runs.comparison import MOST_TICKED, Answer
from playground.runs.side_by_side import Pane, write
from playground.runs.sweep_form import sweepable
from playground.runs.sweep_result import SweepResults
from playground.runs.sweeping import Sweeping
from playground.services import Services
from playground.serving.visitors import NOBODY, Visitor, visitor_of
from playground.tabs.events import AS_TYPED

NAME = "runs"
MOST_WRITTEN = 500  # tokens of each text
PROMPT = 5000  # characters that are read of a prompt


class RunsTab:
    """The handlers of the tab: what the page asks, and plain data in answer."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.library = services.library
        self.requests = Requests()

    def write(
        self, asked: Any, visitor: Visitor = NOBODY, session: str | None = None
    ) -> Iterator[Answer]:
        """Texts side by side: {"panes": [[token, prompt], ...], "sampling": values, "pane", "number"}.

        Answers {"asked": the number, "panes": as `side_by_side.Pane.told`, "problem"}, again and again until
        all are done, or a newer request of the same page ends it.
        """
        asked = asked if isinstance(asked, dict) else {}
        number = asked["number"] if isinstance(asked.get("number"), int) else 0
        wanted = self.requests.begin(f"runs-{asked.get('pane')}", number)
        try:
            sampling = _sampling(asked.get("sampling"))
            panes = [self._pane(one) for one in _pairs(asked.get("panes"))]
            if not panes:
                raise SettingsProblem("Tick a run that is to write.")
            with self.services.writes.one_more(visitor, session) as listens:
                for told in write(self.services.snapshots, panes, sampling):
                    if not (wanted() and listens()):
                        return
                    yield {"asked": number, "panes": told, "problem": ""}
        except Problem as problem:
            yield {"asked": number, "panes": [], "problem": str(problem)}

    def _pane(self, pair: list[str]) -> Pane:
        token, prompt = pair
        try:
            return Pane(token, prompt, self.library.view(token).run)
        except Problem as problem:
            return Pane(token, prompt, None, note=str(problem))


def _pairs(asked: Any) -> list[list[str]]:
    """[token, prompt] of each pane that a page asks for."""
    found = [one for one in asked if isinstance(one, list)] if isinstance(asked, list) else []
    pairs = [[sendable(part)[:PROMPT] for part in one] for one in found[:MOST_TICKED]]
    return [pair for pair in pairs if len(pair) == 2]


def _sampling(asked: Any) -> SamplingConfig:
    """Sampling settings by name; `SettingsProblem` for what cannot be one."""
    known = {field.name for field in describe(SamplingConfig)}
    asked = asked if isinstance(asked, dict) else {}
    sampling = SamplingConfig.make(**{name: v for name, v in asked.items() if name in known})
    if sampling.max_new_tokens > MOST_WRITTEN:
        raise SettingsProblem(
            f"Here each text has at most {MOST_WRITTEN} tokens, so that all can be read side by side."
        )
    return sampling


def build(services: Services) -> None:
    """Lay the tab out; must be called inside the page's `gr.Tabs`."""
    handlers, comparison = RunsTab(services), services.comparison
    sweeping = Sweeping(services)
    results = SweepResults(sweeping)

    def table(data: Any) -> Any:
        return comparison.table(data)

    def poll(data: Any) -> Any:
        return comparison.poll(data)

    def settings(data: Any) -> Any:
        return comparison.settings(data)

    def change(data: Any) -> Any:
        return _answered(comparison.rename, data)

    def remove(data: Any) -> Any:
        return comparison.delete(data)

    def restore(data: Any) -> Any:
        return _answered(comparison.restore, data)

    def write_texts(asked: Any, request: gr.Request) -> Any:
        yield from handlers.write(asked, visitor_of(request), request.session_hash)

    def costs(data: Any) -> Any:
        return sweeping.costs(data)

    def sweep(data: Any, request: gr.Request) -> Any:
        return sweeping.start(data, visitor_of(request))

    def swept(data: Any) -> Any:
        return results.state(data)

    def steer(data: Any) -> Any:
        sweeping.steer(*arguments(data, "", ""))
        return {}

    with gr.Tab("Runs", elem_id="rung-runs", id=NAME):
        server = (table, poll, settings, change, remove, restore, costs, sweep, swept, steer)
        shown = components.runs(sampling_fields(), sweepable(), *server)
        asked = gr.JSON(None, visible=False)
        go = gr.Button("Sample all", elem_id="runs-write", elem_classes="offscreen")
        go.click(
            write_texts,
            asked,
            shown,
            js="() => [Playground.textsAsked()]",
            **AS_TYPED,
            concurrency_limit=4,
            concurrency_id="writing",
            trigger_mode="multiple",
        )


def sampling_fields() -> list[Answer]:
    """The sampling settings for the small fields above the texts."""
    shorter = {"max_new_tokens": 120}
    return [
        {
            "name": field.name,
            "title": field.title,
            "value": shorter.get(field.name, field.default),
            "least": field.minimum,
            "most": field.maximum,
            "step": field.step,
        }
        for field in describe(SamplingConfig)
    ]


def _answered(act: Any, data: Any) -> Answer:
    """Do it; {} if it is done, or {"error": a sentence}."""
    try:
        act(data)
    except Problem as problem:
        return {"error": str(problem)}
    return {}
