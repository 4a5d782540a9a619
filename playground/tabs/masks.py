"""The facts on a model that the mask designer needs besides its settings (`components/masks/`)."""

from typing import Any

from lm.costs.sizes import outline
from lm.generation import Caching
from lm.layers import RollingCache, SelfAttention
from lm.layers.window_attention import LEAST, PAYS
from lm.plan import Rung


def facts(rung: Rung) -> dict[str, Any]:
    """Of a model that attends.

    pays, least: the blocks and the positions of a text from which on a window is computed in blocks. blocks:
    whether the model does that at all. caches: whether it keeps keys and values to write with. rolls: whether
    their cache can roll.
    """
    rotary = {"positions": "rotary"} if "positions" in rung.settings() else {}
    model = outline(rung.plan(pattern="window", **rotary), 65)
    blocks = any(part.window for part in model.modules() if isinstance(part, SelfAttention))
    cache = model.new_cache() if isinstance(model, Caching) else None
    return {
        "pays": PAYS,
        "least": LEAST,
        "blocks": blocks,
        "caches": cache is not None,
        "rolls": isinstance(cache, RollingCache),
    }
