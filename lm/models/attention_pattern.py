"""Who may look where: the settings of attention patterns, for every model that attends, and their masks.

The masks are in `lm/layers/masks.py`. With the default, full attention, each position may look at all before
it.
"""

from typing import Literal

from torch import Tensor

from lm.layers import masks
from lm.models.switches import AttentionSwitches
from lm.settings import Whole, setting

LONGEST = 4096  # tokens of a context

Pattern = Literal["full", "window", "strided", "dilated", "sinks", "prefix"]


class AttentionPattern(AttentionSwitches):
    """The pattern and its numbers; a number that the pattern does not use changes nothing."""

    pattern: Pattern = setting(
        "full",
        title="Attention pattern",
        help="Full: all earlier tokens. Window: the nearest. Strided: the nearest and each n-th. Dilated: a "
        "window with gaps. Sinks: the first tokens and a window. Prefix: the first tokens see one another.",
        group="pattern",
    )
    window: Whole = setting(
        16,
        title="Window",
        help="Window, dilated and sinks: how many tokens a position can look at, itself included.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        group="pattern",
        live_le=256,
    )
    stride: Whole = setting(
        4,
        title="Stride",
        help="Strided and dilated: each n-th token. The original had the square root of the context.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        group="pattern",
        live_le=64,
    )
    sinks: Whole = setting(
        4,
        title="Sinks",
        help="Sinks: so many first tokens can be looked at from everywhere.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        group="pattern",
        live_le=16,
    )
    prefix: Whole = setting(
        16,
        title="Prefix",
        help="Prefix: so many first tokens are given. They see one another, and their loss does not count.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        group="pattern",
        live_le=256,
    )

    def is_full(self, layer: int) -> bool:
        """Whether a layer, counted from 0, attends to all, whatever the pattern."""
        return self.pattern == "full"

    def window_of(self, layer: int) -> int | None:
        """The window of a layer whose mask is that of a window and of nothing else (`windowed`)."""
        only = self.pattern == "window" and self.causal_mask and not self.is_full(layer)
        return self.window if only else None

    @property
    def given(self) -> int:
        """Predictions at the start of a window that see their answer, so that their loss does not count."""
        return self.prefix - 1 if self.pattern == "prefix" else 0


def check(chosen: AttentionPattern, context: int) -> None:
    """Raise a `ValueError` of one sentence if the pattern cannot work in a context of so many tokens."""
    spans = {
        "window": (f"A window of {chosen.window:,} tokens is", chosen.window),
        "strided": (f"A stride of {chosen.stride:,} tokens is", chosen.stride),
        "dilated": (
            f"A window of {chosen.window:,} tokens, {chosen.stride:,} apart, spans "
            f"{(chosen.window - 1) * chosen.stride + 1:,} and is",
            (chosen.window - 1) * chosen.stride + 1,
        ),
        "sinks": (
            f"{chosen.sinks:,} sinks and a window of {chosen.window:,} tokens are",
            chosen.sinks + chosen.window,
        ),
        "prefix": (
            f"A prefix of {chosen.prefix:,} tokens, and one to predict, is",
            chosen.prefix + 1,
        ),
    }
    if chosen.pattern in spans:
        words, span = spans[chosen.pattern]
        if span > context:
            raise ValueError(
                f"{words} larger than the context of {context:,}: choose smaller numbers or a longer context."
            )
    if chosen.pattern == "prefix" and not chosen.causal_mask:
        raise ValueError(
            "Without the causal mask every token sees all others, and a prefix opens nothing: switch the "
            "causal mask on, or choose another pattern."
        )


def mask_of(chosen: AttentionPattern, length: int, *, full: bool = False) -> Tensor:
    """The mask (T, T) that the settings ask for; full: of a layer that the pattern leaves out."""
    back = chosen.causal_mask
    if full or chosen.pattern == "full":
        return masks.causal(length) if back else masks.open_mask(length)
    if chosen.pattern == "window":
        mask = masks.windowed(length, chosen.window, causal=back)
    elif chosen.pattern == "strided":
        mask = masks.strided(length, chosen.stride, causal=back)
    elif chosen.pattern == "dilated":
        mask = masks.dilated(length, chosen.window, chosen.stride, causal=back)
    elif chosen.pattern == "sinks":
        mask = masks.sinks_and_window(length, chosen.sinks, chosen.window, causal=back)
    else:
        mask = masks.prefix(length, chosen.prefix)
    return masks.refuse_blind(mask)


def masks_of(chosen: AttentionPattern, length: int, n_layer: int) -> list[Tensor]:
    """The mask (T, T) of each layer; those that are the same are one tensor."""
    kinds = {full: mask_of(chosen, length, full=full) for full in (True, False)}
    return [kinds[chosen.is_full(n)] for n in range(n_layer)]
