"""A visitor's text as tokens that a model can read, with a note on the characters that it cannot."""

from typing import Any

import numpy as np

from lm.tokenizers import Tokenizer


def sendable(value: Any) -> str:
    """A visitor's text without halves of surrogate pairs, which JSON cannot carry back."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def encode(tokenizer: Tokenizer, text: str) -> tuple[np.ndarray, list[str]]:
    """The ids (T,) of the characters that the tokenizer knows, and notes on those left out."""
    ids, dropped = tokenizer.encode_known(text)
    if not dropped:
        return ids, []
    shown = " ".join(dict.fromkeys(dropped))[:40]
    return ids, [f"Left out, as the model has never seen them: {shown}"]
