"""What does a faster reranker cost in relevance? nDCG@10 and scores of each on the same candidates of judged queries.

Usage: python benchmarks/rerank_quality.py DATA [--cache FOLDER] [--output benchmarks/results/rerank-quality.json]

DATA holds scifact and nfcorpus. Each test query's 100 candidates are read by sentence-transformers in float32, the
reference, and by bicross in each number format. Takes hours on two cores: --queries takes the first so many,
--reference "bicross float32" leaves out the slowest, whose scores are the same within 1e-4, and --cache keeps
candidates and the reference's scores for the next run.
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
from parts.judged import QUERIES_AT_ONCE, mean_ndcg, read_queries
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rerank_variants import REFERENCE, Pairs, Score, Scores, load, variants
from parts.tables.speed import rerank_quality_table
from scipy.stats import kendalltau

COLLECTIONS = ("scifact", "nfcorpus")
CANDIDATES = 100
HOW = (
    "The same candidates for all: stage one of bicross, passages of its default size. Differences are to the reference;"
    " blended is the order that a pipeline gives, alone that of the logits."
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What stage one found for each judged query of a collection; ``key`` changes with whatever they depend on."""

    collection: str
    key: str
    queries: dict[str, str]
    qrels: Qrels
    hits: dict[str, list[Hit]]

    def pairs(self) -> list[tuple[str, str]]:
        """All that is to be scored, query after query."""
        return [
            (self.queries[query_id], passage_text(hit.document.title, hit.passage.text))
            for query_id, hits in self.hits.items()
            for hit in hits
        ]

    def ndcg(self, scores: Scores, *, blend: float) -> float:
        """Of the order that bicross's pipeline gives with these scores."""
        pipeline = SearchPipeline(self, _Known(dict(zip(self.pairs(), scores.tolist(), strict=True))), blend=blend)
        found = zip(self.hits, pipeline.search_batch(list(self.queries.values())), strict=True)
        run = {query_id: [(r.document.id, r.score) for r in results] for query_id, results in found}
        return mean_ndcg(self.qrels, run)

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """As a retriever that is asked for all queries, in their order."""
        assert where is None
        assert list(queries) == list(self.queries.values())
        return [hits[:k] for hits in self.hits.values()]

    def ends(self) -> list[int]:
        """Where the pairs of each query end."""
        return np.cumsum([len(hits) for hits in self.hits.values()]).tolist()


@dataclass(frozen=True, slots=True)
class _Known:
    """A reranker that has read everything before."""

    scores: dict[tuple[str, str], float]
    blend: float = 1.0

    def score(self, pairs: Pairs) -> Scores:
        return np.array([self.scores[pair] for pair in pairs], np.float32)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of one reranker on one collection. ``alone`` is ordered by its scores, ``blended`` as bicross does by default."""

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
    """Of the test queries of a collection, or the first ``limit``, from an index made now or what the cache holds."""
    queries, qrels = read_queries(folder, "test")
    queries = dict(list(queries.items())[:limit])
    qrels = {query_id: qrels[query_id] for query_id in queries}
    stage_one = BiEncoder(encoder, device=device)
    about = [asdict(stage_one.fingerprint), list(queries.items()), CANDIDATES]
    corpus = (folder / "corpus.jsonl").read_bytes()
    key = hashlib.sha256(json.dumps(about).encode() + corpus).hexdigest()[:12]
    path = cache / f"candidates-{folder.name}-{key}.jsonl"
    if not path.exists():
        with whole_file(path) as file:
            file.writelines(f"{json.dumps(line)}\n".encode() for line in _search(folder, queries, stage_one))
    hits: dict[str, list[Hit]] = {query_id: [] for query_id in queries}
    for line in path.read_text(encoding="utf-8").splitlines():
        query_id, document_id, title, text, score = json.loads(line)
        hits[query_id].append(Hit(Document(document_id, text, title), Passage(text, 0, len(text)), score))
    return Candidates(folder.name, key, queries, qrels, hits)


def _search(folder: Path, queries: dict[str, str], encoder: BiEncoder) -> list[list[object]]:
    with tempfile.TemporaryDirectory() as scratch:
        documents = read_documents(folder, on_error="skip", errors_path=Path(scratch) / "errors.jsonl")
        index = build_index(documents, Path(scratch) / "index", encoder=encoder, progress=True)
        found = DenseRetriever(index, encoder).retrieve(list(queries.values()), CANDIDATES)
        return [
            [query_id, hit.document.id, hit.document.title, hit.passage.text, hit.score]
            for query_id, hits in zip(queries, found, strict=True)
            for hit in hits
        ]


def score_all(found: Candidates, score: Score, *, note: str) -> Scores:
    """Of all pairs, some queries at a time."""
    pairs, ends = found.pairs(), found.ends()
    parts: list[Scores] = []
    starts = [0, *ends[QUERIES_AT_ONCE - 1 :: QUERIES_AT_ONCE]]
    for start, stop in zip(starts, [*starts[1:], len(pairs)], strict=True):
        if start < stop:
            parts.append(score(pairs[start:stop]))
        print(f"\r  {note}: {stop} of {len(pairs)} pairs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return np.concatenate(parts)


def reference_scores(found: Candidates, score: Score, *, model: str, cache: Path) -> Scores:
    """The reference's, from the cache where it holds them; ``model`` says which weights, and who reads with them."""
    path = cache / f"scores-{found.collection}-{found.key}-{model}.npy"
    if not path.exists():
        scores = score_all(found, score, note=f"{found.collection}, reference")
        with whole_file(path) as file:
            np.save(file, scores)
    return np.load(path)


def compare(found: Candidates, reference: Scores, others: Mapping[str, Scores], *, blend: float) -> list[Fidelity]:
    """Each of the others to the reference, which comes first."""
    ends = found.ends()[:-1]
    base = {weight: found.ndcg(reference, blend=weight) for weight in {1.0, blend}}
    figures: list[Fidelity] = []
    for name, scores in {"reference": reference, **others}.items():
        alone, blended = found.ndcg(scores, blend=1.0), found.ndcg(scores, blend=blend)
        figures.append(
            Fidelity(
                collection=found.collection,
                name=name,
                queries=len(found.queries),
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
    """Kendall's tau of the order of each query's candidates, the mean over queries; 1 is the same order."""
    taus = [kendalltau(a, b).statistic for a, b in zip(reference, others, strict=True) if len(a) > 1]
    return float(np.mean(taus))


def fidelity(collection: Path, arguments: argparse.Namespace, cache: Path) -> list[Fidelity]:
    """All of bicross's number formats that can be had, beside the reference."""
    folder = resolve_model(arguments.reranker)
    score, reasons = load(variants(arguments.reranker, arguments.device))
    for name, reason in reasons.items():
        print(f"{name}: {reason}", file=sys.stderr)
    weights = ModelFiles.of(arguments.reranker, folder).weights_sha256
    found = candidates(collection, arguments.encoder, device=arguments.device, cache=cache, limit=arguments.queries)
    by, cache_key = score[arguments.reference], f"{weights[:12]}-{arguments.reference.replace(' ', '-')}"
    reference = reference_scores(found, by, model=cache_key, cache=cache)
    ours = [name for name in score if name.startswith("bicross") and name != arguments.reference]
    others = {name: score_all(found, score[name], note=f"{collection.name}, {name}") for name in ours}
    return compare(found, reference, others, blend=CrossEncoderReranker(folder, device="cpu").blend)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="finds the candidates")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--queries", type=int, help="of each collection, the first so many")
    parser.add_argument("--reference", choices=[REFERENCE, "bicross float32"], default=REFERENCE)
    parser.add_argument("--cache", type=Path, help="keep candidates and the reference's scores here")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
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
