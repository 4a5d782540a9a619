"""Opening the page: the tabs that differ from the page as it is written, and the one that is opened first.

Every tab is written into the page with its included run and the defaults, the same for everybody. A newcomer's
page therefore asks for nothing. If the browser remembers another run, or the address is a link, the page asks
once, and one answer fills the tabs and opens one of them: that tab does not show the defaults first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground import components
from playground.arguments import arguments, sendable
from playground.services import Services
from playground.tabs import links
from playground.tabs.model_tab import Tab, choose, notice


def sentence() -> gr.HTML:
    """The place above the tabs for a sentence on the link."""
    return components.notice("notice-link")


class Opening:
    """What an opened page shows besides the page as it is written."""

    def __init__(
        self, tabs: Sequence[Tab], ladder: gr.Tabs, told: gr.HTML, services: Services
    ) -> None:
        self.tabs, self.ladder, self.told = tabs, ladder, told
        self.supervisor = services.supervisor

    @property
    def outputs(self) -> list[Any]:
        """All components that an answer may change."""
        filled = (one for tab in self.tabs for one in [*tab.filled, *tab.write.values()])
        return list(dict.fromkeys([self.ladder, self.told, *filled]))

    def answer(self, data: Any) -> dict[str, Any]:
        """Updates by the place of their component among the outputs.

        The page sends [key of the text, the link's parameters as [[name, value], ...], {model: the remembered
        run}, whether it wrote the link itself], without the runs that it shows already.
        """
        text, query, runs, own = arguments(data, "", [], {}, False)
        pairs = (
            [pair for pair in query if isinstance(pair, list)] if isinstance(query, list) else []
        )
        link = [(sendable(pair[0]), sendable(pair[1])) for pair in pairs if len(pair) == 2]
        remembered = runs if isinstance(runs, dict) else {}
        return self._placed(self.updates(str(text), link, remembered, own=own is True))

    def updates(
        self,
        text: str,
        query: Sequence[tuple[str, str]],
        remembered: Mapping[str, Any],
        *,
        own: bool = False,
    ) -> dict[Any, Any]:
        """Updates by component; own: the page was loaded again, and wrote the link itself."""
        link = links.first(query)
        named = link.get("model")
        faults: list[str] = []
        found: dict[Any, Any] = {}
        live = []
        for tab in self.tabs:
            name = tab.rung.name
            token = remembered.get(name)
            if named == name:
                token = self._run(tab, link, token, faults, own=own)
                written = links.written(link, faults)
                found |= {tab.write[n]: v for n, v in written.items() if n in tab.write}
            if token or named == name:
                found |= tab.restored(token, text, link)
            # A page that is loaded again stays where it was, unless a run is really training elsewhere.
            if self.supervisor.is_live(str(token)) and not (own and self._paused(str(token))):
                live.append(name)
        faults += links.gone(link, self.tabs[0].actions.library)
        found[self.told] = notice(links.wrong(query, faults))
        known = [*(tab.rung.name for tab in self.tabs), *links.OTHERS]
        wanted = named or link.get("tab")
        if first := wanted if wanted in known else next(iter(live), None):
            found[self.ladder] = gr.update(selected=first)
        return found

    def _paused(self, token: str) -> bool:
        status = self.supervisor.status(token)
        return status is not None and status[0] == "paused"

    def _run(
        self, tab: Tab, link: Mapping[str, str], token: Any, faults: list[str], *, own: bool
    ) -> Any:
        """The run that a link to this tab shows, if not the included one.

        It is the run that the link names. A page that is loaded again goes on with its own run, which a link
        may not be able to name; and nobody loses sight of a live one by a link that names none. A server that
        was started again knows the run by its folder alone, which the link names.
        """
        library = tab.actions.library
        live = isinstance(token, str) and self.supervisor.is_live(token)
        known = isinstance(token, str) and library.knows(token)
        if token and ((own and known) or ((own or live) and "run" not in link)):
            return token
        shown = links.run_of(link, tab.rung.name, library, faults) or tab.included
        faults += links.missing_step(link, shown, library)
        faults += links.missing_heads(link, shown, library)
        return shown

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
        opened.then(None, tab.chosen, tab.shown("recipe", "notice"), js=choose(tab))
    opened.then(None, js="() => { Playground.linkRead() }")
