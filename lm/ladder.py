"""The ladder: counting, then networks, each adding one idea to the one before it.

To add a model, write one file in `lm/models/` and one entry below. It then has a tab on the page, sliders,
command-line flags, tests and a place on the ladder, with no edit elsewhere. The rest of the project asks this
of a model:

- `Model(config, vocab_size)` makes it, where `config` is its own `Settings` class; the config has a
  `context_length`, the longest row of tokens the model takes.
- `model(tokens)` maps tokens (B, T) to logits (B, T, V), T ≤ context_length.
- The last `nn.Linear` that it makes writes the logits; Muon, if chosen, trains all others.
- A part that attends is `lm.layers.Attending`; the page then shows its heatmaps.
- A model with an encoder is `lm.rewriting.Encoding`: `model(tokens, source)` also reads lines (B, S).
- A model with a key/value cache is `lm.generation.Caching`, and writes faster.
- A model trained with `CountingConfig` has no gradient: its config has an `order`, the longest n-grams, and it
  has `set_counts(counts)`, which takes the n-grams of length 1, 2, … counted so far (`models/ngram.py`).
"""

from lm import recipes
from lm.errors import SettingsProblem
from lm.models.bigram import Bigram, BigramConfig
from lm.models.decoder_transformer import DecoderConfig, DecoderTransformer
from lm.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from lm.models.multi_head_attention import MultiHeadAttentionModel, MultiHeadConfig
from lm.models.ngram import Ngram, NgramConfig
from lm.models.pretrained_config import PretrainedConfig
from lm.models.pretrained_transformer import PretrainedTransformer
from lm.models.single_block_transformer import SingleBlockConfig, SingleBlockTransformer
from lm.models.single_head_attention import SingleHeadAttention, SingleHeadConfig
from lm.plan import Rung
from lm.tokenizers import ImportedTokenizerConfig
from lm.training.config import CountingConfig, TrainingConfig

_LADDER = (
    Rung(
        name="ngram",
        title="n-gram",
        idea="No network: count what followed what. This is what a network must beat.",
        brief="count what followed",
        config=NgramConfig,
        model=Ngram,
        training=CountingConfig(parts=2),  # enough snapshots for a film
    ),
    Rung(
        name="bigram",
        title="Bigram",
        idea="Guess the next token from this one alone.",
        brief="see one token",
        config=BigramConfig,
        model=Bigram,
        training=TrainingConfig(steps=3000, batch_size=32, learning_rate=1e-2),
        recipes=recipes.BIGRAM,
    ),
    Rung(
        name="single_head_attention",
        title="Single head",
        idea="Look back: each position attends to itself and to earlier positions.",
        brief="look back",
        config=SingleHeadConfig,
        model=SingleHeadAttention,
        training=TrainingConfig(steps=3000, batch_size=48, learning_rate=1e-2),
        recipes=recipes.SINGLE_HEAD,
    ),
    Rung(
        name="multi_head_attention",
        title="Multi-head",
        idea="Several heads attend at once; a projection mixes their results.",
        brief="look for several things",
        config=MultiHeadConfig,
        model=MultiHeadAttentionModel,
        training=TrainingConfig(steps=3000, batch_size=32, learning_rate=1e-2),
        recipes=recipes.MULTI_HEAD,
    ),
    Rung(
        name="single_block_transformer",
        title="Transformer block",
        idea="Attention, then a feed-forward network, each added to its input: one block.",
        brief="then think, and keep",
        config=SingleBlockConfig,
        model=SingleBlockTransformer,
        training=TrainingConfig(steps=3000, batch_size=32, learning_rate=3e-3),
        recipes=recipes.BLOCK,
    ),
    Rung(
        name="decoder_transformer",
        title="Decoder transformer",
        idea="Stack blocks: each builds on the results of the one below. This is a GPT.",
        brief="stack it: a GPT",
        config=DecoderConfig,
        model=DecoderTransformer,
        training=TrainingConfig(steps=3000, batch_size=32, learning_rate=3e-3),
        recipes=recipes.DECODER,
        tasks=("continue", "answer"),
    ),
    Rung(
        name="encoder_decoder",
        title="Encoder–decoder",
        idea="Read a line with one stack, write another with a second, which looks back at the first.",
        brief="read one line, write another",
        config=EncoderDecoderConfig,
        model=EncoderDecoder,
        training=TrainingConfig(steps=1000, batch_size=64, learning_rate=1e-3),
        recipes=recipes.ENCODER_DECODER,
        usual="number-words",
        tasks=("rewrite",),
    ),
)

# No rung: others have trained it, and it comes by `python -m lm import` (`lm/interchange/`).
PRETRAINED = Rung(
    name="pretrained_transformer",
    title="Pretrained transformer",
    idea="A GPT-2 or a Llama that others have trained.",
    brief="what others trained",
    config=PretrainedConfig,
    model=PretrainedTransformer,
    training=TrainingConfig(steps=1000, batch_size=4, learning_rate=1e-4),
    tokenizer=ImportedTokenizerConfig(),
    tasks=("continue", "answer"),
)

RUNGS: dict[str, Rung] = {rung.name: rung for rung in _LADDER}


def text_models() -> dict[str, Rung]:
    """The models that continue a text: only their losses can be compared with one another."""
    return {name: one for name, one in RUNGS.items() if not one.rewrites}


def rung(name: str) -> Rung:
    """The model of that name, or a `SettingsProblem` that lists the names there are.

    Also that of imported runs, which is none of the ladder.
    """
    if name == PRETRAINED.name:
        return PRETRAINED
    if name not in RUNGS:
        raise SettingsProblem(f"There is no model called {name!r}; there are {', '.join(RUNGS)}.")
    return RUNGS[name]
