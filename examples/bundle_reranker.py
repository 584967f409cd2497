"""Makes the adapter of a bundled reranker from a trained model.

Usage: python examples/bundle_reranker.py MODEL... -o models/NAME --blend 0.4 [--base NAME] [--rank 64]

MODEL is a BERT cross-encoder that was trained from the base model, in one or more trainings. The weights of several
models are averaged: a model that was trained further forgets less when it is averaged with the model that it started
from (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903, section 3).

For each linear layer of the encoder, the difference to the base model becomes the nearest product of two matrices of
the given rank (Eckart and Young 1936). All other parameters that differ are stored whole. Everything is stored in
float16.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bicross.inference import ADAPTER_WEIGHTS, EXITS, AdapterSettings, read_exits, resolve_model, save_heads
from bicross.retrieval import DEFAULT_ENCODER
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

IN_THE_ENCODER = ".encoder.layer."
Tensors = dict[str, NDArray[np.float32]]


def factors(difference: NDArray[np.float32], rank: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return the nearest product of two thin matrices.

    Args:
        difference: Shape (out, in).
        rank: The rank of the product.

    Returns:
        ``down`` of shape (rank, in) and ``up`` of shape (out, rank), scaled alike.
    """
    left, sizes, right = np.linalg.svd(difference.astype(np.float64), full_matrices=False)
    root = np.sqrt(sizes[:rank])
    return (root[:, None] * right[:rank]).astype(np.float16), (left[:, :rank] * root).astype(np.float16)


def adapter_of(model: Tensors, base: Tensors, rank: int) -> dict[str, NDArray[np.float16]]:
    """Return the tensors of an adapter.

    ``merge`` of inference/adapter.py makes the model of them again, except for rounding and what exceeds the rank.
    """
    stored: dict[str, NDArray[np.float16]] = {}
    worst = 0.0
    for name, value in model.items():
        original = base.get(name.removeprefix("bert."))
        if original is not None and np.array_equal(original, value):
            continue
        if original is None or value.ndim != 2 or IN_THE_ENCODER not in name:
            stored[name] = value.astype(np.float16)
            continue
        down, up = factors(value - original, rank)
        layer = name.removesuffix(".weight")
        stored[f"{layer}.down"], stored[f"{layer}.up"] = down, up
        product = up.astype(np.float64) @ down.astype(np.float64)
        worst = max(worst, float(np.linalg.norm(value - original - product) / np.linalg.norm(value - original)))
    print(f"of the difference of a layer at most {worst:.2%} is left out")
    return stored


def mean_of(models: Sequence[Tensors]) -> Tensors:
    """Return the mean of each parameter."""
    return {
        name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype(np.float32)
        for name in models[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="the folder of the adapter, whose files are replaced"
    )
    parser.add_argument("--blend", type=float, required=True, help="weight of the reranker; see reranker_blends.py")
    parser.add_argument("--base", default=DEFAULT_ENCODER)
    parser.add_argument("--rank", type=int, default=64)
    arguments = parser.parse_args()
    base, output = resolve_model(arguments.base), arguments.output
    output.mkdir(parents=True, exist_ok=True)
    model = mean_of([load_file(folder / "model.safetensors") for folder in arguments.models])
    tensors = adapter_of(model, load_file(base / "model.safetensors"), arguments.rank)
    save_file(tensors, output / ADAPTER_WEIGHTS)
    heads = read_exits(arguments.models[0]) if len(arguments.models) == 1 else {}  # heads read one model's layers
    (output / EXITS).unlink(missing_ok=True)
    if heads:
        save_heads(output / EXITS, heads)
    settings = AdapterSettings.of(output, base=arguments.base, base_folder=base, scale=1.0, blend=arguments.blend)
    settings.write(output)


if __name__ == "__main__":
    main()
