"""A visitor's text as tokens that a model can read, with a note on the characters that it cannot."""

import numpy as np

from lm.prompt import Prompt
from lm.tasks.continue_text import first_token
from lm.tokenizers import Tokenizer


def encode(tokenizer: Tokenizer, text: str) -> tuple[np.ndarray, list[str]]:
    """The ids (T,) of the characters that the tokenizer knows, and notes on those left out."""
    ids, dropped = tokenizer.encode_known(text)
    if not dropped:
        return ids, []
    shown = " ".join(dict.fromkeys(dropped))[:40]
    return ids, [f"Left out, as the model has never seen them: {shown}"]


def begin(tokenizer: Tokenizer, text: str) -> tuple[Prompt, str, list[str]]:
    """A text as a prompt of at least one id, its known part, and notes on the characters left out."""
    ids, notes = encode(tokenizer, text)
    known = tokenizer.decode(ids)
    prompt = Prompt.of(tokenizer, known)
    if len(prompt.ids) == 0:
        prompt = Prompt(first_token(tokenizer), prompt.rest)
    return prompt, known, notes
