"""The numbers of the Tokens tab under plain names, for the sentences of its guide (`guides/tokens.toml`)."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from lm.corpora import Corpus
from lm.tokenizers import BPETokenizer
from lm.tokenizers.byte_level import pieces as words_of
from playground.cutting.cut import TextCut
from playground.cutting.words import MOST_LISTED, listed
from playground.figures.tokens import visible

MOST_COUNTED = 2_000_000  # characters of a text whose words are counted


@dataclass(frozen=True)
class Words:
    """Whole words as tokens: how many a text has, and how many of a new text are not among them."""

    different: int
    once: int
    unseen: int
    validation: int


def count_words(corpus: Corpus) -> Words:
    """Of the training text, and of the validation text."""
    known = Counter(words_of(corpus.train_text[:MOST_COUNTED]))
    new = Counter(words_of(corpus.validation_text[:MOST_COUNTED]))
    return Words(
        different=len(known),
        once=sum(count == 1 for count in known.values()),
        unseen=sum(count for word, count in new.items() if word not in known),
        validation=sum(new.values()),
    )


def facts(left: TextCut, right: TextCut, words: Words) -> dict[str, Any]:
    """Numbers of both cuts, `left_...` and `right_...`, and of whole words.

    tokens, each, unknown and apart are of the text in the box: its tokens, the characters of one, the
    characters without a token and those that are cut into bytes. long, nats and nats_character are of the
    training text: characters of a token, and the loss of counts alone. `hardest` is the word with the most
    pieces on the right, `hardest_cut` these, `hardest_ids` their ids.
    """
    found: dict[str, Any] = {
        "characters": len(right.text),
        "words": words.different,
        "once": words.once,
        "unseen": words.unseen,
        "unseen_share": words.unseen / max(1, words.validation),
    }
    for side, cut in (("left", left), ("right", right)):
        found |= {
            f"{side}_name": cut.name,
            f"{side}_vocab": cut.tokenizer.vocab_size,
            f"{side}_merges": cut.merges,
            f"{side}_tokens": len(cut.known),
            f"{side}_each": cut.each,
            f"{side}_long": cut.usage.characters_per_token,
            f"{side}_nats": cut.usage.nats_per_token,
            f"{side}_nats_character": cut.usage.nats_per_character,
            f"{side}_unused": cut.usage.unused,
            f"{side}_unknown": len(cut.unknown),
            f"{side}_apart": len(cut.cut_apart),
        }
    word, pieces = right.hardest
    if word:
        found |= {
            "hardest": visible(word),
            "hardest_pieces": len(pieces),
            "hardest_cut": listed(pieces).rstrip("."),
            "hardest_ids": ", ".join(str(piece.id) for piece in pieces[:MOST_LISTED]),
        }
    found |= {"turned": (left.usage.nats_per_token - right.usage.nats_per_token)}
    if isinstance(right.tokenizer, BPETokenizer) and right.merges:
        a, b = right.tokenizer.merges[0]
        tokenizer = right.tokenizer
        found["first_merge"] = (
            f"“{visible(tokenizer.token_text(a))}” + “{visible(tokenizer.token_text(b))}”"
        )
    return found
