"""A prompt as tokens: it may end in the middle of a piece.

In a text, "ROMEO" may be one token. A prompt "ROM" has other tokens, and a model has never seen these followed
by "EO". So the last piece of a prompt is taken back, and the first tokens that the model writes must spell it:
it may choose "ROMEO", or "ROM" and go on. Tokens that are characters need none of this.
"""

from dataclasses import dataclass

import numpy as np

from lm.tokenizers import Tokenizer
from lm.tokenizers.byte_level import ByteLevelTokenizer, pieces


@dataclass(frozen=True)
class Prompt:
    """The ids (T,) that a model reads first, and the bytes that its first tokens must spell; often none."""

    ids: np.ndarray
    rest: bytes = b""

    @classmethod
    def of(cls, tokenizer: Tokenizer, text: str) -> "Prompt":
        """A text as a prompt; of a text that is one piece, no ids are left. Raises UnknownCharacter."""
        ids = tokenizer.encode(text)
        if not isinstance(tokenizer, ByteLevelTokenizer) or not text:
            return cls(ids)
        *_, last = pieces(text)
        return cls(ids[: len(ids) - len(tokenizer.encode(last))], last.encode("utf-8"))


class Begun:
    """Which tokens may come next while the rest of a prompt is not spelled."""

    def __init__(self, tokenizer: Tokenizer, rest: bytes) -> None:
        self.tokens = (
            [tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)] if rest else []
        )
        self.rest = rest

    def allowed(self) -> np.ndarray | None:
        """(V,) bool; None if all are."""
        if not self.rest:
            return None
        fits = (t.startswith(self.rest) or self.rest.startswith(t) for t in self.tokens)
        return np.fromiter(fits, bool, len(self.tokens))

    def take(self, id: int) -> None:
        """This token came."""
        if self.rest:
            self.rest = self.rest[len(self.tokens[id]) :]
