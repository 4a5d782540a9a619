"""Data-parallel training: each process reads its share of a batch, and all take the mean of their gradients.

The mean over the rows of a batch is the mean of the means over its shares, so the weights change as they would
in one process that reads all of it. Each process keeps all weights and makes the same change. `torch` adds the
gradients up while the backward pass still computes others (Li et al. 2020, "PyTorch Distributed").
"""

import inspect
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lm.evaluation import SharedOut
from lm.plan import Plan
from lm.tasks import Batch, Task
from lm.training.gradient import GradientLearner
from lm.training.processes.group import Group

REHEARSALS = 2  # passes until torch keeps its order
# Between the seeds of two processes: more than a run has steps, whose seeds follow one another.
APART = 2**40


class DataParallelLearner(GradientLearner):
    """A `GradientLearner` that learns a share of each batch, and changes the weights by all of it."""

    def __init__(self, plan: Plan, task: Task, device: str, group: Group) -> None:
        group.check(plan)
        self.group = group
        super().__init__(plan, task, device)
        if isinstance(task, SharedOut):
            task.readers = group
        self.reader = self.wrapped()
        self.rehearsed = False
        self.seeded = 0
        self.share = 1.0  # R Wᵣ / W of `loss`

    def wrapped(self) -> nn.Module:
        """The network, with gradients that become the mean over all processes."""
        # Buffers are masks and the like, the same everywhere; torch has renamed the argument.
        known = inspect.signature(DistributedDataParallel).parameters
        name = next(n for n in ("forward_sync_buffers", "broadcast_buffers") if n in known)
        options: Any = {name: False}
        return DistributedDataParallel(self.network, static_graph=True, **options)

    def seed(self, number: int) -> None:
        """As `GradientLearner`: all processes draw the same batch."""
        self.seeded = number
        super().seed(number)

    def learn(self, batch: Batch, factor: float) -> tuple[float, float]:
        """As `GradientLearner`. All processes are given the same batch, and each reads its own rows of it."""
        mine = self.rows(batch)
        if not self.rehearsed:
            # torch orders its sums by what it sees in the first passes. Without rehearsals, a resumed run
            # would round its first steps in another way than the run that was never interrupted.
            for _ in range(REHEARSALS):
                self.gradient(mine)
            self.rehearsed = True
        super().seed(self.seeded + APART * (1 + self.group.rank))  # other dropout for other rows
        return super().learn(mine, factor)

    def rows(self, batch: Batch) -> Batch:
        """The rows of this process."""
        rank, size = self.group.rank, self.group.size
        count = len(batch.inputs) // size
        rows = slice(rank * count, (rank + 1) * count)
        mine = Batch(**{name: tensor[rows] for name, tensor in batch.tensors().items()})
        if mine.weights is not None and batch.weights is not None:
            self.share = size * (mine.weights.sum() / batch.weights.sum()).item()
        return mine

    def loss(self, batch: Batch) -> Tensor:
        """As `GradientLearner`, so weighted that the mean over the processes is the loss of the batch.

        The loss of a batch is a weighted mean. If its weights sum to W, and those of process r to Wᵣ, it is
        the sum of Wᵣ / W · lossᵣ over all R processes: the mean of R Wᵣ / W · lossᵣ.
        """
        return super().loss(batch) * self.share

    def gradient(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `GradientLearner`; the loss is that of the whole batch."""
        loss, norm = super().gradient(batch)
        dist.all_reduce(loss)
        return loss / self.group.size, norm
