"""What each control of a rung's tab does: values in, updates out, no layout.

A `Problem` becomes one sentence in the tab's notice; nothing else changes, so nothing is lost. Values are
checked here whatever way they came: a slider is a courtesy, not a guard.
"""

import contextlib
import html
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from lm.errors import Problem, SettingsProblem
from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.settings import describe
from lm.speed import duration
from lm.training.config import TrainingConfig
from lm.training.loop import check_fits
from playground import controls
from playground.figures import loss as loss_figure
from playground.services import Services

Update = Any  # what Gradio calls an update: a value, or gr.skip()


class Actions:
    """The handlers of one rung; each returns what its outputs become."""

    def __init__(self, rung: Rung, services: Services) -> None:
        self.rung = rung
        self.services = services

    # Starting and steering a run

    def begin(self, data: Any) -> dict[str, Any]:
        """What Train, Step and Reset do; called by the page with [which, token, corpus, *values].

        Answers {"run": its token, "chart": its chart}, {} if no new run was wanted, or {"error": a sentence}.
        """
        how, token, corpus, *values = data if isinstance(data, list) and len(data) > 2 else [""] * 3
        if how not in ("train", "step", "reset"):
            return {"error": "Train, Step and Reset begin a run."}
        if how == "step" and self.services.workers.is_live(str(token)):
            self.services.workers.command(str(token), "step")
            return {}
        try:
            run = self._start(str(token), str(corpus), values, paused=how != "train")
        except Problem as problem:
            return {"error": str(problem)}
        if how == "step":
            self.services.workers.command(run, "step", patience=0)
        return {"run": run, "chart": self.chart(run)}

    def change_learning_rate(self, token: Any, value: Any) -> Update:
        """Tell a live run its new learning rate. Output: notice."""
        try:
            rate = TrainingConfig.make(learning_rate=controls.rate_of(value)).learning_rate
        except SettingsProblem as problem:
            return notice(str(problem))
        if self.services.workers.is_live(str(token)):
            self.services.workers.command(str(token), "learning_rate", rate)
        return notice()

    def _start(self, token: str, corpus: str, values: Sequence[Any], *, paused: bool) -> str:
        """A new run in place of the tab's; returns its token."""
        workers = self.services.workers
        plan = controls.plan_of(self.rung, values)
        text = self.services.texts.get(corpus)
        check_fits(plan, len(text.train_ids), len(text.validation_ids))
        workers.check_room(leaving=token)
        run = text.new_run(workers.new_directory(self.rung.name), plan)
        workers.command(token, "stop", patience=0)  # one run a tab; what it learned is kept
        return workers.start(run, (text.train_ids, text.validation_ids), paused=paused)

    # Showing runs

    def restore(self, token: Any, corpus: Any, query: dict[str, str]) -> list[Update]:
        """What the tab shows when the page opens. Outputs: token, feed, chart, notice, recipe, *controls.

        The run that the browser remembers, if it is still known; else the shipped one. A link's
        settings go before those of the run.
        """
        known = isinstance(token, str) and self.services.workers.knows(token)
        shown = token if known else self.services.workers.shipped(self.rung.name)
        sentence = None
        if query.get("model") == self.rung.name:
            values, sentence = controls.values_from_query(self.rung, query)
        elif known:
            values = self._values_now(token)
        else:
            values = [field.default for field in controls.settings_of(self.rung).values()]
        if isinstance(token, str) and token and not known:
            sentence = "The run you watched is no longer here; it may stand under Earlier runs."
        recipe = self.name(*values)[1]
        linked = bool(shown) and query.get("model") == self.rung.name
        stale = linked and values != self._values_now(str(shown))
        return [
            shown,
            {"run": shown, "stale": stale},
            self.chart(shown, corpus),
            notice(sentence),
            recipe,
            *values,
        ]

    def _values_now(self, token: str) -> list[Any]:
        """The controls' values for a run as it now trains: its learning rate may have been changed."""
        view = self.services.workers.view(token)
        with contextlib.suppress(Problem):  # the feed says what is wrong with it
            view.refresh()
        plan = view.run.plan
        for event in view.events:
            if event["type"] == "learning_rate":
                now = {"learning_rate": event["learning_rate"]}
                plan = replace(plan, training=plan.training.model_copy(update=now))
        return controls.values_of(plan)

    def open(self, token: Any) -> list[Update]:
        """Show another run and its settings. Outputs as `restore`."""
        token = self.services.workers.token_of(str(token))
        try:
            view = self.services.workers.view(str(token))
            if view.run.plan.rung.name != self.rung.name:
                raise SettingsProblem("That run belongs to another rung.")
        except Problem as problem:
            kept = [gr.skip()] * (4 + len(controls.settings_of(self.rung)))
            return [*kept[:3], notice(str(problem)), *kept[3:]]
        values = controls.values_of(view.run.plan)
        recipe = self.name(*values)[1]
        return [token, {"run": token}, self.chart(str(token)), notice(), recipe, *values]

    def choices(self, token: Any) -> Update:
        """The runs of this rung that can be opened. Output: the dropdown of runs."""
        workers = self.services.workers
        found = [("the run that came along", workers.shipped(self.rung.name))]
        others = workers.also_shipped(self.rung.name).items()
        found += [(f"came along, recipe {name}", run) for name, run in others]
        if workers.is_live(str(token)):
            found.append(("the run in training", str(token)))
        found += workers.local_runs(self.rung.name)
        return gr.update(choices=[choice for choice in found if choice[1]], value=None)

    def chart(self, token: str | None, corpus: Any = None) -> dict[str, Any]:
        """The loss chart of a run without its points, which the feed brings; baselines if no run."""
        if token:
            try:
                return self.services.workers.view(token).chart()
            except Problem:
                pass  # the feed says what is wrong with it
        text = self.services.texts.get_or_synthetic(str(corpus or "tiny_shakespeare"))[1]
        return loss_figure.empty(
            self.rung.plan().steps, text.baselines["uniform"], text.baselines, text.corpus.floor
        )

    def poll(self, data: Any) -> dict[str, Any]:
        """What happened in a run since; called by the page one to five times a second."""
        token, start, start_events = _arguments(data, 3)
        start, start_events = (n if isinstance(n, int) else 0 for n in (start, start_events))
        return self.services.workers.answer(_sendable(token), start, start_events)

    def order(self, data: Any) -> dict[str, Any]:
        """Pause, resume or stop a run if it is live; then answers as `poll`."""
        *polled, name = _arguments(data, 4)
        if name in ("pause", "resume", "stop"):
            self.services.workers.command(str(polled[0]), name)
        return self.poll(polled)

    def look(self, data: Any) -> dict[str, Any]:
        """Attention on a text at a snapshot, or the next-character table."""
        token, step, text = _arguments(data, 3)
        try:
            view = self.services.workers.view(str(token))
            wanted = step if isinstance(step, int) and not isinstance(step, bool) else None
            return self.services.snapshots.look(view.run, wanted, _sendable(text or "")[:5000])
        except Problem as problem:
            return {"error": str(problem)}

    # Settings

    def follow(self, recipe: Any) -> list[Update]:
        """The settings of a recipe. Output: the controls; the seed stays as it is."""
        try:
            values = controls.values_of(self.rung.plan(str(recipe)))
        except SettingsProblem:
            return [gr.skip()] * len(controls.settings_of(self.rung))
        names = controls.settings_of(self.rung)
        return [gr.skip() if n == "seed" else v for n, v in zip(names, values, strict=True)]

    def estimate(self, corpus: Any, *values: Any) -> str:
        """Parameters and predicted time. Output: estimate."""
        try:
            plan = controls.plan_of(self.rung, values)
            text = self.services.texts.get(str(corpus))
            check_fits(plan, len(text.train_ids), len(text.validation_ids))
        except Problem as problem:
            return f"<span class='impossible'>{html.escape(str(problem))}</span>"
        parameters = self.services.work(plan, text.tokenizer.vocab_size).parameters
        seconds = self.services.seconds(plan, text)
        steps = plan.steps
        time = f"≈ <b>{duration(seconds)}</b> here" if seconds else "· measuring this machine …"
        return f"<b>{parameters:,}</b> parameters<br>{steps:,} steps {time}"

    def name(self, *values: Any) -> list[Update]:
        """The link to these settings, and the recipe they are, if any. Outputs: header tools, recipe."""
        try:
            plan = controls.plan_of(self.rung, values)
        except Problem:
            return [{}, None]
        query = urlencode({"model": self.rung.name, **controls.query_of(plan)})
        return [{"query": query}, plan.recipe]

    def new_seed(self) -> int:
        """A seed at random. Output: the seed's control."""
        return random.randrange(1, 100_000)

    # Writing

    def write(self, token: Any, prompt: Any, *values: Any) -> Iterator[dict[str, Any]]:
        """Text from the shown run's last snapshot, token by token. Output: the writing pane."""
        names = [field.name for field in describe(SamplingConfig)]
        try:
            if not token:
                raise SettingsProblem("There is no model yet that could write: press Train.")
            sampling = SamplingConfig.make(**dict(zip(names, values, strict=True)))
            if sampling.max_new_tokens > MOST_WRITTEN:
                raise SettingsProblem(f"The page writes at most {MOST_WRITTEN:,} characters.")
            run = self.services.workers.view(str(token)).run
            text = _sendable(prompt or "")[:20_000]
            yield from self.services.snapshots.write(run, text, sampling)
        except Problem as problem:
            yield {"prompt": "", "tokens": [], "done": True, "note": str(problem)}


MOST_WRITTEN = 2000


def notice(sentence: str | None = None) -> Update:
    """The tab's notice: a sentence, or nothing and hidden."""
    return gr.update(value=sentence or "", visible=bool(sentence))


def _sendable(value: Any) -> str:
    """A visitor's text, without what JSON cannot carry back: one half of a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _arguments(data: Any, count: int) -> Sequence[Any]:
    """The arguments of a server function, whatever was sent."""
    return data if isinstance(data, list) and len(data) == count else ["", *[0] * (count - 1)]
