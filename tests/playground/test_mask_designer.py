"""The mask designer counts in the browser what `lm` computes: masks, reach, operations, bytes of cache."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from lm.costs import flops
from lm.generation import Reader
from lm.ladder import RUNGS
from lm.layers import window_attention
from lm.layers.masks import allowed
from lm.models.attention_pattern import masks_of
from playground.tabs import masks

LOOKS = Path(masks.__file__).parents[1] / "components" / "masks" / "looks.js"
DECODER = RUNGS["decoder_transformer"]
SMALL = {"context_length": 64, "n_embd": 16, "n_head": 2, "n_layer": 3, "stride": 5, "sinks": 3}
PLANS = [
    {"pattern": pattern, "alternate": alternate, "causal_mask": causal, "window": window}
    for pattern in ("full", "window", "strided", "dilated", "sinks", "prefix")
    for alternate in (False, True)
    for causal in (True, False)
    for window in (2, 12)
    if causal or pattern != "prefix"
]
SCRIPT = f"""
import {{ cacheBytes, flops, maskOf, reach }} from "{LOOKS.as_uri()}";
import {{ readFileSync }} from "node:fs";
const found = JSON.parse(readFileSync(0)).map((c) => ({{
  seen: [...maskOf(c, c.context_length).shares],
  pairs: maskOf(c, 8).pairs,
  reach: reach(c).map((layer) => [...layer]),
  flops: flops(c, {{ pays: 8, least: 64 }}),
  cache: cacheBytes(c),
}}));
console.log(JSON.stringify(found));
"""


def test_the_designer_counts_what_the_program_computes(monkeypatch):
    monkeypatch.setattr(window_attention, "PAYS", 8)
    monkeypatch.setattr(window_attention, "LEAST", 64)  # the context of the plans below
    node = shutil.which("node")
    if node is None:
        assert os.environ.get("CI", "").lower() != "true", "no node on the PATH"
        pytest.skip("no node on the PATH")
    plans = [DECODER.plan(**SMALL, **one, positions="rotary") for one in PLANS]
    given = [plan.model.model_dump() | {"blocks": True} for plan in plans]
    done = subprocess.run(
        [node, "--input-type=module", "-e", SCRIPT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    outside = flops.of_window(plans[0], 20) - 3 * 4 * 16 * 64 * 64  # all but attention
    for plan, told in zip(plans, json.loads(done.stdout), strict=True):
        looks = [allowed(mask) for mask in masks_of(plan.model, 64, 3)]
        assert told["seen"] == looks[0].float().flatten().tolist()
        assert told["pairs"] == int(looks[0].sum())
        assert told["reach"] == reached(looks)
        assert told["flops"] == flops.of_window(plan, 20) - outside
        if plan.model.causal_mask and plan.model.pattern != "prefix":
            assert told["cache"] == bytes_kept(plan)


def reached(looks):
    """For 1, 2, … layers: the positions that the last one knows of, through one mask after the other."""
    found = []
    for count in range(1, len(looks) + 1):
        knows = torch.eye(64)
        for look in looks[:count]:
            # What t sees knows, t knows after the layer.
            knows = ((look.float() @ knows) > 0).float()
        found.append(knows[-1].int().tolist())
    return found


@torch.inference_mode()
def bytes_kept(plan):
    """Of the keys and values that a model keeps while it writes past its context."""
    model = plan.rung.model(plan.model, 20).eval()
    reader = Reader(model, 64)
    for token in torch.arange(70)[:, None, None] % 20:
        reader.read(token)
    tensors = [t for layer in reader._cache.layers for t in (layer._keys, layer._values)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize(
    ("name", "blocks", "caches", "rolls"),
    [
        ("single_head_attention", False, False, False),
        ("single_block_transformer", True, False, False),
        ("decoder_transformer", True, True, True),
    ],
)
def test_the_designer_knows_what_a_model_can(name, blocks, caches, rolls):
    found = masks.facts(RUNGS[name])
    measured = {"pays": window_attention.PAYS, "least": window_attention.LEAST}
    assert found == measured | {"blocks": blocks, "caches": caches, "rolls": rolls}
