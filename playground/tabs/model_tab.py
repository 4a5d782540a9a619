"""The one kind of tab that serves every rung: controls on the left, figures on the right, the lesson below.

Nothing here knows which rung it shows. The handlers are in `actions.py`; the controls are made of the config's
fields in `playground/controls.py`; the moving parts are in `components/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lm.costs.sizes import outline
from lm.errors import Problem
from lm.ladder import RUNGS
from lm.plan import Rung
from playground import components, controls
from playground.looking import inside
from playground.looking.inspection import DEFAULT_TEXT
from playground.runs.comparison import Comparison
from playground.services import Services
from playground.serving.visitors import visitor_of
from playground.tabs import (
    burst_button,
    costs_card,
    guiding,
    lesson_view,
    pretrained,
    samples_card,
    settings_column,
    tokens_tab,
)
from playground.tabs.actions import Actions, Answer
from playground.tabs.events import QUICK
from playground.tabs.guiding import Guiding

RESTORED = ("token", "feed", "chart", "notice", "recipe")  # filled by a run, besides the settings


@dataclass(frozen=True)
class Tab:
    """One rung's tab: its handlers, and its components by the names that they use."""

    rung: Rung
    actions: Actions
    parts: dict[str, Any]  # "token", "feed", "chart", "notice", "recipe", "corpus"
    settings: dict[str, Any]
    corpus: gr.BrowserState
    tokens: gr.BrowserState | gr.State
    guiding: Guiding
    write: dict[str, Any]  # "prompt", and the sampling settings by name

    @property
    def controls(self) -> list[Any]:
        """The controls of the settings, in the order in which handlers take their values.

        The values of the tokens are missing: `Playground.choose` and its like put them in their places.
        """
        return list(self.settings.values())

    @property
    def chosen(self) -> list[Any]:
        """The inputs of the scripts that take all settings: text, tokens and controls."""
        return [self.corpus, self.tokens, *self.controls]

    @property
    def tokens_at(self) -> int:
        """The place of the tokens among the values of all settings, which the scripts put there."""
        return list(self.rung.settings()).index("tokenizer")

    def shown(self, *names: str) -> list[Any]:
        """Components of these names, for the outputs of an event."""
        return [self.parts[name] for name in names]

    @property
    def filled(self) -> list[Any]:
        """The components that a run fills."""
        return [*self.shown(*RESTORED), *self.controls]

    @property
    def included(self) -> str | None:
        """The run that the page shows as it is written."""
        return self.actions.library.shipped(self.rung.name)

    @property
    def opened(self) -> list[Any]:
        """The components that a run fills which is opened here: its pairs, too."""
        return [*self.filled, self.corpus]

    def update(self, answer: Answer) -> Any:
        """An answer of `Actions` as updates of components; the others stay as they are."""
        updates = {self.parts[n]: value for n, value in answer.items() if n != "settings"}
        values = answer.get("settings", {})
        known = {n: self._shown(n, v) for n, v in values.items() if n in self.settings}
        updates |= {self.settings[n]: value for n, value in known.items()}
        if "notice" in answer:
            updates[self.parts["notice"]] = notice(answer["notice"])
        return updates or gr.skip()

    def _shown(self, name: str, value: Any) -> Any:
        """The value of a control; of the start, whose choices depend on who asks, with its label."""
        if name != "start":
            return value
        return gr.update(choices=self.actions.starts_from(value, None), value=value)

    def restored(self, token: Any, corpus: Any, link: Mapping[str, str]) -> dict[Any, Any]:
        """Updates with the run that the browser remembers, and the settings of a link."""
        try:
            answer = self.actions.restore(token, corpus, dict(link))
        except Problem as problem:
            answer = {"notice": str(problem)}
        return dict(self.update(answer))

    def updating(self, handler: Callable[..., Answer]) -> Callable[..., Any]:
        """A handler of `Actions` as Gradio calls it."""
        return lambda *values: self.update(handler(*values))

    def choosing(
        self, menu: gr.Dropdown, handler: Callable[[Any], Answer], outputs: list[Any]
    ) -> None:
        """Call a handler of `Actions` when an entry of a menu is chosen.

        For Gradio, a menu that is left without a choice has had an input, too (components/page/keyboard.js).
        """

        def update(chosen: Any) -> Any:
            return self.update({} if chosen is None else handler(chosen))

        js = f"(value) => Playground.chosenNow('{menu.elem_id}', value)"
        # A choice must not wait for the answer to a menu that was left before.
        how = {**QUICK, "trigger_mode": "multiple"}
        menu.input(update, menu, outputs, js=js, **how)


def notice(sentence: str | None) -> Any:
    """The update of a notice: a sentence, or nothing and hidden."""
    return gr.update(value=sentence or "", visible=bool(sentence))


def remembered_run(rung: Rung) -> gr.BrowserState:
    """The token of the rung's run, kept in the browser.

    It must stand outside the tabs: components inside an unopened tab are not mounted, and would not be read.
    """
    return gr.BrowserState(None, storage_key=f"lm-run-{rung.name}", secret="language-models")


def build(
    rung: Rung,
    number: int,
    services: Services,
    token: gr.BrowserState,
    corpus: gr.BrowserState,
    tokens: gr.BrowserState | gr.State,
) -> Tab:
    """Lay out one rung's tab and connect it; must be called inside the page's `gr.Tabs`."""
    key, actions = rung.name, Actions(rung, services)
    shipped = services.library.shipped(key)
    with gr.Tab(pretrained.label(rung, number), elem_id=f"rung-{key}", id=key):
        guide = Guiding(rung, services)
        do = _guide(guide)
        if pretrained.is_one(rung):
            _bring(key, actions)
        with gr.Row(elem_classes="rung", elem_id=f"panel-{key}"):
            with gr.Column(elem_classes="controls card"):
                recipe, settings, saved = settings_column.settings(rung)
                with gr.Column(elem_classes="run-box"):
                    _estimate(key, actions)
                    buttons = settings_column.buttons(key, with_seed="seed" in settings)
                    lent = services.burst if "seed" in settings else None  # counting needs no GPU
                    burst = lent and burst_button.button(key)
                    feed = _feed(rung, actions, shipped)
            with gr.Column(elem_classes="stage"):
                told = components.notice(f"notice-{key}")
                withdraw = gr.Button("", elem_id=f"withdraw-{key}", elem_classes="offscreen")
                with gr.Column(elem_classes="loss-card card"):
                    chart = _chart(key, actions.chart(shipped), services.comparison)
                with gr.Column(elem_classes="samples-card card"):
                    write = samples_card.build(rung, actions)
                with gr.Column(elem_classes="attention-card card"):
                    _inside(rung, actions)
        lesson_view.build(rung)
        costs_card.build(rung)
        opener = pretrained.opener(key) if pretrained.is_one(rung) else None
    parts = {"token": token, "feed": feed, "chart": chart, "notice": told}
    parts |= {"recipe": recipe, "corpus": corpus}
    built = Tab(rung, actions, parts, settings, corpus, tokens, guide, write)
    _connect_guide(built, *do)
    _connect_begin(built, buttons)
    withdraw.click(None, None, told, js="() => [Playground.noticeOf('')]")
    if lent and burst:
        burst_button.connect(built, burst, lent)
    _connect_settings(built)
    if rung.training.learner == "gradient":
        _connect_start(built)
    _connect_fillers(built, saved, buttons)
    if opener is not None:
        opener(built.updating(actions.open), built.filled)
    return built


# Layout


def _estimate(key: str, actions: Actions) -> None:
    """Parameters and predicted time of the chosen settings."""

    def estimate(data: list[Any]) -> Any:
        return actions.estimate(data)

    components.estimate(key, estimate)


def _feed(rung: Rung, actions: Actions, shipped: str | None) -> gr.HTML:
    """The status strip. Its server functions are plain ones, as Gradio takes them, with the scripts' names."""

    def begin(data: list[Any], request: gr.Request) -> Any:
        return actions.begin(data, visitor_of(request))

    def poll(data: list[Any]) -> Any:
        return actions.poll(data)

    def order(data: list[Any]) -> Any:
        return actions.order(data)

    settings = [[name, field.title, field.default] for name, field in rung.settings().items()]
    recipes = {one.name: controls.values_of(rung.plan(one.name)) for one in rung.recipes}
    feed = actions.feed(shipped)
    return components.run_feed(rung.name, feed, settings, recipes, begin, poll, order)


def _bring(key: str, actions: Actions) -> None:
    """The card that brings models which others trained."""

    def newest(_: list[Any]) -> Any:
        return actions.newest()

    pretrained.bring(key, newest)


def _chart(key: str, empty: dict[str, Any], comparison: Comparison) -> gr.HTML:
    """The loss chart, over which other runs can be laid."""

    def table(data: Any) -> Any:
        return comparison.table(data)

    def poll(data: Any) -> Any:
        return comparison.poll(data)

    return components.live_figure(key, empty, table, poll)


def _inside(rung: Rung, actions: Actions) -> None:
    """The card with the inside of the model, in several views."""

    def look(data: list[Any]) -> Any:
        return actions.look(data)

    def cost(data: list[Any]) -> Any:
        return actions.cost(data)

    views = inside.views_of(outline(rung.plan(), 65))
    text = "" if rung.rewrites else DEFAULT_TEXT  # else a line of the diary
    components.inside_view(rung.name, look, cost, text=text, views=views)


def _guide(guide: Guiding) -> tuple[gr.Button, gr.Number]:
    """The strip of the guide; returns the button that does a step, which the strip presses, and its number."""

    def happened(data: list[Any]) -> Any:
        return guide.happened(data)

    key = guide.rung.name
    names = list(RUNGS)
    after = names[names.index(key) + 1 :] if key in names else []
    following = next(iter(after), tokens_tab.NAME)  # the tour ends with tokens
    components.guide(key, guide.shown(), happened, following)
    do = gr.Button("Do it", elem_id=f"do-{key}", elem_classes="offscreen")
    return do, gr.Number(0, visible=False)


# Events


def _connect_guide(tab: Tab, do: gr.Button, index: gr.Number) -> None:
    """Do it: fill the controls, then let the strip press what the step presses."""
    write = {name: control for name, control in tab.write.items() if name != "prompt"}
    parts = {"prompt": tab.write["prompt"], "corpus": tab.corpus, "notice": tab.parts["notice"]}
    parts |= {"tokens": tab.tokens}

    def update(index: Any, corpus: Any, _tokens: Any, *values: Any) -> Any:
        answer = tab.guiding.do(index, corpus, *controls.all_values(tab.rung, values))
        opened = tab.actions.open(answer["open"]) if "open" in answer else {}
        shown = dict(tab.update(opened)) if opened else {}
        return shown | guiding.update(answer, parts, tab.settings, write)

    key = tab.rung.name
    outputs = dict.fromkeys([*parts.values(), *tab.filled, *write.values()])
    done = do.click(
        update,
        [index, *tab.chosen],
        [*outputs],
        js=f"(...inputs) => Playground.doing('{key}', inputs)",
        **QUICK,
    )
    done.then(None, js=f"() => {{ Playground.afterDoing('{key}') }}")


def choose(tab: Tab) -> str:
    """JavaScript that takes text, tokens and the settings that the controls show; answers recipe and notice."""
    chosen = f"Playground.choose('{tab.rung.name}', inputs, {tab.tokens_at})"
    return f"(...inputs) => import('playground').then(() => {chosen})"


def _connect_begin(tab: Tab, buttons: dict[str, gr.Button]) -> None:
    """Train, Step, Reset and Go on: the run's feed calls the server, Gradio only hands over the settings.

    An event with a function on the server would tell every component of the page three times how it stands.
    """
    inputs = [tab.parts["token"], *tab.chosen]
    outputs = tab.shown("token", "feed", "chart", "notice")  # a list, as JavaScript answers
    for name in ("train", "step", "reset", *(["go_on"] if "go_on" in buttons else [])):
        given = f"'{tab.rung.name}', '{name}', inputs, {tab.tokens_at}"
        begin = f"(...inputs) => Playground.begin({given})"
        buttons[name].click(None, inputs, outputs, js=begin)


def _connect_settings(tab: Tab) -> None:
    """The page follows the settings; a learning rate takes effect at once in a live run."""
    events = [one.change for one in tab.chosen]
    outputs = tab.shown("recipe", "notice")
    gr.on(events, None, tab.chosen, outputs, js=choose(tab), trigger_mode="multiple")
    if rate := tab.settings.get("learning_rate"):
        change = tab.updating(tab.actions.change_learning_rate)
        js = f"(...inputs) => Playground.changeRate('{tab.rung.name}', inputs)"
        rate.input(change, [tab.parts["token"], rate], tab.shown("notice"), js=js, **QUICK)


def _connect_start(tab: Tab) -> None:
    """The menu of what to start from: its choices come when it is opened, and a choice fills the controls."""
    start, actions = tab.settings["start"], tab.actions
    start.focus(
        lambda chosen, shown: gr.update(choices=actions.starts_from(chosen, shown)),
        [start, tab.parts["token"]],
        start,
        **QUICK,
    )
    outputs = [*tab.controls, *tab.shown("notice")]
    tab.choosing(start, actions.begin_from, outputs)


def _connect_fillers(tab: Tab, saved: gr.Dropdown, buttons: dict[str, gr.Button]) -> None:
    """Runs, recipes and seeds fill the controls."""
    actions, parts = tab.actions, tab.parts
    saved.focus(
        lambda token: {saved: gr.update(choices=actions.choices(token), value=None)},
        parts["token"],
        saved,
        **QUICK,
    )
    tab.choosing(saved, actions.open, tab.opened)
    tab.choosing(parts["recipe"], actions.follow, tab.controls)
    if "seed" in buttons:
        new_seed = tab.updating(actions.new_seed)
        buttons["seed"].click(new_seed, None, tab.settings["seed"], **QUICK)
