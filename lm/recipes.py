"""Recipes: settings under a name, for each rung. `lm/EXPERIMENTS.md` has the measurements.

`classic` has the rung's own settings. `speedrun` learns as much as possible in the first seconds. `best` has
the lowest loss that we found for the rung (for the decoder in forty minutes on two cores), and `two-minutes` is
between them. The decoder also has two settings that others have published, for comparison. Those of the
encoder–decoder are named after their tasks; `number-words` is its usual one (`Rung.usual`).
"""

from lm.plan import CLASSIC, Recipe

_MUON = {"optimizer": "muon", "precision": "bfloat16"}
_SHORT = _MUON | {"steps": 400, "warmup_steps": 20, "evaluate_every": 50}
_LONG = _MUON | {"steps": 5000, "weight_decay": 0.0}
_MODERN = _MUON | {
    "positions": "rotary",
    "norm": "rms",
    "activation": "squared_relu",
    "qk_norm": True,
    "zero_init": True,
    "bias": False,
}

BIGRAM = (
    CLASSIC,
    Recipe(
        "speedrun",
        "Larger steps on larger batches: the table is learned in a second.",
        {
            "learning_rate": 0.1,
            "batch_size": 128,
            "warmup_steps": 10,
            "steps": 400,
            "evaluate_every": 50,
        },
    ),
    Recipe(
        "best",
        "Larger batches and more steps: the table becomes the counted one.",
        {"learning_rate": 3e-2, "batch_size": 128, "steps": 5000, "weight_decay": 0.0},
    ),
)

_HEADS_IN_SECONDS = Recipe(
    "speedrun", "Muon for the heads: most of the progress in an eighth of the steps.", _SHORT
)

SINGLE_HEAD = (
    CLASSIC,
    _HEADS_IN_SECONDS,
    Recipe(
        "best",
        "Muon, larger steps, and more of them: little is gained, because one head reaches its limit.",
        _LONG | {"precision": "float32", "learning_rate": 2e-2, "muon_learning_rate": 0.05},
    ),
)

MULTI_HEAD = (
    CLASSIC,
    _HEADS_IN_SECONDS,
    Recipe(
        "best",
        "Sixteen heads, twice the embedding size, Muon, more steps.",
        _LONG | {"n_embd": 192, "n_head": 16, "muon_learning_rate": 0.05},
    ),
)

BLOCK = (
    CLASSIC,
    Recipe(
        "speedrun",
        "Muon and larger steps: most of the progress in an eighth of the steps.",
        _SHORT | {"learning_rate": 1e-2, "hold": 0.3},
    ),
    Recipe(
        "best",
        "Twelve heads, half as wide again, twice the context, Muon, more steps.",
        _LONG
        | {
            "n_embd": 192,
            "n_head": 12,
            "context_length": 128,
            "batch_size": 16,
            "learning_rate": 5e-3,
            "hold": 0.3,
        },
    ),
)

DECODER = (
    CLASSIC,
    Recipe(
        "speedrun",
        "A loss of 1.88 in seconds: trigram embeddings, Muon and rotary positions.",
        _MODERN
        | {
            "n_layer": 2,
            "ngram_embedding": "trigram",
            "learning_rate": 1e-2,
            "weight_decay": 0.0,
            "warmup_steps": 10,
            "batch_size": 16,
            "hold": 0.3,
            "steps": 160,
            "evaluate_every": 40,
        },
    ),
    Recipe(
        "two-minutes",
        "The loss that a T4 GPU reached, 1.585, on two cores: the speedrun, larger and longer.",
        _MODERN
        | {
            "n_layer": 3,
            "ngram_embedding": "trigram",
            "learning_rate": 1e-2,
            "weight_decay": 0.0,
            "warmup_steps": 10,
            "batch_size": 32,
            "hold": 0.3,
            "steps": 1000,
            "evaluate_every": 100,
        },
    ),
    Recipe(
        "subwords",
        "For BPE or Unigram of about 512 pieces: as two-minutes, with dropout, and no tables of n-grams.",
        _MODERN
        | {
            "n_layer": 3,
            "learning_rate": 1e-2,
            "weight_decay": 0.0,
            "warmup_steps": 10,
            "batch_size": 32,
            "dropout": 0.1,
            "hold": 0.3,
            "steps": 1000,
            "evaluate_every": 100,
        },
    ),
    Recipe(
        "best",
        "The lowest loss we know for forty minutes on two cores, averaged with counted n-grams.",
        _MODERN
        | {
            "n_layer": 6,
            "n_embd": 192,
            "n_head": 3,
            "context_length": 256,
            "ngram_share": 0.3,
            "batch_size": 12,
            "dropout": 0.05,
            "token_noise": 0.05,
            "learning_rate": 3e-3,
            "muon_learning_rate": 0.01,
            "warmup_steps": 50,
            "steps": 5000,
            "evaluate_every": 500,
        },
    ),
    Recipe(
        "nanogpt-cpu",
        "nanoGPT's recipe for a CPU: a small GPT-2, for comparison.",
        {
            "n_layer": 4,
            "activation": "gelu",
            "tie_weights": True,
            "bias": False,
            "batch_size": 12,
            "steps": 2000,
            "learning_rate": 1e-3,
            "decay": "cosine",
            "final_learning_rate": 0.1,
            "evaluate_every": 250,
        },
    ),
    Recipe(
        "starting-point",
        "The model that this project started from, OsirisYetna/LMM_from_scratch.",
        {
            "batch_size": 16,
            "dropout": 0.2,
            "learning_rate": 3e-4,
            "decay": "constant",
            "warmup_steps": 0,
            "gradient_clip": 0.0,
            "weight_decay": 0.01,
            "beta2": 0.999,
            "evaluate_every": 300,
        },
    ),
)

_PAIRS = _MODERN | {
    "positions": "learned",
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "warmup_steps": 10,
    "batch_size": 32,
    "hold": 0.3,
}

ENCODER_DECODER = (
    CLASSIC,
    Recipe(
        "number-words",
        "99.9 % of the held-out number words exactly right: Muon, half the width, 1,400 small batches.",
        _PAIRS | {"n_embd": 64, "steps": 1400, "evaluate_every": 100},
    ),
    Recipe(
        "sums",
        "99.7 % of the held-out sums of up to four digits right: the same settings on larger batches.",
        _PAIRS | {"batch_size": 128, "steps": 2500, "evaluate_every": 500},
    ),
    Recipe(
        "pronunciation",
        "Spelling to sounds: 73.2 % of the words right, with BPE of 384 pieces, of which each sound is one.",
        _PAIRS | {"batch_size": 128, "steps": 8000, "evaluate_every": 500},
    ),
    Recipe(
        "sentences",
        "Tens of thousands of sentences and their translations, in half an hour; with BPE of 4,096 pieces.",
        _PAIRS
        | {
            "n_layer": 3,
            "n_embd": 256,
            "dropout": 0.1,
            "batch_size": 64,
            "learning_rate": 5e-3,
            "muon_learning_rate": 0.01,
            "warmup_steps": 50,
            "steps": 3000,
            "evaluate_every": 600,
        },
    ),
)
