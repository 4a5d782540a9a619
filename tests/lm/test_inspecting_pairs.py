"""Looking inside the encoder–decoder: weights that are those of the model, and heads that switch off."""

import numpy as np
import pytest
import torch

from lm.errors import SettingsProblem
from lm.inside.inspecting_pairs import inspect_pair, parts_of, without_heads
from lm.layers import PADDING
from lm.models.decoder_transformer import DecoderConfig, DecoderTransformer
from lm.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from lm.rewriting import Rewriter
from lm.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer.from_text("\t\nabcd")
H, L = 2, 2


def rewriter(**settings):
    torch.manual_seed(1)
    sizes = {"n_embd": 16, "n_head": H, "n_layer": L, "context_length": 12}
    model = EncoderDecoder(EncoderDecoderConfig(**sizes, **settings), TOKENIZER.vocab_size)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data.normal_(std=0.5)
    return Rewriter(model.eval(), TOKENIZER, 12)


@pytest.mark.parametrize("settings", [{}, {"positions": "rotary", "qk_norm": True}], ids=str)
def test_the_weights_are_those_with_which_the_model_computes(settings):
    """The value that a cross-attention adds is made of the weights that are shown."""
    asked = rewriter(**settings)
    found = inspect_pair(asked, "abca", "cab")
    assert found.source == ("a", "b", "c", "a")
    assert found.target == ("c", "a", "b", "\n")
    assert [w.shape for w in found.encoder] == [(H, 4, 4)] * L
    assert [w.shape for w in found.decoder] == [(H, 4, 4)] * L
    assert [w.shape for w in found.cross] == [(H, 4, 4)] * L
    for weights in (*found.encoder, *found.decoder, *found.cross):
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert all((np.triu(weights, 1) == 0).all() for weights in found.decoder)
    assert any(np.triu(weights, 1).max() > 0.1 for weights in found.encoder)
    kept = []
    part = parts_of(asked.model)["cross"][1]
    hook = part.register_forward_hook(lambda part, given, result: kept.append((given, result)))
    source = torch.from_numpy(TOKENIZER.encode("abca"))[None]
    tokens = torch.from_numpy(TOKENIZER.encode("\tcab"))[None]
    with torch.no_grad():
        chances = asked.model(tokens, source)[0].softmax(-1)
    hook.remove()
    (_, _, values, _), result = kept[0]
    mixed = torch.from_numpy(found.cross[1]) @ values[0]  # (H, T, D)
    torch.testing.assert_close(part.projection(mixed.transpose(0, 1).flatten(1)), result[0])
    right = [float(chances[t, id]) for t, id in enumerate(TOKENIZER.encode("cab\n"))]
    np.testing.assert_allclose(found.probabilities, right, rtol=1e-5)


def test_without_an_answer_its_own_is_shown():
    asked = rewriter()
    own = asked.rewrite(["abca"])[0]
    found = inspect_pair(asked, "abca")
    assert "".join(found.target).startswith(own.text)
    assert len(found.target) <= 12


def test_a_head_that_is_switched_off_adds_nothing():
    """Of each kind: the result changes, and only by that head's values."""
    model = rewriter().model
    source = torch.tensor([[2, 3, 4, PADDING]])
    tokens = torch.tensor([[0, 3, 2]])
    with torch.no_grad():
        before = model(tokens, source)
        for kind in ("encoder", "decoder", "cross"):
            changed = without_heads(model, [(kind, 1, 0)])
            matrices = parts_of(changed)[kind][1].value_matrices()
            assert not matrices[0].any()
            assert torch.equal(matrices[1], parts_of(model)[kind][1].value_matrices()[1])
            assert not torch.equal(changed(tokens, source), before)
        assert torch.equal(model(tokens, source), before)
    with pytest.raises(SettingsProblem, match="no head 3 in layer 1 of the cross-attention"):
        without_heads(model, [("cross", 0, 2)])


def test_without_cross_attention_there_are_no_such_weights():
    found = inspect_pair(rewriter(cross_attention=False), "ab", "c")
    assert found.cross == ()
    assert len(found.encoder) == L


def test_a_decoder_has_no_encoder_to_look_into():
    model = DecoderTransformer(DecoderConfig(n_embd=16, n_head=2), TOKENIZER.vocab_size)
    with pytest.raises(SettingsProblem, match="has no encoder"):
        inspect_pair(Rewriter(model, TOKENIZER, 64), "ab", "c")
