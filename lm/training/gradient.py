"""Learning by gradient: a random batch, the gradient of its loss, one small change of every weight."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.costs.sizes import grown
from lm.devices import has_bfloat16
from lm.given import given_to
from lm.layers.block import Block
from lm.mixture import Mixture, counts_among, load_weights, weights_of, with_counts
from lm.models.ngram import Ngram
from lm.ngrams import count
from lm.plan import Plan
from lm.start import StartConfig
from lm.tasks import Batch, ContinueText, Task
from lm.tasks.task import read
from lm.training.config import TrainingConfig
from lm.training.events import Checkpoint
from lm.training.known import Known
from lm.training.learner import StepResult, diverged
from lm.training.optimizers import Optimizer, make_optimizers, restore_state, state_tensors
from lm.training.schedule import learning_rate_factor
from lm.tuning import fitted, trained_weights, tune

BAD_STEPS = 20  # so many steps in a row with a loss above three times ln V end a run


class GradientLearner:
    """A network, its optimizers, and a task that gives batches."""

    def __init__(self, plan: Plan, task: Task, device: str, known: Known | None = None) -> None:
        """known: what the run starts from, or is timed without."""
        assert isinstance(plan.training, TrainingConfig) and isinstance(plan.start, StartConfig)
        self.start = plan.start
        self.settings = plan.training
        self.learning_rate = plan.training.learning_rate
        self.task, self.device = task, device
        torch.manual_seed(plan.training.seed)
        self.network = plan.rung.model(plan.model, task.vocab_size)
        if known is not None and known.weights is not None:
            weights = fitted(known.weights, self.network.state_dict())
            self.network.load_state_dict(weights)
        if plan.start.keeps:
            size = known.vocab_size if known is not None else None
            tune(self.network, plan.start, grown(plan, task.vocab_size, size))
        self.network.to(device)
        self.given = given_to(self.network)  # predictions at the start of a row that do not count
        self.blocks = [part for part in self.network.modules() if isinstance(part, Block)]
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizers = self.make_optimizers()
        self.autocasts = plan.training.precision == "bfloat16" and has_bfloat16(device)
        self.bad_steps = 0
        # The norm of the gradient that the parameters hold, before it was shortened.
        self.norm: float | None = None
        self.model = with_counts(self.network, plan, task.vocab_size)
        self.reader: nn.Module = self.network  # of batches; another if several processes share them

    def make_optimizers(self) -> list[Optimizer]:
        """The optimizers of the network."""
        return make_optimizers(self.network, self.settings)

    def change_learning_rate(self, peak: float) -> bool:
        """Scale the schedule to another peak, from the next step on."""
        changes = peak != self.learning_rate
        self.learning_rate = peak
        return changes

    def weights(self) -> dict[str, Tensor]:
        """The network's tensors, and those of the counted n-grams if there are any.

        Of a network that is trained in parts, only those that are trained.
        """
        return trained_weights(self.network) if self.start.keeps else weights_of(self.model)

    def optimizer_state(self) -> dict[str, Tensor]:
        """The state of the optimizers."""
        return state_tensors(self.optimizers, self.network)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Return to the checkpoint's weights, optimizer state and learning rate."""
        if self.start.tunes:
            self._put_back(checkpoint.weights)
        else:
            load_weights(self.model, checkpoint.weights)
            self.model.to(self.device)
        restore_state(self.optimizers, self.network, checkpoint.optimizer)
        self.learning_rate = checkpoint.learning_rate

    @torch.no_grad()
    def _put_back(self, weights: dict[str, Tensor]) -> None:
        """Copy weights into the tensors that the optimizers hold, which `load_state_dict` may replace."""
        if isinstance(self.model, Mixture):
            self.model.ngram.load_state_dict(counts_among(weights))
            self.model.ngram.to(self.device)
        for name, tensor in trained_weights(self.network).items():
            tensor.copy_(weights[name])

    def step(self, step: int) -> StepResult:
        """Change every weight once, by the gradient of a random batch."""
        settings = self.settings
        if step == 0 and isinstance(self.model, Mixture):
            self._count_ngrams(self.model.ngram)
        if not self.network.training:
            self.network.train()
        # Each step seeds its own random numbers (windows, dropout): a resumed run draws the same ones.
        # No run has 1,000,003 steps, so runs of different seeds share none.
        self.seed(settings.seed * 1_000_003 + step)
        batch = self.task.batch(settings.batch_size)
        batch = replace(batch, inputs=with_noise(batch.inputs, settings.token_noise))
        factor = learning_rate_factor(step, settings)
        changed = self.learning_rate / settings.learning_rate  # 1 unless a person changed the rate
        loss, norm = self.learn(batch, factor * changed)
        self.norm = norm
        self._check(step + 1, loss, norm)
        per_character = loss / self.task.characters_per_token
        return StepResult(per_character, self.learning_rate * factor, norm)

    def layer_norms(self) -> tuple[float, ...]:
        """The norm of the last step's gradient in each block, as it came from `backward`.

        The gradient stays in the parameters until the next step. If it was longer than `gradient_clip`, all
        of it was shortened by one factor, which is taken back here.
        """
        longest = self.settings.gradient_clip
        if self.norm is None or not self.blocks:
            return ()
        shortened = min(1.0, longest / (self.norm + 1e-6)) if longest else 1.0  # as torch does it
        gradients = [[p.grad for p in b.parameters() if p.grad is not None] for b in self.blocks]
        return tuple(self.norm_of(of_block) / shortened for of_block in gradients)

    def norm_of(self, gradients: list[Tensor]) -> float:
        """The norm of several gradients together."""
        return float(nn.utils.get_total_norm(gradients))

    def seed(self, number: int) -> None:
        """Let torch's random numbers begin anew."""
        torch.manual_seed(number)

    def learn(self, batch: Batch, factor: float) -> tuple[float, float]:
        """Change the weights once, at `factor` times the learning rate.

        Returns the loss in nats per token and the norm of the gradient, both from before the change.
        """
        loss, norm = torch.stack(self.gradient(batch)).tolist()
        for optimizer in self.optimizers:
            optimizer.step(factor)
        return loss, norm

    def gradient(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Leave the gradient of the batch's loss in the parameters; returns the loss and the norm, () each."""
        loss = self.loss(batch)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach(), self._clipped_norm()

    def loss(self, batch: Batch) -> Tensor:
        """The network's mean loss over a batch, in nats per token, ()."""
        with self.autocast():
            logits = read(self.reader, batch)  # (B, T, V)
        return mean_loss(logits.float()[:, self.given :], batch.after(self.given))

    def _clipped_norm(self) -> Tensor:
        """The norm of the whole gradient, which is then shortened to `gradient_clip`; 0 leaves it as it is."""
        longest = self.settings.gradient_clip
        if longest:
            return nn.utils.clip_grad_norm_(self.trained, longest)
        gradients = [p.grad for p in self.trained if p.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 in matrix products, if the plan asks for it and the processor has instructions for it.

        Weights, residual path, norms, loss and optimizer state stay in float32 (Micikevicius et al. 2018,
        "Mixed precision training").
        """
        if not self.autocasts:
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], torch.bfloat16)

    def _check(self, step: int, loss: float, norm: float) -> None:
        """Raise `Diverged` if the loss is no number, or stays above three times that of a uniform guess."""
        hopeless = loss > 3 * math.log(self.task.vocab_size)
        self.bad_steps = self.bad_steps + 1 if hopeless else 0
        if not (math.isfinite(loss) and math.isfinite(norm)) or self.bad_steps == BAD_STEPS:
            raise diverged(step, loss / self.task.characters_per_token, self.learning_rate)

    def _count_ngrams(self, ngram: Ngram) -> None:
        """Count the training text for the mixture; takes some seconds for a million tokens."""
        assert isinstance(self.task, ContinueText)  # `Rung.assemble` has checked it
        counting = count(self.task.train.cpu().numpy(), self.task.vocab_size, ngram.order)
        ngram.set_counts(counting.counts)
        ngram.to(self.device)


def mean_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Logits (B, T, V) to the mean cross-entropy over the batch's targets, in nats per token."""
    if batch.weights is None:
        return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
    losses = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
    weights = batch.weights.flatten()  # (B · T,)
    return (losses * weights).sum() / weights.sum()


def with_noise(tokens: Tensor, share: float) -> Tensor:
    """(B, T) with about `share` of the tokens replaced by others of the batch, drawn at random.

    The targets stay as they are. A model that has to do without some of its input cannot memorise long
    passages (Xie et al. 2017, "Data noising as smoothing").
    """
    if not share:
        return tokens
    replaced = torch.rand(tokens.shape) < share
    places = torch.randint(tokens.numel(), tokens.shape)
    return torch.where(
        replaced.to(tokens.device), tokens.flatten()[places.to(tokens.device)], tokens
    )
