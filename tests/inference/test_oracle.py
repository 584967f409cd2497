"""Scores and vectors of every architecture are those of sentence-transformers, whatever else is in the batch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import ARCHITECTURES, LIMIT, SENTENCES, Head, save_bi_encoder, save_cross_encoder
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import AutoTokenizer

pytestmark = pytest.mark.slow

QUERIES = ["who sleeps at night ?", "dog", "où est la façade, 東京 ?"]
PASSAGES = [
    "",
    "cat",
    "the cat sleeps",
    "A Dog runs; in the PARK all day!",
    " ".join(SENTENCES),
    "naïve 東京 ночь 🙂 e\u0301\u200d\ufb01",
    "[SEP] </s> tokens that mean something <s> [CLS]",
    "  \t spaces \n\n and  lines ",
    "cat " * 700,
]
PAIRS = [(query, passage) for query in QUERIES for passage in PASSAGES[:-1]] + [("owl", PASSAGES[-1])]
FEW = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass
class Scorer:
    """A cross-encoder, ours and theirs."""

    folder: Path

    @cached_property
    def ours(self) -> CrossEncoderReranker:
        return CrossEncoderReranker(self.folder, device="cpu", batch_size=4)

    @cached_property
    def theirs(self) -> CrossEncoder:
        return CrossEncoder(str(self.folder), device="cpu", model_kwargs={"dtype": torch.float32})

    @cached_property
    def tokenizer(self):
        return AutoTokenizer.from_pretrained(self.folder)

    @cached_property
    def alone(self) -> np.ndarray:
        """Our score of each of PAIRS without company."""
        return np.concatenate([self.ours.score([pair]) for pair in PAIRS])

    def oracle(self, pairs, limit: int = LIMIT) -> np.ndarray:
        """Pair by pair, so that nothing is padded."""
        outputs = self.theirs.predict(
            [list(pair) for pair in pairs],
            activation_fn=torch.nn.Identity(),
            batch_size=1,
            processing_kwargs={"text": {"truncation": "only_second", "max_length": limit}},
        ).reshape(len(pairs), -1)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs[:, 1] - outputs[:, 0]

    def length(self, query: str, passage: str) -> int:
        return len(self.tokenizer([query], [passage], verbose=False)["input_ids"][0])

    def passage_of(self, query: str, tokens: int) -> str:
        """A passage that makes a pair exactly so long."""
        passage = ""
        while (missing := tokens - self.length(query, passage)) > 0:
            tries = (*(" cat" * max(1, missing // share) for share in (1, 2, 5)), " a", "a", ".")
            fitting = [add for add in tries if self.length(query, passage + add) <= tokens]
            passage += fitting[0]
        return passage


CROSS = [*((name, 1, False) for name in ARCHITECTURES), *((name, 2, False) for name in ("bert", "modernbert"))]
CROSS += [(name, 1, True) for name in ("bert", "roberta")]


@pytest.fixture(scope="module", params=CROSS, ids=lambda case: f"{case[0]}-{case[1]}{'-left' if case[2] else ''}")
def scorer(request, tmp_path_factory):
    name, outputs, cut_left = request.param
    return Scorer(save_cross_encoder(tmp_path_factory.mktemp("cross") / name, name, outputs=outputs, cut_left=cut_left))


def test_no_parameter_could_be_left_out_unseen(scorer):
    """Of the oracle itself: what it would not notice, the other tests could not."""
    model = scorer.theirs[0].model
    inputs = scorer.tokenizer([QUERIES[0]] * 3, PASSAGES[2:5], padding=True, return_tensors="pt")
    tested = 0
    with torch.no_grad():
        before = model(**inputs).logits
        for name, parameter in model.named_parameters():
            if name.endswith(("key.bias", "k_lin.bias", "attn.k.bias")):
                continue  # a bias of keys adds the same to all numbers that a softmax is of, and changes nothing
            original = parameter.clone()
            parameter.zero_()
            change = (model(**inputs).logits - before).abs().max().item()
            parameter.copy_(original)
            assert change > 1e-3, name
            tested += 1
    assert tested >= 20


def test_scores_are_those_of_the_oracle(scorer):
    expected = scorer.oracle(PAIRS)
    assert expected.std() > 0.05, "the model tells the pairs apart"
    logits = scorer.ours.score(PAIRS)
    assert (logits.dtype, logits.shape) == (np.float32, (len(PAIRS),))
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    np.testing.assert_allclose(scorer.alone, expected, atol=1e-4)


def test_passages_are_cut_where_the_oracle_cuts_them(scorer):
    limit = 48
    short = CrossEncoderReranker(scorer.folder, device="cpu", batch_size=4, max_length=limit)
    lengths = [scorer.length(*pair) for pair in PAIRS]
    assert min(lengths) < limit < max(lengths)
    np.testing.assert_allclose(short.score(PAIRS), scorer.oracle(PAIRS, limit), atol=1e-4)
    long = [pair for pair, tokens in zip(PAIRS, lengths, strict=True) if tokens > limit]
    assert np.abs(short.score(long) - scorer.oracle(long)).max() > 1e-3, "what is cut away would have counted"


@pytest.mark.parametrize("limit", [40, LIMIT])
def test_pairs_around_the_limit(scorer, limit):
    lengths = (limit - 1, limit, limit + 1)
    pairs = [(QUERIES[0], scorer.passage_of(QUERIES[0], tokens)) for tokens in lengths]
    assert [scorer.length(*pair) for pair in pairs] == list(lengths)
    reranker = CrossEncoderReranker(scorer.folder, device="cpu", max_length=limit)
    np.testing.assert_allclose(reranker.score(pairs), scorer.oracle(pairs, limit), atol=1e-4)


@FEW
@given(rows=st.lists(st.integers(0, len(PAIRS) - 1), max_size=12))
def test_a_score_depends_on_its_own_pair_alone(scorer, rows):
    """Any order, any company, duplicates, and none at all."""
    np.testing.assert_allclose(scorer.ours.score([PAIRS[row] for row in rows]), scorer.alone[rows], atol=1e-5)


BI = {
    **{f"{name}-mean": (name, Head()) for name in ARCHITECTURES},
    "bert-cls": ("bert", Head(pooling="cls")),
    "roberta-cls": ("roberta", Head(pooling="cls")),
    "modernbert-cls": ("modernbert", Head(pooling="cls")),
    "xlm-roberta-max": ("xlm-roberta", Head(pooling="max")),
    "bert-dense": ("bert", Head(dense=10, normalise=True)),
    "bert-normalised": ("bert", Head(normalise=True)),
    "distilbert-dense": ("distilbert", Head(pooling="cls", dense=30)),
    "bert-prompts": ("bert", Head(prompts={"query": "who does ", "document": "the "})),
    "xlm-roberta-prompts": ("xlm-roberta", Head(prompts={"query": "query: ", "passage": "passage: "})),
    "electra-prompts-unpooled": ("electra", Head(prompts={"query": "who does ", "document": "a "}, pool_prompt=False)),
}
TEXTS = [QUERIES[0], *PASSAGES]


@dataclass
class Embedder:
    """A bi-encoder, ours and theirs."""

    folder: Path

    @cached_property
    def ours(self) -> BiEncoder:
        return BiEncoder(self.folder, device="cpu", batch_size=4)

    @cached_property
    def theirs(self) -> SentenceTransformer:
        return SentenceTransformer(str(self.folder), device="cpu", model_kwargs={"dtype": torch.float32})

    @cached_property
    def alone(self) -> np.ndarray:
        """Our vector of each of TEXTS without company."""
        return np.concatenate([self.ours.encode_documents([text]) for text in TEXTS])

    def oracle(self, texts, *, queries: bool, limit: int = LIMIT) -> np.ndarray:
        self.theirs.max_seq_length = limit
        encode = self.theirs.encode_query if queries else self.theirs.encode_document
        return encode(texts, normalize_embeddings=True, batch_size=1)


@pytest.fixture(scope="module", params=BI)
def embedder(request, tmp_path_factory):
    return Embedder(save_bi_encoder(tmp_path_factory.mktemp("bi") / request.param, *BI[request.param]))


def assert_same(vectors: np.ndarray, expected: np.ndarray) -> None:
    assert (vectors.dtype, vectors.shape) == (np.float32, expected.shape)
    np.testing.assert_allclose(vectors, expected, atol=1e-4)
    np.testing.assert_allclose(np.sum(vectors * expected, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("limit", [None, 20])
def test_vectors_are_those_of_the_oracle(embedder, limit):
    encoder = embedder.ours if limit is None else BiEncoder(embedder.folder, device="cpu", max_length=limit)
    documents = embedder.oracle(TEXTS, queries=False, limit=limit or LIMIT)
    assert (documents @ documents.T).min() < 0.99, "the model tells the texts apart"
    assert_same(encoder.encode_documents(TEXTS), documents)
    assert_same(encoder.encode_queries(TEXTS), embedder.oracle(TEXTS, queries=True, limit=limit or LIMIT))


@FEW
@given(rows=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=8))
def test_a_vector_depends_on_its_own_text_alone(embedder, rows):
    np.testing.assert_allclose(
        embedder.ours.encode_documents([TEXTS[row] for row in rows]), embedder.alone[rows], atol=1e-5
    )


def test_no_texts_give_no_vectors(embedder):
    dimension = embedder.ours.fingerprint.dimension
    assert embedder.ours.encode_documents([]).shape == embedder.ours.encode_queries([]).shape == (0, dimension)
