"""Probabilistic context-free grammars: generate a text, parse it, and compute the entropy exactly.

A rule expands a symbol into one of several sequences of strings and further symbols, each with a weight.
`synthetic_plays` generates its corpus with such a grammar. Each text has one derivation, so the entropy of
the language is a sum over the rules, not an estimate.

**Why a text has only one derivation.** `Grammar.conflicts` collects, for every rule, the first strings of
its alternatives, and reports each that is a prefix of another. If there are none, the text itself shows
which alternative was chosen: at one position of the text, only one of the first strings can match. So the
parser never backtracks, each text has at most one derivation, and the probability of a text is that of its
derivation. `parse` and `conflicts` are this proof; the tests run it on the plays.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

Symbol = str | tuple[Hashable, ...]
"""A terminal is a string, copied into the text; a tuple such as ("rhyme", "night") is expanded by a rule."""

Alternative = tuple[int, tuple[Symbol, ...]]
"""A whole-number weight, and the sequence that replaces the symbol."""

Derivation = list[tuple[tuple[Hashable, ...], int]]
"""The choices from left to right: (the symbol, the index of its alternative)."""


class NotInLanguage(ValueError):
    """The grammar cannot generate this text; the message gives the position where the parse stopped."""


@dataclass(frozen=True)
class Rule:
    """The alternatives of one symbol. Weights are whole numbers, so choices agree on every machine."""

    alternatives: tuple[tuple[Symbol, ...], ...]
    weights: tuple[int, ...]
    cumulative: tuple[int, ...]

    def probability(self, index: int) -> float:
        return self.weights[index] / self.cumulative[-1]


class Grammar:
    """A language given by `expand(symbol) -> alternatives` and its start symbol. Rules are made on demand.

    No symbol may expand into itself, directly or through others: so every text is finite, and `measure` is
    a plain recursion. A counter in the symbol, ("scenes", 3), limits a repetition.
    """

    def __init__(self, expand: Callable[[tuple], Iterable[Alternative]], start: tuple) -> None:
        self.expand = expand
        self.start = start
        self.rules: dict[Symbol, Rule] = {}
        self.first: dict[Symbol, dict[str, int]] = {}  # first string: index of its alternative
        self.first_lengths: dict[Symbol, list[int]] = {}
        self.measures: dict[Symbol, tuple[float, float]] = {}

    def rule(self, symbol: tuple) -> Rule:
        """The rule of a symbol that is not a terminal."""
        if symbol not in self.rules:
            weights, alternatives = zip(*self.expand(symbol), strict=True)
            self.rules[symbol] = Rule(alternatives, weights, tuple(accumulate(weights)))
        return self.rules[symbol]

    def generate(self, source: random.Random) -> tuple[str, Derivation]:
        """One text and its derivation. Uses only `source.random()`, which is the same on every machine."""
        pieces: list[str] = []
        derivation: Derivation = []
        stack: list[Symbol] = [self.start]
        while stack:
            symbol = stack.pop()
            if isinstance(symbol, str):
                pieces.append(symbol)
                continue
            rule, index = self.rule(symbol), 0
            if len(rule.alternatives) > 1:
                index = bisect_right(rule.cumulative, int(source.random() * rule.cumulative[-1]))
                derivation.append((symbol, index))
            stack.extend(reversed(rule.alternatives[index]))
        return "".join(pieces), derivation

    def parse(self, text: str, start: int = 0) -> tuple[Derivation, int]:
        """The derivation of the text that begins at index `start`, and the index of its end.

        Raises:
            NotInLanguage: the grammar cannot generate this text.
        """
        position = start
        derivation: Derivation = []
        stack: list[Symbol] = [self.start]
        while stack:
            symbol = stack.pop()
            if isinstance(symbol, str):
                if not text.startswith(symbol, position):
                    raise NotInLanguage(f"at {position}: {symbol!r} expected")
                position += len(symbol)
                continue
            rule, index = self.rule(symbol), 0
            if len(rule.alternatives) > 1:
                index = self._choice_at(symbol, text, position)
                derivation.append((symbol, index))
            stack.extend(reversed(rule.alternatives[index]))
        return derivation, position

    def _choice_at(self, symbol: tuple, text: str, position: int) -> int:
        first = self._first_strings(symbol)
        for length in self.first_lengths[symbol]:
            index = first.get(text[position : position + length])
            if index is not None:
                return index
        raise NotInLanguage(
            f"at {position}: no {symbol[0]!r} begins with {text[position : position + 20]!r}"
        )

    def _first_strings(self, symbol: tuple) -> dict[str, int]:
        """Each string that the symbol's text can begin with, and the index of its alternative."""
        if symbol not in self.first:
            found: dict[str, int] = {}
            for index, alternative in enumerate(self.rule(symbol).alternatives):
                for string in self._first_of(alternative):
                    found[string] = index
            self.first[symbol] = found
            self.first_lengths[symbol] = sorted({len(string) for string in found})
        return self.first[symbol]

    def _first_of(self, alternative: tuple[Symbol, ...]) -> Iterable[str]:
        first = alternative[0]
        return (first,) if isinstance(first, str) else self._first_strings(first)

    def log_probability(self, derivation: Derivation) -> float:
        """ln of the product of the probabilities of all choices, in nats (0 or less)."""
        return sum(math.log(self.rule(symbol).probability(index)) for symbol, index in derivation)

    def measure(self, symbol: Symbol | None = None) -> tuple[float, float]:
        """(entropy of the derivation in nats, expected length in characters), exactly.

        Both are expected values: they add along a sequence, and a rule averages its alternatives:
        H(A) = Σ pᵢ (−ln pᵢ + Σ H(parts of i)) and L(A) = Σ pᵢ Σ L(parts of i).
        """
        symbol = self.start if symbol is None else symbol
        if isinstance(symbol, str):
            return 0.0, float(len(symbol))
        if symbol not in self.measures:
            rule, entropy, length = self.rule(symbol), 0.0, 0.0
            for index, alternative in enumerate(rule.alternatives):
                p = rule.probability(index)
                parts = [self.measure(part) for part in alternative]
                entropy += p * (sum(part[0] for part in parts) - math.log(p))
                length += p * sum(part[1] for part in parts)
            self.measures[symbol] = entropy, length
        return self.measures[symbol]

    def conflicts(self) -> list[str]:
        """Every reason why a text could have two derivations; an empty list proves that none has."""
        found: list[str] = []
        seen: set[Symbol] = {self.start}
        stack: list[tuple] = [self.start]
        while stack:
            symbol = stack.pop()
            strings: list[str] = []
            for alternative in self.rule(symbol).alternatives:
                if not alternative or "" in alternative:
                    found.append(f"{symbol} may be empty")
                    continue
                strings += self._first_of(alternative)
                new = {part for part in alternative if isinstance(part, tuple)} - seen
                seen |= new
                stack += new
            # In sorted order, a string comes right before its extensions.
            for one, next_one in pairwise(sorted(strings)):
                if next_one.startswith(one):
                    found.append(f"{symbol}: {one!r} is a prefix of {next_one!r}")
        return found
