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
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lm.plan import TrainingConfig

Optimizers = Sequence[torch.optim.Optimizer]


def make_optimizers(model: nn.Module, training: TrainingConfig) -> Optimizers:
    """What trains `model`: AdamW for all of it, or Muon for its hidden matrices and AdamW for the rest.

    Each group's "lr" is its own peak; `set_learning_rate` scales it.
    """
    hidden = hidden_matrices(model) if training.optimizer == "muon" else []
    taken = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in taken]
    made: list[torch.optim.Optimizer] = [adamw(model, rest, training)] if rest else []
    if hidden:
        made.append(Muon(hidden, training.muon_learning_rate, training.weight_decay))
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The weights of all linear layers but the last, which writes the scores."""
    linear = [part for part in model.modules() if isinstance(part, nn.Linear)]
    return [part.get_parameter("weight") for part in linear[:-1]]


def adamw(
    model: nn.Module, parameters: Iterable[nn.Parameter], training: TrainingConfig
) -> torch.optim.AdamW:
    """AdamW with weight decay on the weights of linear layers only; fused, one pass over each group."""
    linear = {id(part.weight) for part in model.modules() if isinstance(part, nn.Linear)}
    parameters = list(parameters)
    groups = [
        {
            "params": [p for p in parameters if id(p) in linear],
            "weight_decay": training.weight_decay,
        },
        {"params": [p for p in parameters if id(p) not in linear], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=training.learning_rate,
        betas=(0.9, training.beta2),
        fused=True,
    )


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal: each matrix moves by lr · √max(1, rows / columns) · polar(momentum).

    Momentum is Nesterov's, 0.95. Singular values are evened out by `orthogonalised`.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(
            list(matrices), {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every matrix once by its gradient."""
        for group in self.param_groups:
            matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
            gradients = [matrix.grad for matrix in matrices]
            for matrix in matrices:
                if "momentum" not in self.state[matrix]:
                    self.state[matrix]["momentum"] = torch.zeros_like(matrix)
            means = [self.state[matrix]["momentum"] for matrix in matrices]
            torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
            changes = orthogonalised(torch._foreach_lerp(gradients, means, group["momentum"]))
            if group["weight_decay"]:
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
            for matrix, change in zip(matrices, changes, strict=True):
                rows, columns = matrix.shape
                matrix.add_(change, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


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


def set_learning_rate(optimizers: Optimizers, factor: float) -> None:
    """Set every group to `factor` times its own peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


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


def state_tensors(optimizers: Optimizers, model: nn.Module) -> dict[str, Tensor]:
    """The optimizers' memory as flat names, `blocks.0.norm.weight:exp_avg`, fit for a file."""
    names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
    return {
        f"{names[parameter]}:{key}": value
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def restore_state(optimizers: Optimizers, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state_tensors` took out, exactly."""
    parameters = dict(model.named_parameters())
    owner = {
        id(parameter): optimizer
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for flat_name, value in tensors.items():
        name, key = flat_name.rsplit(":", 1)
        parameter = parameters[name]
        owner[id(parameter)].state[parameter][key] = value.to(parameter.device, copy=True)
