"""The same reranker in ONNX Runtime and in OpenVINO, exported with the tools of torch and of the engines themselves.

Pairs are scored as sentence-transformers scores them: sorted by length, in padded batches of 32. ONNX Runtime's int8 is
its dynamic quantisation, with a scale for each output of a layer; OpenVINO's bfloat16 is its own hint.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from bicross.inference import resolve_model
from numpy.typing import NDArray

from parts.rerank_variants import Pairs, Score, Scores, Variant

BATCH = 32
LONGEST = 512
"""Tokens of a pair, unless the tokenizer has a lower limit."""
Inputs = Mapping[str, NDArray[np.int64]]
Run = Callable[[Inputs], NDArray[np.float32]]


def other_engines(model: str, scratch: Path, *, threads: int) -> list[Variant[Score]]:
    """Return the rerankers of other engines, which run on the CPU.

    Args:
        model: The cross-encoder, a name or a folder.
        scratch: A folder for the exported models, each of which is made once.
        threads: The threads of each engine.
    """
    folder = resolve_model(model)
    engines = (
        ("ONNX Runtime", "onnxruntime", "float32", partial(_onnx_runtime, threads=threads)),
        ("ONNX Runtime", "onnxruntime", "int8", partial(_onnx_runtime, threads=threads)),
        ("OpenVINO", "openvino", "float32", partial(_openvino, dtype="float32", threads=threads)),
        ("OpenVINO", "openvino", "bfloat16", partial(_openvino, dtype="bfloat16", threads=threads)),
    )
    return [
        Variant(f"{name} {dtype}", dtype, partial(_loaded, folder, scratch, package, dtype == "int8", load))
        for name, package, dtype, load in engines
    ]


def scoring(folder: Path, run: Run) -> Score:
    """Return a function that scores pairs with an exported model.

    Args:
        folder: The cross-encoder, for its tokenizer.
        run: Returns the logits of a batch, shape (pairs, 1), from its inputs by name.
    """
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    longest = min(LONGEST, int(tokenizer.model_max_length))

    def score(pairs: Pairs) -> Scores:
        scores = np.empty(len(pairs), np.float32)
        order = np.argsort([-len(query) - len(passage) for query, passage in pairs], kind="stable")
        for start in range(0, len(pairs), BATCH):
            rows = order[start : start + BATCH]
            queries, passages = zip(*(pairs[row] for row in rows), strict=True)
            cut: Any = {"padding": True, "truncation": "longest_first", "max_length": longest}
            scores[rows] = run(tokenizer(queries, passages, return_tensors="np", **cut)).reshape(-1)
        return scores

    return score


def _loaded(folder: Path, scratch: Path, package: str, quantised: bool, load: Callable[[Path], Run]) -> Score:  # noqa: FBT001
    for needed in (package, "onnx", "onnxscript"):
        if find_spec(needed) is None:
            raise ImportError(f"{needed} is not installed")
    path = scratch / "model.onnx"
    if not path.exists():
        _export(folder, path)
    return scoring(folder, load(_quantised(path) if quantised else path))


def _export(folder: Path, path: Path) -> None:
    """Export a cross-encoder in float32, for batches of any size and length."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model: Any = AutoModelForSequenceClassification.from_pretrained(str(folder), local_files_only=True).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    example = dict(tokenizer(["one", "two"], ["a passage", "another"], padding=True, return_tensors="pt"))
    axes = {0: torch.export.Dim("pairs", max=4096), 1: torch.export.Dim("tokens", max=LONGEST)}
    how: Any = {
        "dynamo": True,
        "dynamic_shapes": dict.fromkeys(example, axes),
        "external_data": False,
        "verbose": False,
    }
    program: Any = torch.onnx.export(model, (), kwargs=example, **how)
    program.save(str(path))


def _quantised(path: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantised = path.with_name("model-int8.onnx")
    if not quantised.exists():
        quantize_dynamic(str(path), str(quantised), weight_type=QuantType.QInt8, per_channel=True)
    return quantised


def _onnx_runtime(path: Path, *, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")  # else it slows whatever is measured next
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return lambda inputs: session.run(None, {name: inputs[name] for name in names})[0]


def _openvino(path: Path, *, dtype: str, threads: int) -> Run:
    import openvino

    core: Any = openvino.Core()
    hints = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[dtype],
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled: Any = core.compile_model(core.read_model(str(path)), "CPU", hints)
    names = [given.get_any_name() for given in compiled.inputs]
    return lambda inputs: compiled({name: inputs[name] for name in names})[0]
