"""The settings of training: of gradient descent, and of counting."""

import math
from typing import ClassVar, Literal

from lm.plan import Training
from lm.settings import Settings, Whole, setting

Decay = Literal["constant", "linear", "cosine"]
Optimizer = Literal["adamw", "muon"]
Precision = Literal["float32", "bfloat16"]


class TrainingConfig(Training):
    """Gradient descent."""

    learner: ClassVar[str] = "gradient"

    steps: Whole = setting(
        3000,
        title="Steps",
        help="How many batches to learn from; each changes the weights once.",
        ge=1,
        le=1_000_000,
        step=20,
        group="optimiser",
        live_le=5000,
    )
    learning_rate: float = setting(
        1e-3,
        title="Learning rate",
        help="How far each step moves the weights. Can be changed while the model trains.",
        ge=1e-6,
        le=1.0,
        scale="1-3-10",
        group="optimiser",
    )
    optimizer: Optimizer = setting(
        "adamw",
        title="Optimiser",
        help="Muon changes each hidden matrix as a whole: fewer steps to the same loss. The bigram has none.",
        group="optimiser",
    )
    muon_learning_rate: float = setting(
        0.02,
        title="Muon's learning rate",
        help="For the hidden matrices, if the optimiser is Muon; AdamW's learning rate holds for the rest.",
        ge=1e-6,
        le=1.0,
        scale="1-3-10",
        group="optimiser",
    )
    batch_size: Whole = setting(
        32,
        title="Batch size",
        help="Windows of text read at once; their gradients are averaged.",
        ge=1,
        le=512,
        step=1,
        unit="windows",
        group="optimiser",
        live_le=128,
    )
    warmup_steps: Whole = setting(
        100,
        title="Warm-up",
        help="Steps over which the learning rate rises from near 0, while AdamW collects its averages.",
        ge=0,
        le=10_000,
        step=10,
        unit="steps",
        group="optimiser",
        live_le=1000,
    )
    decay: Decay = setting(
        "linear",
        title="Learning-rate decay",
        help="How the learning rate falls after the warm-up: large steps first, small ones at the end.",
        group="optimiser",
    )
    hold: float = setting(
        0.0,
        title="Hold",
        help="Share of the steps after the warm-up that keep the full learning rate.",
        ge=0.0,
        le=1.0,
        step=0.05,
        group="optimiser",
    )
    final_learning_rate: float = setting(
        0.0,
        title="Final learning rate",
        help="Where the decay ends, as a share of the learning rate.",
        ge=0.0,
        le=1.0,
        step=0.05,
        group="optimiser",
    )
    beta2: float = setting(
        0.99,
        title="AdamW's β₂",
        help="AdamW averages squared gradients over about 1 / (1 − β₂) steps: 0.99 is a hundred.",
        ge=0.5,
        le=0.9999,
        step=0.001,
        group="optimiser",
    )
    gradient_clip: float = setting(
        1.0,
        title="Gradient clip",
        help="Longer gradients are shortened to this length. 0 switches it off.",
        ge=0.0,
        le=10.0,
        step=0.1,
        group="optimiser",
    )
    weight_decay: float = setting(
        0.1,
        title="Weight decay",
        help="Each step multiplies the matrices of linear layers by 1 − this × the learning rate.",
        ge=0.0,
        le=1.0,
        step=0.01,
        group="regularisation",
    )
    token_noise: float = setting(
        0.0,
        title="Token noise",
        help="Share of the input tokens replaced at random in training. Helps long runs.",
        ge=0.0,
        le=0.5,
        step=0.01,
        group="regularisation",
    )
    ngram_share: float = setting(
        0.0,
        title="Share of counted n-grams",
        help="Average the model with counted n-grams where it is judged and where it writes, not in training.",
        ge=0.0,
        le=0.9,
        step=0.05,
        group="regularisation",
    )
    precision: Precision = setting(
        "float32",
        title="Precision",
        help="bfloat16 keeps 8 significant bits of 24 in matrix products: quicker on processors made for it.",
        group="optimiser",
    )
    evaluate_every: Whole = setting(
        150,
        title="Evaluate every",
        help="Steps between two evaluations over the whole validation split, each with a sample.",
        ge=1,
        le=100_000,
        step=10,
        unit="steps",
        group="run",
        live_le=1000,
    )
    seed: Whole = setting(
        1,
        title="Seed",
        help="The same seed and settings make the same run.",
        ge=0,
        le=2**31 - 1,
        step=1,
        group="run",
    )

    def total_steps(self, model: Settings) -> int:
        """As `Training`."""
        return self.steps

    def evaluation_interval(self) -> int:
        """As `Training`."""
        return self.evaluate_every

    def tokens_per_step(self, model: Settings, train_tokens: int) -> int:
        """As `Training`: one batch."""
        return self.batch_size * model.context_length  # type: ignore[attr-defined]

    def counted_share(self) -> float:
        """As `Training`."""
        return self.ngram_share


class CountingConfig(Training):
    """Counting the whole text.

    Each length of n-grams takes `parts` steps, so a run has the model's `order` times as many.
    """

    learner: ClassVar[str] = "counting"
    noisy: ClassVar[bool] = False
    all_kept: ClassVar[int] = 20  # its steps are few, and each adds to what is counted

    parts: Whole = setting(
        1,  # as in runs that did not know this setting
        title="Parts of the text",
        help="Steps for each length of n-grams: the first counts one part of the text, the last all of it.",
        ge=1,
        le=10,
        step=1,
        group="run",
    )

    def counted(self, step: int) -> str:
        """What has been counted after so many steps, as a sentence."""
        if not step:
            return "Nothing is counted yet."
        length, part = math.ceil(step / self.parts), step % self.parts
        what = f"n-grams of up to {length} tokens" if length > 1 else "single tokens"
        if not part:
            return f"Counted: {what}, in all of the text."
        only = "the longest only" if length > 1 else "only"
        where = "half" if self.parts == 2 else f"{part} of {self.parts} parts"
        return f"Counted: {what}, {only} in the first {where} of the text."

    def total_steps(self, model: Settings) -> int:
        """As `Training`."""
        return self.parts * model.order  # type: ignore[attr-defined]

    def evaluation_interval(self) -> int:
        """As `Training`."""
        return 1

    def tokens_per_step(self, model: Settings, train_tokens: int) -> int:
        """As `Training`: a part of the text."""
        return train_tokens // self.parts
