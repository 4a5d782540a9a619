"""Sweeps on the page: several runs that differ in a setting or two, or in size, and the loss of each.

The plans are those of `lm/sweep.py`; a sweep is a folder as `python -m lm sweep` writes it: both read the same.
The runs are ordinary ones: they wait in the queue, one after the other as places become free.
"""

import contextlib
import reprlib
import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lm import sweep
from lm.costs.sizes import count_parameters, outline
from lm.errors import Problem, RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.plan import Plan, Rung
from lm.runs import sweeps
from lm.runs.comparing import differences, shortened
from lm.runs.preparation import PreparedText
from lm.runs.sweeps import SavedPoint, Sweep
from lm.sweep import Point
from playground import controls
from playground.arguments import sendable
from playground.runs.library import LOCAL
from playground.services import Services
from playground.serving.visitors import NOBODY, Visitor
from playground.texts import CHARACTERS
from playground.tokens import SETTINGS

LARGEST = 200_000  # parameters, unless a visitor asks for more
LONGEST = 20_000  # characters of the values of a setting that are read
UNWATCHED = 180.0  # seconds without a question until a sweep begins no further run
RETRY = 0.5  # seconds between two looks for a place in the queue
OF_EACH = ("steps", "evaluate_every", "warmup_steps")  # decided by the field "steps of each"


@dataclass
class Wanted:
    """A sweep that a visitor has described, ready to be trained."""

    rung: Rung
    kind: Any
    given: dict[str, Any]
    points: list[Point]
    texts: list[PreparedText]  # of each point
    told: str  # the settings of all runs: the usual recipe, or in what they differ from it

    @property
    def parameters(self) -> list[int]:
        """Of each point's model."""
        sizes = zip(self.points, self.texts, strict=True)
        return [count_parameters(outline(p.plan, t.tokenizer.vocab_size)) for p, t in sizes]

    def described(self) -> Sweep:
        """The contents of its sweep.json."""
        corpus = self.texts[0].corpus
        return Sweep(
            kind=self.kind,
            model=self.rung.name,
            recipe=self.rung.usual,
            given=self.given,
            varied=list(self.points[0].settings),
            corpus=corpus.name,
            corpus_title=corpus.title,
            corpus_sha256=corpus.sha256,
            points=[
                SavedPoint(directory=p.name, settings=p.settings, parameters=size)
                for p, size in zip(self.points, self.parameters, strict=True)
            ],
        )


@dataclass
class Begun:
    """A sweep that this server trains. watched: when somebody last asked for it."""

    folder: Path
    visitor: Visitor
    watched: float
    tokens: dict[str, str] = field(default_factory=dict)  # of its runs, by point
    problems: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    done: bool = False


class Sweeping:
    """Prepares, starts and steers the sweeps of this server."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.library = services.library
        self.begun: dict[str, Begun] = {}

    # Before it starts

    def costs(self, asked: Any) -> dict[str, Any]:
        """The costs of a sweep: {"runs", "parameters", "seconds", "known": runs of known time, "points"}.

        asked: {"model", "kind": "vary" or "scale", "text": key, "vary": [[setting, "1,2,4"], ...], "count",
        "largest": parameters, "steps", "settings": of all runs, values in the order of the model's settings}.
        "from" tells those in words. Times are measured while nothing trains: ask until all are known.
        Or {"error"}.
        """
        try:
            wanted = self._wanted(asked)
        except Problem as problem:
            return {"error": str(problem)}
        pairs = zip(wanted.points, wanted.texts, strict=True)
        times = [self.services.estimates.of(one.plan, text)[0] for one, text in pairs]
        known = [seconds for seconds in times if seconds is not None and seconds == seconds]
        sizes = wanted.parameters
        return {
            "runs": len(wanted.points),
            "from": wanted.told,
            "parameters": sum(sizes),
            "seconds": sum(known),
            "known": len(known),
            "waits": bool(self.services.supervisor.running()),
            "points": [
                {"title": one.title, "parameters": size}
                for one, size in zip(wanted.points, sizes, strict=True)
            ],
        }

    def _wanted(self, asked: Any) -> Wanted:
        asked = asked if isinstance(asked, dict) else {}
        rung = RUNGS.get(str(asked.get("model")))
        if rung is None or "steps" not in rung.settings():
            raise SettingsProblem("Choose a model that trains step by step.")
        varied = _varied(rung, asked.get("vary")) if asked.get("kind") == "vary" else {}
        if len(varied) > 2:
            raise SettingsProblem("A sweep varies one setting, or two.")
        scale = asked.get("kind") == "scale"
        chosen = set(sweep.SIZE if scale else varied)
        base, plan = _of_all(rung, asked.get("settings"), {*chosen, *OF_EACH})
        if varied.keys() & {*SETTINGS} == {"vocab_size"} and plan.tokenizer == CHARACTERS:
            raise SettingsProblem(
                "Characters have no vocabulary to vary: choose BPE or Unigram under Tokens."
            )
        given = base | _given(rung, asked.get("steps"), varied)
        key = str(asked.get("text"))
        text = self.services.texts.get(key, plan.tokenizer, plan.task)
        if scale:
            count, size = _whole(asked.get("count"), "Sizes"), text.tokenizer.vocab_size
            largest = _whole(asked.get("largest", LARGEST), "The number of parameters")
            points = sweep.sizes(rung, count, size, largest=largest, given=given)
        else:
            points = sweep.points(rung, varied, given=given)
        texts = [self.services.texts.get(key, one.plan.tokenizer, one.plan.task) for one in points]
        for one, its in zip(points, texts, strict=True):
            its.check(one.plan.context_length)
            size = its.tokenizer.vocab_size
            self.services.allowance.check_size(one.plan, size)
            self.services.allowance.check_length(one.plan, size, None)
        return Wanted(rung, "scale" if scale else "vary", given, points, texts, _told(rung, plan))

    # Training

    def start(self, asked: Any, visitor: Visitor = NOBODY) -> dict[str, Any]:
        """Begin a sweep: {"sweep": its key}, or {"error"}. Its folder stands in the runs folder."""
        try:
            wanted = self._wanted(asked)
            stamp = time.strftime("%Y%m%d-%H%M%S")
            name = f"sweep-{wanted.rung.name}-{stamp}-{secrets.token_hex(2)}"
            folder = self.library.runs_folder / name
            sweeps.save(folder, wanted.described())
        except Problem as problem:
            return {"error": str(problem)}
        key = f"{LOCAL}{name}" if self.library.open_local else secrets.token_urlsafe(12)
        begun = self.begun[key] = Begun(folder, visitor, time.monotonic())
        threading.Thread(target=self._train, args=(begun, wanted), daemon=True).start()
        return {"sweep": key}

    def _train(self, begun: Begun, wanted: Wanted) -> None:
        """Queue the runs, as places become free; what goes wrong with one is told beside it."""
        for point, text in zip(wanted.points, wanted.texts, strict=True):
            try:
                self._queue(begun, point, text)
            except Problem as problem:
                begun.problems[point.name] = str(problem)
            except Exception as error:  # the last line of defence: the others train on
                begun.problems[point.name] = f"This run could not start: {error!r}."
        begun.done = True

    def _queue(self, begun: Begun, point: Point, text: PreparedText) -> None:
        supervisor = self.services.supervisor
        while not begun.stopped and time.monotonic() - begun.watched < UNWATCHED:
            with contextlib.ExitStack() as stack:
                try:
                    place = stack.enter_context(supervisor.place(begun.visitor))
                except RunProblem:  # the queue is full
                    time.sleep(RETRY)
                    continue
                run = text.new_run(begun.folder / point.name, point.plan)
                begun.tokens[point.name] = supervisor.start(
                    run, text.data, paused=False, place=place
                )
                if begun.stopped:
                    supervisor.command(begun.tokens[point.name], "stop", patience=0)
                return

    def steer(self, key: Any, order: Any) -> None:
        """Pause, resume or stop all runs of a sweep of this server; stopped, it begins no further one."""
        begun = self.begun.get(str(key))
        if begun is None or order not in ("pause", "resume", "stop"):
            return
        begun.stopped = begun.stopped or order == "stop"
        for token in list(begun.tokens.values()):
            self.services.supervisor.command(token, order, patience=0)

    # Finding

    def folder(self, key: Any) -> Path:
        """The folder of a sweep; `RunProblem` if there is none that this visitor may see."""
        key = sendable(key)
        if key in self.begun:
            return self.begun[key].folder
        return self.library.sweep_folder(key)

    def known(self) -> list[str]:
        """The keys of the sweeps that everybody may see: the included ones first, then the newest."""
        found = []
        for kind, folder in zip(("shipped", "local"), self.library.open_folders(), strict=False):
            there = [path.parent for path in folder.glob("*/sweep.json")]
            there.sort(key=lambda path: path.stat().st_mtime if path.exists() else 0, reverse=True)
            found += [f"{kind}:{path.name}" for path in there]
        return found


def _of_all(rung: Rung, values: Any, apart: Collection[str]) -> tuple[dict[str, Any], Plan]:
    """The settings of a model's tab that differ from the usual ones, and the plan that they are.

    values: of its controls, in their order; None for the usual ones. apart: settings that the sweep decides;
    they stay as usual, so that the plan need not be one that could be trained.
    """
    usual = rung.plan()
    if values is None:
        return {}, usual
    try:
        plan = controls.plan_of(rung, values if isinstance(values, list) else [])
    except SettingsProblem as problem:
        raise SettingsProblem(f"On the tab of {rung.title}: {problem}") from None
    before, given = usual.values(), {}
    for name, one in plan.values().items():
        if one != before[name] and name not in apart:
            given[name] = one
    parts: dict[str, Any] = {
        name: part.model_copy(
            update={n: v for n, v in given.items() if n in type(part).model_fields}
        )
        for name, part in usual.parts.items()
    }
    return given, replace(usual, **parts)


def _told(rung: Rung, plan: Plan) -> str:
    """A plan in words: the model's usual recipe, or in what it differs from that."""
    told = shortened(differences(rung.plan(), plan))
    return f"{rung.usual} with {told}" if told else rung.usual


def _varied(rung: Rung, asked: Any) -> dict[str, tuple[Any, ...]]:
    """The values of each setting, of the [setting, values] that a page sends."""
    pairs = [one for one in asked if isinstance(one, list)] if isinstance(asked, list) else []
    named = [(sendable(one[0]), sendable(one[1])) for one in pairs if len(one) == 2 and one[0]]
    if any(len(values) > LONGEST for _, values in named):
        raise SettingsProblem(
            f"The values of a setting have at most {LONGEST:,} characters: choose fewer."
        )
    fields = rung.settings()
    if unknown := next((name for name, _ in named if name not in fields), None):
        raise SettingsProblem(
            f"{rung.title} has no setting called {reprlib.repr(unknown)}: choose another."
        )
    if empty := next(
        (name for name, values in named if not values.strip() and name in fields), None
    ):
        raise SettingsProblem(
            f"{fields[empty].title} has no values yet: type some, with commas between."
        )
    words = [f"{name}={values}" for name, values in named]
    return sweep.parse(rung, words, controls.label_of(rung))


def _given(rung: Rung, steps: Any, varied: Any) -> dict[str, Any]:
    """The settings of all runs that are not those of the recipe: so many steps, and what must fit into them."""
    if "steps" in varied:
        return {}
    count, fields = _whole(steps, "Steps of each"), rung.settings()
    given = {"steps": count}
    if count < fields["evaluate_every"].default:
        given["evaluate_every"] = max(1, count)
    if "warmup_steps" in fields and count < 2 * fields["warmup_steps"].default:
        given["warmup_steps"] = max(0, count // 10)
    return {name: value for name, value in given.items() if name not in varied}


def _whole(value: Any, title: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsProblem(f"{title} must be a whole number.")
    return value
