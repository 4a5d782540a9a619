"""The rules of the synthetic plays: their scenes, who speaks to whom, and the sentences of a couplet.

`expand` is the whole grammar, from the play down to the word. `synthetic_plays` generates, parses and
measures with it. A symbol carries the context that later rules need: the previous speaker, the word to rhyme
with, the number of the subject.
"""

from collections.abc import Iterable, Sequence

from lm.corpora import play_words as words
from lm.corpora.grammar import Alternative, Symbol

NAMES = tuple(name for pair in zip(words.WOMEN, words.MEN, strict=True) for name in pair)
CLASS_OF = {word: row for row in words.RHYMES for word in row}
FORM = {"one": "s", "many": "base"}  # the lark sings, the larks sing
LONGEST_SCENE, LONGEST_PLAY = 9, 6  # speeches, scenes
NUMERALS = ("", "I", "II", "III", "IV", "V", "VI")


def zipf(rank: int, scale: int = 27720) -> int:
    """A whole-number weight proportional to 1/(rank + 6); ranks count from 0."""
    return scale // (rank + 6)


def ranked(strings: Iterable[str], ending: str = " ") -> list[Alternative]:
    """One of these strings; their weights fall with their rank."""
    return [(zipf(rank), (string + ending,)) for rank, string in enumerate(strings)]


def plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def conjugate(verb: str, form: str) -> str:
    """A verb in the form "base" (after I), "s" (the lark) or "est" (thou)."""
    if form == "base":
        return verb
    if verb.endswith("y") and verb[-2] not in "aeiou":
        verb = verb[:-1] + "ie"
    if form == "est":
        return verb + ("st" if verb.endswith("e") else "est")
    return verb + ("es" if verb.endswith(("sh", "ch", "ss")) else "s")


def expand(symbol: tuple) -> Sequence[Alternative]:
    """The alternatives of a symbol, each with its weight, from the play down to the word."""
    match symbol:
        # A play, its scenes and their characters. h, b, c are names; h is the hero.
        case ("play",):
            return [
                (
                    zipf(i) * zipf(k),
                    (f"THE {kind.upper()} OF {h.upper()}\n\n", ("scenes", kind, h, 1)),
                )
                for k, kind in enumerate(words.KINDS)
                for i, h in enumerate(NAMES)
            ]
        case ("scenes", kind, h, number):
            end: tuple[Symbol, ...] = (f"So ends the {kind} of {h}.\n\n\n",)
            if number > LONGEST_PLAY:
                return [(1, end)]
            scene = (f"SCENE {NUMERALS[number]}. ", ("scene", h), ("scenes", kind, h, number + 1))
            return [(1, scene)] if number <= 3 else [(2, scene), (1, end)]
        case ("scene", h):
            return [
                (
                    zipf(i),
                    (
                        f"A {place}.\nEnter {h.upper()}, ",
                        ("second", h),
                        f"The {place} is empty.\n\n",
                    ),
                )
                for i, place in enumerate(words.PLACES)
            ]
        case ("second", h):
            others = (b for b in NAMES if b != h)
            return [(zipf(i), (f"{b.upper()} and ", ("third", h, b))) for i, b in enumerate(others)]
        case ("third", h, b):
            others = (c for c in NAMES if c not in (h, b))
            return [
                (zipf(i), (f"{c.upper()}.\n\n", ("opening", h, b, c))) for i, c in enumerate(others)
            ]

        # x speaks to y about z. A reply addresses the previous speaker.
        case ("opening", h, b, c):
            return [
                (weight, (f"{x.upper()}:\n", ("first", x, y, z)))
                for weight, x, y, z in ((2, h, b, c), (1, b, h, c), (1, c, h, b))
            ]
        case ("first", x, y, z):
            return [
                (1, (("address", to), ("speech", about), ("next", 1, x, to, about)))
                for to, about in ((y, z), (z, y))
            ]
        case ("next", count, x, y, z):  # x spoke to y; z listened
            end = (f"Exeunt {x.upper()}, {y.upper()} and {z.upper()}.\n",)
            if count == LONGEST_SCENE:
                return [(1, end)]
            go_on: list[Alternative] = [
                (
                    w,
                    (
                        f"{a.upper()}:\n",
                        ("address", x),
                        ("speech", b),
                        ("next", count + 1, a, x, b),
                    ),
                )
                for w, a, b in ((6, y, z), (3, z, y))
            ]
            return go_on if count < 3 else [*go_on, (2, end)]
        case ("address", name):
            greetings = words.WOMENS_GREETINGS if name in words.WOMEN else words.MENS_GREETINGS
            sir = "madam" if name in words.WOMEN else "sir"
            return [
                (zipf(i), (f"{greeting} {name}, ", ("remark", sir)))
                for i, greeting in enumerate(greetings)
            ]
        case ("remark", sir):
            return ranked((remark.format(sir=sir) for remark in words.REMARKS), "\n")
        case ("speech", about):
            return [
                (3, (("couplet",), ("couplets", 3))),
                (1, (("gossip", about), ("couplets", 2))),
            ]
        case ("gossip", name):
            he = "she" if name in words.WOMEN else "he"
            return [(1, (f"{name} ", ("acts", "s"), ("object determiner",), ("line end", ".", he)))]
        case ("couplets", left):
            if left == 0:
                return [(1, ("\n",))]
            return [(1, ("\n",)), (1, (("couplet",), ("couplets", left - 1)))]

        # Two lines that rhyme. The kind of the first sentence decides the mark at the end.
        case ("couplet",):
            return [
                (5, (("clause", "upper"), ("object determiner",), ("line end", ".", "any"))),
                (2, (("question",), ("object determiner",), ("line end", "?", "any"))),
                (2, (("outcry",), ("object determiner",), ("line end", "!", "any"))),
            ]
        case ("line end", mark, subject):
            return [
                (5, (("rhyme word", mark, subject),)),
                (4, (("adjective",), ("rhyme word", mark, subject))),
            ]
        case ("rhyme word", mark, subject):
            return [
                (
                    zipf(i) * zipf(j),
                    (
                        f"{word},\n",
                        ("linker",),
                        ("second line", subject),
                        ("object determiner",),
                        ("couplet end", word, mark),
                    ),
                )
                for i, row in enumerate(words.RHYMES)
                for j, word in enumerate(row)
            ]
        case ("second line", "any"):
            return [(1, (("clause", "lower"),))]
        case ("second line", he):
            return [(1, (f"{he} ", ("acts", "s")))]
        case ("couplet end", word, mark):
            return [(3, (("answer", word, mark),)), (2, (("adjective",), ("answer", word, mark)))]
        case ("answer", word, mark):
            return ranked((other for other in CLASS_OF[word] if other != word), f"{mark}\n")

        # A clause without its object. A number is one or many; the verb agrees with it.
        case ("clause", case):
            i, thou, we, they = ("I ", "thou ", "we ", "they ")
            if case == "upper":
                thou, we, they = thou.capitalize(), we.capitalize(), they.capitalize()
            return [
                (11, (("subject determiner", case), ("subject", "agrees"))),
                (4, (i, ("acts", "base"))),
                (3, (thou, ("acts", "est"))),
                (2, (we, ("acts", "base"))),
                (1, (they, ("acts", "base"))),
            ]
        case ("question",):
            return [
                (4, ("Shall I ", ("predicate", "base"))),
                (3, ("Who ", ("predicate", "s"))),
                (3, ("Dost thou ", ("predicate", "base"))),
                (3, ("Will ", ("subject determiner", "lower"), ("subject", "base"))),
                (2, ("What ", ("noun", "one"), ("predicate", "s"))),
                (2, ("Why do we ", ("predicate", "base"))),
            ]
        case ("outcry",):
            return [
                (4, ("O ", ("adjective",), ("noun", "one"), "that ", ("predicate", "s"))),
                (3, ("Come, let us ", ("predicate", "base"))),
                (3, ("Let ", ("subject determiner", "lower"), ("subject", "base"))),
                (2, ("Alas, ", ("clause", "lower"))),
                (1, ("How often did ", ("subject determiner", "lower"), ("subject", "base"))),
            ]
        case ("subject", verb):  # verb: "agrees", or the form after "will" and "let"
            return [
                (4, (("adjective",), ("bare subject", verb))),
                (4, (("noun", "one"), ("after noun", "one", verb))),
                (2, (("noun", "many"), ("after noun", "many", verb))),
            ]
        case ("bare subject", verb):
            return [
                (2, (("noun", "one"), ("after noun", "one", verb))),
                (1, (("noun", "many"), ("after noun", "many", verb))),
            ]
        case ("after noun", number, verb):  # optional words between subject and verb, then the verb
            form = FORM[number] if verb == "agrees" else verb
            loves = ("verb", "transitive", FORM[number])
            return [
                (6, (("predicate", form),)),
                (2, ("of ", ("origin",), ("predicate", form))),
                (2, ("that ", loves, "the ", ("noun", "either"), ("predicate", form))),
            ]
        case ("acts", form):
            helper = {"base": "will ", "s": "must ", "est": "wilt "}[form]
            return [(4, (("predicate", form),)), (1, (helper, ("predicate", "base")))]
        case ("predicate", form):
            return [(1, (("adverb",), ("bare predicate", form))), (5, (("bare predicate", form),))]
        case ("bare predicate", form):
            return [
                (3, (("verb", "transitive", form),)),
                (2, (("verb", "intransitive", form), ("preposition",))),
            ]

        # Words.
        case ("verb", kind, form):
            verbs = words.TRANSITIVES if kind == "transitive" else words.INTRANSITIVES
            return ranked(conjugate(verb, form) for verb in verbs)
        case ("noun", number):
            ones, many = ranked(words.NOUNS), ranked(map(plural, words.NOUNS))
            return {"one": ones, "many": many, "either": ones + many}[number]
        case ("subject determiner", case):
            determiners = words.SUBJECT_DETERMINERS
            return ranked(map(str.capitalize, determiners) if case == "upper" else determiners)
        case ("object determiner",):
            return ranked(words.OBJECT_DETERMINERS)
        case ("adjective",):
            return ranked(words.ADJECTIVES)
        case ("adverb",):
            return ranked(words.ADVERBS)
        case ("origin",):
            return ranked(words.ORIGINS)
        case ("preposition",):
            return ranked(words.PREPOSITIONS)
        case ("linker",):
            return ranked(words.LINKERS)
    raise KeyError(symbol)
