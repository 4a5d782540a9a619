"""Opening the page: the tabs that differ from the page as it is written, and the one that is opened first.

Every tab is written into the page with its included run and the defaults, the same for everybody. A newcomer's
page therefore asks for nothing. If the browser remembers another run, or the address is a link, the page asks
once, and one answer fills the tabs and opens one of them: that tab does not show the defaults first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground import components, links
from playground.model_tab import Tab, choose, notice
from playground.prompts import sendable
from playground.services import Services


def sentence() -> gr.Markdown:
    """The place above the tabs for a sentence on the link."""
    return gr.Markdown("", visible=False, elem_classes="notice", elem_id="notice-link")


class Opening:
    """What an opened page shows besides the page as it is written."""

    def __init__(
        self, tabs: Sequence[Tab], ladder: gr.Tabs, told: gr.Markdown, services: Services
    ) -> None:
        self.tabs, self.ladder, self.told = tabs, ladder, told
        self.supervisor = services.supervisor

    @property
    def outputs(self) -> list[Any]:
        """All components that an answer may change."""
        filled = (component for tab in self.tabs for component in [*tab.filled, tab.parts["share"]])
        return list(dict.fromkeys([self.ladder, self.told, *filled]))

    def answer(self, data: Any) -> dict[str, Any]:
        """Updates by the place of their component among the outputs.

        The page sends [key of the text, the link's parameters as [[name, value], ...], {model: the remembered
        run}], without the runs that it shows already.
        """
        text, query, runs = data if isinstance(data, list) and len(data) == 3 else ("", [], {})
        pairs = (
            [pair for pair in query if isinstance(pair, list)] if isinstance(query, list) else []
        )
        link = [(sendable(pair[0]), sendable(pair[1])) for pair in pairs if len(pair) == 2]
        remembered = runs if isinstance(runs, dict) else {}
        return self._placed(self.updates(str(text), link, remembered))

    def updates(
        self, text: str, query: Sequence[tuple[str, str]], remembered: Mapping[str, Any]
    ) -> dict[Any, Any]:
        """Updates by component."""
        link = links.first(query)
        named = link.get("model")
        found: dict[Any, Any] = {self.told: notice(links.wrong(query))}
        live = []
        for tab in self.tabs:
            name = tab.rung.name
            token = remembered.get(name)
            if token or named == name:
                found |= tab.restored(token, text, link)
            if self.supervisor.is_live(str(token)):
                live.append(name)
        known = [tab.rung.name for tab in self.tabs]
        if first := named if named in known else next(iter(live), None):
            found[self.ladder] = gr.update(selected=first)
        return found

    def _placed(self, updates: Mapping[Any, Any]) -> dict[str, Any]:
        places = {component: str(place) for place, component in enumerate(self.outputs)}
        return {places[component]: value for component, value in updates.items()}


def connect(page: gr.Blocks, opening: Opening) -> None:
    """Let the page ask when it opens; then its scripts hear of the settings of every tab."""

    def restore(data: Any) -> Any:
        return opening.answer(data)

    tabs, outputs = opening.tabs, opening.outputs
    included = [[tab.rung.name, tab.included] for tab in tabs]
    components.opening(included, len(outputs), restore)
    inputs = [tabs[0].corpus, *(tab.parts["token"] for tab in tabs)]
    ask = "(...inputs) => import('playground').then(() => Playground.opened(inputs))"
    opened = page.load(None, inputs, outputs, js=ask)
    for tab in tabs:
        opened.then(None, [tab.corpus, *tab.controls], js=choose(tab))
