"""The outline of a model, and times in words."""

import torch

from lm.sizes import outline
from lm.wording import duration


def test_an_outline_has_the_parameters_of_the_model_without_drawing_them(rung, tiny_plan):
    """Their number is told at every move of a slider: drawing the weights of a large model takes seconds."""
    plan = tiny_plan(rung)
    before = torch.get_rng_state()
    outlined = outline(plan, 23)
    assert torch.equal(torch.get_rng_state(), before)
    model = rung.model(plan.model, 23)
    shapes = {name: tensor.shape for name, tensor in outlined.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert all(p.requires_grad for p in outlined.parameters())


def test_a_time_is_said_as_a_person_would():
    said = [duration(s) for s in (0.2, 1, 59, 60, 95, 3599, 3600, 90_061)]
    assert said == [
        "a second",
        "1 s",
        "59 s",
        "1 min 0 s",
        "1 min 35 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_a_time_never_has_sixty_seconds():
    for seconds in (59.6, 119.7, 3599.9, 7199.9):
        assert "60" not in duration(seconds)
