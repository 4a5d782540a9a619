"""Learning by gradient on an Nvidia GPU: the step of `gradient.py`, recorded once and replayed.

A GPU computes each of a step's few hundred operations in some microseconds, less than Python takes to ask for
it. So the whole step, from the batch to the changed weights, is recorded once as a *CUDA graph*, and each step
is one request: the batch is copied to the place where the graph reads it, the graph runs, and loss and norm
come back in one transfer. (PyTorch's notes on CUDA semantics, "CUDA Graphs".)

A step is the same as on a CPU up to rounding, and dropout draws other numbers. Kernels whose sums depend on the
order of their threads are avoided (`deterministic`): the same seed makes the same run on the same kind of GPU
with the same torch, resumed or not. `compiled` is for speed: torch's compiler chooses some kernels by timing
them, the others are the quickest, and two runs differ by rounding.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lm.layers import SelfAttention
from lm.plan import Plan
from lm.tasks import Batch, Task
from lm.training.gradient import GradientLearner
from lm.training.known import Known
from lm.training.optimizers import AdamW, Muon, Optimizer, State, make_optimizers, orthogonalised

REHEARSALS = 3  # before the recording; torch loads, compiles and allocates in them


class FusedAdamW(AdamW):
    """AdamW by torch's fused kernel: all parameters at once. Its state is that of `AdamW`, all on the GPU."""

    def new_state(self, parameter: Tensor) -> State:
        """As `AdamW`; the kernel counts the steps on its own device."""
        return super().new_state(parameter) | {"step": torch.zeros((), device=parameter.device)}

    @torch.no_grad()
    def step(self, factor: float | Tensor = 1.0) -> None:
        """As `Optimizer`."""
        from torch.optim.adamw import adamw  # here, because it loads torch's compiler

        due = self.due()
        states = [state for _, _, state in due]
        adamw(
            [parameter for parameter, _, _ in due],
            [gradient for _, gradient, _ in due],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            capturable=True,
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            lr=self.learning_rate * factor,
            weight_decay=self.weight_decay,
            eps=self.epsilon,
            maximize=False,
        )


class BatchedMuon(Muon):
    """Muon on all matrices of one size at once: the products of a single small matrix leave a GPU idle."""

    @torch.no_grad()
    def step(self, factor: float | Tensor = 1.0) -> None:
        """As `Optimizer`."""
        rate = self.learning_rate * factor
        alike = defaultdict(list)
        for parameter, gradient, state in self.due():
            mean = state["momentum"].lerp_(gradient, 1 - self.momentum)
            alike[parameter.shape].append((parameter, gradient.lerp(mean, self.momentum)))
        kept = 1 - rate * self.weight_decay
        for (rows, columns), group in alike.items():
            directions = torch.stack([direction for _, direction in group])  # (N, rows, columns)
            changes = orthogonalised(directions) * (rate * max(1.0, rows / columns) ** 0.5)
            for (parameter, _), change in zip(group, changes, strict=True):
                parameter.mul_(kept).sub_(change)


class CudaLearner(GradientLearner):
    """A `GradientLearner` whose steps are replays of a CUDA graph."""

    def __init__(
        self,
        plan: Plan,
        task: Task,
        device: str,
        compiled: bool = False,
        known: Known | None = None,
    ) -> None:
        if torch.device(device).index is not None:
            torch.cuda.set_device(device)
        super().__init__(plan, task, device, known)
        for part in self.network.modules():
            if isinstance(part, SelfAttention):
                part.use_causal_kernel()
        self.kernels = contextlib.nullcontext if compiled else deterministic
        if compiled:
            self.loss = torch.compile(self.loss, dynamic=False)  # type: ignore[method-assign]
        self.factor = torch.ones((), device=device)  # of the learning rate; the graph reads it
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: Batch  # the place from which the graph reads
        self.result: Tensor  # (2,), the place to which it writes loss and norm

    def make_optimizers(self) -> list[Optimizer]:
        """As `GradientLearner`, in forms that are quick on a GPU."""
        return make_optimizers(self.network, self.settings, FusedAdamW, BatchedMuon)

    def seed(self, number: int) -> None:
        """As `GradientLearner`; `torch.manual_seed` takes 0.1 ms, because it seeds all kinds of devices."""
        torch.default_generator.manual_seed(number)
        torch.cuda.manual_seed(number)

    def learn(self, batch: Batch, factor: float) -> tuple[float, float]:
        """As `GradientLearner`. A batch of another shape than the first is learned without the graph."""
        self.factor.fill_(factor)
        if self.graph is None:
            self._record(batch)
        assert self.graph is not None
        if _shapes(batch) == _shapes(self.batch):
            places = self.batch.tensors()
            for name, tensor in batch.tensors().items():
                places[name].copy_(tensor)
            self.graph.replay()
            result = self.result
        else:
            of_graph = [parameter.grad for parameter in self.trained]
            with self.kernels():
                result = self._change(batch)
            for parameter, gradient in zip(self.trained, of_graph, strict=True):
                parameter.grad = gradient  # the graph writes there, and `layer_norms` reads it
        loss, norm = result.tolist()
        return loss, norm

    def _change(self, batch: Batch) -> Tensor:
        """One step, without waiting for the GPU; returns loss and norm, (2,)."""
        result = torch.stack(self.gradient(batch))
        with self.autocast():  # also of Muon's products
            for optimizer in self.optimizers:
                optimizer.step(self.factor)  # type: ignore[arg-type]
        return result

    def _record(self, batch: Batch) -> None:
        """Record the graph of a step; weights, optimizer state and random numbers stay as they are."""
        self.batch = Batch(**{name: tensor.clone() for name, tensor in batch.tensors().items()})
        random_numbers = torch.cuda.get_rng_state(self.device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with self.kernels():
            with torch.cuda.stream(side):  # as torch asks for: what is recorded must be warm
                for _ in range(REHEARSALS):
                    self.gradient(self.batch)
                for optimizer in self.optimizers:
                    optimizer.due()  # makes the state, which the graph must not make anew
            torch.cuda.current_stream().wait_stream(side)
            self.network.zero_grad(set_to_none=True)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.result = self._change(self.batch)
        torch.cuda.set_rng_state(random_numbers, self.device)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Inside, torch takes kernels that give the same sums each time, where it has them."""
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    debugging: Any = torch.utils.deterministic
    filled = debugging.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch asks for it
    torch.use_deterministic_algorithms(True)
    debugging.fill_uninitialized_memory = False  # it would be recorded, and is slow
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        debugging.fill_uninitialized_memory = filled


def _shapes(batch: Batch) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in batch.tensors().items()}
