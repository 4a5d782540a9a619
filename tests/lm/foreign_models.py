"""Models as transformers makes them: small, with random weights, saved in a folder."""

import itertools
import json

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lm.tokenizers.byte_level import ALPHABET, as_letters

transformers.logging.disable_progress_bar()
VOCABULARY = 300

GPT2_OPTIONS = {
    "activation_function": ("gelu_new", "gelu", "relu"),
    "tie_word_embeddings": (True, False),
    "scale_attn_weights": (True, False),
    "scale_attn_by_inverse_layer_idx": (False, True),
    "n_inner": (None, 40),
}
LLAMA_OPTIONS = {
    "num_key_value_heads": (4, 2, 1),
    "head_dim": (8, 16),
    "tie_word_embeddings": (False, True),
    "attention_bias": (False, True),
    "mlp_bias": (False, True),
    "rope_theta": (10_000.0, 500_000.0),
    "hidden_act": ("silu", "gelu"),
}


def combinations(options):
    """All combinations of some options, as dictionaries."""
    return [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]


def gpt2(**options):
    """A GPT-2 whose every weight matters."""
    sizes = {"vocab_size": VOCABULARY, "n_positions": 32, "n_embd": 32, "n_layer": 3, "n_head": 4}
    return drawn(GPT2LMHeadModel(GPT2Config(**sizes | options)))


def llama(*, rope_theta=10_000.0, **options):
    """A Llama whose every weight matters."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32,
    }
    rope = {"rope_type": "default", "rope_theta": rope_theta}
    return drawn(LlamaForCausalLM(LlamaConfig(**sizes | options, rope_parameters=rope)))


def drawn(model):
    """Large random weights, also for biases and norms, which begin at 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            around = 1.0 if parameter.ndim == 1 and name.endswith("weight") else 0.0
            parameter.copy_(around + 0.2 * noise)
    return model.eval()


def tokenizer():
    """A byte-level BPE with two merges and two special tokens."""
    vocab = {as_letters(token): id for id, token in enumerate(ALPHABET)} | {"th": 256, "the": 257}
    made = Tokenizer(models.BPE(vocab=vocab, merges=[("t", "h"), ("th", "e")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|endoftext|>", "<|im_start|>"])
    return made


CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + ': ' "
    "+ message['content'] + '\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant: ' }}{% endif %}"
)


END = {"__type": "AddedToken", "content": "<|endoftext|>", "lstrip": False, "rstrip": False}


def saved(model, folder, **options):
    """A model in a folder, with a tokenizer, a chat template and a card."""
    model.save_pretrained(folder, **options)
    tokenizer().save(str(folder / "tokenizer.json"))
    ends = {"bos_token": "<|endoftext|>", "eos_token": END}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(ends | kind | {"chat_template": CHAT}))
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n")
    return folder


def some_tokens(rows=2, length=24):
    return torch.randint(VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def logits_of(model, tokens):
    return model(tokens).logits
