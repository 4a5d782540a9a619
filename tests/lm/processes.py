"""Several processes that train together, as forks of the tests' own: torch is imported already."""

import contextlib
import multiprocessing
import os
import socket
import traceback

import torch

from lm.errors import Problem
from lm.training.processes.group import joined


def free_port():
    """A port that nobody listens at."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def together(size, act, *, sharded=False, environments=None):
    """The results of `act(group)` in so many processes, by rank; a `Problem` as its sentence.

    environments: variables of each process that differ from what `torchrun` would set.
    """
    torch.compiler.reset()  # imports what torch's data parallelism needs, once for all processes
    forks = multiprocessing.get_context("fork")
    port = free_port()
    results = forks.Queue()

    def member(rank):
        torch.set_num_threads(1)  # a fork has none of its parent's threads
        environment = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1"}
        environment |= {"MASTER_PORT": port} | (environments or {})
        os.environ.update({name: str(value) for name, value in environment.items()})
        try:
            with joined("cpu", sharded) as group:
                results.put((rank, act(group)))
        except Problem as problem:
            results.put((rank, str(problem)))
        except BaseException:
            results.put((rank, traceback.format_exc()))

    members = [forks.Process(target=member, args=(rank,), daemon=True) for rank in range(size)]
    for one in members:
        one.start()
    try:
        found = dict(results.get(timeout=60) for _ in members)
    finally:
        for one in members:
            one.join(10)
            one.kill()
    faults = [one for one in found.values() if isinstance(one, str) and "Traceback" in one]
    assert not faults, "\n".join(faults)
    return [found[rank] for rank in range(size)]
