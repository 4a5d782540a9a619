"""A small text, tiny settings, and the services of a page without the page."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lm import corpora, runs
from lm.ladder import RUNGS
from lm.plan import Plan, Rung
from lm.runs import recording
from lm.speed import Machine
from lm.training.loop import train
from playground import controls
from playground.actions import Actions
from playground.services import Services
from playground.texts import Text, Texts
from playground.workers import ENDED, Workers

PATIENCE = 120.0  # seconds; how long a test waits for a thing that must come, on a crowded machine
TINY = {
    "n_embd": 16,
    "n_head": 2,
    "n_layer": 1,
    "context_length": 16,
    "steps": 40,
    "batch_size": 4,
    "evaluate_every": 20,
    "warmup_steps": 5,
}


@pytest.fixture
def decoder() -> Rung:
    return RUNGS["decoder_transformer"]


@pytest.fixture(scope="session")
def play() -> str:
    """Twenty thousand characters of a play."""
    return corpora.load("synthetic_plays").text[:20_000]


@pytest.fixture(scope="session")
def tiny_values() -> Callable[..., list]:
    """`tiny_values(rung, steps=9)`: values for a rung's controls that train in a moment."""

    def make(rung: Rung, **changed) -> list:
        wanted = TINY | changed
        return [wanted.get(n, f.default) for n, f in controls.settings_of(rung).items()]

    return make


@pytest.fixture(scope="session")
def tiny_plan(tiny_values) -> Callable[..., Plan]:
    """`tiny_plan(rung, steps=9)`: the same as a plan."""
    return lambda rung, **changed: controls.plan_of(rung, tiny_values(rung, **changed))


@pytest.fixture
def make_workers(tmp_path) -> Iterator[Callable[..., Workers]]:
    """`make_workers(cores=2)`: workers over a runs folder of their own, closed at the end."""
    made: list[Workers] = []

    def make(runs_folder: Path = tmp_path / "runs", **changed) -> Workers:
        options = {"cores": 2, "grace": 600.0, "shipped_folder": tmp_path / "shipped"} | changed
        made.append(Workers(runs_folder, **options))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


@pytest.fixture
def workers(make_workers) -> Workers:
    return make_workers()


@pytest.fixture(scope="session")
def text(play, tmp_path_factory) -> Text:
    """A visitor's own text, prepared."""
    texts = Texts(tmp_path_factory.mktemp("texts"), {})
    return texts.get(texts.add(play.encode()))


@pytest.fixture(scope="session")
def make_services() -> Callable[[Workers], Services]:
    """`make_services(workers)`: what the server keeps for all visitors; the machine is not measured."""

    def make(workers: Workers) -> Services:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Services, "_prepare", lambda self: None)
            services = Services(workers)
        services.machine = Machine(1e-3, 1e-6, 1e-11, 1e-9, 1e-7, 1e-7)
        services.measured = True
        return services

    return make


@pytest.fixture
def services(workers, make_services) -> Services:
    """With an empty runs folder and nothing shipped."""
    return make_services(workers)


@pytest.fixture
def own_text(services, play) -> str:
    """The key of a visitor's own text."""
    return services.texts.add(play.encode())


@pytest.fixture
def new_run(text) -> Callable[[Path, Plan], runs.Run]:
    """`new_run(directory, plan)`: a run directory on the small text, not yet trained."""

    return text.new_run


@pytest.fixture(scope="session")
def wait() -> Callable[..., None]:
    """`wait(lambda: ..., "what is waited for")`: return once it is true, fail if it never is."""

    def until(true: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {PATIENCE:.0f} s in vain for {what}")
            time.sleep(0.02)

    return until


@pytest.fixture(scope="session")
def wait_for_status(wait) -> Callable[..., dict]:
    """`wait_for_status(workers, token, "paused")`: the answer once a run has that status."""

    def until(workers: Workers, token: str, *wanted: str) -> dict:
        def there() -> bool:
            answer = workers.answer(token)
            if answer["status"] in ENDED and answer["status"] not in wanted:
                pytest.fail(f"the run is {answer['status']}, not {wanted}: {answer['reason']}")
            return answer["status"] in wanted

        wait(there, f"a run that is {' or '.join(wanted)}")
        return workers.answer(token)

    return until


# Of the handlers


@pytest.fixture
def actions(services, decoder) -> Actions:
    return Actions(decoder, services)


@pytest.fixture(scope="session")
def library(tmp_path_factory, make_services, text, tiny_plan) -> Iterator[Services]:
    """A server with a finished run of every rung, "local:" and the rung's name; not to be changed."""
    folder = tmp_path_factory.mktemp("library")
    workers = Workers(folder / "runs", folder / "shipped", cores=1)
    data = runs.data_for(text.corpus, text.tokenizer)
    for rung in RUNGS.values():
        plan = tiny_plan(rung, steps=2, evaluate_every=2)
        run = text.new_run(workers.runs_folder / rung.name, plan)
        for _ in recording.record(run, train(plan, data)):
            pass
    yield make_services(workers)
    workers.close()


@pytest.fixture
def reader(library, rung) -> Actions:
    """The handlers of each rung, on the library."""
    return Actions(rung, library)


@pytest.fixture
def deep(library, decoder) -> Actions:
    """Those of the decoder."""
    return Actions(decoder, library)


@pytest.fixture
def values(decoder, tiny_values) -> list:
    return tiny_values(decoder)


# Of training processes


@pytest.fixture
def start(workers, new_run, tiny_plan, text):
    """`start(paused=True, steps=9)`: the token of a new run of the decoder."""

    def begin(*, paused=False, rung="decoder_transformer", on: Workers = workers, **changed) -> str:
        directory = on.new_directory(rung)
        run = new_run(directory, tiny_plan(RUNGS[rung], **changed))
        return on.start(run, (text.train_ids, text.validation_ids), paused=paused)

    return begin


@pytest.fixture
def status(wait_for_status, workers):
    """`status(token, "paused")`: the answer once the run has that status."""
    return lambda token, *wanted, on=workers: wait_for_status(on, token, *wanted)


@pytest.fixture
def step_reached(wait, workers):
    """`step_reached(token, 5)`: wait until the run is that far."""
    return lambda token, n: wait(lambda: workers.answer(token)["step"] >= n, f"step {n}")
