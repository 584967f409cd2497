"""Does training on a collection's own documents adapt an encoder to it? Measures nDCG@10 on unseen queries.

Usage: python benchmarks/adaptation.py FOLDER... [--steps 100] [--limit 2000] [--output FILE.json]

Each FOLDER is a BEIR folder; training sees only its documents. The rows: the encoder as it comes; trained on
pseudo-query pairs (title, heading, inverse cloze); trained on the pairs that consistency filtering keeps; and distilled
from the reranker with the queries of those pairs. Each is measured with every --average, the share of the trained
weights in weight averaging (WiSE-FT), alone and reranked. Takes hours on two cores with a thousand documents:
--rerank-k 0 leaves reranking out, --only takes some of the trainings.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bicross.index import read_documents
from bicross.inference import load_model, resolve_model
from bicross.pipelines import Judged, SearchPipeline, build_index, evaluate, read_judged
from bicross.pipelines.evaluation import Estimate, System
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.training import PseudoQueryOptions, distilled_lists, pseudo_query_lists, pseudo_query_pairs
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, DenseRetriever
from bicross.training import RankingList, TrainingSettings
from bicross.training.encoders import EncoderObjective, train_encoder
from bicross.training.encoders.train import average_weights
from bicross.training.environment import quiet
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.tables.relevance import MEASURES, adaptation_table
from sentence_transformers import SentenceTransformer

AS_IT_COMES, ALL_PAIRS, BELIEVED, DISTILLED = "as it comes", "all pairs", "believed pairs", "distilled"
WAYS = (ALL_PAIRS, BELIEVED, DISTILLED)
HOW = (
    "Training sees no query of the collection. The difference is in nDCG@10 to the encoder as it comes, with its "
    "95 % bootstrap interval; * marks p < 0.05 in the paired randomisation test."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of an encoder on a collection, alone or reranked.

    ``lists`` is how many lists it was trained on, ``average`` the share of the trained weights.
    """

    collection: str
    encoder: str
    average: float | None
    system: str
    queries: int
    lists: int
    means: Mapping[str, Estimate]
    difference: Difference | None


class Adaptation:
    """One collection: its documents, queries and pseudo-queries, and the measures of each encoder."""

    def __init__(self, folder: Path, scratch: Path, arguments: argparse.Namespace) -> None:
        self.folder, self.scratch, self.arguments = folder, scratch, arguments
        self.judged: Judged = read_judged(folder, split=arguments.split)
        self.documents = list(read_documents(folder, on_error="skip", errors_path=scratch / "errors.jsonl"))
        self.reranker = CrossEncoderReranker(arguments.reranker, dtype=arguments.dtype)
        self.pairs = pseudo_query_pairs(self.documents, seed=arguments.seed)
        self.baselines: dict[str, System] = {}
        self.retriever = self.indexed(arguments.encoder, AS_IT_COMES)

    def indexed(self, encoder: str | Path, name: str) -> DenseRetriever:
        """Index the documents with an encoder."""
        opened = BiEncoder(encoder, dtype=self.arguments.dtype)
        index = build_index(self.documents, self.scratch / name, encoder=opened, reranker=self.arguments.reranker)
        return DenseRetriever(index, opened)

    def measured(self, retriever: DenseRetriever, name: str, average: float | None, lists: int) -> list[Row]:
        """Measure both orders, and compare them with those of the encoder as it comes."""
        depth = self.arguments.rerank_k
        pipeline = SearchPipeline(retriever, self.reranker if depth else None, rerank_k=depth or 1)
        report = evaluate(pipeline, self.judged.queries, self.judged.qrels, measures=MEASURES)
        rows: list[Row] = []
        for system in report.systems:
            before = self.baselines.setdefault(system.name, system)
            change = compare(before, system, {}).differences[0] if before is not system else None
            queries = report.counts.judged
            rows.append(Row(self.folder.name, name, average, system.name, queries, lists, system.means, change))
        return rows

    def trained(self, name: str) -> Iterator[list[Row]]:
        """Train an encoder in one of the ways, and measure it with each share of the trained weights."""
        believed = PseudoQueryOptions(limit=self.arguments.limit, reranker=self.reranker, seed=self.arguments.seed)
        options = replace(believed, reranker=None) if name == ALL_PAIRS else believed
        lists, held_out = pseudo_query_lists(self.pairs, self.retriever, options)
        if name == DISTILLED:
            lists, held_out = (self.scored([item.query for item in split_lists]) for split_lists in (lists, held_out))
        loss = "kl" if name == DISTILLED else "multiple-negatives"
        objective = EncoderObjective(loss=loss, passages=self.arguments.passages)
        output = self.scratch / f"{name} model"
        train_encoder(self.arguments.encoder, lists, self.settings(output), held_out=held_out, objective=objective)
        for average in self.arguments.average:
            mixed = self.mixed(output, average)
            yield self.measured(self.indexed(mixed, f"{name} {average}"), name, average, len(lists))

    def mixed(self, trained: Path, average: float) -> Path:
        """Save the weighted average of the trained and the original weights; return its folder."""
        output = trained.with_name(f"{trained.name} {average}")
        model = load_model(SentenceTransformer, trained, device="cpu")
        average_weights(model, resolve_model(self.arguments.encoder), average)
        with quiet():
            model.save_pretrained(str(output), create_model_card=False)
        return output

    def scored(self, queries: Sequence[str]) -> list[RankingList]:
        """Score the candidates of the encoder as it comes with the reranker."""
        return distilled_lists(queries, self.retriever, self.reranker, depth=self.arguments.depth)

    def settings(self, output: Path) -> TrainingSettings:
        """Return the training settings, the same for all ways."""
        return TrainingSettings(
            output=output,
            learning_rate=self.arguments.learning_rate,
            max_steps=self.arguments.steps,
            lists_per_step=self.arguments.lists_per_step,
            evaluate_every=max(1, self.arguments.steps // 4),
            seed=self.arguments.seed,
            dtype=self.arguments.dtype,
            max_length=self.arguments.max_length,
        )


def adapted(folder: Path, arguments: argparse.Namespace) -> Iterator[list[Row]]:
    """Yield the rows of one collection, encoder by encoder."""
    with tempfile.TemporaryDirectory() as scratch:
        adaptation = Adaptation(folder, Path(scratch), arguments)
        yield adaptation.measured(adaptation.retriever, AS_IT_COMES, None, 0)
        for name in arguments.only or WAYS:
            yield from adaptation.trained(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--split", default="test")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--limit", type=int, default=2000, help="pseudo-query pairs, drawn at random")
    parser.add_argument(
        "--average",
        type=float,
        nargs="+",
        default=[1.0, 0.25],
        help="shares of the trained weights in the average",
    )
    parser.add_argument("--rerank-k", type=int, default=100)
    parser.add_argument("--only", choices=WAYS, action="append")
    parser.add_argument("--depth", type=int, default=10, help="candidates that the reranker scores for distillation")
    parser.add_argument("--passages", type=int, default=4, help="passages of each list in a step")
    parser.add_argument("--lists-per-step", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    rows: list[Row] = []
    for folder in arguments.folders:
        for new_rows in adapted(folder, arguments):
            rows += new_rows
            print(adaptation_table([asdict(row) for row in new_rows]), file=sys.stderr, flush=True)
            write(arguments.output, {**header(arguments, how=HOW), "rows": [asdict(row) for row in rows]})
    print(f"{adaptation_table([asdict(row) for row in rows])}\n\n{HOW}")


if __name__ == "__main__":
    main()
