"""What does a faster number format cost in relevance? Compares nDCG@10 and scores on the same candidates.

Usage: python benchmarks/rerank_quality.py DATA [--cache FOLDER] [--output benchmarks/results/rerank-quality.json]

DATA holds scifact and nfcorpus. The 100 candidates of every test query are scored by sentence-transformers in float32,
the reference, and by bicross in each number format. Takes hours on two cores: --queries N takes the first N,
--reference "bicross float32" leaves out the slowest reranker, whose scores are the same within 1e-4, and --cache keeps
candidates and scores of the reference for the next run.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bicross.index import Document, Hit, Passage, Predicate, passage_text, read_documents
from bicross.inference import ModelFiles, resolve_model, whole_file
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.evaluation.judgments import Qrels
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, DenseRetriever
from parts.judged import mean_ndcg, read_queries
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rerank_variants import REFERENCE, Pairs, Score, Scores, load, variants
from parts.tables.speed import rerank_quality_table
from scipy.stats import kendalltau

COLLECTIONS = ("scifact", "nfcorpus")
CANDIDATES = 100
QUERIES_AT_ONCE = 8
HOW = (
    "The same candidates for all: first stage of bicross, passages of its default size. Differences are to the "
    "reference; blended is the order that a pipeline gives, alone that of the logits."
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The first stage's hits for each judged query; ``key`` changes with everything that they depend on."""

    collection: str
    key: str
    queries: dict[str, str]
    qrels: Qrels
    hits: dict[str, list[Hit]]

    def pairs(self) -> list[tuple[str, str]]:
        """Return all pairs to score, query after query."""
        return [
            (self.queries[query_id], passage_text(hit.document.title, hit.passage.text))
            for query_id, hits in self.hits.items()
            for hit in hits
        ]

    def ndcg(self, scores: Scores, *, blend: float) -> float:
        """Return nDCG@10 of the order that a pipeline gives with these scores."""
        pipeline = SearchPipeline(self, _Known(dict(zip(self.pairs(), scores.tolist(), strict=True))), blend=blend)
        ranked = zip(self.hits, pipeline.search_batch(list(self.queries.values())), strict=True)
        run = {query_id: [(r.document.id, r.score) for r in results] for query_id, results in ranked}
        return mean_ndcg(self.qrels, run)

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Act as a retriever that is asked for all queries, in their order."""
        assert where is None
        assert list(queries) == list(self.queries.values())
        return [hits[:k] for hits in self.hits.values()]

    def ends(self) -> list[int]:
        """Return the position after the last pair of each query."""
        return np.cumsum([len(hits) for hits in self.hits.values()]).tolist()


@dataclass(frozen=True, slots=True)
class _Known:
    """A reranker that looks up scores which were computed before."""

    scores: dict[tuple[str, str], float]
    blend: float = 1.0

    def score(self, pairs: Pairs) -> Scores:
        return np.array([self.scores[pair] for pair in pairs], np.float32)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The figures of one reranker on one collection, ordered by its scores alone and blended as by default."""

    collection: str
    name: str
    queries: int
    pairs: int
    ndcg_alone: float
    ndcg_blended: float
    difference_alone: float
    difference_blended: float
    largest_score_difference: float
    kendall_tau: float


def candidates(folder: Path, encoder: str, *, device: str, cache: Path, limit: int | None) -> Candidates:
    """Find the candidates of the test queries, or of the first ``limit``, in a new index or in the cache."""
    queries, qrels = read_queries(folder, "test")
    queries = dict(list(queries.items())[:limit])
    qrels = {query_id: qrels[query_id] for query_id in queries}
    first_stage = BiEncoder(encoder, device=device)
    about = [asdict(first_stage.fingerprint), list(queries.items()), CANDIDATES]
    corpus = (folder / "corpus.jsonl").read_bytes()
    key = hashlib.sha256(json.dumps(about).encode() + corpus).hexdigest()[:12]
    path = cache / f"candidates-{folder.name}-{key}.jsonl"
    if not path.exists():
        with whole_file(path) as file:
            file.writelines(f"{json.dumps(line)}\n".encode() for line in _search(folder, queries, first_stage))
    hits: dict[str, list[Hit]] = {query_id: [] for query_id in queries}
    for line in path.read_text(encoding="utf-8").splitlines():
        query_id, document_id, title, text, score = json.loads(line)
        hits[query_id].append(Hit(Document(document_id, text, title), Passage(text, 0, len(text)), score))
    return Candidates(folder.name, key, queries, qrels, hits)


def _search(folder: Path, queries: dict[str, str], encoder: BiEncoder) -> list[list[object]]:
    with tempfile.TemporaryDirectory() as scratch:
        documents = read_documents(folder, on_error="skip", errors_path=Path(scratch) / "errors.jsonl")
        index = build_index(documents, Path(scratch) / "index", encoder=encoder, progress=True)
        hits_by_query = DenseRetriever(index, encoder).retrieve(list(queries.values()), CANDIDATES)
        return [
            [query_id, hit.document.id, hit.document.title, hit.passage.text, hit.score]
            for query_id, hits in zip(queries, hits_by_query, strict=True)
            for hit in hits
        ]


def score_all(to_score: Candidates, score: Score, *, note: str) -> Scores:
    """Score all pairs, some queries at a time."""
    pairs, ends = to_score.pairs(), to_score.ends()
    parts: list[Scores] = []
    starts = [0, *ends[QUERIES_AT_ONCE - 1 :: QUERIES_AT_ONCE]]
    for start, stop in zip(starts, [*starts[1:], len(pairs)], strict=True):
        if start < stop:
            parts.append(score(pairs[start:stop]))
        print(f"\r  {note}: {stop} of {len(pairs)} pairs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return np.concatenate(parts)


def reference_scores(to_score: Candidates, score: Score, *, model: str, cache: Path) -> Scores:
    """Return the scores of the reference, from the cache if it has them; ``model`` names weights and reranker."""
    path = cache / f"scores-{to_score.collection}-{to_score.key}-{model}.npy"
    if not path.exists():
        scores = score_all(to_score, score, note=f"{to_score.collection}, reference")
        with whole_file(path) as file:
            np.save(file, scores)
    return np.load(path)


def compare(to_score: Candidates, reference: Scores, others: Mapping[str, Scores], *, blend: float) -> list[Fidelity]:
    """Compare the other scores with those of the reference, which comes first."""
    ends = to_score.ends()[:-1]
    base = {weight: to_score.ndcg(reference, blend=weight) for weight in {1.0, blend}}
    figures: list[Fidelity] = []
    for name, scores in {"reference": reference, **others}.items():
        alone, blended = to_score.ndcg(scores, blend=1.0), to_score.ndcg(scores, blend=blend)
        figures.append(
            Fidelity(
                collection=to_score.collection,
                name=name,
                queries=len(to_score.queries),
                pairs=len(scores),
                ndcg_alone=alone,
                ndcg_blended=blended,
                difference_alone=alone - base[1.0],
                difference_blended=blended - base[blend],
                largest_score_difference=float(np.abs(scores - reference).max()),
                kendall_tau=mean_tau(np.split(reference, ends), np.split(scores, ends)),
            )
        )
    return figures


def mean_tau(reference: Sequence[Scores], others: Sequence[Scores]) -> float:
    """Return the mean over queries of Kendall's tau of the candidates' orders; 1 is the same order."""
    taus = [kendalltau(a, b).statistic for a, b in zip(reference, others, strict=True) if len(a) > 1]
    return float(np.mean(taus))


def fidelity(collection: Path, arguments: argparse.Namespace, cache: Path) -> list[Fidelity]:
    """Measure all number formats of bicross that are available, beside the reference."""
    folder = resolve_model(arguments.reranker)
    score, reasons = load(variants(arguments.reranker, arguments.device))
    for name, reason in reasons.items():
        print(f"{name}: {reason}", file=sys.stderr)
    weights = ModelFiles.of(arguments.reranker, folder).weights_sha256
    to_score = candidates(collection, arguments.encoder, device=arguments.device, cache=cache, limit=arguments.queries)
    by, cache_key = score[arguments.reference], f"{weights[:12]}-{arguments.reference.replace(' ', '-')}"
    reference = reference_scores(to_score, by, model=cache_key, cache=cache)
    ours = [name for name in score if name.startswith("bicross") and name != arguments.reference]
    others = {name: score_all(to_score, score[name], note=f"{collection.name}, {name}") for name in ours}
    return compare(to_score, reference, others, blend=CrossEncoderReranker(folder, device="cpu").blend)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="the encoder that finds the candidates")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--queries", type=int, help="the first so many queries of each collection")
    parser.add_argument("--reference", choices=[REFERENCE, "bicross float32"], default=REFERENCE)
    parser.add_argument("--cache", type=Path, help="folder that keeps candidates and scores of the reference")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.cache])
    set_threads(arguments.threads)
    figures: list[Fidelity] = []
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch)
        cache.mkdir(exist_ok=True)
        for name in COLLECTIONS:
            figures += fidelity(arguments.data / name, arguments, cache)
    records = [asdict(figure) for figure in figures]
    print(f"\n{rerank_quality_table(records)}")
    write(arguments.output, header(arguments, how=HOW) | {"quality": records})


if __name__ == "__main__":
    main()
