"""The runs that a new run can start from, as the page names them: by token, never by a path.

A page's controls hold "random" or the token of a run. Here a token becomes the directory that a plan names
(`lm/start.py`), and a text is prepared with the tokens of that run. What fits is decided in
`lm/runs/starting.py`.
"""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm import runs
from lm.costs.sizes import memory, trained_parameters
from lm.errors import Problem, SettingsProblem
from lm.ladder import PRETRAINED
from lm.plan import Plan, Rung
from lm.runs import starting
from lm.runs.format import imported_title
from lm.runs.preparation import PreparedText, prepare
from lm.runs.run import Run
from lm.runs.starting import Base
from lm.start import RANDOM
from playground import controls, tokens
from playground.runs.library import INCLUDED, Library
from playground.texts import NotYet, Texts

PATIENCE = 8.0  # seconds that somebody waits for a text in the tokens of another run
KEEP = 3  # such texts held in memory
TUNED = {"trained": "lora", "learning_rate": 1e-3, "steps": 200, "evaluate_every": 20}
CONTEXT = 128  # tokens of a row, of an imported model: each costs time and memory
Wanted = tuple[Any, ...]


class Starts:
    """The starts of runs, shared by all tabs."""

    def __init__(self, library: Library, texts: Texts) -> None:
        self.library, self.texts = library, texts
        self._texts: OrderedDict[Wanted, Future[PreparedText]] = OrderedDict()
        self._lock = threading.Lock()

    # Plans

    def plan(self, rung: Rung, values: Sequence[Any]) -> tuple[Plan, Base | None]:
        """The plan of a tab's controls, and the run that it starts from. `Problem` if they cannot work."""
        names = list(rung.settings())
        given = list(values)
        token = _start_of(names, given)
        if token == RANDOM:
            if rung is PRETRAINED:
                raise SettingsProblem(
                    "Choose a model to start from: import one, or open one under Earlier runs."
                )
            return controls.plan_of(rung, given), None
        base = self.base(rung, token)
        known = base.settings()
        kept = known if rung is PRETRAINED else _only(known, (*tokens.SETTINGS, "task"))
        kept = {name: value for name, value in kept.items() if name != "context_length"}
        given = [kept.get(name, value) for name, value in zip(names, given, strict=True)]
        plan = controls.plan_of(rung, given, str(base.run.directory))
        starting.check(plan, base, controls.label_of(rung))
        return plan, base

    def base(self, rung: Rung, token: str) -> Base:
        """The run of a token as a start of this kind of model. `Problem` if it can be none."""
        run = self.library.view(token).run
        if not starting.fits(run, rung):
            raise SettingsProblem(
                f"That run is no start for this model: choose a trained run of {rung.title.lower()}."
            )
        return starting.opened(run.directory.resolve(), rung)

    def settings(self, rung: Rung, token: str) -> dict[str, Any]:
        """The values that a tab's controls take when a run is chosen to start from."""
        if token == RANDOM:
            return {"trained": "all"}
        base = self.base(rung, token)
        found = {n: v for n, v in base.settings().items() if n not in tokens.SETTINGS}
        if rung is PRETRAINED:
            found |= TUNED | {"context_length": min(CONTEXT, found["context_length"])}
        return found | {"start": token}

    # The runs there are

    def choices(self, rung: Rung, more: Sequence[Any] = ()) -> list[tuple[str, str]]:
        """(label, token) of the runs that this kind of model can start from, after random numbers.

        more: tokens of further runs, which the page shows.
        """
        nothing = "no model yet" if rung is PRETRAINED else "random numbers"
        found = [(nothing, RANDOM)]
        if rung.training.learner != "gradient":
            return found
        for token in dict.fromkeys([*self._tokens(rung), *map(str, more)]):
            if token not in ("", "None", RANDOM):
                with contextlib.suppress(Problem):
                    run = self.library.view(token).run
                    if starting.fits(run, rung):
                        found.append((label_of(token, run), token))
        return found

    def _tokens(self, rung: Rung) -> list[str]:
        library = self.library
        included = [library.shipped(rung.name), *library.also_shipped(rung.name).values()]
        return [one for one in included if one] + [t for _, t in library.local_runs(rung.name)]

    def token_of(self, directory: str) -> str:
        """The token of the run that a plan starts from; "random" of none, and of one that is not here."""
        if directory == RANDOM:
            return RANDOM
        path = Path(directory)
        found = self.library.open_token(path) or self.library.adopted_token(path)
        return found if found and self.library.knows(found) else RANDOM

    # Texts

    def text(self, key: str, plan: Plan, base: Base | None) -> PreparedText:
        """A text for a plan, in the tokens of its base; `NotYet` if that takes long."""
        if base is None:
            return self.texts.get(key, plan.tokenizer, plan.task)
        wanted = (key, base.run.identity, base.step, plan.task)
        with self._lock:
            job = self._texts.get(wanted)
            if job is None:
                known = self.texts.get(key, task=plan.task)
                job = self._texts[wanted] = Future()
                threading.Thread(
                    target=self._prepare, args=(job, wanted, known, plan, base), daemon=True
                ).start()
            self._texts.move_to_end(wanted)
            while len(self._texts) > KEEP:
                self._texts.popitem(last=False)
        try:
            return job.result(PATIENCE)
        except TimeoutError:
            raise NotYet(
                "That text is still being cut into the tokens of the model: ask again in a moment."
            ) from None

    def _prepare(
        self,
        job: "Future[PreparedText]",
        wanted: Wanted,
        known: PreparedText,
        plan: Plan,
        base: Base,
    ) -> None:
        """Prepare a text whose characters have been counted: `known`."""
        try:
            job.set_result(
                prepare(known.corpus, plan.tokenizer, plan.task, known.baselines, base=base)
            )
        except BaseException as error:
            with self._lock:
                self._texts.pop(wanted, None)
            job.set_exception(error)


def label_of(token: str, run: Run) -> str:
    """A run in a menu: the name of an imported model, or what it learned, and for how long."""
    record = run.record
    own = runs.label.read(run.directory)[0].name
    if own:
        return own
    if record.trained_elsewhere and not run.plan.start.tunes:
        return imported_title(record.note)
    included = "the included run" if token.startswith(INCLUDED) else f"run of {record.created[:10]}"
    return f"{included}, {record.corpus.title}, {run.status()[2]:,} steps"


def tuning_told(plan: Plan, text: PreparedText, base: Base | None) -> dict[str, Any] | None:
    """What a run from another trains: {"trained": parameters, "memory": bytes, "added": characters}."""
    if base is None:
        return None
    size, known = text.tokenizer.vocab_size, base.run.record.vocab_size
    return {
        "trained": trained_parameters(plan, size, known),
        "memory": memory(plan, size),
        "added": starting.some_of(text.added) if text.added else "",
    }


def _start_of(names: list[str], values: list[Any]) -> str:
    if len(names) != len(values) or "start" not in names:
        return RANDOM
    return str(values[names.index("start")] or RANDOM)


def _only(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def as_tokens(plan: Plan, starts: Starts) -> Plan:
    """A plan whose start is a token in place of a path, for the controls of a page."""
    start = plan.start
    if not start.tunes:
        return plan
    token = starts.token_of(start.start)
    if token == RANDOM:
        return replace(plan, start=type(start)())
    return replace(plan, start=start.model_copy(update={"start": token}))
