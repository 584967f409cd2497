"""Equal pairs have equal logits, whatever else is in the call, so that copies keep the order of their ids."""

import os

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import ScoreCache, SearchPipeline, build_index
from bicross.pipelines.search import CandidateScorer
from bicross.rerank import CrossEncoderReranker, distinct
from bicross.retrieval import BiEncoder, DenseRetriever
from helpers.examples import thorough
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given
from hypothesis import strategies as st

WORDS = "the a cat dog owl sleeps runs hunts all day night on in warm sofa park field what who does at and".split()  # noqa: SIM905


def sample(number: int, copies: int) -> list[tuple[str, str]]:
    random = np.random.default_rng(3)
    queries = [" ".join(random.choice(WORDS, 3)) for _ in range(6)]
    pairs = [(queries[n % 6], " ".join(random.choice(WORDS, random.integers(1, 40)))) for n in range(number - copies)]
    return pairs + [pairs[n] for n in random.integers(0, len(pairs), copies)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from helpers.tiny_models import save_cross_encoder

    return save_cross_encoder(tmp_path_factory.mktemp("model") / "tiny", outputs=1)


@pytest.fixture(scope="module")
def reranker(model):
    return CrossEncoderReranker(model, device="cpu")


@pytest.fixture
def two_threads():
    """A call of few pairs runs in both, of many pairs in one for each batch."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def in_dtype(folder, dtype: str, monkeypatch) -> CrossEncoderReranker:
    """A reranker; int8 also on a processor that has only slower and coarser products of bytes, by other kernels."""
    import torch

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    try:
        return CrossEncoderReranker(folder, device="cpu", dtype=dtype)
    except ArgumentError as error:
        pytest.skip(f"this torch multiplies no bytes: {error}")


def require_one_order(reranker, pairs, *, shuffles: int) -> None:
    """Shuffle the pairs, split them into calls, and compare all bits; every tenth time in two threads.

    A call of few pairs runs in both threads, of many pairs in one for each batch. Each is given as token ids, because
    to tokenise takes longer than to score by a tiny model.
    """
    import torch

    expected, random = reranker.score(pairs), np.random.default_rng(4)
    order_of_all = np.argsort(-expected, kind="stable")
    tokenizer = reranker._packed.tokenizer
    tokens = list(zip([query for query, _ in pairs], tokenizer.encode([text for _, text in pairs]), strict=True))
    for number in range(shuffles):
        torch.set_num_threads(1 if number % 10 else 2)
        order = random.permutation(len(pairs))
        cuts = random.choice(len(pairs), number % 7, replace=False) if number % 10 else [1, 3, 6, 11, 30]
        logits = np.empty(len(pairs), np.float32)
        for part in np.split(order, np.sort(cuts)):
            logits[part] = reranker.score_tokens([tokens[row] for row in part])
        np.testing.assert_array_equal(logits, expected)
        np.testing.assert_array_equal(np.argsort(-logits, kind="stable"), order_of_all)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_a_logit_depends_on_no_other_pair_of_its_call(model, two_threads, dtype, monkeypatch):
    """The last digits did: with fewer pairs a call ran in several threads, where a single query attended otherwise."""
    shuffles = int(os.environ.get("BICROSS_SHUFFLES", "2"))
    require_one_order(in_dtype(model, dtype, monkeypatch), sample(500, 100), shuffles=shuffles)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_with_the_bundled_reranker(two_threads, dtype):
    shuffles = int(os.environ.get("BICROSS_BUNDLED_SHUFFLES", "1"))
    require_one_order(CrossEncoderReranker(device="cpu", dtype=dtype), sample(40, 5), shuffles=shuffles)


FAMILIES = [("bert", "float32"), ("deberta", "float32"), ("qwen3", "float32"), ("gemma", "bfloat16"), ("bert", "int8")]
"""Each kind of attention and each dtype; a thorough run tries those that are computed alike, too."""
if thorough():
    FAMILIES += [("deberta-unshared", "float32"), ("gemma", "float32"), ("llama", "float32")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), FAMILIES)
def test_the_same_for_other_families_and_sizes_of_heads(name, dtype, two_threads, tmp_path, monkeypatch):
    """Odd heads had other last digits alone in two threads, DeBERTa multiplied all positions together, and a decoder
    computed the query apart only for enough pairs.
    """
    import torch
    from helpers.tiny_architectures import save_cross_encoder

    reranker = in_dtype(save_cross_encoder(tmp_path / name, name), dtype, monkeypatch)
    pairs = sample(40, 5)
    expected = reranker.score(pairs)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        alone = np.concatenate([reranker.score([pair]) for pair in pairs[:15]])
        np.testing.assert_array_equal(alone, expected[:15])
        for part in np.split(np.random.default_rng(5).permutation(len(pairs)), [2, 20]):
            np.testing.assert_array_equal(reranker.score([pairs[row] for row in part]), expected[part])


@pytest.mark.slow
def test_a_vector_depends_on_no_other_text_of_its_call(two_threads, tmp_path):
    from helpers.tiny_models import save_bi_encoder

    texts = list(dict.fromkeys(passage for _, passage in sample(60, 0)))
    encoder = BiEncoder(save_bi_encoder(tmp_path / "encoder"), device="cpu")
    expected = encoder.encode_queries(texts)
    for number in range(2):
        order = np.random.default_rng(number).permutation(len(texts))
        for part in np.split(order, [1, 3, 9]):
            np.testing.assert_array_equal(encoder.encode_queries([texts[row] for row in part]), expected[part])


@pytest.mark.slow
def test_copies_keep_the_order_of_their_ids_alone_and_in_a_batch(reranker, tmp_path, two_threads):
    encoder, random = HashEncoder(), np.random.default_rng(5)
    texts = [" ".join(random.choice(WORDS, random.integers(3, 25))) for _ in range(12)]
    documents = [Document(f"{copy}{number:02}", text) for copy in "cadb" for number, text in enumerate(texts)]
    index = build_index(documents, tmp_path / "index", encoder=encoder, reranker=None)
    queries = ["the cat sleeps", "owl hunts at night", "dog in the park", "what runs all day"]
    for blend in (1.0, 0.4):
        plain = SearchPipeline(DenseRetriever(index, encoder), reranker, blend=blend, top_k=48)
        cached = SearchPipeline(
            DenseRetriever(index, encoder), reranker, blend=blend, top_k=48, cache=ScoreCache.of_megabytes(1)
        )
        cached.search(queries[0], rerank_k=11)
        cached.search_batch(queries[1:])
        together = plain.search_batch(queries)
        for query, results in zip(queries, together, strict=True):
            for other in (plain.search(query), cached.search(query)):
                assert other == results, "alone, in a batch, and from the cache"
                assert plain.search(query, top_k=3) == results[:3]
            for score in {result.score for result in results}:
                ids = [result.document.id for result in results if result.score == score]
                assert ids == sorted(ids)
            for number in range(12):
                copies = [result for result in results if result.document.id.endswith(f"{number:02}")]
                assert len({(result.score, result.relevance, result.logit) for result in copies}) == 1


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_distinct_keys_come_in_the_order_of_their_first_place(keys):
    rows, numbers = distinct(keys)
    assert [keys[row] for row in rows] == list(dict.fromkeys(keys))
    assert [keys[rows[number]] for number in numbers] == keys


def test_equal_pairs_are_scored_once(tmp_path):
    encoder, reranker = HashEncoder(), OverlapReranker()
    documents = [Document(f"d{copy}", "the cat sleeps") for copy in range(5)] + [Document("other", "a dog runs")]
    index = build_index(documents, tmp_path / "index", encoder=encoder, reranker=None)
    hits = DenseRetriever(index, encoder).retrieve(["cat", "dog"], 6)
    candidates = [(query, hit) for query, of_query in zip(["cat", "dog"], hits, strict=True) for hit in of_query]
    for cache, computed in ((None, 4), (ScoreCache(1 << 20), 4)):
        reranker.calls.clear()
        logits, count = CandidateScorer(reranker, cache=cache).score(candidates)
        assert (count, len(reranker.calls[0])) == (computed, 4)
        expected = [reranker.logit(query, hit.passage.text) for query, hit in candidates]
        np.testing.assert_array_equal(logits, np.array(expected, np.float32))
