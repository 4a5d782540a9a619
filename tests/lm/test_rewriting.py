"""Writing answers: greedily, drawn, with beams; with an encoder or by a decoder alone; in any batch."""

import itertools
import math

import pytest
import torch

from lm.errors import Diverged, SettingsProblem, UnknownCharacter
from lm.generation import SamplingConfig
from lm.models.decoder_transformer import DecoderConfig, DecoderTransformer
from lm.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from lm.rewriting import Rewriter, beams, marks, write
from lm.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer.from_text("\t\nabcd")
LINES = ["abc", "d", "abcdab", "abd", "cc"]
MODELS = {
    "encoder_decoder": (EncoderDecoder, EncoderDecoderConfig),
    "decoder": (DecoderTransformer, DecoderConfig),
    "encoder_decoder without a cache": (EncoderDecoder, EncoderDecoderConfig),
}


@pytest.fixture(params=MODELS)
def rewriter(request):
    """A model that writes lines of different lengths."""
    torch.manual_seed(1)
    kind, config = MODELS[request.param]
    cached = "without" not in request.param
    sizes = {"n_embd": 16, "n_head": 2, "n_layer": 2, "context_length": 24}
    model = kind(config(**sizes, causal_mask=cached), TOKENIZER.vocab_size)
    for parameter in model.parameters():
        if parameter.ndim == 2:  # larger than at first, so that lines differ, and some end
            parameter.data.normal_(std=0.5)
    return Rewriter(model.eval(), TOKENIZER, 24, longest=8)


@torch.no_grad()
def probabilities(rewriter, line, answer):
    """Of each token of an answer, read in one pass: (T,)."""
    first, end = marks(TOKENIZER)
    source = torch.from_numpy(TOKENIZER.encode(line))[None]
    ids = torch.from_numpy(TOKENIZER.encode(answer))[None]
    begun = torch.cat([torch.tensor([[first]]), ids], 1)
    if isinstance(rewriter.model, EncoderDecoder):
        # One position after the other, because without a causal mask it would see the later ones.
        logits = [rewriter.model(begun[:, :n], source)[0, -1] for n in range(1, begun.shape[1] + 1)]
    else:
        row = torch.cat([source, begun], 1)
        logits = list(rewriter.model(row)[0, source.shape[1] :])
    wanted = [*ids[0].tolist(), end]
    return [float(one.softmax(0)[token]) for one, token in zip(logits, wanted, strict=True)]


def test_greedy_writing_takes_the_likeliest_token_each_time(rewriter):
    """Compared with whole passes without a cache: a token that is read twice, or not, would show."""
    written = rewriter.rewrite(LINES)
    assert len({answer.text for answer in written}) > 1
    assert any(answer.ended for answer in written)
    first, end = marks(TOKENIZER)
    for line, answer in zip(LINES, written, strict=True):
        source = torch.from_numpy(TOKENIZER.encode(line))[None]
        tokens = torch.tensor([[first]])
        while tokens.shape[1] <= 8:
            if isinstance(rewriter.model, EncoderDecoder):
                logits = rewriter.model(tokens, source)
            else:
                logits = rewriter.model(torch.cat([source, tokens], 1))
            token = logits[0, -1].argmax()
            if token == end:
                break
            tokens = torch.cat([tokens, token[None, None]], 1)
        assert answer.text == TOKENIZER.decode(tokens[0, 1:].numpy())
        assert answer.ended == (tokens.shape[1] <= 8)
        if answer.ended:
            likely = math.prod(probabilities(rewriter, line, answer.text))
            assert answer.probability == pytest.approx(likely, rel=1e-3)


def test_an_answer_is_the_same_alone_and_in_any_batch(rewriter):
    together = rewriter.rewrite(LINES)
    alone = [rewriter.rewrite([line])[0] for line in LINES]
    assert [a.text for a in together] == [a.text for a in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.probability == pytest.approx(other.probability, rel=1e-3)
    assert [a.text for a in rewriter.rewrite(LINES[::-1])] == [a.text for a in together][::-1]


def test_drawing_is_repeatable_and_follows_the_temperature(rewriter):
    def drawn(seed, temperature=1.0):
        sampling = SamplingConfig(temperature=temperature, seed=seed)
        return [answer.text for answer in rewriter.rewrite(["abc"], sampling)]

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(12)}) > 1
    assert drawn(5, temperature=0.0) == [rewriter.rewrite(["abc"])[0].text]


class Table:
    """A writer whose next scores depend on the last token only; all that beams need of a model."""

    def __init__(self, table):
        self.table = table.log()  # (V, V)

    def read(self, tokens):
        return self.table[tokens[:, -1]]

    def keep(self, rows):
        pass


def test_beams_find_the_likeliest_lines():
    """All lines of up to four tokens are compared; the first step of the likeliest one is not the likeliest."""
    table = torch.tensor(  # rows: the last token; columns: end, a, b
        [[0.34, 0.33, 0.33], [0.02, 0.49, 0.49], [0.9, 0.05, 0.05]]
    )
    # After the first token, a is likelier, and b leads further.
    table[0] = torch.tensor([0.1, 0.5, 0.4])
    first, end = torch.zeros(1, 1, dtype=torch.long), 0

    def chance(line):
        steps = zip((0, *line), (*line, end), strict=True)
        return math.prod(float(table[a, b]) for a, b in steps)

    lines = [line for n in range(5) for line in itertools.product((1, 2), repeat=n)]
    best = sorted(lines, key=chance, reverse=True)[:3]
    found = beams(Table(table), first, end, 5, width=6)[:3]
    assert [line.ids for line in found] == best
    for line in found:
        assert line.ended
        assert math.exp(line.log_probability) == pytest.approx(chance(line.ids), rel=1e-5)
    greedy = write(Table(table), first, end, 5)[0]
    assert greedy.ids != best[0]
    assert beams(Table(table), first, end, 5, width=1)[0].ids == greedy.ids


def test_beams_are_scored_by_the_model(rewriter):
    found = rewriter.alternatives("abc", width=4)
    assert len({answer.text for answer in found}) == len(found) == 4
    assert sorted(found, key=lambda answer: -answer.probability) == found
    for answer in found:
        if answer.ended:
            right = math.prod(probabilities(rewriter, "abc", answer.text))
            assert answer.probability == pytest.approx(right, rel=1e-3)


def test_what_cannot_be_rewritten_is_one_sentence(rewriter):
    for line, problem, sentence in (
        ("", SettingsProblem, "nothing to rewrite"),
        ("  ", SettingsProblem, "nothing to rewrite"),
        ("a\nb", SettingsProblem, "One line is rewritten at a time"),
        ("a\tb", SettingsProblem, "One line is rewritten at a time"),
        ("axb", UnknownCharacter, "'x'"),
        ("a" * 25, SettingsProblem, "The line has 25 tokens, and this model reads up to 2"),
    ):
        for use in (lambda line=line: rewriter.rewrite([line]), rewriter.alternatives):
            with pytest.raises(problem, match=sentence):
                use(line) if use == rewriter.alternatives else use()
    assert len(rewriter.rewrite(["a" * 23])[0].text) <= 8


def test_a_diverged_model_is_named(rewriter):
    for parameter in rewriter.model.parameters():
        parameter.data.fill_(math.nan)
    with pytest.raises(Diverged, match="not finite"):
        rewriter.rewrite(["abc"])
