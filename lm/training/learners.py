"""What one step of training does: go down the gradient, or count.

`lm/training.py` asks for steps, one after the other, and tells what came of them; here they are taken.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import has_bfloat16
from lm.errors import Diverged
from lm.ngrams import Counting
from lm.plan import Plan
from lm.tokenizers import Tokenizer
from lm.training.config import TrainingConfig
from lm.training.events import Checkpoint
from lm.training.optimizers import (
    learning_rate_factor,
    make_optimizers,
    restore_state,
    state_tensors,
)


@dataclass(frozen=True)
class Data:
    """The two splits as token ids (N,), and the tokenizer that made them."""

    train: Tensor
    validation: Tensor
    tokenizer: Tokenizer

    @classmethod
    def from_text(cls, train_text: str, validation_text: str, tokenizer: Tokenizer) -> "Data":
        """Both texts through the tokenizer."""
        train, validation = tokenizer.encode(train_text), tokenizer.encode(validation_text)
        return cls(torch.from_numpy(train), torch.from_numpy(validation), tokenizer)


class GradientLearner:
    """How a network learns: a random batch of windows, its gradient, one small change of every weight."""

    def __init__(self, plan: Plan, data: Data, device: str) -> None:
        assert isinstance(plan.training, TrainingConfig)
        self.training = plan.training
        self.peak = plan.training.learning_rate  # of the schedule
        self.device = device
        seed(plan.training.seed, device)
        self.model = plan.rung.model(plan.config, data.tokenizer.vocab_size).to(device)
        self.parameters = list(self.model.parameters())
        self.optimizers = make_optimizers(self.model, plan.training)
        self.tokens = data.train.to(device)  # (N,)
        self.windows = self.tokens.unfold(0, plan.context_length + 1, 1)  # (N - T, T + 1), a view
        self.rounds = plan.training.precision == "bfloat16" and has_bfloat16(device)
        self.hopeless, self.bad_steps = 3 * math.log(data.tokenizer.vocab_size), 0

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where the checkpoint was taken."""
        self.model.load_state_dict(checkpoint.weights)
        self.model.to(self.device)  # what was counted came with the checkpoint
        restore_state(self.optimizers, self.model, checkpoint.optimizer)
        self.peak = checkpoint.learning_rate

    def memory(self) -> dict[str, Tensor]:
        """What the optimiser must not forget."""
        return state_tensors(self.optimizers, self.model)

    def _rounded(self) -> AbstractContextManager[Any]:
        """Where matrix products round what goes in and comes out to bfloat16, if the plan asks for it.

        Weights, the residual path, norms, loss and the optimiser's memory stay in float32
        (Micikevicius et al. 2018, "Mixed precision training").
        """
        if not self.rounds:
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], torch.bfloat16)

    def step(self, step: int) -> tuple[float, float, float]:
        """Step number `step` (from 0): the batch's loss, the learning rate, the gradient's norm."""
        training, model = self.training, self.model
        if step == 0 and hasattr(model, "count"):
            model.count(self.tokens)  # type: ignore[operator]
        if not model.training:
            model.train()
        seed(training.seed * 1_000_003 + step, self.device)  # this step's windows and dropout
        starts = torch.randint(len(self.windows), (training.batch_size,))
        windows = self.windows.index_select(0, starts.to(self.device))  # (B, T + 1)
        with self._rounded():
            logits = model(noisy(windows[:, :-1], training.token_noise))  # (B, T, V)
        loss = F.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())
        for parameter in self.parameters:
            parameter.grad = None
        backward(loss)
        loss_now, norm = loss.item(), clipped(self.parameters, training.gradient_clip)
        self.bad_steps = self.bad_steps + 1 if loss_now > self.hopeless else 0
        if not (math.isfinite(loss_now) and math.isfinite(norm)) or self.bad_steps == 20:
            raise ran_away(step + 1, loss_now, self.peak)
        learning_rate = self.peak * learning_rate_factor(step, training)
        for optimizer in self.optimizers:
            optimizer.step(learning_rate / training.learning_rate)
        return loss_now, learning_rate, norm


class CountingLearner:
    """How a model learns that has no gradient: count the whole text, in pieces one character longer."""

    peak = 0.0  # there is no learning rate

    def __init__(self, plan: Plan, data: Data, device: str) -> None:
        self.model: Any = plan.rung.model(plan.config, data.tokenizer.vocab_size)
        self.device = device
        self.counting = Counting(data.train.numpy(), data.tokenizer.vocab_size)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where the checkpoint was taken, by counting again: that is quicker than to remember."""
        self.model.load_state_dict(checkpoint.weights)
        self.model.to(self.device)
        for _ in range(checkpoint.step):
            self.counting.longer()

    def memory(self) -> dict[str, Tensor]:
        """Nothing that is not in the text."""
        return {}

    def step(self, step: int) -> tuple[float, float, float]:
        """Count pieces of `step` + 1 characters: the loss on the text itself; no rate and no gradient."""
        self.counting.longer()
        self.model.hold(self.counting.counts)
        self.model.to(self.device)
        return self.counting.loss(), 0.0, 0.0


def make_learner(plan: Plan, data: Data, device: str) -> "GradientLearner | CountingLearner":
    """The learner that a plan's training settings name."""
    if plan.training.learner == "counting":
        return CountingLearner(plan, data, device)
    return GradientLearner(plan, data, device)


def backward(loss: Tensor) -> None:
    """`loss.backward()`: each parameter's gradient, added to its `grad`.

    Straight to torch's engine. What torch looks into before it goes there, other kinds of tensors and of
    outputs, takes a tenth of a bigram's step.
    """
    engine = torch.autograd.Variable._execution_engine
    gradient = (torch.ones_like(loss),)  # of the loss by itself
    keep, differentiable, into = False, False, ()
    engine.run_backward(
        (loss,), gradient, keep, differentiable, into, allow_unreachable=True, accumulate_grad=True
    )


def clipped(parameters: Sequence[nn.Parameter], longest: float) -> float:
    """The length of the gradient, all parameters taken as one vector; above `longest` it is cut to that.

    `longest` 0 leaves it as it is. The same as `torch.nn.utils.clip_grad_norm_`, which takes longer.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = math.hypot(*torch.stack(torch._foreach_norm(gradients)).tolist())
    if longest and not norm <= longest:
        torch._foreach_mul_(gradients, longest / (norm + 1e-6))
    return norm


def noisy(tokens: Tensor, share: float) -> Tensor:
    """(B, T) with about `share` of the tokens replaced by others of the batch, drawn at random.

    What is to be predicted stays as it is. A model that has to do without some of what it read cannot
    learn long passages by heart (Xie et al. 2017, "Data noising as smoothing").
    """
    if not share:
        return tokens
    replaced = torch.rand(tokens.shape) < share
    places = torch.randint(tokens.numel(), tokens.shape)
    return torch.where(
        replaced.to(tokens.device), tokens.flatten()[places.to(tokens.device)], tokens
    )


def seed(number: int, device: str) -> None:
    """Where the random numbers go on from, on the CPU and on `device`.

    `torch.manual_seed` also tells every kind of device that is not there, which takes longer than a
    step of the bigram.
    """
    if device == "cpu":
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


def ran_away(step: int, loss: float, learning_rate: float) -> Diverged:
    """What to tell a person whose loss is `loss` at `step`, and what to try."""
    return Diverged(
        f"The loss ran away at step {step} (it was {loss:.3g}): the last good snapshot is kept. "
        f"Try a learning rate of {suggested(learning_rate):g} or a longer warm-up."
    )


def suggested(learning_rate: float) -> float:
    """A round number about a third of the rate that was too high."""
    return float(f"{learning_rate / 3:.0e}")
