"""The random weights that a stack of blocks begins with: those of GPT-2."""

from torch import nn


def draw_weights(model: nn.Module, parts: int, zero: bool = False) -> None:
    """Draw a model's weights: small everywhere, and smaller where a part adds to the residual path.

    `parts` results are summed on that path; dividing each by √parts keeps the size of the sum the same at any
    depth (Radford et al. 2019, section 2.3). zero: they begin at 0 (Zhang et al. 2019, "Fixup").
    """
    for name, parameter in model.named_parameters():
        adds = name.endswith(("projection.weight", "narrow.weight"))
        if name.endswith("bias") or (adds and zero):
            nn.init.zeros_(parameter)
        elif parameter.ndim == 2:
            scale = parts**-0.5 if adds else 1.0
            nn.init.normal_(parameter, std=0.02 * scale)
