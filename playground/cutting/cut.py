"""A text cut by a tokenizer, piece by piece, as the page draws it; also where the tokenizer has no piece."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from lm.corpora import Corpus
from lm.errors import SettingsProblem, UnknownCharacter
from lm.runs.preparation import PreparedText
from lm.tokenizers import BPETokenizer, Tokenizer, views
from lm.tokenizers.byte_level import HALF
from lm.tokenizers.byte_level import pieces as words_of
from playground import tokens
from playground.texts import Texts

MOST = 2000  # characters of a text that is cut


@dataclass(frozen=True)
class Piece:
    """A token of the text, or a character without one (id None); `views.Token` has the other fields.

    learned: how often the token stands in the training text.
    """

    id: int | None
    text: str
    start: int
    end: int
    whole: bool
    here: int
    learned: int


@dataclass(frozen=True)
class TextCut:
    """A text cut with the tokenizer that a corpus taught."""

    tokens: str  # as in `playground/tokens.py`
    prepared: PreparedText
    usage: views.Usage  # of the training text
    text: str
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """In words: "65 characters", or "BPE 1,024"."""
        if self.tokens == tokens.CHARACTERS:
            return f"{self.tokenizer.vocab_size:,} characters"
        return tokens.title_of(self.tokens)

    @property
    def tokenizer(self) -> Tokenizer:
        return self.prepared.tokenizer

    @property
    def merges(self) -> int:
        """Of BPE; 0 of another tokenizer."""
        return len(self.tokenizer.merges) if isinstance(self.tokenizer, BPETokenizer) else 0

    @cached_property
    def known(self) -> tuple[Piece, ...]:
        """The pieces that have an id."""
        return tuple(piece for piece in self.pieces if piece.id is not None)

    @cached_property
    def unknown(self) -> str:
        """The characters without a token, each once."""
        return "".join(dict.fromkeys(piece.text for piece in self.pieces if piece.id is None))

    @cached_property
    def cut_apart(self) -> str:
        """The characters that are cut into bytes, each once."""
        apart = (piece for piece in self.known if not piece.whole)
        places = sorted({at for piece in apart for at in range(piece.start, piece.end)})
        return "".join(dict.fromkeys(self.text[at] for at in places if ord(self.text[at]) > 127))

    @property
    def each(self) -> float:
        """Characters of a token of this text, on average; 0 if none has one."""
        characters = len(self.text) - sum(piece.id is None for piece in self.pieces)
        return characters / len(self.known) if self.known else 0.0

    @cached_property
    def hardest(self) -> tuple[str, tuple[Piece, ...]]:
        """The word with the most pieces, and these, white space alone left out; ("", ()) if none has two."""
        best: tuple[str, tuple[Piece, ...]] = ("", ())
        begun, at = iter(self.known), 0
        piece = next(begun, None)
        for word in words_of(self.text):
            end = at + len(word)
            own: list[Piece] = []
            while piece is not None and piece.start < end:
                own.append(piece)
                piece = next(begun, None)
            at = end
            solid = tuple(one for one in own if one.text.strip() or not one.whole)
            if word.strip() and len(solid) > max(1, len(best[1])):
                best = (self.text[solid[0].start : solid[-1].end], solid)
        return best


def checked(data: Any) -> str:
    """A visitor's text; `UnknownCharacter` for half a surrogate pair, which no text can hold."""
    text = data if isinstance(data, str) else ""
    if half := HALF.search(text):
        raise UnknownCharacter(
            f"The character U+{ord(half[0]):04X} at position {half.start() + 1:,} is half of a surrogate pair, "
            "which no text can hold: remove it."
        )
    return text


def cut(texts: Texts, key: str, chosen: str, text: str) -> TextCut:
    """Cut a text with the tokenizer that the text of a key teaches. `Problem` if there is none such."""
    config = tokens.config_of(chosen)
    prepared = texts.get(key, config)
    return TextCut(
        tokens.tokens_of(config), prepared, _usage(prepared), text, _pieces(prepared, text)
    )


def _usage(prepared: PreparedText) -> views.Usage:
    ids = prepared.data.train.numpy()
    corpus = prepared.corpus
    if not isinstance(corpus, Corpus) or not len(ids):
        raise SettingsProblem("This text has no training split to count tokens in: choose another.")
    return views.usage(ids, prepared.tokenizer.vocab_size, len(corpus.train_text))


def _pieces(prepared: PreparedText, text: str) -> tuple[Piece, ...]:
    """The tokens of the known parts of a text, and the unknown characters between them."""
    tokenizer = prepared.tokenizer
    counts = _usage(prepared).counts
    _, unknown = tokenizer.encode_known(text)
    parts = re.split(f"([{re.escape(unknown)}])", text) if unknown else [text]
    found: list[Piece] = []
    at = 0
    for part in parts:
        if len(part) == 1 and part in unknown:
            found.append(Piece(None, part, at, at + 1, True, 0, 0))
        else:
            for one in views.cut(tokenizer, part).tokens:
                place = (at + one.start, at + one.end)
                found.append(Piece(one.id, one.text, *place, one.whole, 0, int(counts[one.id])))
        at += len(part)
    here = Counter((piece.id, piece.id is None and piece.text) for piece in found)
    return tuple(
        replace(piece, here=here[piece.id, piece.id is None and piece.text]) for piece in found
    )
