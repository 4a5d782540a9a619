"""A toy tokenizer: each token is two characters, but for a last odd one."""

import numpy as np

from lm import tokenizers


class PairTokenizer:
    """The id of a piece is its place among the sorted pieces of the text, pairs and single characters."""

    kind = "pairs"

    def __init__(self, pieces):
        self.pieces = pieces
        self.ids = {piece: id for id, piece in enumerate(pieces)}

    @classmethod
    def from_text(cls, text, config=None):
        pairs = {text[i : i + 2] for start in (0, 1) for i in range(start, len(text) - 1, 2)}
        return cls(sorted(pairs | set(text)))

    @classmethod
    def from_json(cls, saved):
        return cls(saved["pieces"])

    def to_json(self):
        return {"kind": self.kind, "pieces": self.pieces}

    @property
    def vocab_size(self):
        return len(self.pieces)

    def encode_known(self, text):
        pieces = [text[i : i + 2] for i in range(0, len(text), 2)]
        dropped = "".join(dict.fromkeys(c for p in pieces if p not in self.ids for c in p))
        known = [self.ids[piece] for piece in pieces if piece in self.ids]
        return np.array(known, dtype=np.int64), dropped

    def encode(self, text):
        ids, dropped = self.encode_known(text)
        assert not dropped
        return ids

    def decode(self, ids):
        return "".join(self.pieces[int(id)] for id in ids)

    def count_characters(self, ids):
        return len(self.decode(ids))

    def token_text(self, id):
        return self.pieces[id]

    def token_bytes(self, id):
        return self.pieces[id].encode()


def register():
    """Make it one of the kinds."""
    tokenizers.KINDS[PairTokenizer.kind] = PairTokenizer
