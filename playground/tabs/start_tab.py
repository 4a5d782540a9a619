"""The first tab: what a language model is, all models on one chart, and a race among them."""

from typing import Any

import gradio as gr

from lm.errors import Problem
from playground import components
from playground.arguments import arguments, polled
from playground.runs.race import Races
from playground.services import Services
from playground.serving.visitors import visitor_of
from playground.tabs.ladder_data import ladder

NAME = "start"


def build(page: gr.Blocks, services: Services, corpus: gr.BrowserState) -> None:
    """Lay the tab out; must be called inside the page's `gr.Tabs`."""
    races = Races(services)

    def race(data: list[Any], request: gr.Request) -> Any:
        corpus, tokens, budget = arguments(data, "", "", "")
        try:
            return {"race": races.begin(str(corpus), budget, visitor_of(request), tokens)}
        except Problem as problem:
            return {"error": str(problem)}

    def state(data: Any) -> Any:
        return races.state(_text(data))

    def steer(data: list[Any]) -> Any:
        key, name = arguments(data, "", "")
        races.order(str(key), str(name))
        return races.state(str(key))

    def poll(data: list[Any]) -> Any:
        return services.library.answer(*polled(data))

    with gr.Tab("Start", elem_id="rung-start", id=NAME):
        components.start(ladder(services.library), race, state, steer, poll)
    chosen = "import('playground').then(() => Playground.textChosen(text))"
    gr.on([corpus.change, page.load], None, corpus, js=f"(text) => {{ {chosen} }}")


def _text(data: Any) -> str:
    """The only argument of a server function as text; Gradio passes one without a list."""
    return data if isinstance(data, str) else ""
