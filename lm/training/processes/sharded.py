"""Fully sharded training (`--shard`): each process keeps an equal part of the weights.

So it does of gradients and optimizer state. A layer's weights are gathered when it computes, and dropped
afterwards; its gradients are added up and spread again (Rajbhandari et al. 2020, "ZeRO", stage 3). It is
torch's FSDP2, `fully_shard`: a spread parameter is a `DTensor`, with which the optimizers compute as with any
other. The model is made whole once before it is spread.

The run directory is the same. For a checkpoint, one tensor after the other is gathered into a file that the
first process maps into memory, so that none of them needs room for the whole model and its optimizer.
"""

import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from lm.plan import Plan
from lm.tasks import Batch, Task
from lm.tasks.task import read
from lm.training.events import Checkpoint
from lm.training.optimizers import Optimizer, make_optimizers, restore_state
from lm.training.processes.data_parallel import DataParallelLearner
from lm.training.processes.group import Group


class ShardedLearner(DataParallelLearner):
    """A `DataParallelLearner` whose weights, gradients and optimizer state are spread over the processes."""

    def __init__(self, plan: Plan, task: Task, device: str, group: Group) -> None:
        # Nothing here changes the network's output in place, of which torch warns.
        warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
        super().__init__(plan, task, device, group)
        self.rehearsed = True  # nothing is ordered by what is seen
        # The first pass makes room for gathered weights; made in inference mode, training could not use it.
        with torch.no_grad():
            read(self.network, task.batch(1))

    def make_optimizers(self) -> list[Optimizer]:
        """As `GradientLearner`, once the network is spread: a block at a time, then all that is in none."""
        mesh = init_device_mesh(self.device.split(":")[0], (self.group.size,))
        for part in (*self.blocks, self.network):
            fully_shard(part, mesh=mesh)
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        return make_optimizers(self.network, self.settings)

    def wrapped(self) -> nn.Module:
        """The network itself: it shares its gradients out already."""
        return self.network

    def gradient(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `DataParallelLearner`.

        After a forward pass, the network's parameters are gathered ones, and `zero_grad` would leave the
        gradients of the spread ones as they are.
        """
        for parameter in self.trained:
            parameter.grad = None
        return super().gradient(batch)

    def _clipped_norm(self) -> Tensor:
        return whole(super()._clipped_norm())

    def norm_of(self, gradients: list[Tensor]) -> float:
        """As `GradientLearner`; all processes take part."""
        return float(whole(nn.utils.get_total_norm(gradients)))

    def weights(self) -> dict[str, Tensor]:
        """As `GradientLearner` in the first process; nothing in the others, which take part."""
        return self._gathered(super().weights())

    def optimizer_state(self) -> dict[str, Tensor]:
        """As `weights`."""
        self._spread_again()
        return self._gathered(super().optimizer_state())

    def restore(self, checkpoint: Checkpoint) -> None:
        """As `GradientLearner`: each process takes its part of every tensor."""
        self._spread_again()
        with torch.no_grad():
            for name, tensor in super().weights().items():
                tensor.copy_(part_of(checkpoint.weights[name], tensor))
        spread = dict(self.network.named_parameters())
        # The state of a parameter NAME is called NAME:KEY. Its averages are spread as the parameter is;
        # its count of steps, a single number, is in each process.
        state = {
            name: part_of(tensor, spread[name.rpartition(":")[0]]) if tensor.ndim else tensor
            for name, tensor in checkpoint.optimizer.items()
        }
        restore_state(self.optimizers, self.network, state)
        self.learning_rate = checkpoint.learning_rate

    def _spread_again(self) -> None:
        """Drop gathered weights, which an evaluation leaves, so that `parameters` are the spread ones."""
        for part in (*self.blocks, self.network):
            assert isinstance(part, FSDPModule)
            part.reshard()

    def _gathered(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors, in a file that is mapped into memory and has no name any more."""
        found = {}
        for name, tensor in tensors.items():
            one = whole(tensor.detach())
            if self.group.first:
                found[name] = mapped(one) if isinstance(tensor, DTensor) else one
        return found


def whole(tensor: Tensor) -> Tensor:
    """A spread tensor, gathered; any other as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, spread as another one is; nothing is sent."""
    if not isinstance(like, DTensor):
        return tensor
    where = tensor.to(like.device)
    options: Any = {"src_data_rank": None}  # each process has all of it
    return distribute_tensor(where, like.device_mesh, like.placements, **options)


def mapped(tensor: Tensor) -> Tensor:
    """A copy in a temporary file that is mapped into memory."""
    if not tensor.numel():
        return tensor.cpu()
    size = tensor.numel() * tensor.element_size()
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size)
        copy = torch.from_file(file.name, True, tensor.numel(), dtype=tensor.dtype)
    return copy.view(tensor.shape).copy_(tensor)
