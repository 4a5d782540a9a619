"""What every rung must be able to do, whichever it is."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lm.costs.sizes import count_parameters
from lm.errors import SettingsProblem
from lm.inside.inspection import attention_layers
from lm.ladder import RUNGS
from lm.ladder import rung as rung_called
from lm.layers import Block, SelfAttention, attention_weights, causal, pattern
from lm.models.multi_head_attention import MultiHeadAttention
from lm.models.single_head_attention import AttentionHead
from lm.settings import describe

VOCABULARY = 23


@pytest.fixture
def model(text_rung, tiny_model):
    return tiny_model(text_rung, VOCABULARY).eval()


def some_tokens(rows: int, length: int) -> torch.Tensor:
    return torch.randint(VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(7))


def test_scores_for_every_next_token(model):
    assert model(some_tokens(3, 16)).shape == (3, 16, VOCABULARY)


@pytest.mark.parametrize("length", [1, 2, 15])
def test_shorter_rows_than_the_context(model, length):
    """The scores of the first positions do not depend on whether more follow."""
    tokens = some_tokens(2, 16)
    torch.testing.assert_close(
        model(tokens[:, :length]), model(tokens)[:, :length], rtol=1e-4, atol=1e-5
    )


@torch.inference_mode()
def test_no_position_sees_the_future(model):
    tokens = some_tokens(1, 16)
    scores = model(tokens)
    for place in range(16):
        changed = tokens.clone()
        changed[0, place] = (changed[0, place] + 1) % VOCABULARY
        after = model(changed)
        torch.testing.assert_close(after[:, :place], scores[:, :place], rtol=0, atol=1e-6)
        assert not torch.allclose(after[:, place], scores[:, place])  # but it does see itself


@torch.inference_mode()
def test_who_looks_back(text_rung, model):
    """Models that attend use what came before the last token; the bigram cannot."""
    tokens = some_tokens(1, 16)
    changed = tokens.clone()
    changed[0, 3] = (changed[0, 3] + 1) % VOCABULARY
    same = torch.equal(model(tokens)[:, 4:], model(changed)[:, 4:])
    if text_rung.name == "bigram":
        assert same
    elif attention_layers(model):
        assert not same


def test_the_first_loss_is_that_of_knowing_nothing(text_rung):
    torch.manual_seed(0)
    config = text_rung.config()
    model = text_rung.model(config, 65)
    tokens = torch.randint(65, (4, config.context_length + 1))
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(65), abs=0.1)


def test_every_parameter_gets_a_gradient(text_network, tiny_config):
    torch.manual_seed(0)
    model = text_network.model(tiny_config(text_network, dropout=0.0), VOCABULARY)
    tokens = torch.cat([some_tokens(8, 16), torch.arange(VOCABULARY)[:16].repeat(2, 1)])
    F.cross_entropy(model(tokens).flatten(0, 1), tokens.roll(-1, 1).flatten()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_can_be_learned_by_heart(text_network, tiny_config):
    """Each token of the batch is always followed by the same one, so that even a bigram can."""
    torch.manual_seed(0)
    model = text_network.model(tiny_config(text_network, n_embd=32, dropout=0.0), VOCABULARY)
    tokens = (torch.arange(17) + torch.arange(4)[:, None] * 5) % VOCABULARY  # (4, 17)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(250):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        if loss.item() < 0.3:  # from 3.1
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pytest.fail(f"the loss is {loss.item():.2f}")


def test_who_can_learn_from_what_came_before(text_network, tiny_config):
    """After token 1 come 2, 3 and 0, depending on the one before: 0.5 · ln 3 for a bigram."""
    torch.manual_seed(0)
    model = text_network.model(tiny_config(text_network, dropout=0.0), 4)
    tokens = torch.tensor([0, 1, 2, 1, 3, 1] * 3)[None, :17]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(150):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if text_network.name == "bigram":
        assert loss.item() == pytest.approx(0.55, abs=0.05)
    elif attention_layers(model):
        assert loss.item() < 0.3


def test_parameters_are_counted(network, tiny_model):
    model = tiny_model(network, VOCABULARY)
    stored = {tensor.data_ptr(): tensor.numel() for tensor in model.state_dict().values()}
    assert count_parameters(model) == sum(stored.values())


def test_a_shared_matrix_counts_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 4)
            self.head = nn.Linear(4, 10, bias=False)
            self.head.weight = self.embedding.weight

    assert count_parameters(Tied()) == 40


def test_the_published_size():
    decoder = RUNGS["decoder_transformer"]
    assert count_parameters(decoder.model(decoder.config(), 65)) == 618_817


# Attention


@torch.inference_mode()
def test_weights_are_shares_of_what_the_mask_allows(model):
    for layer in attention_layers(model):
        weights, mask = pattern(layer, torch.randn(2, 11, 16))
        assert mask.shape == (11, 11)
        assert weights.shape[0] == 2
        assert weights.shape[2:] == (11, 11)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:3]))
        assert (weights >= 0).all()
        assert torch.equal((weights > 0).all(dim=1).all(dim=0), mask == 0)


def written_out(q, k, v):
    """softmax(Q Kᵀ / √D, future masked) V for one head: q, k, v (T, D) to weights and found (T, D)."""
    T, D = q.shape
    weights = torch.zeros(T, T)
    for t in range(T):
        scores = torch.tensor([(q[t] @ k[s]).item() / math.sqrt(D) for s in range(t + 1)])
        weights[t, : t + 1] = scores.exp() / scores.exp().sum()
    return weights, weights @ v


@torch.inference_mode()
def test_every_form_of_attention_is_the_formula():
    """The loop, the free function, torch's fused kernel, and the modules of rungs 2, 3 and 4 agree.

    The head size (4) differs from the embedding size (12), and the scores are sharp, so another scale shows.
    """
    torch.manual_seed(0)
    C, H, T = 12, 3, 9
    D, mask = C // H, causal(10)
    three = MultiHeadAttention(C, H, mask)
    three.query.weight.mul_(6)
    four = SelfAttention(C, H, mask)
    four.query_key_value.weight.copy_(
        torch.cat([three.query.weight, three.key.weight, three.value.weight])
    )
    four.projection.load_state_dict(three.projection.state_dict())

    x, found = torch.randn(2, T, C), torch.empty(2, T, C)
    q, k, v = (three.split(part(x)) for part in (three.query, three.key, three.value))
    free = attention_weights(q, k, mask[:T, :T])
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:T, :T])
    for b in range(2):
        for h in range(H):
            weights, found[b, :, h * D : (h + 1) * D] = written_out(q[b, h], k[b, h], v[b, h])
            torch.testing.assert_close(free[b, h], weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fused.transpose(1, 2).flatten(2), found, rtol=1e-4, atol=1e-5)
    for module in (three, four):
        torch.testing.assert_close(pattern(module, x)[0], free, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(module(x), module.projection(found), rtol=1e-4, atol=1e-5)

    two = AttentionHead(C, 10)
    two.query.weight.mul_(6)
    q, k, v = two.query(x), two.key(x), two.value(x)
    for b in range(2):
        weights, found[b] = written_out(q[b], k[b], v[b])
        torch.testing.assert_close(pattern(two, x)[0][b, 0], weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        pattern(two, x)[0][:, 0], attention_weights(q, k, mask[:T, :T]), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(two(x), found, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_any_mask_is_obeyed():
    """A window of two positions: rungs 3 and 4 obey the tensor, not an assumed triangle."""
    window = causal(9).masked_fill(torch.ones(9, 9).tril(-2).bool(), -torch.inf)
    for layer in (MultiHeadAttention(12, 3, window), SelfAttention(12, 3, window)):
        weights, mask = pattern(layer, torch.randn(1, 8, 12))
        assert torch.equal(mask, window[:8, :8])
        assert torch.equal((weights[0] > 0).all(dim=0), mask == 0)
        x = torch.randn(1, 9, 12)
        changed = x.clone()
        changed[0, 3] += 1
        differ = (layer(x) - layer(changed)).abs().amax(dim=-1)[0] > 1e-6
        assert differ.nonzero().flatten().tolist() == [3, 4]


@torch.inference_mode()
def test_a_block_keeps_what_was_there():
    """With nothing to add, x comes out as it went in: nothing else changes the residual path."""
    block = Block(12, 3, causal(9), dropout=0.0)
    for last in (block.attention.projection, block.feed_forward.narrow):
        last.weight.zero_()
        last.bias.zero_()
    x = torch.randn(2, 9, 12)
    assert torch.equal(block(x), x)


def test_dropout_acts_only_in_training(text_rung, tiny_config):
    config = tiny_config(text_rung, dropout=0.5)
    torch.manual_seed(0)
    model, tokens = text_rung.model(config, VOCABULARY), some_tokens(2, 16)
    model.eval()
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    has_dropout = hasattr(config, "dropout")
    assert torch.equal(model(tokens), model(tokens)) != has_dropout


# The registry


def test_a_rung_says_what_it_is(rung):
    assert rung_called(rung.name) is rung
    assert rung.title
    assert rung.idea.endswith(".")
    fields = {field.name for field in describe(rung.config)}
    assert "context_length" in fields
    assert not fields & {field.name for field in describe(type(rung.training))}


def test_an_unknown_rung_is_named():
    with pytest.raises(SettingsProblem, match=r"'no_such_rung'.*bigram"):
        rung_called("no_such_rung")
