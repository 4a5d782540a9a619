"""The settings of a start: the weights that a run begins with, and which of them it trains.

A run begins from random numbers, or from what another run of the same model has learned (*fine-tuning*). The
model, its tokens and their weights then come from that run (`lm/runs/starting.py`); `lm/tuning.py` chooses
the weights that are trained.
"""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from lm.settings import Settings, Whole, setting

RANDOM = "random"


class FromNothing(Settings):
    """The start of a model that counts: it cannot go on from what another run has counted."""

    start: Literal["random"] = setting(
        RANDOM, title="Start from", help="Nothing: it counts its own text.", group="start"
    )
    tunes: ClassVar[bool] = False
    way: ClassVar[str] = "the whole model"
    keeps: ClassVar[bool] = False


Trained = Literal["all", "last", "lora"]
Adapted = Literal["attention", "feed-forward", "all"]


class StartConfig(Settings):
    """The weights that a run starts from, and those that it trains."""

    start: str = setting(
        RANDOM,
        title="Start from",
        help="Random numbers (random), or the directory of a run of the same model: its last snapshot.",
        group="start",
    )
    trained: Trained = setting(
        "all",
        title="Trained weights",
        help="After a start from a run: all, those of the last layers, or small matrices beside them (LoRA).",
        group="start",
    )
    last_layers: Whole = setting(
        1,
        title="Last layers",
        help="If only the last layers are trained: how many, with the norm and the output head after them.",
        ge=1,
        le=512,
        step=1,
        group="start",
        live_le=12,
    )
    lora_rank: Whole = setting(
        8,
        title="LoRA rank",
        help="Rows of the small matrices: the change of a weight matrix has at most this rank.",
        ge=1,
        le=256,
        step=1,
        group="start",
        live_le=64,
    )
    lora_alpha: float = setting(
        16.0,
        title="LoRA alpha",
        help="The change is multiplied by alpha / rank, so that another rank needs no other learning rate.",
        ge=0.1,
        le=1024.0,
        step=1.0,
        group="start",
        live_le=128.0,
    )
    lora_on: Adapted = setting(
        "attention",
        title="LoRA on",
        help="Which matrices get small ones beside them: those of attention, of the feed-forward part, or all.",
        group="start",
    )

    @property
    def tunes(self) -> bool:
        """Whether it starts from another run."""
        return self.start != RANDOM

    @property
    def keeps(self) -> bool:
        """Whether some weights stay as they were: snapshots then hold only what changed."""
        return self.trained != "all"

    @property
    def way(self) -> str:
        """Which weights are trained, in words: "LoRA of rank 8, alpha 16, on attention"."""
        if self.trained == "lora":
            on = "attention and feed-forward" if self.lora_on == "all" else self.lora_on
            return f"LoRA of rank {self.lora_rank}, alpha {self.lora_alpha:g}, on {on.replace('_', '-')}"
        if self.trained == "last":
            return (
                "the last layer" if self.last_layers == 1 else f"the last {self.last_layers} layers"
            )
        return "the whole model"

    @model_validator(mode="after")
    def _something_is_known(self) -> Self:
        if self.keeps and not self.tunes:
            raise ValueError(
                "A model of random numbers has to train all of its weights: choose a run to start from, or "
                "train all."
            )
        return self
