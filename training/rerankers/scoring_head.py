"""The head that is trained: one output, whose sign says whether a passage is relevant."""

from typing import Any

import torch
from torch import nn

from ..cross_encoders import output_layer, replace_output_layer


def with_one_output(model: Any) -> None:  # noqa: ANN401 - models share no useful base
    """Turn a classifier of two classes (not relevant, relevant) into one with a single output, in place.

    The output is the difference of both, by which such a model ranks, so the scores stay as they are. Losses for
    rankings and the trained exits know one output only.

    Args:
        model: A sequence classifier of transformers with two outputs.

    Raises:
        ModelError: The last linear layer of the model does not give its outputs.
    """
    last = output_layer(model)[1]
    single = nn.Linear(last.in_features, 1, bias=last.bias is not None)  # pyright: ignore[reportUnnecessaryComparison]
    with torch.no_grad():
        single.weight.copy_(last.weight[1:] - last.weight[:1])
        if last.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            single.bias.copy_(last.bias[1:] - last.bias[:1])
    replace_output_layer(model, single)
