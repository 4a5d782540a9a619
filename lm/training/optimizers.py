"""How a gradient becomes a change of the weights: AdamW and Muon, each written out.

AdamW (Loshchilov & Hutter 2019) keeps running means of each weight's gradient and of its square, and moves the
weight by their ratio, so every weight moves by about the learning rate however large its gradient is. Weight
decay pulls matrices towards zero; biases, norms and embeddings are not decayed.

Muon (Jordan et al. 2024) treats a matrix as a whole. A gradient matrix mostly has a few strong directions;
Muon keeps the directions and makes all of them about equally strong, so that the weak ones are learned as
well. It is for the matrices between the embedding and the output head; AdamW trains the rest.

`torch.optim` has both. It is not used because its import loads torch's compiler: one to two seconds, and 100
MB in each process.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lm.training.config import TrainingConfig

State = dict[str, Tensor]  # what an optimizer keeps of one parameter, by name


class Optimizer:
    """Changes its parameters by their gradients, one parameter after the other.

    `learning_rate` is the peak of the schedule. `state` holds an entry for each parameter that has been
    changed. A parameter that is frozen (`requires_grad` is False) or unused (it has no gradient) stays as it
    is.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], learning_rate: float, weight_decay: float
    ) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.state: dict[nn.Parameter, State] = {}

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """Change every parameter once, at `factor` times the learning rate."""
        rate = self.learning_rate * factor
        for parameter, gradient, state in self.due():
            self.change(parameter, gradient, state, rate)

    def due(self) -> list[tuple[nn.Parameter, Tensor, State]]:
        """What a step changes: each trained parameter that has a gradient, the gradient, and its state."""
        due = []
        for parameter in self.parameters:
            if parameter.requires_grad and parameter.grad is not None:
                if parameter not in self.state:
                    self.state[parameter] = self.new_state(parameter)
                due.append((parameter, parameter.grad, self.state[parameter]))
        return due

    def new_state(self, parameter: Tensor) -> State:
        """The state before the parameter's first change."""
        raise NotImplementedError

    def change(self, parameter: Tensor, gradient: Tensor, state: State, rate: float) -> None:
        """Change the parameter and its state in place."""
        raise NotImplementedError


class AdamW(Optimizer):
    """θ ← θ − η λ θ − η m̂ / (√v̂ + ε), with m and v running means of the gradient and of its square.

    m and v begin at 0; m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) correct for that after t steps. In
    `change`, numerator and denominator are multiplied by √(1 − β₂ᵗ), which saves a pass over v (Kingma & Ba
    2014, section 2).
    """

    beta1, epsilon = 0.9, 1e-8

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        learning_rate: float,
        weight_decay: float,
        beta2: float,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.beta2 = beta2

    def new_state(self, parameter: Tensor) -> State:
        """t, m and v, under the names that `torch.optim.AdamW` gives them."""
        return {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }

    def change(self, parameter: Tensor, gradient: Tensor, state: State, rate: float) -> None:
        """The formula above, in place where a tensor would otherwise be copied."""
        t, m, v = state["step"].add_(1).item(), state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(gradient, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        m_correction, v_correction = 1 - self.beta1**t, (1 - self.beta2**t) ** 0.5
        if self.weight_decay:
            parameter.mul_(1 - rate * self.weight_decay)
        denominator = v.sqrt().add_(self.epsilon * v_correction)
        parameter.addcdiv_(m, denominator, value=-rate * v_correction / m_correction)


class Muon(Optimizer):
    """θ ← θ − η λ θ − η √max(1, rows / columns) · orthogonalised(momentum), with Nesterov's momentum."""

    momentum = 0.95

    def new_state(self, parameter: Tensor) -> State:
        """The running mean of the gradient."""
        return {"momentum": torch.zeros_like(parameter)}

    def change(self, parameter: Tensor, gradient: Tensor, state: State, rate: float) -> None:
        """The formula above, for one matrix."""
        mean, (rows, columns) = state["momentum"], parameter.shape
        mean.lerp_(gradient, 1 - self.momentum)
        change = orthogonalised(gradient.lerp(mean, self.momentum))
        parameter.mul_(1 - rate * self.weight_decay)
        parameter.add_(change, alpha=-rate * max(1.0, rows / columns) ** 0.5)


A, B, C = 3.4445, -4.7750, 2.0315  # the coefficients of Jordan et al. 2024
STEPS = 3  # theirs are 5, which take longer and reach no lower a loss here (lm/EXPERIMENTS.md)


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix U S Vᵀ (or several of one size, (N, rows, columns)) to nearly U Vᵀ.

    The directions stay, the larger singular values come near 1.

    Newton–Schulz steps X ← a X + b (XXᵀ) X + c (XXᵀ)² X turn each singular value s into a s + b s³ + c s⁵,
    which pushes those between 0 and 1 towards 1. Three steps raise small ones about fortyfold, so those below
    about 1/40 of the largest stay smaller. X begins as the matrix divided by √‖XXᵀ‖. That is at least its
    largest singular value and at most its norm ‖X‖, by which Jordan et al. divide.

    All matrices of one size at once save 3 to 8 % of a step of the recipe `best` on a CPU thread, too little;
    on a GPU it pays (`cuda.py`).
    """
    tall = matrix.shape[-2] > matrix.shape[-1]
    X = matrix.mT if tall else matrix  # so that XXᵀ is the smaller product
    size = (X @ X.mT).norm(dim=(-2, -1), keepdim=True).sqrt()
    X = X / size.clamp_min(1e-7)
    for _ in range(STEPS):
        gram = X @ X.mT
        X = A * X + (B * gram + C * gram @ gram) @ X
    return X.mT if tall else X


def make_optimizers(
    model: nn.Module,
    training: TrainingConfig,
    adamw: type[AdamW] = AdamW,
    muon: type[Muon] = Muon,
) -> list[Optimizer]:
    """The optimizers of a model: AdamW for all of it, or Muon for its hidden matrices and AdamW for the rest.

    The hidden matrices are the weights of all linear layers but the last that the model holds, its output head.
    Convolutions and bare parameters are AdamW's. Its weight decay is for the weights of linear layers only.
    Frozen parameters have no optimizer.
    """
    linear = [part.weight for part in model.modules() if isinstance(part, nn.Linear)]
    hidden = linear[:-1] if training.optimizer == "muon" else []  # the last writes the scores
    by_muon, decayed = ({id(p) for p in chosen} for chosen in (hidden, linear))
    trained = [p for p in model.parameters() if p.requires_grad]
    rest = [p for p in trained if id(p) not in by_muon]
    matrices = [p for p in rest if id(p) in decayed]
    others = [p for p in rest if id(p) not in decayed]
    rate, decay = training.learning_rate, training.weight_decay
    made: list[Optimizer] = [
        adamw(matrices, rate, decay, training.beta2),
        adamw(others, rate, 0.0, training.beta2),
        muon([p for p in trained if id(p) in by_muon], training.muon_learning_rate, decay),
    ]
    return [optimizer for optimizer in made if optimizer.parameters]


def state_tensors(optimizers: Sequence[Optimizer], model: nn.Module) -> dict[str, Tensor]:
    """The live state of the optimizers under flat names, as `blocks.0.norm.weight:exp_avg`, for a file."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}:{key}": tensor
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        for key, tensor in state.items()
    }


def restore_state(
    optimizers: Sequence[Optimizer], model: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Copy back what `state_tensors` gave; a parameter without a tensor there begins anew."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    for optimizer in optimizers:
        optimizer.state = {}
        for parameter in optimizer.parameters:
            state, name = optimizer.new_state(parameter), names[parameter]
            if all(f"{name}:{key}" in tensors for key in state):
                for key, tensor in state.items():
                    tensor.copy_(tensors[f"{name}:{key}"])
                optimizer.state[parameter] = state
