"""Trains a bi-encoder on ranking lists, with sentence-transformers' trainer and losses. Knows no index and no source."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..inference import load_model, resolve_model, token_limit
from ..inference.training import RankingList, TrainingSettings
from .held_out import HeldOut, mean_ndcg
from .training_rows import EncoderObjective, Row, training_rows

MEASURE = "nDCG@10"


def train_encoder(
    model: str | Path,
    lists: Sequence[RankingList],
    settings: TrainingSettings,
    *,
    held_out: Sequence[RankingList] = (),
    objective: EncoderObjective = EncoderObjective(),
    progress: bool = False,
) -> TrainingRecord:
    """Train the bi-encoder ``model`` on ``lists``, and write it to ``settings.output``, where ``BiEncoder`` finds it.

    The passages of ``held_out`` together are a collection that its queries are searched in, exactly; the model that is
    written is the one with the best nDCG@10 there, or the last one where nothing is held out. A training that was
    interrupted goes on from its newest checkpoint, to the same result. Raises ``ArgumentError`` where the lists have
    nothing to learn, and ``ModelError`` where ``model`` cannot be trained.
    """
    rows = training_rows(lists, objective, seed=settings.seed)
    datasets, trainers = require_training()
    encoder: Any = load_model(trainers.SentenceTransformer, resolve_model(model), device=settings.device)
    limit = encoder.max_seq_length
    special_tokens = int(encoder.tokenizer.num_special_tokens_to_add(pair=False))
    encoder.max_seq_length = token_limit(encoder, settings.max_length, least=special_tokens + 1)
    trainer = trainers.SentenceTransformerTrainer(
        model=encoder,
        args=_arguments(encoder, settings, objective),
        train_dataset=datasets.Dataset.from_dict(_columns(rows)),
        loss=_loss(encoder, objective),
        evaluator=_evaluator(HeldOut.of(held_out, scored=not objective.graded)),
    )
    encoder.max_seq_length = limit


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """As the trainer wants them: the query, a column for each passage, and the teacher's scores."""
    columns: dict[str, list[Any]] = {"query": [row.query for row in rows]}
    for place in range(len(rows[0].passages)):
        columns[f"passage {place}"] = [row.passages[place] for row in rows]
    if rows[0].scores:
        columns["scores"] = [list(row.scores) for row in rows]
    return columns


def _prompts(encoder: Any, columns: Sequence[str]) -> dict[str, str]:  # noqa: ANN401
    """What the model wants to stand before each column, under the names that sentence-transformers goes by."""
    document = next((name for name in ("document", "passage", "corpus") if name in encoder.prompts), "")
    query, passage = encoder.prompts.get("query") or "", encoder.prompts.get(document) or ""
    found = {name: query if name == "query" else passage for name in columns if name != "scores"}
    return {name: prompt for name, prompt in found.items() if prompt}


def _loss(encoder: Any, objective: EncoderObjective) -> Any:  # noqa: ANN401
    from sentence_transformers import losses

    if objective.loss == "multiple-negatives":
        if objective.mini_batch is None:
            return losses.MultipleNegativesRankingLoss(encoder, scale=objective.scale)
        return losses.CachedMultipleNegativesRankingLoss(
            encoder, scale=objective.scale, mini_batch_size=objective.mini_batch
        )
    similarity = partial(_scaled_cosine, scale=objective.scale)
    if objective.loss == "margin-mse":
        return losses.MarginMSELoss(encoder, similarity_fct=similarity)
    return losses.DistillKLDivLoss(encoder, similarity_fct=similarity)


def _scaled_cosine(queries: Any, passages: Any, *, scale: float) -> Any:  # noqa: ANN401
    """Cosines of rows, in the range of a teacher's logits: unscaled they could never be as far apart as these."""
    from sentence_transformers.util import pairwise_cos_sim

    return scale * pairwise_cos_sim(queries, passages)


def _evaluator(held_out: HeldOut) -> Any:  # noqa: ANN401
    """nDCG@10 by exact search, for the trainer to call."""
    from sentence_transformers.base.evaluation import BaseEvaluator

    class Evaluator(BaseEvaluator):
        def __call__(self, model: Any, *_: object, **__: object) -> dict[str, float]:  # noqa: ANN401
            encode = {"normalize_embeddings": True, "show_progress_bar": False, "convert_to_numpy": True}
            queries = model.encode_query(list(held_out.queries), **encode)
            passages = model.encode_document(list(held_out.passages), **encode)
            return {MEASURE: mean_ndcg(queries @ passages.T, held_out.gains)}

    return Evaluator()
