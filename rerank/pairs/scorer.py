"""PairScorer: compares two texts with any cross-encoder, or by the cosine of an encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, ModelError
from ...errors.arguments import checked_count, checked_flag, checked_instance, checked_number
from ...inference import Dtype, resolve_dtype, resolve_model
from ...models import DEFAULT_ENCODER
from ..reranker import Pair
from .activations import Activation, own_activation, probabilities_of
from .cache import OutputCache
from .inputs import checked_pairs, ranked_pairs
from .labels import labels_of, number_of, positive_of_two, require_stated
from .models import pair_model

DEFAULT_SIMILARITY = DEFAULT_ENCODER
"""The model of similarity where no other is named. ``benchmarks/results/pairs.md`` has what else was measured."""


@dataclass(frozen=True, slots=True)
class PairLabel:
    """The label of a pair.

    Attributes:
        label: The most probable label; of two, the one that the threshold gives.
        score: Its probability.
        scores: The probability of each label, in the order of the model's outputs.
    """

    label: str
    score: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class RankedText:
    """A document of ``PairScorer.rank``: its place in the list that was given, and its score."""

    index: int
    score: float


class PairScorer:
    """Compares two texts: how similar they are, whether one follows from the other, or whatever a model learned.

    A cross-encoder takes both texts together, in the order in which they are given; of a pair that is too long, the
    longer text is cut. An encoder gives each text a vector, and its output is their cosine, whatever their order. Any
    number of threads may share a scorer.

    Args:
        model: A hub id, a local folder or a bundled name: of a cross-encoder with any number of outputs, or of an
            encoder. The default is the encoder of an index: without training, its cosine is the best similarity.
        device: A torch device; None takes CUDA, then MPS, then the CPU.
        dtype: The number format of the layers, as for ``CrossEncoderReranker``.
        label: Of a model with several labels, the one whose probability is the score. Of two labels, the default is
            the one that says yes: the second, unless its name begins with a word such as "not". Of more, there is none.
        symmetric: Whether the outputs of a cross-encoder are the mean of both orders of a pair, which takes twice the
            time.
        max_length: Lowers the limit on the tokens of a pair, or of a text for an encoder.
        cache_size: How many pairs are remembered with their outputs.

    Raises:
        ArgumentError: An argument is of another type or out of its range, or the device is not available.
        ModelError: The model compares no texts, has no such label, or cannot be loaded.
        ModelNotFound: There is no such model.

    Example:
        >>> scorer = PairScorer()
        >>> scorer.score([("A man is eating food", "A man is eating a meal")])
        array([0.92...], dtype=float32)
    """

    def __init__(  # noqa: PLR0913 - each argument has a default
        self,
        model: str | Path = DEFAULT_SIMILARITY,
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        label: str | None = None,
        symmetric: bool = False,
        max_length: int | None = None,
        cache_size: int = 10_000,
    ) -> None:
        dtype = resolve_dtype(dtype, device)
        self._symmetric = checked_flag(symmetric, "symmetric")
        self._cache = OutputCache(checked_count(cache_size, "cache_size", least=0))
        self._label = None if label is None else checked_instance(label, str, "label")
        self._name = str(model)
        folder = resolve_model(model)
        if self._label is not None:
            require_stated(folder, self._label, model)  # at once: to load a model takes seconds
        self._model = pair_model(model, folder, device=device, dtype=dtype, max_length=max_length)
        self._activation: Activation = "clip" if self._model.is_cosine else own_activation(folder, model)
        self._labels = labels_of(folder, self._model.outputs)
        self._scored = self._scored_label()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of ``classify``, in the order of the model's outputs."""
        return self._labels

    @property
    def label(self) -> str | None:
        """The label whose probability is the score; None if the model has more than two, and none was named."""
        return None if self._scored is None else self._labels[self._scored]

    @property
    def name(self) -> str:
        """The name of the model, as it was given."""
        return self._name

    @property
    def outputs(self) -> int:
        """The number of outputs of the model."""
        return self._model.outputs

    @property
    def is_cosine(self) -> bool:
        """Whether the model is an encoder, whose output is a cosine."""
        return self._model.is_cosine

    @property
    def runs_packed(self) -> bool:
        """Whether the model runs in this project's engine; the log says why if it does not."""
        return self._model.runs_packed

    @property
    def max_length(self) -> int:
        """The most tokens of a pair, or of one text with an encoder, special tokens included; more are cut."""
        return self._model.max_length

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Score pairs.

        Args:
            pairs: Pairs of texts.

        Returns:
            Numbers in [0, 1], float32 of shape (len(pairs),). Of one output it is the sigmoid, of several the
            probability of ``label``, of an encoder the cosine, or 0 where that is negative.

        Raises:
            ArgumentError: A pair is not two texts, or a text is blank.
            ModelError: The model has more than two labels, and no ``label`` was named.
        """
        scored = self._require_scored()
        return self.probabilities(pairs)[:, scored]

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Compute the raw outputs of pairs.

        Args:
            pairs: Pairs of texts.

        Returns:
            The outputs before any activation, float32 of shape (len(pairs),) for one output, else of shape
            (len(pairs), outputs). Those of an encoder are cosines.

        Raises:
            ArgumentError: A pair is not two texts, or a text is blank.
        """
        outputs = self._outputs(checked_pairs(pairs))
        return outputs[:, 0] if self.outputs == 1 else outputs

    def probabilities(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Compute the probability of each label, float32 of shape (len(pairs), len(labels)), as ``score`` does."""
        return probabilities_of(self._outputs(checked_pairs(pairs)), self._activation)

    def is_cut(self, pairs: Sequence[Pair]) -> NDArray[np.bool_]:
        """Tell which pairs are too long for the model, so that a text of them is cut.

        Args:
            pairs: Pairs of texts.

        Returns:
            bool of shape (len(pairs),).

        Raises:
            ArgumentError: A pair is not two texts, or a text is blank.
        """
        texts = checked_pairs(pairs)
        return np.array(self._model.is_cut(texts) if texts else [], np.bool_)

    def rank(self, query: str, documents: Sequence[str], *, top_k: int | None = None) -> list[RankedText]:
        """Rank texts by how they compare with a query.

        Args:
            query: The first text of each pair.
            documents: The second text of each pair.
            top_k: How many are returned; None returns all.

        Returns:
            Their places in ``documents`` with their scores, the best first. Ties keep the order of ``documents``.

        Raises:
            ArgumentError: ``query`` or a document is not text, or blank.
            ModelError: As for ``score``.
        """
        count = None if top_k is None else checked_count(top_k, "top_k")
        scored, pairs = self._require_scored(), ranked_pairs(query, documents)
        outputs = self._outputs(checked_pairs(pairs))
        scores = probabilities_of(outputs, self._activation)[:, scored]
        # Far from 0 logits differ where sigmoids are the same number, and cosines below 0 where scores are 0.
        keys = scores if self.outputs > 1 else outputs[:, 0] if scored else -outputs[:, 0]
        order = cast("list[int]", np.argsort(-keys, kind="stable")[:count].tolist())
        return [RankedText(row, float(scores[row])) for row in order]

    def classify(self, pairs: Sequence[Pair], *, threshold: float | None = None) -> list[PairLabel]:
        """Find the label of each pair.

        Args:
            pairs: Pairs of texts.
            threshold: Of two labels, and of one output, the probability from which on the label is the one that says
                yes ("similar" for one output); None is 0.5.

        Returns:
            The most probable label of each pair, or the one that ``threshold`` gives.

        Raises:
            ArgumentError: A pair is not two texts, a text is blank, or ``threshold`` is out of its range, or given for
                more than two labels.
        """
        binary = len(self._labels) == 2
        if threshold is not None and not binary:
            raise ArgumentError(
                f"threshold is for two labels, and {self._name} has {len(self._labels)} ({', '.join(self._labels)}): "
                "leave it out, and take the label with the highest probability"
            )
        least = 0.5 if threshold is None else checked_number(threshold, "threshold", 0.0, 1.0)
        probabilities = self.probabilities(pairs)
        if binary:
            assert self._scored is not None
            numbers = np.where(probabilities[:, self._scored] >= least, self._scored, 1 - self._scored)
        else:
            numbers = probabilities.argmax(axis=1)
        return [self._labelled(row, int(number)) for row, number in zip(probabilities, numbers, strict=True)]

    def _labelled(self, probabilities: NDArray[np.float32], number: int) -> PairLabel:
        values = cast("list[float]", probabilities.tolist())
        return PairLabel(self._labels[number], values[number], dict(zip(self._labels, values, strict=True)))

    def _outputs(self, pairs: list[Pair]) -> NDArray[np.float32]:
        outputs = self._cache.outputs(pairs, self.outputs, self._run)
        broken = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if len(broken):
            raise ModelError(f"{self._name} gave an output that is not finite for pair {broken[0]}")
        return outputs

    def _run(self, pairs: list[Pair]) -> NDArray[np.float32]:
        if not self._symmetric or self.is_cosine:
            return self._model.run(pairs)
        both = self._model.run([*pairs, *((second, first) for first, second in pairs)])
        return (both[: len(pairs)] + both[len(pairs) :]) / np.float32(2)

    def _scored_label(self) -> int | None:
        if self._label is not None:
            return number_of(self._label, self._labels, self._name)
        if self.outputs == 1:
            return 1
        return positive_of_two(self._labels) if self.outputs == 2 else None

    def _require_scored(self) -> int:
        if self._scored is None:
            raise ModelError(
                f"{self._name} has {self.outputs} labels ({', '.join(self._labels)}), and a score is the probability "
                f"of one of them: name it as the label, for example {self._labels[0]!r}, or classify the pairs"
            )
        return self._scored
