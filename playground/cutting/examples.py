"""Texts that show where tokens hurt: what was learned from plays meets numbers, code and other scripts."""

from lm.corpora import AnyCorpus, Corpus

PASSAGE = "passage"  # of the chosen text, from its validation split
LONGEST = 320  # characters of the passage

EXAMPLES = {
    "numbers": (
        "Numbers",
        "In 1601 he paid 17 pounds, in 2026 it would be 1234567.\n"
        "1234567 + 1 = 1234568, and 3.14159265 is about pi.\n",
    ),
    "python": (
        "Python",
        "def mean(numbers):\n    total = 0\n    for n in numbers:\n        total += n\n"
        "    return total / len(numbers)\n",
    ),
    "german": (
        "German",
        "Der König überquert heute früh die große Brücke.\n"
        "Donaudampfschifffahrtsgesellschaft ist ein Wort.\n",
    ),
    "emoji": ("Emoji", "To be 🙂 or not to be 🙃: that is the question 🎭\nA family: 👩‍👩‍👧\n"),
    "chinese": ("Chinese", "生存还是毁灭，这是一个问题。\n国王今天来了。\n"),
    "spelling": (
        "Spelling",
        "How many letters r are in strawberry?\nstrawberry Strawberry STRAWBERRY\n",
    ),
    "new-words": (
        "New words",
        "The king unfriended the duke, googled a blog and went skateboarding.\n",
    ),
}


def titles() -> list[tuple[str, str]]:
    """(name, title) of each example, as the page offers them."""
    return [(PASSAGE, "A passage"), *((name, title) for name, (title, _) in EXAMPLES.items())]


def example(name: str, corpus: AnyCorpus) -> str | None:
    """The text of an example; None if there is none of that name."""
    if name == PASSAGE:
        return _passage(corpus)
    return EXAMPLES[name][1] if name in EXAMPLES else None


def _passage(corpus: AnyCorpus) -> str:
    """A part of the held-out text, from the first empty line to the end of a line, if it has such."""
    assert isinstance(corpus, Corpus)  # the page's texts
    beginning, gap, rest = corpus.validation_text[: 2 * LONGEST].partition("\n\n")
    found = (rest if gap and len(rest) > LONGEST else beginning + gap + rest)[:LONGEST]
    whole, end, _ = found.rpartition("\n")
    return whole + end if len(whole) > LONGEST // 2 else found
