"""Switches that take a model apart: each removes one idea, so that one can see what it was for.

Every switch is on in an ordinary model. Off is really off, in training and in writing: the part is not there,
and its weights are neither made nor counted.
"""

from lm.settings import Settings, setting


class AttentionSwitches(Settings):
    """For every model that attends."""

    causal_mask: bool = setting(
        True,
        title="Causal mask",
        help="Off: each position also sees the tokens after it, so it reads the answer. The loss falls to "
        "nearly 0 and means nothing, because nothing comes after the last token when the model writes.",
        group="apart",
    )
    scale_scores: bool = setting(
        True,
        title="Divide by √D",
        help="Off: scores are √D times as large, so the softmax begins with its weight on few positions.",
        group="apart",
    )
    know_positions: bool = setting(
        True,
        title="Positions",
        help="Off: a head cannot tell the last token from one long ago, because a sum has no order.",
        group="apart",
    )


class OwnVector(Settings):
    """For the models whose output head reads a position's own vector beside the result of attention."""

    own_vector: bool = setting(
        True,
        title="Own vector",
        help="Off: the output head reads the result of attention only, where the current token is one of many.",
        group="apart",
    )


class BlockSwitches(Settings):
    """For the models of transformer blocks."""

    residual_path: bool = setting(
        True,
        title="Residual path",
        help="Off: each part replaces its input instead of adding to it. One layer still learns, six hardly.",
        group="apart",
    )
    normalise: bool = setting(
        True,
        title="Norm",
        help="Off: parts read numbers of any size. Deep models and high learning rates suffer first.",
        group="apart",
    )
    feed_forward: bool = setting(
        True,
        title="Feed-forward",
        help="Off: blocks only attend. A position can average what it found, but not compute with it.",
        group="apart",
    )
