"""The tokens that the page's header chooses, as the browser keeps them: "characters", or "bpe:1024".

The name of a kind of pieces is followed by its vocabulary. A link has the same text in its parameter `tokens`.
"""

from typing import Any

from lm.errors import SettingsProblem
from lm.plan import Plan
from lm.runs.preparation import PreparedText
from lm.tokenizers import CharacterTokenizer, TokenizerConfig
from lm.wording import tokens_told

CHARACTERS = CharacterTokenizer.kind
TITLES = {CHARACTERS: "characters", "bpe": "BPE", "unigram": "Unigram"}
SETTINGS = tuple(TokenizerConfig.model_fields)  # that the header chooses, for all tabs


def config_of(tokens: Any) -> TokenizerConfig:
    """The tokenizer's settings; a `SettingsProblem` for a text that names none."""
    kind, _, size = str(tokens).partition(":")
    return config_from(kind, size)


def config_from(kind: Any, vocab_size: Any) -> TokenizerConfig:
    """The settings for what the menus hold: a vocabulary may have been typed, as "1,024"."""
    if kind not in TITLES:
        known = ", ".join(TITLES.values())
        raise SettingsProblem(f"Tokens are one of {known}, not {str(kind)[:40]!r}.")
    if kind == CHARACTERS:
        return TokenizerConfig()
    typed = "" if vocab_size is None else str(vocab_size)
    number = typed.replace(",", "").strip()
    whole = number.isascii() and number.isdecimal() and len(number) < 10
    size = int(number) if whole else typed[:40]
    return TokenizerConfig.make(tokenizer=kind, vocab_size=size)


def tokens_of(config: TokenizerConfig) -> str:
    """The inverse of `config_of`."""
    kind = config.tokenizer
    return kind if kind == CHARACTERS else f"{kind}:{config.vocab_size}"


def or_characters(tokens: Any) -> str:
    """Tokens that the browser sends; characters if it sends none that there are."""
    try:
        return tokens_of(config_of(tokens))
    except SettingsProblem:
        return CHARACTERS


def title_of(tokens: Any) -> str:
    """In words: "characters", or "BPE 1,024"."""
    config = config_of(tokens)
    title = TITLES.get(config.tokenizer, config.tokenizer)
    return title if config.tokenizer == CHARACTERS else f"{title} {config.vocab_size:,}"


def characters_each(text: PreparedText) -> float:
    """The characters of a token of the training split, on average."""
    return len(text.corpus.train_text) / max(1, text.train_tokens)


def described(text: PreparedText) -> str:
    """The tokens of a text: "65 characters", or "1,024 pieces · 2.3 characters each"."""
    size = text.tokenizer.vocab_size
    if text.tokenizer.kind == CHARACTERS:
        return f"{size:,} characters"
    return f"{size:,} pieces · {characters_each(text):.1f} characters each"


def context_told(plan: Plan, text: PreparedText) -> str:
    """The context of pieces, as "64 tokens, about 150 characters"; "" of characters."""
    if text.tokenizer.kind == CHARACTERS:
        return ""
    return tokens_told(plan.context_length, characters_each(text))
