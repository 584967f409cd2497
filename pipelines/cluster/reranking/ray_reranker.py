"""RayReranker: a Reranker whose pairs are scored by several processes on Ray."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ....errors import ArgumentError, ClusterError
from ....errors.arguments import (
    checked_choice,
    checked_count,
    checked_number,
    checked_positive,
    checked_texts,
    described,
)
from ....inference import Dtype, require_texts
from ....inference.remote import is_remote
from ....rerank import (
    DEFAULT_RERANKER,
    Calibration,
    Pair,
    TokenPair,
    check_pairs,
    check_token_pairs,
    each_once,
)
from ..connection import connected_ray
from ..resources import MOST_PROCESSES, Shares
from .asking import Paces, ask_all
from .ray_workers import RayWorker, RerankerSpec
from .requests import Description, LongQueries, Piece, Request, TextScores, TokenScores, UnknownShares
from .spreading import spread, tokens_of_ids, tokens_of_texts
from .workers import RerankerWorkers

Answer = TypeVar("Answer")
DEFAULT_SECONDS = 60.0


class RayReranker:
    """Scores pairs in several processes on Ray, each of which has the same ``CrossEncoderReranker``.

    The pairs of a call are cut into pieces of about equally many tokens. A process that dies is replaced, and what it
    had is scored by another; a piece that takes much longer than others is given to an idle process too. Logits are
    those of one process. It has no exits: a search with it can have no cascade. Any number of threads may share it.

    Args:
        model: A hub id, a bundled name, or a folder that all machines see. Each process loads it by itself.
        workers: How many processes; None takes one for each GPU, or else one for each machine.
        address: The address of the cluster; as for ``connected_ray``.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        dtype: The number format of the layers.
        cpus: The cores that each process has for itself; None shares them out evenly. A build on the same cluster
            needs some too.
        seconds: How long a process may take over a piece of a call, which it may have to wait with behind others.

    Raises:
        ArgumentError: An argument cannot be.
        ClusterError: There is no cluster at the address.
        MissingPackage: Ray is not installed.

    Example:
        >>> with RayReranker(workers=4, address="auto") as reranker:
        ...     results = SearchPipeline.open("my-index", reranker=reranker).search("how do vaccines work?")
    """

    def __init__(  # noqa: PLR0913 - each argument has a default
        self,
        model: str | Path = DEFAULT_RERANKER,
        *,
        workers: int | None = None,
        address: str | None = None,
        device: str | None = None,
        dtype: Dtype = "float32",
        cpus: float | None = None,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._model = _name_of(model)
        if workers is not None:
            checked_count(workers, "workers", most=MOST_PROCESSES)
        if device is not None and not (isinstance(device, str) and device):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"device must be the name of a torch device, as in 'cuda:0', not {described(device)}")
        checked_choice(dtype, "dtype", get_args(Dtype))  # each worker resolves "auto"; they must agree
        if cpus is not None:
            checked_number(cpus, "cpus", 0.0, 10_000.0)
        checked_positive(seconds, "seconds")
        ray = connected_ray(address)
        shares = Shares.of(ray, count=workers, cpus=cpus, gpus=None, device=device)
        spec = RerankerSpec(self._model, device, dtype)
        handles = [RayWorker(ray, spec, shares) for _ in range(shares.count)]
        self._workers = RerankerWorkers(handles, seconds=seconds)
        self._paces, self._cuts_queries = Paces(), False

    def __str__(self) -> str:
        return self._model

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return len(self._workers.all)

    @property
    def blend(self) -> float:
        """The weight against the first stage that the model's settings name, 1.0 if they name none."""
        return self._description.blend

    @property
    def calibration(self) -> Calibration | None:
        """The curve from logits to relevance that the model's settings have, None if they have none."""
        return self._description.calibration

    @property
    def fingerprint(self) -> str:
        """As that of ``CrossEncoderReranker``: scores and settings that were kept for one hold for the other."""
        return self._description.fingerprint

    @property
    def model_fingerprint(self) -> str:
        """The same without the precision."""
        return self._description.model_fingerprint

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer; empty if the model takes no token ids."""
        return self._description.tokenizer_fingerprint

    @property
    def max_length(self) -> int:
        """The most tokens of a pair, special tokens included; longer passages are cut."""
        return self._description.max_length

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: (query, passage) texts.

        Returns:
            Logits, float32 of shape (len(pairs),), as ``CrossEncoderReranker`` gives them.

        Raises:
            ArgumentError: A pair is not two texts.
            QueryError: A query is too long for the model.
            ClusterError: No process is left, or a piece failed again and again.
            ModelError: The model is not there, or is not the same everywhere.
        """
        check_pairs(pairs)
        require_texts([text for pair in pairs for text in pair])
        given = [(str(query), str(passage)) for query, passage in pairs]

        def scored(rows: list[int]) -> NDArray[np.float32]:
            chosen = [given[row] for row in rows]
            tokens = tokens_of_texts(chosen, self.max_length)
            parts = spread(tokens, self.workers)
            requests = [TextScores(chosen[part], self._cuts_queries) for part in parts]
            return self._joined(requests, tokens, parts, chosen)

        return each_once(given, scored)

    def score_tokens(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        """Score pairs whose passages are token ids, from the tokenizer of ``tokenizer_fingerprint``.

        Returns:
            Logits as ``score`` gives them, with the same errors, and ``ModelError`` if the model takes no token ids.
        """
        check_token_pairs(pairs)
        keys = [(query, ids.dtype.char, ids.tobytes()) for query, ids in pairs]

        def scored(rows: list[int]) -> NDArray[np.float32]:
            chosen = [(str(pairs[row][0]), pairs[row][1]) for row in rows]
            tokens = tokens_of_ids(chosen, self.max_length)
            parts = spread(tokens, self.workers)
            requests = [TokenScores(chosen[part], self._cuts_queries) for part in parts]
            return self._joined(requests, tokens, parts, chosen)

        return each_once(keys, scored)

    def long_queries(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long for ``score``: what is wrong with each, by its place in ``queries``."""
        queries = checked_texts(queries, "queries")
        return self._asked(LongQueries(queries), "queries") if queries else {}

    def cutting_queries(self) -> "RayReranker":
        """Return the same reranker, in the same processes, that cuts queries that are too long."""
        other = copy.copy(self)
        other._cuts_queries = True
        return other

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """The share of each text that the tokenizer does not know; see ``TextTokenizer.unknown_shares``."""
        texts = checked_texts(texts, "texts")
        return self._asked(UnknownShares(texts), "texts") if texts else []

    def close(self) -> None:
        """End the processes. Calls under way fail."""
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _description(self) -> Description:
        return self._workers.described()

    def _asked(self, request: Request[Answer], shown: str) -> Answer:
        self._workers.described()
        [answer] = ask_all(self._workers, [Piece(request, 1, shown)], self._paces)
        return answer

    def _joined(
        self,
        requests: Sequence[Request[NDArray[np.float32]]],
        tokens: NDArray[np.int64],
        parts: Sequence[slice],
        pairs: Sequence[Pair] | Sequence[TokenPair],
    ) -> NDArray[np.float32]:
        pieces = [
            Piece(request, int(tokens[part].sum()), f"{part.stop - part.start} pairs from {pairs[part.start][0]!r:.60}")
            for request, part in zip(requests, parts, strict=True)
        ]
        answers = ask_all(self._workers, pieces, self._paces)
        for part, answer in zip(parts, answers, strict=True):
            if answer.shape != (part.stop - part.start,):
                raise ClusterError(f"a reranker worker gave {answer.shape} scores for {part.stop - part.start} pairs")
        return np.concatenate(answers)


def _name_of(model: object) -> str:
    """Return the name of a model as a process in another folder can use it."""
    if not isinstance(model, str | Path) or not str(model).strip():
        raise ArgumentError(f"model must be the name of a reranker or its folder, not {described(model)}")
    if is_remote(model):
        raise ArgumentError(f"{model} is a server, and takes requests of any number of processes: use RemoteReranker")
    try:
        is_folder = Path(model).is_dir()
    except (OSError, ValueError):
        is_folder = False
    return str(Path(model).absolute()) if is_folder else str(model)
