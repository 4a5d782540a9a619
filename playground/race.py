"""Race the ladder: every model learns the same text with the same budget, and one sees what each idea buys.

A budget is seconds of training, or a number of tokens. Seconds become steps by the pace of this machine
(`estimates.py`), so that learning-rate schedules end when the run does. The runs are ordinary ones: they
wait in the queue for a core, and stay under Earlier runs.
"""

import contextlib
import itertools
import math
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from lm.errors import Problem, SettingsProblem
from lm.ladder import RUNGS
from lm.plan import Plan, Rung
from playground.services import Services
from playground.visitors import NOBODY, Visitor

SECONDS = (5.0, 20.0, 60.0)  # budgets on offer
TOKENS = 400_000  # of the budget "equal tokens"
TIMING = 45.0  # seconds that a race waits for the paces that are not known
EVALUATIONS = 5  # of each run
LEAST_STEPS, MOST_STEPS = 20, 10_000
KEPT = 50  # races
RECIPE = "speedrun"


@dataclass
class Entry:
    """One model of a race; token: of its run, once there is one."""

    rung: Rung
    state: str = (
        "waiting"  # then "timing", "running" (its own feed tells more), or a sentence in `problem`
    )
    token: str | None = None
    problem: str | None = None


@dataclass
class Race:
    """A race, from its first timing to its last run."""

    corpus: str
    budget: float  # seconds of training, or tokens if `in_tokens`
    in_tokens: bool
    visitor: Visitor
    entries: list[Entry] = field(default_factory=list)
    stopped: bool = False


class Races:
    """The races of this server."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._races: OrderedDict[str, Race] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, corpus: str, budget: Any, visitor: Visitor = NOBODY) -> str:
        """Begin a race; returns its key. budget: 5, 20 or 60 seconds, or "tokens"; else a `Problem`."""
        if budget != "tokens" and budget not in SECONDS:
            raise SettingsProblem("A race gives each model 5, 20 or 60 seconds, or equal tokens.")
        self.services.texts.get(corpus)  # refuses a text that cannot be had
        in_tokens = budget == "tokens"
        race = Race(corpus, TOKENS if in_tokens else float(budget), in_tokens, visitor)
        race.entries = [Entry(rung) for rung in RUNGS.values()]
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._races[key] = race
            while len(self._races) > KEPT:
                self._races.popitem(last=False)
        threading.Thread(target=self._run, args=(race,), daemon=True).start()
        return key

    def state(self, key: str) -> dict[str, Any]:
        """{"entries": [{"model", "state", "run", "problem"}], "words", "done"} of a race, or {"error"}."""
        race = self._races.get(key)
        if race is None:
            return {"error": "That race is no longer here: begin another."}
        entries = [
            {"model": e.rung.name, "state": e.state, "run": e.token, "problem": e.problem}
            for e in race.entries
        ]
        done = all(self._ended(entry) for entry in race.entries)
        return {"entries": entries, "done": done, "words": self.words(race) if done else ""}

    def order(self, key: str, name: str) -> None:
        """Pause, resume or stop all runs of a race; a stopped race begins no further run."""
        race = self._races.get(key)
        if race is None:
            return
        if name == "stop":
            race.stopped = True
        for entry in race.entries:
            if entry.token and name in ("pause", "resume", "stop"):
                self.services.supervisor.command(entry.token, name, patience=0)

    def words(self, race: Race) -> str:
        """What each idea bought in this race, by the last validation losses of its runs."""
        if race.stopped:
            return "The race was stopped, so its losses cannot be compared."
        losses = {}
        for entry in race.entries:
            if entry.token and (loss := self._loss(entry.token)) is not None:
                losses[entry.rung.name] = loss
        return bought(losses)

    def _loss(self, token: str) -> float | None:
        with contextlib.suppress(Problem):
            view = self.services.library.view(token)
            view.refresh()
            losses = view.evaluations()["loss"]
            return losses[-1] if losses else None
        return None

    def _ended(self, entry: Entry) -> bool:
        if entry.token is None:
            return entry.problem is not None or entry.state == "stopped"
        return not self.services.supervisor.is_live(entry.token)

    def prepare(self, corpus: str) -> bool:
        """Have the pace of every model timed, so that a race can begin at once; whether all are known."""
        known = [self._timed(corpus, self._untimed(rung)) is not None for rung in RUNGS.values()]
        return all(known)

    def _run(self, race: Race) -> None:
        """Start every model; whatever goes wrong with one is told beside it."""
        if not race.in_tokens:
            self._wait_for_paces(race)
        for entry in race.entries:
            if race.stopped:
                entry.state = "stopped"
                continue
            try:
                entry.token = self._start(race, entry.rung, self._plan(race, entry.rung))
                entry.state = "running"
            except Problem as problem:
                entry.problem = str(problem)
            except Exception as error:  # the last line of defence: the others race on
                entry.problem = f"This model could not start: {error!r}."

    def _wait_for_paces(self, race: Race) -> None:
        for entry in race.entries:
            entry.state = "timing"
        deadline = time.monotonic() + TIMING
        with contextlib.suppress(Problem):  # told when the run begins
            while time.monotonic() < deadline and not race.stopped:
                if self.prepare(race.corpus):
                    return
                time.sleep(0.2)

    def _untimed(self, rung: Rung) -> Plan:
        """The plan of a model with any number of steps."""
        names = [recipe.name for recipe in rung.recipes]
        return rung.plan(RECIPE if RECIPE in names else names[0])

    def _plan(self, race: Race, rung: Rung) -> Plan:
        """The plan that uses the budget up: so many steps, judged `EVALUATIONS` times."""
        plan = self._untimed(rung)
        if "steps" not in rung.settings():  # counting reads the text once, whatever the budget
            return plan
        if race.in_tokens:
            steps = race.budget / plan.tokens_per_step(1)
        else:
            steps = race.budget / (self._timed(race.corpus, plan) or self._included_pace(plan))
        steps = min(MOST_STEPS, max(LEAST_STEPS, math.floor(steps)))
        each = max(1, math.ceil(steps / EVALUATIONS))
        return rung.plan(**plan.values() | {"steps": steps, "evaluate_every": each})

    def _timed(self, corpus: str, plan: Plan) -> float | None:
        """Measured seconds of a step, if they are known."""
        text = self.services.texts.get(corpus, plan.tokenizer, plan.task)
        return self.services.estimates.step_seconds(plan, text)

    def _included_pace(self, plan: Plan) -> float:
        """Seconds of a step at the tokens per second of the included run, which another machine trained."""
        view = self.services.library.view(f"shipped:{plan.rung.name}")
        view.refresh()
        tokens = view.train["step"][-1] * view.run.record.tokens_per_step
        return plan.tokens_per_step(1) * view.train["seconds"][-1] / tokens

    def _start(self, race: Race, rung: Rung, plan: Plan) -> str:
        text = self.services.texts.get(race.corpus, plan.tokenizer, plan.task)
        with self.services.supervisor.place(race.visitor) as place:
            run = text.new_run(self.services.library.new_directory(rung.name), plan)
            return self.services.supervisor.start(run, text.data, paused=False, place=place)


PHRASES = {  # what the idea of a model is, as the subject of a sentence
    "single_head_attention": "looking back",
    "multi_head_attention": "looking for several things",
    "single_block_transformer": "thinking about it and keeping the input",
    "decoder_transformer": "stacking blocks",
}


def bought(losses: dict[str, float]) -> str:
    """What each idea bought, from the losses of the models in the order of the ladder; "" of fewer than two.

    Counting stands beside the networks and is compared with the best of them.
    """
    networks = [(name, losses[name]) for name in RUNGS if name in losses and name != "ngram"]
    parts = []
    for (_, before), (name, after) in itertools.pairwise(networks):
        gain = before - after
        phrase = PHRASES.get(name, RUNGS[name].title.lower())
        parts.append(f"{phrase} {'bought' if gain >= 0 else 'cost'} {abs(gain):.2f}")
    if not parts:
        return ""
    sentence = ", ".join(parts)
    said = f"{sentence[0].upper()}{sentence[1:]} nats."
    if "ngram" in losses:
        best, counted = min(loss for _, loss in networks), losses["ngram"]
        if round(best, 2) < round(counted, 2):
            said += f" The best network is {counted - best:.2f} below counting."
        else:
            place = "level" if round(best, 2) == round(counted, 2) else "better"
            said += f" Counting, {counted:.2f}, is still {place}."
    return said
