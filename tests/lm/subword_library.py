"""The `tokenizers` library, trained as `lm/tokenizers/bpe.py` is: the reference that it is held equal to."""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


def byte_level(model) -> Tokenizer:
    """A tokenizer of the library around a model of bytes."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def trained_bpe(text: str, vocab_size: int) -> Tokenizer:
    """The library's BPE of a text."""
    tokenizer = byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def contents(tokenizer: Tokenizer) -> dict:
    """What the library writes to tokenizer.json."""
    return json.loads(tokenizer.to_str())
