"""What the tests of training processes share."""

import os
from pathlib import Path

from playground.services import Services

LONG = {"steps": 100_000, "evaluate_every": 100_000}
ROOT = Path(__file__).parents[2]


def process_of(services: Services, token: str):
    return services.supervisor._runs[token].process


def directory_of(services: Services, token: str) -> Path:
    return services.library.view(token).run.directory


def types(answer: dict) -> list[str]:
    return [event["type"] for event in answer["events"]]


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely unburied."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
