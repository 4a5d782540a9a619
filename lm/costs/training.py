"""What would it take? Operations, memory and days that training a model takes, before anybody trains it.

- *Operations*: 6 N D, for N parameters and D tokens (Kaplan et al. 2020), and exactly: all products of
  matrices, those of attention as well.
- *Tokens*: about 20 for each parameter is the best use of operations (Hoffmann et al. 2022, "Chinchilla").
- *Memory*: each weight has a gradient and two averages of AdamW. Data-parallel training (DDP) keeps all of that
  on each device, fully sharded training (FSDP, Rajbhandari et al. 2020) an equal part, and the weights of one
  layer at a time. What the backward pass needs (the activations) grows with the windows read at once. Where
  that is too much, the forward pass of each layer is computed again (Chen et al. 2016): 8 N D in place of 6.
- *Days*: operations by the rate of the devices, of which training reaches a share, the utilisation.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from lm.costs import flops, published
from lm.costs.published import Processor, Published
from lm.costs.sizes import count_parameters, kept_for_backward, outline
from lm.layers.block import Block
from lm.plan import Plan
from lm.training.config import TrainingConfig
from lm.training.optimizers import make_optimizers

NUMBER = 4  # bytes of a weight, a gradient, or an average of the optimizer
CHINCHILLA = 20  # tokens for each parameter
UTILISATION = 0.4  # of the peak rate; large runs report 0.3 to 0.5
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Cost:
    """A model and its training in numbers.

    operations: of one token, forward and backward. kept: bytes that the backward pass needs for one window;
    least_kept: if each layer is computed again. state: numbers of the optimizer. gathered: parameters of the
    largest layer. tokens: of the whole training. batch: windows of one step.
    """

    title: str
    parameters: int
    operations: float
    kept: int
    least_kept: int
    state: int
    gathered: int
    context_length: int
    batch: int
    tokens: float
    known_tokens: bool = True  # those that it was, or will be, trained on

    @property
    def chinchilla(self) -> float:
        """Tokens that make the best use of operations."""
        return CHINCHILLA * self.parameters

    @property
    def six_nd(self) -> float:
        """Operations of the whole training by 6 N D."""
        return 6.0 * self.parameters * self.tokens

    @property
    def exact(self) -> float:
        """Operations of the whole training, counted."""
        return self.operations * self.tokens


@dataclass(frozen=True)
class Memory:
    """Bytes on one of several devices."""

    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def of_published(name: str) -> Cost:
    """The cost of a published model; on 20 tokens for each parameter where nobody has said how many."""
    model: Published = published.MODELS[name]
    window = model.context_length * NUMBER // 2  # bytes of one number for each token, in bfloat16
    return Cost(
        title=model.title,
        parameters=model.parameters,
        operations=flops.PASSES * model.forward_operations,
        kept=model.kept_numbers * window,
        least_kept=model.least_kept_numbers * window,
        state=2 * model.parameters,
        gathered=max(model.layer_parameters, model.vocab_size * model.n_embd),
        context_length=model.context_length,
        batch=model.batch_tokens // model.context_length,
        tokens=model.tokens or CHINCHILLA * model.parameters,
        known_tokens=model.tokens is not None,
    )


def of_plan(plan: Plan, vocab_size: int) -> Cost:
    """The cost of a plan of the ladder that learns by gradient."""
    assert isinstance(plan.training, TrainingConfig)
    model, T = outline(plan, vocab_size), plan.context_length
    state = sum(
        tensor.numel()
        for optimizer in make_optimizers(model, plan.training)
        for parameter in optimizer.parameters
        for tensor in optimizer.new_state(parameter).values()
    )
    batch, kept = plan.training.batch_size, kept_for_backward(plan, vocab_size)
    return Cost(
        title=plan.rung.title,
        parameters=count_parameters(model),
        operations=flops.PASSES * flops.of_window(plan, vocab_size) / T,
        kept=kept,
        least_kept=kept,
        state=state,
        gathered=_largest_part(model),
        context_length=T,
        batch=batch,
        tokens=float(plan.steps) * batch * T,
    )


def _largest_part(model: nn.Module) -> int:
    """Parameters of the largest part that FSDP gathers: a block, or all that is in none of them."""
    blocks = [count_parameters(part) for part in model.modules() if isinstance(part, Block)]
    return max([*blocks, count_parameters(model) - sum(blocks)])


def replicated(cost: Cost, kept: int) -> Memory:
    """The memory of a device that keeps all weights (DDP), and `kept` bytes for the backward pass."""
    N = cost.parameters
    return Memory(NUMBER * N, NUMBER * N, NUMBER * cost.state, kept)


def sharded(cost: Cost, kept: int, devices: int) -> Memory:
    """The memory of a device that keeps a part of them (FSDP), and gathers a layer at a time, twice.

    Twice, because the next layer is gathered while one is computed.
    """
    gathered = 2 * cost.gathered if devices > 1 else 0
    weights = NUMBER * (cost.parameters / devices + gathered)
    part = NUMBER / devices
    return Memory(weights, part * cost.parameters, part * cost.state, kept)


@dataclass(frozen=True)
class Take:
    """A training on so many GPUs of a kind, of whose peak rate it reaches the share `utilisation`.

    Each reads a window at a time, and adds up the gradients of as many as a batch needs.
    """

    cost: Cost
    gpus: int
    processor: Processor
    utilisation: float = UTILISATION

    @property
    def days(self) -> float:
        """From the first step to the last."""
        rate = self.gpus * self.processor.rate * self.utilisation
        again = 4 / 3 if self.recomputes else 1.0  # a second forward pass
        return again * self.cost.exact / rate / DAY

    @property
    def recomputes(self) -> bool:
        """Whether each layer is computed again, because all that the backward pass needs does not fit."""
        cost = self.cost
        return cost.least_kept < cost.kept and not self.fits(sharded(cost, cost.kept, self.gpus))

    @property
    def kept(self) -> int:
        """Bytes kept for the backward pass."""
        return self.cost.least_kept if self.recomputes else self.cost.kept

    @property
    def ddp(self) -> Memory:
        """On each GPU, if each keeps all weights."""
        return replicated(self.cost, self.kept)

    @property
    def fsdp(self) -> Memory:
        """On each GPU, if the weights are spread over all."""
        return sharded(self.cost, self.kept, self.gpus)

    def fits(self, memory: Memory) -> bool:
        """Whether that much is in a GPU."""
        return memory.total <= self.processor.memory

    @property
    def least(self) -> int | None:
        """The smallest number of GPUs over which the weights can be spread so that they fit; None if none."""
        alone = replicated(self.cost, self.cost.least_kept)
        if self.fits(alone):
            return 1
        on_each = NUMBER * 2 * self.cost.gathered + alone.activations
        room = self.processor.memory - on_each
        spread = alone.weights + alone.gradients + alone.optimizer
        return math.ceil(spread / room) if room > 0 else None

    def record(self) -> dict[str, Any]:
        """All of it as plain data, in bytes, operations and days."""
        cost = self.cost
        return {
            "model": cost.title,
            "parameters": cost.parameters,
            "tokens": cost.tokens,
            "chinchilla_tokens": cost.chinchilla,
            "operations_6nd": cost.six_nd,
            "operations": cost.exact,
            "ddp": asdict(self.ddp) | {"total": self.ddp.total},
            "fsdp": asdict(self.fsdp) | {"total": self.fsdp.total},
            "gpus": self.gpus,
            "least_gpus": self.least,
            "recomputes": self.recomputes,
            "utilisation": self.utilisation,
            "days": self.days,
        }
