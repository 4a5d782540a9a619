"""What whoever runs a page can read of it at `/health`."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lm.settings import describe
from playground.serving.health import Health, used_memory
from playground.serving.limits import Limits
from tests.playground.live_runs import LONG, process_of


@pytest.fixture
def state(make_services):
    """Services with one run that trains and one that waits, and the answer of `/health`."""

    def answer(services) -> dict:
        folder = services.library.runs_folder
        health = Health(services.supervisor.limits, services.supervisor, services.writes, folder)
        reply = TestClient(Starlette(routes=health.routes())).get("/health")
        assert reply.headers["cache-control"] == "no-store"
        return reply.json()

    return answer


def test_health_tells_queue_memory_and_every_limit_and_nothing_of_anybody(
    state, make_services, start, status
):
    services = make_services(cores=1, limits=Limits(visitor_kept_megabytes=7))
    first = start(on=services, **LONG)
    status(first, "running", on=services)
    second = start(on=services, **LONG)
    told = state(services)
    assert told["queue"] | {"seconds_until_next": 5} == {
        "training": 1,
        "runs_at_once": 1,
        "waiting": 1,
        "seconds_until_next": 5,
        "texts_being_written": 0,
        "pages_that_listen": 0,
    }
    assert set(told["limits"]) == {field.name for field in describe(Limits)}
    assert told["limits"]["visitor_kept_megabytes"] == 7
    for secret in (first, second, str(services.library.runs_folder)):
        assert secret not in str(told)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_the_memory_of_health_is_that_of_the_server_and_of_what_it_started(
    make_services, start, status
):
    """A page that counted itself alone would look the same with one run as with eight."""
    services = make_services(cores=1)
    token = start(on=services, **LONG)
    status(token, "running", on=services)
    parts = [pss("self"), pss(process_of(services, token).pid)]
    assert min(parts) > 5_000_000 and used_memory() > 0.9 * sum(parts)


def pss(process: object) -> int:
    """Bytes of one process, with its share of what it shares."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
    return 1024 * int(rollup.split("Pss:")[1].split()[0])
