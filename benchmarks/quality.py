"""How well do both stages rank? nDCG@10, RR@10 and R@100 on BEIR folders, by ir-measures, before and after reranking.

Usage: python benchmarks/quality.py FOLDER... [--split test] [--dtype float32] [--output FILE.json]

Three rows a collection: stage one on whole documents, as in the published figures; stage one on passages, which is
bicross's default; and the default pipeline, which reranks those passages.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import ir_measures
import torch
from bicross.index import Chunking, IndexInfo, read_documents
from bicross.pipelines import SearchPipeline, SearchResult, build_index, read_judged
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker, Reranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, DenseRetriever
from ir_measures import RR, Qrel, R, ScoredDoc, nDCG

MEASURES = [nDCG @ 10, RR @ 10, R @ 100]
PUBLISHED_NDCG = {"scifact": 0.6451, "nfcorpus": 0.3159}
"""MTEB's figures for all-MiniLM-L6-v2. That stage one meets them proves that texts are encoded as they should be."""
QUERIES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Quality:
    """The means on one collection; wins and losses count queries whose nDCG@10 reranking raised or lowered."""

    collection: str
    documents: int
    passages: int
    queries: int
    whole_documents: dict[str, float]
    stage_one: dict[str, float]
    reranked: dict[str, float]
    published_ndcg: float | None
    wins: int
    losses: int


def read_queries(folder: Path, split: str) -> tuple[dict[str, str], list[Qrel]]:
    """The texts of the queries with a relevant document, and their judgments."""
    judged = read_judged(folder, split=split)
    queries = {query_id: judged.queries[query_id] for query_id in sorted(judged.judged_ids)}
    return queries, [
        Qrel(query_id, id_, grade) for query_id in queries for id_, grade in judged.qrels[query_id].items()
    ]


def measure(qrels: list[Qrel], run: list[ScoredDoc]) -> tuple[dict[str, float], dict[str, float]]:
    """Means by measure, and nDCG@10 by query."""
    means = {str(m): value for m, value in ir_measures.calc_aggregate(MEASURES, qrels, run).items()}
    by_query = {metric.query_id: metric.value for metric in ir_measures.iter_calc([nDCG @ 10], qrels, run)}
    return means, by_query


Found = list[tuple[str, SearchResult]]
"""Every candidate of every query, with the query's id."""


def search_all(pipeline: SearchPipeline, queries: dict[str, str]) -> Found:
    found: Found = []
    ids = list(queries)
    for start in range(0, len(ids), QUERIES_AT_ONCE):
        some = ids[start : start + QUERIES_AT_ONCE]
        batch = pipeline.search_batch([queries[query_id] for query_id in some], top_k=100)
        found += [(query_id, result) for query_id, results in zip(some, batch, strict=True) for result in results]
        print(f"\r{min(start + QUERIES_AT_ONCE, len(ids))} of {len(ids)} queries", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def index_and_search(
    folder: Path, queries: dict[str, str], encoder: BiEncoder, reranker: Reranker | None, *, blend: float | None
) -> tuple[IndexInfo, Found]:
    """Without a reranker on whole documents, as the published figures are; with one as bicross does by default."""
    chunking = None if reranker is None else Chunking()
    with tempfile.TemporaryDirectory() as scratch:
        documents = read_documents(folder, on_error="skip", errors_path=Path(scratch) / "errors.jsonl")
        index = build_index(documents, Path(scratch) / "index", encoder=encoder, chunking=chunking, progress=True)
        pipeline = SearchPipeline(DenseRetriever(index, encoder), reranker, blend=blend)
        return index.info(), search_all(pipeline, queries)


def evaluate(folder: Path, split: str, encoder: BiEncoder, reranker: Reranker, *, blend: float | None) -> Quality:
    queries, qrels = read_queries(folder, split)
    _, whole = index_and_search(folder, queries, encoder, None, blend=None)
    info, found = index_and_search(folder, queries, encoder, reranker, blend=blend)
    published, _ = measure(qrels, [ScoredDoc(q, r.document.id, r.retrieval_score) for q, r in whole])
    before, before_by_query = measure(qrels, [ScoredDoc(q, r.document.id, r.retrieval_score) for q, r in found])
    after, after_by_query = measure(qrels, [ScoredDoc(q, r.document.id, r.score) for q, r in found])
    changes = [after_by_query[query_id] - before_by_query[query_id] for query_id in before_by_query]
    return Quality(
        collection=folder.name,
        documents=info.documents,
        passages=info.passages,
        queries=len(queries),
        whole_documents=published,
        stage_one=before,
        reranked=after,
        published_ndcg=PUBLISHED_NDCG.get(folder.name),
        wins=sum(change > 1e-9 for change in changes),
        losses=sum(change < -1e-9 for change in changes),
    )


def print_table(rows: Sequence[Quality]) -> None:
    names = [str(m) for m in MEASURES]
    print(f"\n| collection | | {' | '.join(names)} | published nDCG@10 | queries better / worse |")
    print(f"|---|---|{'---|' * len(names)}---|---|")
    for row in rows:
        published = "" if row.published_ndcg is None else f"{row.published_ndcg:.4f}"
        lines = [
            (row.collection, "stage one, whole documents", row.whole_documents, published, ""),
            ("", "stage one, passages", row.stage_one, "", ""),
            ("", "reranked", row.reranked, "", f"{row.wins} / {row.losses}"),
        ]
        for collection, stage, means, anchor, changes in lines:
            figures = " | ".join(f"{means[name]:.4f}" for name in names)
            print(f"| {collection} | {stage} | {figures} | {anchor} | {changes} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--split", default="test")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--blend", type=float, help="weight of the reranker; default: the model's own")
    parser.add_argument("--dtype", default="float32", help="of the reranker; stage one is always float32")
    parser.add_argument("--device")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    arguments = parser.parse_args()

    encoder = BiEncoder(arguments.encoder, device=arguments.device)
    reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device, dtype=arguments.dtype)
    rows: list[Quality] = []
    for folder in arguments.folders:
        rows.append(evaluate(folder, arguments.split, encoder, reranker, blend=arguments.blend))
        print_table(rows)
    if arguments.output is not None:
        settings = {name: value for name, value in vars(arguments).items() if name not in ("folders", "output")}
        settings |= {"blend": reranker.blend if arguments.blend is None else arguments.blend, "retrieve_k": 100}
        packages = ("torch", "sentence-transformers", "faiss-cpu", "ir-measures")
        report = {
            "settings": settings | {"device": str(arguments.device or "default"), "threads": torch.get_num_threads()},
            "machine": platform.processor() or platform.machine(),
            "versions": {name: version(name) for name in packages},
            "results": [asdict(row) for row in rows],
        }
        arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
