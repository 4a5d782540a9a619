"""Norms: scale the numbers of each position to a common size before a part reads them.

Layer norm (Ba et al. 2016) subtracts the mean, divides by the standard deviation, then scales and shifts by
learned numbers. RMS norm (Zhang & Sennrich 2019) only divides by the root mean square. It has nothing to
learn here, because the matrix that reads it can scale its own inputs. Llama has learned scales (`scale`), and
an `epsilon` of its own: the small number under the root, so that zeros can be divided.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["layer", "rms"]


def make_norm(
    kind: Norm | None,
    size: int,
    bias: bool = True,
    *,
    scale: bool = False,
    epsilon: float | None = None,
) -> nn.Module:
    """The norm of that kind for rows of `size` numbers; None leaves them as they are.

    scale: RMS norm learns one, too; layer norm always does. epsilon: torch's own if None.
    """
    if kind is None:
        return nn.Identity()
    if kind == "rms":
        return nn.RMSNorm(size, eps=epsilon, elementwise_affine=scale)
    return nn.LayerNorm(size, eps=1e-5 if epsilon is None else epsilon, bias=bias)


def rms_norm(x: Tensor) -> Tensor:
    """x / √(mean of x² over the last dimension), the function of `nn.RMSNorm` without a learned scale."""
    return F.rms_norm(x, x.shape[-1:])
