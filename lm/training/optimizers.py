"""How a gradient becomes a change of the weights: AdamW, Muon, and the learning-rate schedule.

AdamW (Loshchilov & Hutter 2019) keeps a running mean of each weight's gradient and of its square, and steps
by their ratio, so that every weight moves at about the learning rate however large its gradient is. Weight
decay pulls the matrices towards zero; biases, norms and embeddings, which have no size to grow out of, are
left alone.

Muon (Jordan et al. 2024) looks at a matrix as a whole. A gradient is mostly a few strong directions; Muon
keeps the directions and makes all of them equally strong, so that the rare ones are learned, too. It is for
the matrices between embedding and output head; the rest stays with AdamW.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from lm.training.config import TrainingConfig

Tensors = list[Tensor]


class Optimizer:
    """Changes some parameters by their gradients, and remembers what it must of earlier ones.

    learning_rate is the peak of the schedule; `step` is told by which factor of it to go. `memory` holds, under
    each name of `remembers`, one tensor for each parameter: of its own shape, or a single number.
    """

    remembers: ClassVar[Sequence[str]]

    def __init__(
        self, parameters: Sequence[nn.Parameter], learning_rate: float, weight_decay: float
    ) -> None:
        self.parameters: Tensors = list(parameters)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.memory = {name: [self.blank(name, p) for p in parameters] for name in self.remembers}

    def blank(self, name: str, parameter: Tensor) -> Tensor:
        """What is remembered of a parameter, under this name, before its first step."""
        return torch.zeros_like(parameter, requires_grad=False)

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """Change every parameter once, at `factor` times the learning rate; each has a gradient by now."""
        gradients = [parameter.grad for parameter in self.parameters]
        self.change(gradients, self.learning_rate * factor)  # type: ignore[arg-type]

    def change(self, gradients: Tensors, rate: float) -> None:
        """Change the parameters and what is remembered of them, in place, at this rate."""
        raise NotImplementedError

    def flops(self) -> float:
        """Floating-point operations of a step that are in matrix products."""
        return 0.0


class AdamW(Optimizer):
    """θ ← θ − η (m̂ / (√v̂ + ε) + λ θ), with m and v running means of the gradient and its square.

    m̂ and v̂ are m and v made up for having begun at 0. The arithmetic is torch's own, one pass over each
    parameter, and so is every digit of the result; `torch.optim.AdamW` around it takes longer than a step
    of the bigram, and a second and 100 MB to import.
    """

    remembers = ("step", "exp_avg", "exp_avg_sq")  # the number of steps; m; v

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        learning_rate: float,
        weight_decay: float,
        beta2: float,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.beta2 = beta2
        self.ones = [torch.ones_like(step) for step in self.memory["step"]]  # quicker to add than 1

    def blank(self, name: str, parameter: Tensor) -> Tensor:
        """As for every optimizer; the number of steps is one number."""
        if name == "step":
            return torch.zeros((), device=parameter.device)
        return super().blank(name, parameter)

    def change(self, gradients: Tensors, rate: float) -> None:
        """All parameters in one call."""
        steps = self.memory["step"]
        torch._foreach_add_(steps, self.ones)
        torch._fused_adamw_(
            self.parameters,
            gradients,
            self.memory["exp_avg"],
            self.memory["exp_avg_sq"],
            [],
            steps,
            lr=rate,
            beta1=0.9,
            beta2=self.beta2,
            weight_decay=self.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class Muon(Optimizer):
    """Momentum, made orthogonal: each matrix moves by η · √max(1, rows / columns) · polar(momentum).

    Momentum is Nesterov's, 0.95. Singular values are evened out by `orthogonalised`.
    """

    remembers = ("momentum",)
    momentum = 0.95

    def change(self, gradients: Tensors, rate: float) -> None:
        """All matrices, those of one size together."""
        means = self.memory["momentum"]
        torch._foreach_lerp_(means, gradients, 1 - self.momentum)
        changes = orthogonalised(torch._foreach_lerp(gradients, means, self.momentum))
        if self.weight_decay:
            torch._foreach_mul_(self.parameters, 1 - rate * self.weight_decay)
        for matrix, change in zip(self.parameters, changes, strict=True):
            rows, columns = matrix.shape
            matrix.add_(change, alpha=-rate * max(1.0, rows / columns) ** 0.5)

    def flops(self) -> float:
        """What `orthogonalised` takes: XXᵀ and FX, and what `_newton_schulz` multiplies between them."""
        sizes = [sorted(matrix.shape) for matrix in self.parameters]
        between = 4 * len(NEWTON_SCHULZ) - 3
        return sum(2.0 * n * n * (2 * m + between * n) for n, m in sizes)


def make_optimizers(model: nn.Module, training: TrainingConfig) -> list[Optimizer]:
    """What trains `model`: AdamW for all of it, or Muon for its hidden matrices and AdamW for the rest.

    AdamW's weight decay is for the weights of linear layers only.
    """
    hidden = hidden_matrices(model) if training.optimizer == "muon" else []
    linear = [part.weight for part in model.modules() if isinstance(part, nn.Linear)]
    taken, decayed = ({id(p) for p in chosen} for chosen in (hidden, linear))
    rest = [p for p in model.parameters() if id(p) not in taken]
    matrices = [p for p in rest if id(p) in decayed]
    others = [p for p in rest if id(p) not in decayed]
    rate, decay = training.learning_rate, training.weight_decay
    made = [
        AdamW(matrices, rate, decay, training.beta2),
        AdamW(others, rate, 0.0, training.beta2),
        Muon(hidden, training.muon_learning_rate, decay),
    ]
    return [optimizer for optimizer in made if optimizer.parameters]


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The weights of all linear layers but the last, which writes the scores."""
    linear = [part for part in model.modules() if isinstance(part, nn.Linear)]
    return [part.get_parameter("weight") for part in linear[:-1]]


# Coefficients a, b, c of three polynomials a x + b x³ + c x⁵ (Jordan et al. 2024).
NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 3


def orthogonalised(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Matrices U S Vᵀ of any shapes to nearly orthogonal ones, about U Vᵀ.

    Newton–Schulz steps X ← (a + b XXᵀ + c (XXᵀ)²) X push every singular value towards 1, with matrix
    products only. All that multiplies X is a polynomial of the one small matrix XXᵀ, so the steps are
    taken there, for all matrices with the same short side in one batch, and X is multiplied once.
    """
    wide = [X.mT if X.shape[0] > X.shape[1] else X for X in matrices]
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, X in enumerate(wide):
        by_size[X.shape[0]].append(place)
    result = list(wide)
    for places in by_size.values():
        gram = torch.stack([wide[place] @ wide[place].mT for place in places])  # (N, n, n)
        size = torch.linalg.vector_norm(gram, dim=(-2, -1), keepdim=True).clamp_min_(1e-14)
        factor = _newton_schulz(gram / size) * size.rsqrt()
        for X_factor, place in zip(factor, places, strict=True):
            result[place] = X_factor @ wide[place]
    return [
        X.mT if matrix.shape[0] > matrix.shape[1] else X
        for X, matrix in zip(result, matrices, strict=True)
    ]


def _newton_schulz(gram: Tensor) -> Tensor:
    """G = XXᵀ (N, n, n) of X with singular values up to 1 to the F (N, n, n) that makes FX orthogonal."""
    step = factor = _polynomial(gram, *NEWTON_SCHULZ[0])
    for coefficients in NEWTON_SCHULZ[1:]:
        gram = step @ gram @ step  # of the X after the last step; all these products commute
        step = _polynomial(gram, *coefficients)
        factor = step @ factor
    return factor


def _polynomial(gram: Tensor, a: float, b: float, c: float) -> Tensor:
    """a + b G + c G² for (N, n, n)."""
    result = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal(dim1=-2, dim2=-1).add_(a)
    return result


def learning_rate_factor(step: int, training: TrainingConfig) -> float:
    """What the learning rate is multiplied by at `step` (from 0): a rise, a hold, then a fall; never 0."""
    if step < training.warmup_steps:
        return (step + 1) / (training.warmup_steps + 1)
    after = training.steps - training.warmup_steps
    held = training.warmup_steps + int(training.hold * after)
    remaining = training.steps - held
    done = min(max(step - held, 0) / remaining, 1 - 1 / remaining) if remaining > 0 else 0
    end = training.final_learning_rate
    if training.decay == "linear":
        return end + (1 - end) * (1 - done)
    if training.decay == "cosine":
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * done))
    return 1.0


def state_tensors(optimizers: Sequence[Optimizer], model: nn.Module) -> dict[str, Tensor]:
    """The optimizers' memory as flat names, `blocks.0.norm.weight:exp_avg`, fit for a file."""
    names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
    return {
        f"{names[parameter]}:{key}": value
        for optimizer in optimizers
        for key, values in optimizer.memory.items()
        for parameter, value in zip(optimizer.parameters, values, strict=True)
    }


def restore_state(
    optimizers: Sequence[Optimizer], model: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` took out, exactly."""
    for name, value in state_tensors(optimizers, model).items():
        if name in tensors:  # before the first step nothing is written down
            value.copy_(tensors[name])
