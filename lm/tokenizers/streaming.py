"""Tokens to text while they come: a token may be half a character, which is shown once it is whole."""

import codecs
from collections.abc import Iterable

from lm.tokenizers import Tokenizer


class Stream:
    """The text of tokens as they come, one after the other. The parts, joined, are `decode` of all of them."""

    def __init__(self, tokenizer: Tokenizer, skip: int = 0) -> None:
        """skip: bytes at the beginning that are not told, for a prompt holds them already (`lm/prompt.py`)."""
        self.tokenizer, self.skip = tokenizer, skip
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def text(self, id: int) -> str:
        """The characters that this token completes; empty if it ends in the middle of its first."""
        token = self.tokenizer.token_bytes(id)
        told = token[self.skip :]
        self.skip -= len(token) - len(told)
        return self._decoder.decode(told)

    def end(self) -> str:
        """U+FFFD if the last token ended in the middle of a character, and the text ends there."""
        return self._decoder.decode(b"", final=True)


def written(tokenizer: Tokenizer, ids: Iterable[int]) -> str:
    """The text of tokens that a model wrote, without a last character that it did not finish."""
    stream = Stream(tokenizer)
    return "".join(stream.text(id) for id in ids)
