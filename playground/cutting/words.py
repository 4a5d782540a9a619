"""Sentences about cuts and merges, computed from their numbers."""

import re
from collections.abc import Sequence

from lm.tokenizers.views import Lattice, MergeStep
from playground import tokens
from playground.cutting.cut import Piece, TextCut
from playground.figures.tokens import visible

MOST_NAMED = 8  # characters that a sentence names
MOST_LISTED = 12  # pieces that a sentence lists
_BYTE = re.compile("<0x([0-9A-F]{2})>")


def about(left: TextCut, right: TextCut) -> list[str]:
    """The sentences under two cuts of the same text."""
    found = [_compared(left, right), _hardest(left, right)]
    found += [_unknown(one) for one in _different(left, right)]
    found += [_cut_apart(one) for one in _different(left, right)]
    return [sentence for sentence in found if sentence]


def about_losses(left: TextCut, right: TextCut) -> str:
    """Why losses per token cannot be compared, with the two numbers of each side."""
    if left.tokens == right.tokens:
        return ""
    one, other = left.usage, right.usage
    turned = (one.nats_per_token - other.nats_per_token) * (
        one.nats_per_character - other.nats_per_character
    ) < 0
    so = ": the order turns round, so compare losses per character only" if turned else ""
    return (
        f"Guessing from counts alone costs {one.nats_per_token:.2f} nats per token with {left.name} and "
        f"{other.nats_per_token:.2f} with {right.name}; per character it is {one.nats_per_character:.2f} and "
        f"{other.nats_per_character:.2f}{so}."
    )


def facts(cut: TextCut) -> str:
    """The line above a cut: its tokens, and how long they are."""
    return f"{counted(len(cut.known), 'token')} · {cut.each:.2f} characters each"


def vocabulary(cut: TextCut) -> str:
    """What a vocabulary consists of, and how much of it the training text uses."""
    size, unused = cut.tokenizer.vocab_size, cut.usage.unused
    if cut.merges:
        sums = f"{size:,} pieces = 256 bytes + {size - 256:,} that merges made + 0 special tokens"
    elif cut.tokens == tokens.CHARACTERS:
        return f"{size:,} tokens: the characters of the text, no bytes, no special tokens."
    else:
        sums = f"{size:,} pieces, the 256 bytes among them; no merges, no special tokens"
    each = f"In the training text one has {cut.usage.characters_per_token:.2f} characters"
    never = f", and {unused:,} never occur" if unused else ""
    return f"{sums}. {each}{never}."


def learning(step: MergeStep, following: MergeStep | None) -> str:
    """What happens at a step while merges are learned."""
    if step.joined is None or following is None:
        if step.pairs:
            return f"The player stops here; {counted(len(step.pairs), 'different pair')} are left."
        return "No pair is left: every word is one piece. Only more text can teach more."
    joined, count = _joined(step, following), step.pairs[0][2]
    if count == 1:
        return f"No pair stands here twice any more: from now on this learns by heart. {joined}"
    ties = sum(pair[2] == count for pair in step.pairs)
    rule = ", and so do others: the smaller ids go first" if ties > 1 else ""
    return f"The most frequent pair stands here {count} times{rule}. {joined}"


def encoding(step: MergeStep, following: MergeStep | None, merges: int) -> str:
    """What happens at a step while learned merges are done."""
    if step.joined is None or step.rank is None or following is None:
        return (
            "No two neighbours are a pair that was learned: a model reads these "
            f"{counted(_tokens(step), 'token')}."
        )
    return (
        f"Of all pairs here, this one was learned first: merge {step.rank + 1:,} of {merges:,}. "
        f"{_joined(step, following)}"
    )


def best_path(lattice: Lattice) -> str:
    """The best cut of a word, and what bytes alone would have."""
    best = [one for one in lattice.candidates if one.best]
    alone = sum(one.score for one in lattice.candidates if one.end - one.start == 1)
    sums = " ".join(f"− {-one.score:.2f}" for one in best).removeprefix("− ")
    cut = " · ".join(visible(one.text) for one in best[:MOST_LISTED])
    total = f"−{sums} = −{-lattice.score:.2f}" if len(best) > 1 else f"−{sums}"
    if len(best) == len(lattice.word.encode("utf-8")):
        return f"{quoted(lattice.word)}: no longer piece is likelier than its bytes: {total}."
    return (
        f"{counted(len(lattice.candidates), 'piece')} fit into {quoted(lattice.word)}. The likeliest path is "
        f"{cut}: {total}. Byte by byte it would be −{-alone:.2f}."
    )


def quoted(text: str) -> str:
    """A token in quotation marks, its white space visible."""
    return f"“{visible(text)}”"


def listed(pieces: Sequence[Piece]) -> str:
    """The first pieces, the bytes of a character in hexadecimal: "st · ra · w.", or "E7 · 94 · …"."""
    texts = [_BYTE.sub(r"\1", visible(piece.text)) for piece in pieces[:MOST_LISTED]]
    return " · ".join(texts) + (" · …" if len(pieces) > MOST_LISTED else ".")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 token", "2,000 tokens"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _named(character: str) -> str:
    """A character, or the number of one that cannot be seen, as the joiner in some emoji: "U+200D"."""
    shown = visible(character)
    return shown if shown.isprintable() else f"U+{ord(character):04X}"


def _tokens(step: MergeStep) -> int:
    return sum(map(len, step.pieces))


def _joined(step: MergeStep, following: MergeStep) -> str:
    a, b = step.joined or ("", "")
    return (
        f"{quoted(a)} + {quoted(b)} become {quoted(step.made or '')}: {_tokens(step):,} tokens are "
        f"{_tokens(following):,} then."
    )


def _different(left: TextCut, right: TextCut) -> Sequence[TextCut]:
    return [left] if left.tokens == right.tokens else [left, right]


def _compared(left: TextCut, right: TextCut) -> str:
    if left.tokens == right.tokens:
        return f"This text is {counted(len(left.known), 'token')} with {left.name}."
    return (
        f"This text is {counted(len(left.known), 'token')} with {left.name} and {len(right.known):,} with "
        f"{right.name}."
    )


def _hardest(left: TextCut, right: TextCut) -> str:
    """The word that is cut into the most pieces, by the tokenizer that has longer ones."""
    longer = max(left, right, key=lambda one: one.usage.characters_per_token)
    word, pieces = longer.hardest
    if not word or longer.tokens == tokens.CHARACTERS:
        return ""
    return f"{quoted(word)} is {len(pieces)} pieces with {longer.name}: {listed(pieces)}"


def _unknown(cut: TextCut) -> str:
    if not cut.unknown:
        return ""
    named = " ".join(map(_named, cut.unknown[:MOST_NAMED]))
    more = " …" if len(cut.unknown) > MOST_NAMED else "."
    number = len(cut.unknown)
    verb, them = ("is", "it") if number == 1 else ("are", "them")
    return (
        f"{counted(number, 'character')} here {verb} none of the {cut.name} of the text to learn from: "
        f"{named}{more} A model of characters can neither read nor write {them}."
    )


def _cut_apart(cut: TextCut) -> str:
    if not cut.cut_apart:
        return ""
    first = cut.cut_apart[0]
    size = len(first.encode("utf-8"))
    many = "" if len(cut.cut_apart) == 1 else f", and so are {len(cut.cut_apart) - 1} others"
    return (
        f"{cut.name} has no piece for “{_named(first)}”: its {size} bytes are cut apart{many}, so some pieces "
        "here are less than a character."
    )
