"""Texts to try tokenizers with: of many scripts, and whatever hurts."""

import os
import random
import unicodedata
from pathlib import Path

SCRIPTS = [
    (0x20, 0x7E),  # ASCII
    (0xA1, 0x17F),  # Latin with accents
    (0x370, 0x3FF),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x5D0, 0x5EA),  # Hebrew
    (0x620, 0x64A),  # Arabic
    (0x905, 0x939),  # Devanagari
    (0xE01, 0xE3A),  # Thai
    (0x3041, 0x30FF),  # Kana
    (0x4E00, 0x9FA5),  # Chinese
    (0xAC00, 0xD7A3),  # Korean
    (0x1F300, 0x1F64F),  # emoji
    (0x0300, 0x036F),  # combining marks
    (0x2000, 0x206F),  # spaces and punctuation
    (0, 0x1F),  # control characters
]
WHAT_HURTS = [
    "",
    " ",
    "a",
    "\n\n\n  \n",
    "  two  spaces,\ttabs\t\t and 12345678 numbers",
    "def f(x):\n    return {x: 'it''s'}\n",
    "don't they'll we've I'm you're he'd it's DON'T",
    "Größenwahnsinnig läuft der Fußgänger über die Straße.",
    "👩‍👩‍👧‍👦 🏳️‍🌈 naïve e\u0301 café",
    "我能吞下玻璃而不傷身體。",
    "<|endoftext|><s></s>[PAD]<unk>\\x41<0xE2>",
    "\0\x01\u0085\u2028\ufeff\ufffd",
]


def random_strings(count: int, seed: int = 1) -> list[str]:
    """Strings of one to four scripts each, with spaces and line ends between."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        scripts = draw.sample(SCRIPTS, draw.randint(1, 4))
        words = []
        for _ in range(draw.randint(1, 12)):
            first, last = draw.choice(scripts)
            codes = (draw.randint(first, last) for _ in range(draw.randint(1, 8)))
            word = "".join(c for c in map(chr, codes) if unicodedata.category(c) != "Cn")
            words.append(word + draw.choice(["", " ", "  ", "\n", "'s ", "7"]))
        texts.append("".join(words))
    return texts


def shakespeare() -> Path | None:
    """The file of Tiny Shakespeare that LM_CORPORA names, if it does."""
    path = Path(os.environ.get("LM_CORPORA") or "/nowhere")
    path = path / "tinyshakespeare.txt" if path.is_dir() else path
    return path if path.is_file() else None
