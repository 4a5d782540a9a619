"""The processes that train one model together, and what they tell each other.

`torchrun` starts them and gives each its rank (0 is the first), their number, and the address at which they
meet, in environment variables. They talk by `torch.distributed`: by gloo between CPUs, by NCCL between Nvidia
GPUs. Only the first writes files and speaks to people.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from lm.errors import RunProblem, SettingsProblem
from lm.plan import Plan

BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
HIGHEST_PORT = 65_535
BY_TORCHRUN = (
    "start several processes with torchrun, which sets it, or a single one without WORLD_SIZE"
)
ONLY_GRADIENTS = "A model that counts is trained by one process: leave torchrun out."


class LostProcess(RunProblem):
    """Another process has ended, so those that are left cannot go on."""


@dataclass(frozen=True)
class Group:
    """The processes, seen by one of them.

    sharded: each keeps a part of the weights only (`sharded.py`).
    """

    rank: int
    size: int
    device: str
    store: dist.Store  # a small table that all of them can read; it outlives each of them
    sharded: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def sum(self, *numbers: float) -> list[float]:
        """The sums of the numbers that each process gives, the same for all."""
        given = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(given)
        return given.tolist()

    def from_first(self, *numbers: float) -> list[float]:
        """The numbers that the first process gives. All wait for it."""
        given = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.broadcast(given, src=0)
        return given.tolist()

    def check_same(self, **values: str) -> None:
        """Raise a `SettingsProblem`, in all processes, unless all give the same values.

        The names of the values are words for people: `settings`, `corpus`.
        """
        for name, value in values.items():
            self.store.set(f"{name}/{self.rank}", value)
        for name, value in values.items():
            # `get` waits until that process has said its value.
            given = [self.store.get(f"{name}/{rank}").decode() for rank in range(self.size)]
            others = [rank for rank, other in enumerate(given) if other != given[0]]
            if others:
                raise SettingsProblem(
                    f"Process {others[0]} does not have the same {name} as process 0: give all {self.size} "
                    f"processes the same {name}."
                )
            assert value == given[0]

    def check(self, plan: Plan, begun: bool = False) -> None:
        """Raise a `SettingsProblem` for a plan that these processes cannot share out.

        begun: of a run whose batch size is settled.
        """
        if plan.training.learner != "gradient":
            raise SettingsProblem(ONLY_GRADIENTS)
        size = plan.values()["batch_size"]
        if size % self.size:
            below = size - size % self.size
            near = f"{below} or {below + self.size}" if below else f"{self.size}"
            todo = (
                "resume it with an --nproc-per-node that divides the batch size"
                if begun
                else f"choose a batch size of {near}, or another --nproc-per-node"
            )
            raise SettingsProblem(
                f"A batch size of {size} cannot be shared out equally to {self.size} processes: {todo}."
            )

    def may_speak(self) -> bool:
        """Whether no other process has told why all of them end."""
        try:
            return self.store.add("told", 1) == 1
        except RuntimeError:  # the table is gone, because whoever kept it is
            only_one_left = self.size == 2
            return self.first or only_one_left

    @contextlib.contextmanager
    def death_explained(self) -> Iterator[None]:
        """Turn what torch says when another process has gone into a `LostProcess`."""
        try:
            yield
        except RuntimeError as error:
            words = str(error).lower()
            if not isinstance(error, dist.DistError) and "gloo" not in words:
                raise
            raise LostProcess(
                f"One of the {self.size} processes has died, so the others have ended, too: --resume goes on "
                "from the last checkpoint."
            ) from None


@contextlib.contextmanager
def joined(
    device: str, sharded: bool = False, environment: Mapping[str, str] = os.environ
) -> Iterator[Group | None]:
    """The group that `torchrun` made this process a member of; None if it was started alone.

    Raises a `SettingsProblem` if the processes cannot meet: the port is taken, or variables are missing; a
    `LostProcess` if another one ends while this one waits for it.
    """
    alone = environment.get("WORLD_SIZE", "1") == "1"
    if alone and not sharded:
        yield None
        return
    if alone and "RANK" not in environment:
        raise SettingsProblem(
            "--shard spreads the weights over several processes: start it with torchrun --nproc-per-node 2 -m "
            "lm train …"
        )
    _check(environment)
    kind = device.split(":")[0]
    if kind not in BACKENDS:
        raise SettingsProblem(
            f"Several processes train on CPUs or on Nvidia GPUs, not on {device}: choose --device cpu."
        )
    place = _place_of(kind, environment)
    store, rank, size = _meet(environment)
    dist.init_process_group(BACKENDS[kind], store=store, rank=rank, world_size=size)
    group = Group(rank, size, place, store, sharded)
    with group.death_explained():
        yield group
    dist.destroy_process_group()  # not if there was an error: another process may be gone


def _check(environment: Mapping[str, str]) -> None:
    """Raise a `SettingsProblem` unless the variables are there that `torchrun` sets, with numbers in them."""
    for name in ("WORLD_SIZE", "RANK", "MASTER_PORT"):
        given = environment.get(name, "")
        if not given.isdecimal() or int(given) > HIGHEST_PORT:
            told = f"is {given!r}" if given else "is missing"
            raise SettingsProblem(f"The environment variable {name} {told}: {BY_TORCHRUN}.")
    if not environment.get("MASTER_ADDR"):
        raise SettingsProblem(f"The environment variable MASTER_ADDR is missing: {BY_TORCHRUN}.")
    if int(environment["RANK"]) >= int(environment["WORLD_SIZE"]):
        raise SettingsProblem(
            f"RANK is {environment['RANK']}, and must be less than WORLD_SIZE, {environment['WORLD_SIZE']}: "
            f"{BY_TORCHRUN}."
        )


def _place_of(kind: str, environment: Mapping[str, str]) -> str:
    """The device of this process: each has a GPU of its own."""
    if kind == "cpu":
        return "cpu"
    here, found = int(environment.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if here >= found:
        raise SettingsProblem(
            f"Each process needs a GPU of its own, and there are {found}: choose --nproc-per-node {found}, or "
            "--device cpu."
        )
    torch.cuda.set_device(here)
    return f"cuda:{here}"


def _meet(environment: Mapping[str, str]) -> tuple[dist.Store, int, int]:
    """The table that all share, this process's rank, and their number."""
    address = f"{environment.get('MASTER_ADDR')}:{environment.get('MASTER_PORT')}"
    try:
        found: Any = next(rendezvous("env://"))
        return found
    except (dist.DistNetworkError, dist.DistStoreError) as error:
        if "EADDRINUSE" in str(error) or "already in use" in str(error):
            told = (
                f"The port of {address} is taken: choose another with torchrun --master-port, or any "
                "with torchrun --standalone."
            )
        else:
            told = f"The processes cannot meet at {address}: check MASTER_ADDR and MASTER_PORT."
        raise SettingsProblem(told) from None
