"""Small decoders of ours with random weights, and runs of them."""

from lm import corpora, mixture
from lm.ladder import RUNGS
from lm.models.decoder_config import DecoderConfig
from lm.models.decoder_transformer import DecoderTransformer
from lm.models.single_block_transformer import SingleBlockTransformer
from lm.runs import files, recording
from lm.tokenizers import CharacterTokenizer
from tests.lm import foreign_models as foreign

SIZES = {"n_embd": 32, "n_head": 4, "n_layer": 2, "context_length": 32}
TEXT = "to be, or not to be: that is the question\n"
CHARACTERS = CharacterTokenizer("".join(sorted(set(TEXT + "xyzXYZéλ語🙂"))))


def of_characters(characters=CHARACTERS, **options):
    """A decoder of the characters above, or of others."""
    config = DecoderConfig.make(**SIZES | options)
    return foreign.drawn(DecoderTransformer(config, characters.vocab_size))


def run_of(model, tokenizer, directory):
    """A run whose only snapshot has the weights of a model."""
    rung = RUNGS["decoder_transformer"]
    if isinstance(model, SingleBlockTransformer):
        rung = RUNGS["single_block_transformer"]
    plan = rung.plan(**model.config.model_dump(), tokenizer=tokenizer.kind)
    corpus = corpora.from_text(TEXT * 40, name="a_text")
    run = recording.create(directory, plan, corpus, tokenizer, train_tokens=100, baselines={})
    files.write_tensors(run.snapshot_path(0), mixture.weights_of(model), {"step": "0"})
    return run
