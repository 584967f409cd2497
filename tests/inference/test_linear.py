"""Linear layers of the engine: the numbers of a row depend on no other row of the product."""

import pytest
import torch
from bicross.inference.packed.layers import make_linear


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (384, 1536), (1536, 384), (2048, 3072), (4096, 768)])
def test_a_row_is_computed_alike_alone_and_among_others(inputs, outputs, dtype):
    """On a processor with AVX-512 a row of 1,536 inputs had other last digits alone: the only pair of a call, too."""
    torch.manual_seed(0)
    module = torch.nn.Linear(inputs, outputs)
    with torch.inference_mode():
        layer = make_linear(module, dtype=dtype)
        x, other = torch.randn(40, inputs).to(dtype), torch.randn(40, outputs).to(dtype)
        expected, added = layer(x), layer(x, other)
        for first, last in [(0, 1), (7, 8), (0, 2), (3, 6), (0, 17), (0, 33)]:
            rows = slice(first, last)
            assert torch.equal(layer(x[rows]), expected[rows])
            assert torch.equal(layer(x[rows], other[rows]), added[rows])
