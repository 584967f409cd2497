"""The two pipelines that latency.py compares: bicross, and the plain recipe of a tutorial.

Both answer the same queries from the same documents. Each document begins with the text of its vector and goes on with
the texts after it, to the length of an MS MARCO passage: a million real, different texts with real vectors.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import faiss
import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, VectorLayout, passage_text, whole
from bicross.inference import TextTokenizer, load_tokenizer, resolve_model
from bicross.pipelines import SearchPipeline
from bicross.pipelines.indexing.columns import token_ids
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder, DenseRetriever
from numpy.typing import NDArray

from parts.speed_texts import word_counts

Vectors = NDArray[np.float32]
Stages = dict[str, float]
"""Seconds, by stage; ``total`` is the whole answer."""

CANDIDATES, SHOWN = 100, 10
BATCH = 2048
INDEX, PLAIN_VECTORS, PLAIN_TEXTS = "index", "plain.faiss", "plain.jsonl"


class Answering(Protocol):
    """An opened pipeline."""

    def answer(self, query: str) -> Stages:
        """Search, and return the seconds of each stage."""
        ...


class Documents:
    """The texts of the documents; document ``n`` belongs to row ``n`` of the vectors."""

    def __init__(self, texts: Sequence[str], count: int) -> None:
        """Spread ``count`` documents evenly over ``texts``, the texts that the vectors were made from."""
        self._texts = texts
        self._rows = np.arange(count) * len(texts) // count
        self._words = word_counts(count)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> str:
        row, target = int(self._rows[number]), int(self._words[number])
        words = self._texts[row].split()
        while True:
            row = (row + 1) % len(self._texts)
            more = self._texts[row].split()
            if len(words) + len(more) - target > target - len(words):
                return " ".join(words)
            words += more


def batches(documents: Documents, vectors: Vectors, tokenizer: TextTokenizer) -> Iterator[EmbeddedBatch]:
    """Yield the batches of the index: documents of one passage, with vectors and token ids for the reranker."""
    for start in range(0, len(documents), BATCH):
        stop = min(start + BATCH, len(documents))
        block = [Document(f"d{number}", documents[number]) for number in range(start, stop)]
        tokens = token_ids([passage_text(document.title, document.text) for document in block], tokenizer)
        yield EmbeddedBatch(block, [[whole(document)] for document in block], vectors[start:stop], tokens)


def build(folder: Path, documents: Documents, vectors: Vectors, *, index_type: str, encoder: str, reranker: str) -> str:
    """Write both collections to disk; return the vector layout of bicross's index."""
    tokenizer = reranker_tokenizer(reranker)
    index = Index.create(
        folder / INDEX,
        BiEncoder(encoder, device="cpu").fingerprint,
        batches=batches(documents, vectors, tokenizer),
        layout=VectorLayout(index_type),
        tokenizer_fingerprint=tokenizer.fingerprint,
    )
    plain = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), BATCH):
        plain.add(vectors[start : start + BATCH])
    faiss.write_index(plain, str(folder / PLAIN_VECTORS))
    with (folder / PLAIN_TEXTS).open("w", encoding="utf-8") as lines:
        lines.writelines(f"{json.dumps(documents[number])}\n" for number in range(len(documents)))
    return index.info().vectors.factory


class Bicross:
    """bicross by vectors, as ``SearchPipeline.open`` opens it with "dense", both models in one number format."""

    def __init__(self, folder: Path, *, encoder: str, reranker: str, dtype: Any, device: str) -> None:  # noqa: ANN401
        self._index = Index.open(folder / INDEX)
        self._encoder = BiEncoder(encoder, device=device, dtype=dtype)
        self._reranker = CrossEncoderReranker(reranker, device=device, dtype=dtype)
        self._pipeline = SearchPipeline(DenseRetriever(self._index, self._encoder), self._reranker, top_k=SHOWN)

    def answer(self, query: str) -> Stages:
        """Search with the whole pipeline, as a user does."""
        began = perf_counter()
        self._pipeline.search(query)
        return {"total": perf_counter() - began}

    def stages(self, query: str, tokenizer: TextTokenizer) -> Stages:
        """Time its public parts. Encoding and reranking contain tokenising, searching contains fetching."""
        marks = [perf_counter()]
        vector = self._encoder.encode_queries([query])
        marks.append(perf_counter())
        hits = self._index.search(vector, CANDIDATES)[0]
        marks.append(perf_counter())
        self._reranker.score_tokens([(query, hit.tokens) for hit in hits if hit.tokens is not None])
        marks.append(perf_counter())
        tokenizer.encode([query])
        marks.append(perf_counter())
        self._index.get([hit.document.id for hit in hits])
        marks.append(perf_counter())
        names = ("encode", "search", "rerank", "of which tokenise", "of which fetch")
        return dict(zip(names, np.diff(marks).tolist(), strict=True))


class Plain:
    """sentence-transformers and FAISS by hand: texts in a list, exact search, ``CrossEncoder.rank`` of the best."""

    def __init__(self, folder: Path, *, encoder: str, reranker: str, device: str) -> None:
        from sentence_transformers import CrossEncoder, SentenceTransformer

        given: Any = {"device": device, "local_files_only": True, "model_kwargs": {"dtype": "float32"}}
        self._index = faiss.read_index(str(folder / PLAIN_VECTORS))
        with (folder / PLAIN_TEXTS).open(encoding="utf-8") as lines:
            self._texts = [json.loads(line) for line in lines]
        self._encoder: Any = SentenceTransformer(str(resolve_model(encoder)), **given)
        self._reranker: Any = CrossEncoder(str(resolve_model(reranker)), **given)

    def answer(self, query: str) -> Stages:
        """Search as tutorials do, with a clock between the lines."""
        marks = [perf_counter()]
        vector = self._encoder.encode([query], normalize_embeddings=True, show_progress_bar=False)
        marks.append(perf_counter())
        _, rows = self._index.search(vector, CANDIDATES)
        marks.append(perf_counter())
        passages = [self._texts[row] for row in rows[0] if row >= 0]
        marks.append(perf_counter())
        self._reranker.rank(query, passages, top_k=SHOWN, show_progress_bar=False)
        marks.append(perf_counter())
        names = ("encode", "search", "of which fetch", "rerank")
        return dict(zip(names, np.diff(marks).tolist(), strict=True)) | {"total": marks[-1] - marks[0]}


def reranker_tokenizer(reranker: str) -> TextTokenizer:
    """Load the tokenizer of the reranker, which is timed apart."""
    return load_tokenizer(resolve_model(reranker))
