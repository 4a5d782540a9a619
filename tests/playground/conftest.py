"""A small text, tiny settings, and the services of a page without the page."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lm import corpora, runs, tasks
from lm.ladder import RUNGS
from lm.plan import Plan, Rung
from lm.runs import recording
from lm.runs.preparation import PreparedText
from lm.tasks import TaskConfig
from lm.training.loop import train
from playground import controls
from playground.runs.library import Library
from playground.services import Services
from playground.tabs.actions import Actions
from playground.texts import Texts
from playground.training.supervisor import ENDED, Supervisor
from tests.conftest import is_of_pairs

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
        return [wanted.get(n, f.default) for n, f in rung.settings().items()]

    return make


@pytest.fixture(scope="session")
def tiny_plan(tiny_values) -> Callable[..., Plan]:
    """`tiny_plan(rung, steps=9)`: the same as a plan."""
    return lambda rung, **changed: controls.plan_of(rung, tiny_values(rung, **changed))


@pytest.fixture(scope="session")
def text(play, tmp_path_factory) -> PreparedText:
    """A visitor's own text, prepared."""
    texts = Texts(tmp_path_factory.mktemp("texts"), {})
    return texts.get(texts.add(play.encode()))


@pytest.fixture(scope="session")
def digits() -> bytes:
    """Two digits and the same backwards, a line each."""
    return "".join(f"{n}\t{str(n)[::-1]}\n" for n in range(10, 100)).encode()


@pytest.fixture(scope="session")
def pairs(digits, tmp_path_factory) -> PreparedText:
    """A visitor's own pairs, prepared."""
    texts = Texts(tmp_path_factory.mktemp("pairs"), {})
    return texts.get(texts.add_pairs(digits), task=TaskConfig(task="rewrite"))


def services_over(runs_folder: Path, shipped_folder: Path, **options) -> Services:
    """What the server keeps for all visitors; no plan is timed."""
    supervisor = Supervisor(**{"cores": 2, "grace": 600.0} | options)
    services = Services(supervisor, Library(runs_folder, shipped_folder, supervisor))
    services.estimates.close()
    return services


@pytest.fixture
def make_services(tmp_path) -> Iterator[Callable[..., Services]]:
    """`make_services(cores=1)`: services over a runs folder of their own, closed at the end."""
    made: list[Services] = []

    def make(runs_folder: Path = tmp_path / "runs", **options) -> Services:
        made.append(services_over(runs_folder, tmp_path / "shipped", **options))
        return made[-1]

    yield make
    for services in made:
        services.close()


@pytest.fixture
def services(make_services) -> Services:
    """With an empty runs folder and no included runs."""
    return make_services()


@pytest.fixture
def supervisor(services) -> Supervisor:
    return services.supervisor


@pytest.fixture
def library(services) -> Library:
    return services.library


@pytest.fixture
def own_text(request, services, play, digits) -> str:
    """The key of a visitor's own text, or of pairs if the test is about a model that rewrites lines."""
    texts = services.texts
    return texts.add_pairs(digits) if is_of_pairs(request) else texts.add(play.encode())


@pytest.fixture(scope="session")
def prepared(text, pairs) -> Callable[[Plan], PreparedText]:
    """`prepared(plan)`: the small text, or the pairs."""
    return lambda plan: pairs if tasks.KINDS[plan.task.task].pairs else text


@pytest.fixture
def new_run(prepared) -> Callable[[Path, Plan], runs.Run]:
    """`new_run(directory, plan)`: a run directory on the small text, or on pairs, not yet trained."""
    return lambda directory, plan: prepared(plan).new_run(directory, plan)


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
    """`wait_for_status(library, token, "paused")`: the answer once a run has that status."""

    def until(library: Library, token: str, *wanted: str) -> dict:
        def there() -> bool:
            answer = library.answer(token)
            if answer["status"] in ENDED and answer["status"] not in wanted:
                pytest.fail(f"the run is {answer['status']}, not {wanted}: {answer['reason']}")
            return answer["status"] in wanted

        wait(there, f"a run that is {' or '.join(wanted)}")
        return library.answer(token)

    return until


# Of the handlers


@pytest.fixture
def actions(services, decoder) -> Actions:
    return Actions(decoder, services)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, prepared, tiny_plan) -> Iterator[Services]:
    """A server with a finished run of every rung, "local:" and the rung's name; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    services = services_over(folder / "runs", folder / "shipped")
    for rung in RUNGS.values():
        plan = tiny_plan(rung, steps=2, evaluate_every=2)
        learned = prepared(plan)
        run = learned.new_run(services.library.runs_folder / rung.name, plan)
        for _ in recording.record(run, train(plan, learned.data)):
            pass
    yield services
    services.close()


@pytest.fixture
def reader(finished, rung) -> Actions:
    """The handlers of each rung, on the finished runs."""
    return Actions(rung, finished)


@pytest.fixture
def deep(finished, decoder) -> Actions:
    """Those of the decoder."""
    return Actions(decoder, finished)


@pytest.fixture
def values(decoder, tiny_values) -> list:
    return tiny_values(decoder)


# Of training processes


@pytest.fixture
def start(services, prepared, tiny_plan):
    """`start(paused=True, steps=9)`: the token of a new run of the decoder."""

    def begin(
        *, paused=False, rung="decoder_transformer", on: Services = services, **changed
    ) -> str:
        directory = on.library.new_directory(rung)
        plan = tiny_plan(RUNGS[rung], **changed)
        run = prepared(plan).new_run(directory, plan)
        return on.supervisor.start(run, prepared(plan).data, paused=paused)

    return begin


@pytest.fixture
def status(wait_for_status, services):
    """`status(token, "paused")`: the answer once the run has that status."""
    return lambda token, *wanted, on=services: wait_for_status(on.library, token, *wanted)


@pytest.fixture
def step_reached(wait, library):
    """`step_reached(token, 5)`: wait until the run is that far."""
    return lambda token, n: wait(lambda: library.answer(token)["step"] >= n, f"step {n}")
