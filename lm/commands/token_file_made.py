"""`python -m lm corpora FILE --tokens OUT`: a text too large for memory, as a token file."""

from pathlib import Path
from typing import Any

from lm.commands import interruption
from lm.commands.terminal import working
from lm.corpora import token_file
from lm.errors import CorpusProblem
from lm.tokenizers import TokenizerConfig


def token_file_made(name: str | None, out: Path, given: dict[str, Any]) -> str:
    """Make the file, and say what is in it. given: settings of the tokenizer."""
    if name is None:
        raise CorpusProblem(
            "Name the text to make tokens of: python -m lm corpora FILE --tokens OUT."
        )
    text = Path(name).expanduser()
    if not text.is_file():
        raise CorpusProblem(f"There is no file {text}: give the path of a UTF-8 text.")
    config = TokenizerConfig.make(**given)
    with interruption.tidily(), working("Making tokens") as tell:
        token_file.write(text, out, config, tell)
    made = token_file.read(out)
    return (
        f"{out}: {len(made.ids):,} tokens of {made.header['characters']:,} characters, "
        f"{made.tokenizer.vocab_size:,} different ones; the first {len(made.train):,} to learn from. "
        f"Train with --corpus {out}"
    )
