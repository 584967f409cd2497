"""Records what a GPU does for a batch and replays it, without Python in between. Knows no model and no layer.

What is recorded has fixed places in memory and fixed sizes, so batches are filled up to one of a few sizes (Nguyen et
al., "Accelerating PyTorch with CUDA Graphs", 2021).
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
"""Sizes of recordings. Larger batches keep a GPU busy for longer than Python takes to ask for them."""
SEQUENCES = 128
"""Sequences of every recording: the candidates of a query, and some."""
SHORT = 512
"""Attention asks for room for the longest sequence, so batches of short ones get recordings of their own."""
WARM_UPS = 2
"""Runs before a recording: libraries prepare themselves in the first ones, in ways that cannot be recorded."""

Replay = Callable[[], Tensor]
"""Runs a recording again; the result is the same tensor each time."""
Capture = Callable[[Callable[[], Tensor]], Replay]
"""Records a function, which reads and writes the same memory at every call and never waits for the device."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a recording: its tokens, filled up, and the tokens that no sequence exceeds."""

    tokens: int
    longest: int


@dataclass(frozen=True, slots=True)
class _Recording:
    numbers: Tensor
    replay: Replay


class Recordings:
    """Those of one model, made when a batch of their size first comes. One thread at a time may call it.

    ``compute`` takes numbers that are laid out as in ``Packed``, and their size, to a row for each sequence. Sequences
    without tokens are among them, which get rows that mean nothing; ``longest`` is the most tokens of a sequence.
    """

    def __init__(
        self, compute: Callable[[Tensor, Size], Tensor], *, capture: Capture, device: torch.device, longest: int
    ) -> None:
        self._compute, self._device, self._longest = compute, device, longest
        self._capture: Capture | None = capture
        self._made: dict[Size, _Recording] = {}

    def run(self, batch: Packed) -> Tensor | None:
        """A row for each sequence, in memory of its own; None where the batch cannot be run so."""
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
        """None where it fails, and then no other is made: it would fail as well, and each time take long."""
        if self._capture is None:
            return None
        place = staged(numbers, self._device).to(self._device, copy=True)
        try:
            replay = self._capture(lambda: self._compute(place, size))
        except RuntimeError as error:  # of CUDA, or out of memory
            # Where a kernel fails, the end of the recording fails with it, and says less.
            why = error.__context__ or error
            logger.warning("batches run one kernel after the other, since %s records none: %s", self._device, why)
            self._capture = None
            return None
        return self._made.setdefault(size, _Recording(place, replay))


def size_for(batch: Packed, longest: int) -> Size | None:
    """The smallest that has room for the batch and one more token, where the sequences without tokens begin."""
    if batch.sequences > SEQUENCES or batch.longest > longest:
        return None
    tokens = next((tokens for tokens in TOKENS if batch.tokens < tokens), None)
    return None if tokens is None else Size(tokens, min(SHORT, longest) if batch.longest <= SHORT else longest)


def lay_out(batch: Packed, size: Size) -> NDArray[np.int64]:
    """The batch's numbers, filled up with tokens of no sequence, and to ``SEQUENCES`` with sequences of no tokens."""
    numbers = np.zeros(3 * size.tokens + SEQUENCES + 1, np.int64)
    fields, starts = numbers[: 3 * size.tokens].reshape(3, -1), numbers[3 * size.tokens :]
    fields[:, : batch.filled] = batch.numbers[: 3 * batch.filled].reshape(3, -1)
    starts[:] = batch.tokens
    starts[: batch.sequences] = batch.numbers[3 * batch.filled : -1]
    return numbers


def staged(numbers: NDArray[np.int64], device: torch.device) -> Tensor:
    """A tensor on the host from which a copy to the device does not block; torch keeps its memory until then."""
    tensor = torch.as_tensor(numbers)
    return tensor.pin_memory() if device.type == "cuda" else tensor


_TURNS: dict[torch.device, threading.Lock] = {}
_CAPTURING = threading.Lock()


def turn_on(device: torch.device) -> threading.Lock:
    """Held by whoever gives a device work: while something is recorded, torch cannot serve other threads in full."""
    return _TURNS.setdefault(device, threading.Lock())


def capture_on(device: torch.device) -> Capture:
    """Records CUDA graphs, which share one pool of memory: only one of them runs at a time."""
    stream, pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def capture(function: Callable[[], Tensor]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        with _CAPTURING, torch.cuda.device(device):
            outside = torch.cuda.current_stream()
            stream.wait_stream(outside)
            try:
                # torch.cuda.graph does not leave its stream where a recording fails; this one is left in any case.
                with torch.cuda.stream(stream):
                    for _ in range(WARM_UPS):
                        function()
                    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                        found = function()
            finally:
                outside.wait_stream(stream)

        def replay() -> Tensor:
            graph.replay()
            return found

        return replay

    return capture


def _in_order(device: torch.device) -> bool:
    """Whether what this thread asks for comes after what others asked for: on a stream of its own it would not."""
    return device.type != "cuda" or torch.cuda.current_stream(device) == torch.cuda.default_stream(device)
