"""Rerankers that differ in a prompt alone share nothing that depends on scores."""

import logging
import shutil

import numpy as np
import pytest
from bicross.index import Document, Index
from bicross.pipelines import Judged, SearchPipeline, TuningOptions, build_index, tune
from bicross.rerank import CrossEncoderReranker
from helpers.fakes import HashEncoder
from helpers.tiny_models import WORDS, save_cross_encoder

pytestmark = pytest.mark.slow

ENCODER, RANDOM = HashEncoder(dimension=32), np.random.default_rng(5)
DOCUMENTS = [Document(f"d{number}", " ".join(RANDOM.choice(WORDS, 6))) for number in range(40)]
JUDGED = Judged(
    "words",
    {f"q{number}": " ".join(RANDOM.choice(WORDS, 3)) for number in range(24)},
    {f"q{number}": {f"d{other}": 1 for other in RANDOM.choice(40, 3, replace=False)} for number in range(24)},
)
PROMPTS = {"none": None, "cat": "the cat ", "dog": "a dog "}


@pytest.fixture(scope="module")
def rerankers(tmp_path_factory):
    """The same weights, tokenizer and limit, with each prompt."""
    from sentence_transformers import CrossEncoder

    root, made = tmp_path_factory.mktemp("models"), {}
    plain = save_cross_encoder(root / "none", outputs=1)
    for name, prompt in PROMPTS.items():
        folder = root / name
        if prompt is not None:
            shutil.copytree(plain, folder)
            model = CrossEncoder(str(folder), device="cpu", prompts={"rank": prompt}, default_prompt_name="rank")
            model.save_pretrained(str(folder))
        made[name] = CrossEncoderReranker(folder, device="cpu")
    return made


@pytest.fixture(scope="module", params=[("none", "cat"), ("cat", "none"), ("cat", "dog")], ids="-".join)
def tuned(request, rerankers, tmp_path_factory):
    """An index that was tuned with the first of two rerankers, the second one, and the file of scores."""
    root = tmp_path_factory.mktemp("tuned")
    build_index(DOCUMENTS, root / "index", encoder=ENCODER, reranker=None)
    first, second = (rerankers[name] for name in request.param)
    options = TuningOptions(retrieve_k=20, latency_queries=0, calibrate="platt", scores=root / "scores.npz")
    tuning = tune(Index.open(root / "index"), JUDGED, encoder=ENCODER, reranker=first, options=options)
    return root / "index", first, second, options, tuning


def opened(path, reranker, **options):
    return SearchPipeline.open(path, encoder=ENCODER, reranker=reranker, **options)


def test_tuned_settings_and_calibration(tuned, caplog):
    path, first, second, _, tuning = tuned
    own = opened(path, first)
    assert (own.options.retrieve_k, own.options.calibration) == (20, tuning.calibrated.calibration)
    assert "was tuned with another reranker" not in caplog.text
    other = opened(path, second)
    assert (other.options.retrieve_k, other.options.rerank_k, other.options.calibration) == (100, 100, None)
    assert "was tuned with another reranker" in caplog.text


def test_cached_scores(tuned):
    path, first, second, _, _ = tuned
    cache = opened(path, first, cache_mb=1).cache
    query, logits = JUDGED.queries["q0"], []
    for reranker in (first, second, first):
        pipeline = SearchPipeline(opened(path, None).retriever, reranker, cache=cache, retrieve_k=20, rerank_k=20)
        logits.append({result.document.id: result.logit for result in pipeline.search(query)})
    assert (cache.use.hits, cache.use.misses, cache.use.entries) == (20, 40, 40)
    assert logits[0] == logits[2] != logits[1]


def test_files_of_scores(tuned, caplog):
    path, _, second, options, tuning = tuned
    with caplog.at_level(logging.INFO, logger="bicross"):
        other = tune(Index.open(path), JUDGED, encoder=ENCODER, reranker=second, options=options)
    assert "has scores of another index, model or set of queries: they are made anew" in caplog.text
    assert not np.array_equal(other.grid.ndcg, tuning.grid.ndcg)
