"""Probabilistic grammars that can be generated from, parsed, and measured exactly.

A grammar says how a symbol unfolds: into one of several sequences of strings and further symbols,
each with a weight. `synthetic_plays` writes its corpus with one. Because every choice is recorded and
none is hidden, the entropy of the language is a sum over the rules, not an estimate.

**Why a text has one derivation only.** `Grammar.conflicts` gathers, for every choice, the strings that
its alternatives can begin with, and demands that none of them be the beginning of another. Then, reading
from left to right, the text itself says which alternative was taken: two would need two different
beginnings at the same place. So the parser never guesses or turns back, each text has at most one
derivation, and the probability of a text is the probability of that derivation.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

Symbol = str | tuple[Hashable, ...]
"""A terminal is a string, copied into the text; a tuple such as ("rhyme", "night") unfolds by a rule."""

Alternative = tuple[int, tuple[Symbol, ...]]
"""A whole-number weight, and what the symbol unfolds into."""

Derivation = list[tuple[tuple[Hashable, ...], int]]
"""The choices in the order in which they are met: (the symbol, which alternative it took)."""


class NotInLanguage(ValueError):
    """The grammar cannot have written this text; the message says where the parse stopped."""


@dataclass(frozen=True)
class Rule:
    """What one symbol unfolds into. Weights are whole numbers, so choices agree on every machine."""

    alternatives: tuple[tuple[Symbol, ...], ...]
    weights: tuple[int, ...]
    cumulative: tuple[int, ...]

    def probability(self, index: int) -> float:
        return self.weights[index] / self.cumulative[-1]


class Grammar:
    """A language given by `unfold(symbol) -> alternatives`, begun from `start`. Rules are made when met.

    A symbol must not unfold into itself, by any way round: then a text ends, and the measures below
    are plain recursions. A counter in the symbol, ("scenes", 3), bounds a repetition.
    """

    def __init__(self, unfold: Callable[[tuple], Iterable[Alternative]], start: tuple) -> None:
        self.unfold = unfold
        self.start = start
        self.rules: dict[Symbol, Rule] = {}
        self.beginnings: dict[Symbol, dict[str, int]] = {}
        self.lengths: dict[Symbol, list[int]] = {}
        self.measures: dict[Symbol, tuple[float, float]] = {}

    def rule(self, symbol: tuple) -> Rule:
        if symbol not in self.rules:
            weights, alternatives = zip(*self.unfold(symbol), strict=True)
            self.rules[symbol] = Rule(alternatives, weights, tuple(accumulate(weights)))
        return self.rules[symbol]

    def generate(self, source: random.Random) -> tuple[str, Derivation]:
        """One text and how it came about. Uses `source.random()` only, which is stable everywhere."""
        pieces: list[str] = []
        derivation: Derivation = []
        waiting: list[Symbol] = [self.start]
        while waiting:
            symbol = waiting.pop()
            if isinstance(symbol, str):
                pieces.append(symbol)
                continue
            rule, index = self.rule(symbol), 0
            if len(rule.alternatives) > 1:
                index = bisect_right(rule.cumulative, int(source.random() * rule.cumulative[-1]))
                derivation.append((symbol, index))
            waiting.extend(reversed(rule.alternatives[index]))
        return "".join(pieces), derivation

    def parse(self, text: str, place: int = 0) -> tuple[Derivation, int]:
        """The one derivation of the text that begins at `place`, and the place where it ends."""
        derivation: Derivation = []
        waiting: list[Symbol] = [self.start]
        while waiting:
            symbol = waiting.pop()
            if isinstance(symbol, str):
                if not text.startswith(symbol, place):
                    raise NotInLanguage(f"at {place}: {symbol!r} must come here")
                place += len(symbol)
                continue
            rule, index = self.rule(symbol), 0
            if len(rule.alternatives) > 1:
                index = self._choice_at(symbol, text, place)
                derivation.append((symbol, index))
            waiting.extend(reversed(rule.alternatives[index]))
        return derivation, place

    def _choice_at(self, symbol: tuple, text: str, place: int) -> int:
        beginnings = self._beginnings(symbol)
        for length in self.lengths[symbol]:
            index = beginnings.get(text[place : place + length])
            if index is not None:
                return index
        raise NotInLanguage(
            f"at {place}: no {symbol[0]!r} begins with {text[place : place + 20]!r}"
        )

    def _beginnings(self, symbol: tuple) -> dict[str, int]:
        """Each string that the symbol's text can begin with, and the alternative that it belongs to."""
        if symbol not in self.beginnings:
            found: dict[str, int] = {}
            for index, alternative in enumerate(self.rule(symbol).alternatives):
                for string in self._heads(alternative):
                    found[string] = index
            self.beginnings[symbol] = found
            self.lengths[symbol] = sorted({len(string) for string in found})
        return self.beginnings[symbol]

    def _heads(self, alternative: tuple[Symbol, ...]) -> Iterable[str]:
        head = alternative[0]
        return (head,) if isinstance(head, str) else self._beginnings(head)

    def log_probability(self, derivation: Derivation) -> float:
        """ln of the product of the probabilities of the choices, in nats (0 or less)."""
        return sum(math.log(self.rule(symbol).probability(index)) for symbol, index in derivation)

    def measure(self, symbol: Symbol | None = None) -> tuple[float, float]:
        """(entropy of the derivation in nats, expected length in characters), exactly.

        Both are expectations of sums, so they add up along a sequence and average over a choice:
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
        """Every reason to doubt that derivations are unique; an empty list proves that they are."""
        found: list[str] = []
        met: set[Symbol] = {self.start}
        waiting: list[tuple] = [self.start]
        while waiting:
            symbol = waiting.pop()
            strings: list[str] = []
            for alternative in self.rule(symbol).alternatives:
                if not alternative or "" in alternative:
                    found.append(f"{symbol} may be empty")
                    continue
                strings += self._heads(alternative)
                new = {part for part in alternative if isinstance(part, tuple)} - met
                met |= new
                waiting += new
            for one, next_one in pairwise(sorted(strings)):  # an extension sorts right behind
                if next_one.startswith(one):
                    found.append(f"{symbol}: {one!r} begins {next_one!r}")
        return found
