"""Race the ladder: all models that continue a text learn the same one with the same budget.

One sees what each idea buys. A budget is seconds of training, or a number of tokens. Seconds become steps when
a run begins, by the pace of the machine at that moment (`playground/training/fitting.py`), so that
learning-rate schedules end when the run does. The runs are ordinary ones: they wait in the queue for a core,
and stay under Runs.
"""

import contextlib
import math
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from lm.errors import Problem, SettingsProblem
from lm.ladder import text_models
from lm.plan import Plan, Rung
from lm.tokenizers import TokenizerConfig
from playground.runs.gains import Result, bought, counted_lines, fairly, gains
from playground.services import Services
from playground.serving.visitors import NOBODY, Visitor
from playground.tokens import CHARACTERS, config_of, title_of, tokens_of
from playground.training.fitting import LEAST_STEPS, MOST_STEPS, spread

SECONDS = (5.0, 20.0, 60.0)  # budgets on offer
TOKENS = 400_000  # of the budget "equal tokens"
KEPT = 50  # races
RECIPE = "speedrun"


@dataclass
class Entry:
    """One model of a race; token: of its run, once there is one."""

    rung: Rung
    # Then "running", or "timing" if its process first measures its pace (its own feed tells more), "stopped",
    # or a sentence in `problem`.
    state: str = "waiting"
    token: str | None = None
    problem: str | None = None


@dataclass
class Race:
    """A race, from its first run to its last."""

    corpus: str
    budget: float  # seconds of training, or tokens if `in_tokens`
    in_tokens: bool
    visitor: Visitor
    tokens: TokenizerConfig = field(default_factory=TokenizerConfig)
    title: str = ""  # of the text, and of its tokens if they are pieces
    lines: dict[str, float] = field(default_factory=dict)  # what counting achieves on it
    entries: list[Entry] = field(default_factory=list)
    # The last one of "pause", "resume" and "stop": runs that begin later obey it, too.
    order: str = "resume"

    @property
    def stopped(self) -> bool:
        """Whether it was stopped."""
        return self.order == "stop"


class Races:
    """The races of this server."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._races: OrderedDict[str, Race] = OrderedDict()
        self._lock = threading.Lock()

    def begin(
        self, corpus: str, budget: Any, visitor: Visitor = NOBODY, cut: Any = CHARACTERS
    ) -> str:
        """Begin a race; returns its key. budget: 5, 20 or 60 seconds, or "tokens"; else a `Problem`.

        cut: the tokens of the text, as in `playground/tokens.py`.
        """
        if budget != "tokens" and budget not in SECONDS:
            raise SettingsProblem("A race gives each model 5, 20 or 60 seconds, or equal tokens.")
        tokens = config_of(cut)
        text = self.services.texts.get(corpus, tokens)  # refuses a text that cannot be had
        in_tokens = budget == "tokens"
        race = Race(corpus, TOKENS if in_tokens else float(budget), in_tokens, visitor, tokens)
        pieces = "" if tokens_of(tokens) == CHARACTERS else f" in pieces ({title_of(cut)})"
        race.title = f"{text.corpus.title}{pieces}"
        race.lines = counted_lines(text.baselines)
        race.entries = [Entry(rung) for rung in text_models().values()]
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._races[key] = race
            while len(self._races) > KEPT:
                self._races.popitem(last=False)
        threading.Thread(target=self._run, args=(race,), daemon=True).start()
        return key

    def state(self, key: str) -> dict[str, Any]:
        """The state of a race, or {"error"}.

        {"entries": [{"model", "state", "run", "problem"}], "words": what each idea bought, at the end, "done",
        "gains": {model: nats that its idea bought} once it is done, "corpus": the key of the text,
        "text": its title, "lines": what counting achieves on it, by name}.
        """
        race = self._races.get(key)
        if race is None:
            return {"error": "That race is no longer here: begin another."}
        entries = [
            {"model": e.rung.name, "state": e.state, "run": e.token, "problem": e.problem}
            for e in race.entries
        ]
        done = all(self._ended(entry) for entry in race.entries)
        gains, words = self.outcome(race) if done else ({}, "")
        told = {"entries": entries, "done": done, "gains": gains, "words": words}
        return told | {"corpus": race.corpus, "text": race.title, "lines": race.lines}

    def order(self, key: str, name: str) -> None:
        """Pause, resume or stop all runs of a race; a stopped race begins no further run."""
        race = self._races.get(key)
        if race is None or race.stopped or name not in ("pause", "resume", "stop"):
            return
        race.order = name
        for entry in race.entries:
            if entry.token:
                self.services.supervisor.command(entry.token, name, patience=0)

    def outcome(self, race: Race) -> tuple[dict[str, float], str]:
        """What each idea bought in this race, in nats by model, and in words.

        By the last validation losses. Only runs that finished, and that used about as much as the others, are
        compared.
        """
        if race.stopped:
            begun = any(entry.token for entry in race.entries)
            stopped = "so its losses cannot be compared" if begun else "before it began"
            return {}, f"The race was stopped{',' if begun else ''} {stopped}."
        found = {e.rung.name: r for e in race.entries if (r := self._result(race, e)) is not None}
        fair, told = fairly(found, race.in_tokens)
        losses = {name: found[name].loss for name in fair}
        return gains(losses), " ".join(filter(None, [bought(losses), told]))

    def _result(self, race: Race, entry: Entry) -> Result | None:
        """What a run of the race came to; None if it did not finish."""
        with contextlib.suppress(Problem):
            if (
                entry.token is None
                or self.services.library.answer(entry.token)["status"] != "finished"
            ):
                return None
            view = self.services.library.view(entry.token)
            curve = view.evaluations()
            if curve["loss"]:
                tokens = view.step * view.run.record.tokens_per_step
                used = tokens if race.in_tokens else curve["seconds"][-1]
                return Result(curve["loss"][-1], used)
        return None

    def _ended(self, entry: Entry) -> bool:
        if entry.token is None:
            return entry.problem is not None or entry.state == "stopped"
        return not self.services.supervisor.is_live(entry.token)

    def _run(self, race: Race) -> None:
        """Start every model; whatever goes wrong with one is told beside it."""
        for entry in race.entries:
            if race.stopped:
                entry.state = "stopped"
                continue
            try:
                entry.token = self._start(race, entry.rung, self._plan(race, entry.rung))
                entry.state = "timing" if _fits(race, entry.rung) else "running"
                if race.order != "resume":  # it came meanwhile
                    self.services.supervisor.command(entry.token, race.order, patience=0)
            except Problem as problem:
                entry.problem = str(problem)
            except Exception as error:  # the last line of defence: the others race on
                entry.problem = f"This model could not start: {error!r}."

    def _plan(self, race: Race, rung: Rung) -> Plan:
        """The plan of a model, with the steps of its budget: of seconds, only about so many."""
        names = [recipe.name for recipe in rung.recipes]
        tokens = race.tokens.model_dump()
        plan = rung.plan(RECIPE if RECIPE in names else None, **tokens)
        if "steps" not in rung.settings():  # counting reads the text once, whatever the budget
            return plan
        steps = plan.steps
        if race.in_tokens:
            steps = math.floor(race.budget / plan.tokens_per_step(1))
        elif (pace := self._included_pace(plan)) is not None:
            steps = math.floor(race.budget / pace)
        steps = min(MOST_STEPS, max(LEAST_STEPS, steps))
        return rung.plan(**plan.values() | spread(steps))

    def _included_pace(self, plan: Plan) -> float | None:
        """Seconds of a step at the tokens per second of the included run, which another machine trained."""
        with contextlib.suppress(Problem):
            view = self.services.library.view(f"shipped:{plan.rung.name}")
            view.refresh()
            tokens = view.train["step"][-1] * view.run.record.tokens_per_step
            return plan.tokens_per_step(1) * view.train["seconds"][-1] / tokens
        return None

    def _start(self, race: Race, rung: Rung, plan: Plan) -> str:
        text = self.services.texts.get(race.corpus, plan.tokenizer, plan.task)
        with self.services.supervisor.place(race.visitor) as place:
            run = text.new_run(self.services.library.new_directory(rung.name), plan)
            return self.services.supervisor.start(
                run,
                text.data,
                paused=False,
                place=place,
                budget=race.budget if _fits(race, rung) else None,
            )


def _fits(race: Race, rung: Rung) -> bool:
    """Whether a model gets the steps that fit into the seconds of a race; counting has none to choose."""
    return not race.in_tokens and "steps" in rung.settings()
