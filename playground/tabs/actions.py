"""The handlers of a rung's tab: values in, plain data out; they know neither layout nor components.

Where an event has several outputs, its handler answers with a dictionary by name, which `model_tab.py` turns
into updates of components: "token", "feed", "chart", "notice" (a sentence, or "" for none), "recipe", "corpus"
and "settings" (values by the setting's name). A name that is missing stays as it is, so that a `Problem`
becomes one sentence in the tab's notice and changes nothing else. Values are checked here, however they came: a
slider's bounds are a courtesy, not a guard. "feed" holds the run and what it was trained with, "trained":
{"text": the key of its text, "values": of the controls}: the page tells whether that is still chosen.
"""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lm import corpora
from lm.corpora import AnyCorpus, PairCorpus
from lm.errors import Problem, SettingsProblem
from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.runs.facts import text_key
from lm.runs.run import Run
from lm.settings import describe
from lm.start import RANDOM
from lm.tasks import KINDS
from lm.training.config import TrainingConfig
from playground import controls
from playground.arguments import arguments, chat_wanted, polled, sendable, step_of
from playground.figures import loss as loss_figure
from playground.looking import inside, rewriting, writing
from playground.runs.going_on import GoingOn
from playground.services import Services
from playground.serving.visitors import NOBODY, Visitor
from playground.tabs import pretrained
from playground.tabs.estimating import estimate
from playground.training.starts import as_tokens

PASSAGE = 300  # characters of held-out text whose surprise is shown
MOST_WRITTEN = 2000  # tokens that the page writes at once
Answer = dict[str, Any]


class Actions:
    """The handlers of one rung."""

    def __init__(self, rung: Rung, services: Services) -> None:
        self.rung = rung
        self.services = services
        self.library = services.library
        self.supervisor = services.supervisor
        self.starts = services.starts
        self.requests = writing.Requests()
        self.going_on = GoingOn(rung, services)

    # Starting and commanding a run

    def begin(self, data: Any, visitor: Visitor = NOBODY) -> Answer:
        """Train, Step, Reset and Go on; the page calls it with [which, token, corpus, *values].

        Answers {"run": its token, "trained": as in a feed, "chart": its chart}, {} if no new run was wanted, or
        {"error": a sentence}.
        """
        how, token, corpus, *values = data if isinstance(data, list) and len(data) > 2 else [""] * 3
        if how not in ("train", "step", "reset", "go_on"):
            return {"error": "Train, Step, Reset and Go on begin a run."}
        if how == "step" and self.supervisor.is_live(str(token)):
            self.supervisor.command(str(token), "step")
            return {}
        try:
            if how == "go_on":
                run = self.going_on.go_on(sendable(token), str(corpus), values, visitor)
            else:
                run = self._start(str(token), str(corpus), values, visitor, paused=how != "train")
        except Problem as problem:
            return {"error": str(problem)}
        if how == "step":
            self.supervisor.command(run, "step", patience=0)
        return {**self.feed(run), "chart": self.chart(run)}

    def change_learning_rate(self, token: Any, value: Any) -> Answer:
        """Send a live run its new learning rate."""
        try:
            rate = TrainingConfig.make(learning_rate=controls.rate_of(value)).learning_rate
        except SettingsProblem as problem:
            return {"notice": str(problem)}
        if self.supervisor.is_live(str(token)):
            self.supervisor.command(str(token), "learning_rate", rate)
        return {"notice": ""}

    def _start(
        self, token: str, corpus: str, values: Sequence[Any], visitor: Visitor, *, paused: bool
    ) -> str:
        """Start a new run in place of the tab's; returns its token."""
        plan, base = self.starts.plan(self.rung, values)
        text = self.starts.text(corpus, plan, base)
        text.check(plan.context_length)
        size, allowance = text.tokenizer.vocab_size, self.services.allowance
        allowance.check_size(plan, size)
        allowance.check_length(plan, size, self.services.estimates.of(plan, text)[0])
        # One run a tab: the one before is stopped, its directory is kept.
        with self.supervisor.place(visitor, leaving=token) as place:
            run = text.new_run(self.library.new_directory(self.rung.name), plan)
            return self.supervisor.start(run, text.data, paused=paused, place=place)

    # Showing runs

    def restore(self, token: Any, corpus: Any, query: dict[str, str]) -> Answer:
        """The contents of the tab when the page opens with a remembered run, or by a link.

        Shows the run that the browser remembers if it is still known, else the included one. The settings of
        a link are preferred to those of the run.
        """
        known = isinstance(token, str) and self.library.knows(token)
        shown = token if known else self.library.shipped(self.rung.name)
        sentence = None
        if query.get("model") == self.rung.name:
            # The sizes of an imported model come with it: a link need not name them.
            own = self._values_now(token) if known and pretrained.is_one(self.rung) else None
            values, sentence = controls.values_from_query(self.rung, query, own)
        elif known:
            values = self._values_now(token)
        else:
            values = [field.default for field in self.rung.settings().values()]
        if isinstance(token, str) and token and not known:
            sentence = "The run you watched is no longer here: look for it under Earlier runs."
        return {
            "token": shown,
            "feed": self.feed(shown),
            "chart": self.chart(shown, corpus),
            "notice": sentence or "",
            "recipe": controls.recipe_of(self.rung, values),
            "settings": self._by_name(values),
        }

    def open(self, token: Any) -> Answer:
        """Show another run and its settings, and of a model that rewrites also the run's pairs."""
        token = self.library.token_of(str(token))
        try:
            plan = self.library.view(token).run.plan
            if plan.rung.name != self.rung.name:
                raise SettingsProblem("That run is of another model: open it on that model's tab.")
        except Problem as problem:
            return {"notice": str(problem)}
        values, feed = self._values_now(token), self.feed(token)
        pairs = self.rung.rewrites and feed.get("trained")
        return {
            **({"corpus": feed["trained"]["text"]} if pairs else {}),
            "token": token,
            "feed": feed,
            "chart": self.chart(token),
            "notice": "",
            "recipe": controls.recipe_of(self.rung, values),
            "settings": self._by_name(values),
        }

    def choices(self, token: Any) -> list[tuple[str, str]]:
        """(label, token) of the runs of this rung that can be opened."""
        found = [("the included run", self.library.shipped(self.rung.name))]
        others = self.library.also_shipped(self.rung.name).items()
        found += [(f"the included run {self._included_as(name, run)}", run) for name, run in others]
        if self.supervisor.is_live(str(token)):
            found.append(("the run in training", str(token)))
        found += self.library.local_runs(self.rung.name)
        return [(label, run) for label, run in found if run]

    def _included_as(self, name: str, token: str) -> str:
        """ "of recipe best", or of pairs "on Pronunciation": what tells an included run from the first one."""
        if self.rung.rewrites:
            with contextlib.suppress(Problem):
                return f"on {self.library.view(token).run.record.corpus.title}"
        return f"of recipe {name}"

    def newest(self) -> Answer:
        """{"run": the token of the newest run of this model that everybody may see, or None}."""
        return {"run": next((token for _, token in self.library.local_runs(self.rung.name)), None)}

    def chart(self, token: str | None, corpus: Any = None) -> dict[str, Any]:
        """The loss chart of a run without its points, which the feed brings; the baselines if no run."""
        if token:
            with contextlib.suppress(Problem):  # the feed tells the reason
                return self.library.view(token).chart()
        plan = self.rung.plan()
        usual = corpora.pair_names()[0] if self.rung.rewrites else corpora.names()[0]
        try:
            text = self.services.texts.get_or_synthetic(str(corpus or usual), plan.task)[1]
        except Problem:  # it is still being prepared, on a busy machine
            return loss_figure.blank(plan.steps, of_pairs=self.rung.rewrites)
        return loss_figure.empty(
            plan.steps,
            text.baselines["uniform"],
            text.baselines,
            text.corpus.floor,
            text.known_right if self.rung.rewrites else None,
        )

    def poll(self, data: Any) -> Answer:
        """The news of a run; the page calls it one to five times a second with [token, start, start_events]."""
        return self.library.answer(*polled(data))

    def order(self, data: Any) -> Answer:
        """Pause, resume or stop a run if it is live; then answers as `poll`."""
        *poll, name = arguments(data, "", 0, 0, "")
        if name in ("pause", "resume", "stop"):
            self.supervisor.command(str(poll[0]), name)
        return self.poll(poll)

    def feed(self, token: str | None) -> Answer:
        """A run and what it was trained with, for the feed; {"run": token} of a run that cannot be read."""
        if token:
            with contextlib.suppress(Problem):  # the feed tells the reason
                view = self.library.view(token)
                if view.elsewhere:  # nobody trained it with the settings of a page
                    return {"run": token, "trained": None}
                text = text_key(view.run.record.corpus)
                trained = {"text": text, "values": self._values_now(token)}
                return {"run": token, "trained": trained}
        return {"run": token}

    def _values_now(self, token: str) -> list[Any]:
        """The controls' values for a run as it trains now: its learning rate may have been changed."""
        view = self.library.view(token)
        with contextlib.suppress(Problem):  # the feed tells the reason
            view.refresh()
        plan = view.run.plan
        rates = [e["learning_rate"] for e in view.events if e["type"] == "learning_rate"]
        told = sum(event["type"] == "changed" for event in view.events)
        for change in view.run.record.changes[told:]:  # with which it is about to go on
            if "learning_rate" in change.settings:
                rates.append(change.settings["learning_rate"][1])
        if rates:
            now = {"learning_rate": rates[-1]}
            plan = replace(plan, training=plan.training.model_copy(update=now))
        values = controls.values_of(as_tokens(plan, self.starts))
        if not view.elsewhere:
            return values
        return list((self._by_name(values) | self.starts.settings(self.rung, token)).values())

    def _by_name(self, values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self.rung.settings(), values, strict=True))

    # Using the model

    def look(self, data: Any) -> Answer:
        """A view of the model's inside; the page sends [token, step or None, text, view, more].

        Without a view it is the model's first one.
        """
        asked = list(data) if isinstance(data, list) else []
        token, step, text, view, more = arguments(
            [*asked, "", None][: max(5, len(asked))], "", 0, "", "", None
        )
        try:
            run = self.library.view(str(token)).run
            passage = self._held_out(run) if view == "surprise" else ""
            text = sendable(text or "")[:5000]
            question = inside.Question.of(step_of(step), view, text, passage, more)
            snapshots = self.services.snapshots
            return inside.answer(snapshots, run, question, lambda: self._text_of(run))
        except Problem as problem:
            return {"error": str(problem)}

    def cost(self, data: Any) -> Answer:
        """What switched-off heads cost; the page sends [token, step or None, off] until it is done."""
        token, step, off = arguments(data, "", 0, ())
        try:
            run = self.library.view(str(token)).run
            question = inside.Question.of(step_of(step), "", "", "", {"off": off})
            snapshots = self.services.snapshots
            return inside.cost(snapshots, run, question, lambda: self._text_of(run))
        except Problem as problem:
            return {"error": str(problem)}

    def _held_out(self, run: Run) -> str:
        """The beginning of the text that a run was judged on; "" if the text is not here any more."""
        try:
            return self._text_of(run).validation_text[:PASSAGE]
        except Problem:
            return ""

    def _text_of(self, run: Run) -> AnyCorpus:
        """The text that a run learned from: one of this page's, or where the run says that it is."""
        try:
            key, task = text_key(run.record.corpus), run.plan.task
            return self.services.texts.get(key, task=task).corpus
        except Problem:
            return run.corpus()

    def write(
        self,
        asked: Any,
        prompt: Any,
        *values: Any,
        visitor: Visitor = NOBODY,
        session: str | None = None,
    ) -> Iterator[Answer]:
        """Text from the snapshot nearest to a step (None: the last) of a run, token by token.

        asked: {"run", "step", "pane", "number", "chat": whether the prompt is a message to a model that has a
        chat template}. A pane of the page numbers its requests: a newer one ends the
        writing of those before. Each answer carries the number, so that the page can drop a late one. The text
        ends when nobody listens to the session any more.
        """
        asked = asked if isinstance(asked, dict) else {}
        number = asked["number"] if isinstance(asked.get("number"), int) else 0
        wanted = self.requests.begin(str(asked.get("pane")), number)
        names = [field.name for field in describe(SamplingConfig)]
        try:
            if not asked.get("run"):
                raise SettingsProblem("There is no model yet that could write: press Train.")
            sampling = SamplingConfig.make(**dict(zip(names, values, strict=True)))
            if sampling.max_new_tokens > MOST_WRITTEN:
                raise SettingsProblem(
                    f"The page writes at most {MOST_WRITTEN:,} tokens: choose fewer."
                )
            run = self.library.view(str(asked["run"])).run
            if KINDS[run.plan.task.task].pairs:
                raise SettingsProblem("This run answers lines: type one under Try one.")
            text = sendable(prompt or "")[:20_000]
            step = step_of(asked.get("step"))
            with self.services.writes.one_more(visitor, session) as listens:
                snapshots, chat = self.services.snapshots, chat_wanted(run, asked)
                for answer in writing.write(snapshots, run, step, text, sampling, chat):
                    if not (wanted() and listens()):
                        return
                    yield answer | {"asked": number}
        except Problem as problem:
            yield {"prompt": "", "tokens": [], "done": True, "note": str(problem), "asked": number}

    def rewrite(self, asked: Any, line: Any, temperature: Any, visitor: Visitor = NOBODY) -> Answer:
        """The answer of a run on pairs to a line, as `looking/rewriting.py` tells it, or {"error"}.

        asked: as of `write`; its number is the seed of an answer that is drawn.
        """
        asked = asked if isinstance(asked, dict) else {}
        number = asked["number"] if isinstance(asked.get("number"), int) else 0
        try:
            if not asked.get("run"):
                raise SettingsProblem("There is no model yet that could answer: press Train.")
            sampling = SamplingConfig.make(temperature=temperature, seed=abs(number) % 100_000)
            run = self.library.view(str(asked["run"])).run
            step, text = step_of(asked.get("step")), sendable(line or "")
            with self.services.writes.one_more(visitor, None):
                told = rewriting.answered(
                    self.services.snapshots, run, step, text, sampling, lambda: self._pairs_of(run)
                )
            return told | {"drawn": sampling.temperature > 0, "asked": number}
        except Problem as problem:
            return {"error": str(problem), "asked": number}

    def _pairs_of(self, run: Run) -> PairCorpus:
        """The pairs that a run learned from; `Problem` if they are not here."""
        corpus = self._text_of(run)
        if not isinstance(corpus, PairCorpus):
            raise SettingsProblem("This run learned from a text.")
        return corpus

    # Settings

    def follow(self, recipe: Any) -> Answer:
        """The settings of a recipe; the seed stays as it is."""
        try:
            settings = self._by_name(controls.values_of(self.rung.plan(str(recipe))))
        except SettingsProblem:
            return {}
        return {"settings": {name: value for name, value in settings.items() if name != "seed"}}

    def begin_from(self, token: Any) -> Answer:
        """The settings that go with a run to start from."""
        try:
            return {"settings": self.starts.settings(self.rung, str(token)), "notice": ""}
        except Problem as problem:
            return {"settings": {"start": RANDOM, "trained": "all"}, "notice": str(problem)}

    def starts_from(self, start: Any, shown: Any) -> list[tuple[str, str]]:
        """(label, token) of the runs that this model can start from, also the one chosen and the one shown."""
        return self.starts.choices(self.rung, [start, shown])

    def estimate(self, data: Any) -> Answer:
        """Parameters and predicted time; the page calls it with [corpus, *values] (`estimating.py`)."""
        corpus, *values = data if isinstance(data, list) and data else [""]
        return estimate(self.services, self.rung, str(corpus), values)

    def new_seed(self) -> Answer:
        """A seed at random."""
        return {"settings": {"seed": random.randrange(1, 100_000)}}
