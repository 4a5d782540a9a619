"""The parts of an exported script that are the same for every model: its head, its tokens, and its end."""

HEAD = '''"""$TITLE

Made by `python -m lm export --to script` from the source of the model, for the settings of one run.
It needs $NEEDS, and model.safetensors beside it. `python model.py "ROMEO:"` goes on with
a text; `python model.py --train text.txt` trains on a text of one's own, and keeps the weights.
"""

import argparse
import json
$MATHfrom pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

$SETTINGS
'''

CHARACTERS = """CHARACTERS = $CHARACTERS


def encode(text: str) -> list[int]:
    return [CHARACTERS.index(character) for character in text if character in CHARACTERS]


def decode(ids: list[int]) -> str:
    return "".join(CHARACTERS[id] for id in ids)
"""

PIECES = '''def tokenizer():
    """The tokenizer of the model: `pip install tokenizers`."""
    import tokenizers

    return tokenizers.Tokenizer.from_file(str(Path(__file__).parent / "tokenizer.json"))


def encode(text: str) -> list[int]:
    return tokenizer().encode(text, add_special_tokens=False).ids


def decode(ids: list[int]) -> str:
    return tokenizer().decode(ids, skip_special_tokens=False)
'''

TAIL = '''WEIGHTS = Path(__file__).parent / "model.safetensors"


def load(keep: bool) -> nn.Module:
    """The model with its weights. keep: what training changes, it changes in the file."""
    data = torch.from_file(str(WEIGHTS), shared=keep, size=WEIGHTS.stat().st_size, dtype=torch.uint8)
    start = 8 + int.from_bytes(data[:8].numpy().tobytes(), "little")
    model, places = $MODEL(), json.loads(data[8:start].numpy().tobytes())
    for name, parameter in model.named_parameters():
        begin, end = places[name]["data_offsets"]
        parameter.data = data[start + begin : start + end].view(torch.float32).view_as(parameter)
    return model.eval()


@torch.inference_mode()
def write(model: nn.Module, text: str, length: int, temperature: float) -> str:
    """Go on with a text, token by token."""
    ids = encode(text) or [0]
    for _ in range(length):
        scores = model(torch.tensor([ids[-CONTEXT_LENGTH:]]))[0, -1]  # (V,)
        ids.append(int(torch.multinomial((scores / max(temperature, 1e-4)).softmax(dim=0), 1)))
    return decode(ids)


def train(model: nn.Module, text: str, steps: int) -> None:
    """Predict each next token of random windows of a text, and change the weights to do it better."""
    tokens = torch.tensor(encode(text))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for step in range(steps):
        starts = torch.randint(len(tokens) - CONTEXT_LENGTH, (BATCH_SIZE,))
        windows = torch.stack([tokens[start : start + CONTEXT_LENGTH + 1] for start in starts])
        scores = model(windows[:, :-1])  # (B, T, V)
        loss = F.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:5}  loss {loss.item():.3f} nats per token")
    model.eval()


if __name__ == "__main__":
    flags = argparse.ArgumentParser()
    flags.add_argument("prompt", nargs="?", default="\\n")
    flags.add_argument("--train", metavar="FILE")
    for flag, default in (("--steps", 200), ("--length", 300), ("--temperature", 0.8)):
        flags.add_argument(flag, type=type(default), default=default)
    given = flags.parse_args()
    trained = load(keep=given.train is not None)
    if given.train:
        train(trained, Path(given.train).read_text("utf-8"), given.steps)
    print(write(trained, given.prompt, given.length, given.temperature))
'''
