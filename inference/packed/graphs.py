"""Records the GPU work for a batch as a CUDA graph, and replays it without Python in between.

A recording has fixed addresses and fixed sizes, so batches are filled up to one of a few sizes (Nguyen et al.,
"Accelerating PyTorch with CUDA Graphs", 2021).
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .packing import Packed

logger = logging.getLogger("bicross")

TOKENS = (256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384)
"""Sizes of recordings in tokens. Larger batches need none: they keep a GPU busy for longer than Python needs."""
SEQUENCES = 128
"""The number of sequences of every recording: a little more than the candidates of a query."""
SHORT = 512
"""Attention reserves memory for the longest sequence, so batches of sequences up to this length are recorded apart."""
WARM_UPS = 2
"""Runs before a recording: libraries initialise themselves in the first runs, and that cannot be recorded."""

Replay = Callable[[], Tensor]
"""Runs a recording again; the result is the same tensor each time."""
Capture = Callable[[Callable[[], Tensor]], Replay]
"""Records a function, which must use the same memory at every call and must never wait for the device."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a recording.

    Attributes:
        tokens: The number of tokens after filling up.
        longest: A number of tokens that no sequence exceeds.
    """

    tokens: int
    longest: int


@dataclass(frozen=True, slots=True)
class _Recording:
    numbers: Tensor
    replay: Replay


class Recordings:
    """The recordings of one model, each made for the first batch of its size. For one thread at a time.

    Args:
        compute: Takes numbers that are laid out as in ``Packed`` and their size, and returns a row for each sequence.
            Some of the sequences have no tokens; their rows mean nothing.
        capture: Records a function.
        device: The device.
        longest: The most tokens of a sequence.
    """

    def __init__(
        self, compute: Callable[[Tensor, Size], Tensor], *, capture: Capture, device: torch.device, longest: int
    ) -> None:
        self._compute, self._device, self._longest = compute, device, longest
        self._capture: Capture | None = capture
        self._made: dict[Size, _Recording] = {}

    def run(self, batch: Packed) -> Tensor | None:
        """Replay a batch. Returns a row for each sequence, in new memory; None if no recording can run the batch."""
        size = size_for(batch, self._longest)
        if size is None or not _in_order(self._device):
            return None
        numbers = lay_out(batch, size)
        recording = self._made.get(size) or self._make(size, numbers)
        if recording is None:
            return None
        recording.numbers.copy_(staged(numbers, self._device), non_blocking=True)
        return recording.replay()[: batch.sequences].clone()

    def _make(self, size: Size, numbers: NDArray[np.int64]) -> _Recording | None:
        """Record a size. None after a failure, and for all later sizes: they would fail too, and each takes long."""
        if self._capture is None:
            return None
        buffer = staged(numbers, self._device).to(self._device, copy=True)
        try:
            replay = self._capture(lambda: self._compute(buffer, size))
        except RuntimeError as error:  # of CUDA, or out of memory
            # If a kernel fails, the end of the recording fails too, with a less clear message.
            why = error.__context__ or error
            logger.warning("batches run one kernel after the other, since %s records none: %s", self._device, why)
            self._capture = None
            return None
        return self._made.setdefault(size, _Recording(buffer, replay))


def size_for(batch: Packed, longest: int) -> Size | None:
    """The smallest size for the batch and one more token, at which the sequences without tokens begin; else None."""
    if batch.sequences > SEQUENCES or batch.longest > longest:
        return None
    tokens = next((tokens for tokens in TOKENS if batch.tokens < tokens), None)
    return None if tokens is None else Size(tokens, min(SHORT, longest) if batch.longest <= SHORT else longest)


def lay_out(batch: Packed, size: Size) -> NDArray[np.int64]:
    """The numbers of a batch, filled up with tokens of no sequence, and with empty sequences up to ``SEQUENCES``."""
    numbers = np.zeros(3 * size.tokens + SEQUENCES + 1, np.int64)
    fields, starts = numbers[: 3 * size.tokens].reshape(3, -1), numbers[3 * size.tokens :]
    fields[:, : batch.filled] = batch.numbers[: 3 * batch.filled].reshape(3, -1)
    starts[:] = batch.tokens
    starts[: batch.sequences] = batch.numbers[3 * batch.filled : -1]
    return numbers


def staged(numbers: NDArray[np.int64], device: torch.device) -> Tensor:
    """A host tensor from which a copy to the device does not block; torch keeps its memory until the copy ends."""
    tensor = torch.as_tensor(numbers)
    return tensor.pin_memory() if device.type == "cuda" else tensor


_TURNS: dict[torch.device, threading.Lock] = {}
_CAPTURING = threading.Lock()


def turn_on(device: torch.device) -> threading.Lock:
    """The lock to hold while work is submitted to a device: torch limits other threads during a recording."""
    return _TURNS.setdefault(device, threading.Lock())


def capture_on(device: torch.device) -> Capture:
    """Make the recorder of CUDA graphs for a device. The graphs share one memory pool: only one runs at a time."""
    stream, pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def capture(function: Callable[[], Tensor]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        with _CAPTURING, torch.cuda.device(device):
            outside = torch.cuda.current_stream()
            stream.wait_stream(outside)
            try:
                # torch.cuda.graph does not leave its stream if a recording fails; torch.cuda.stream always does.
                with torch.cuda.stream(stream):
                    for _ in range(WARM_UPS):
                        function()
                    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                        result = function()
            finally:
                outside.wait_stream(stream)

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    return capture


def _in_order(device: torch.device) -> bool:
    """Whether work of this thread runs after the earlier work of others, which needs the default stream."""
    return device.type != "cuda" or torch.cuda.current_stream(device) == torch.cuda.default_stream(device)
