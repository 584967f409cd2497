"""The official packages of Cohere, OpenAI and Voyage against a server on the loopback interface."""

import numpy as np
import pytest
from bicross.rerank import UNCALIBRATED
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.served import KEY, animals, listening

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
QUERY = "who sleeps at night?"
TEXTS = ["Bees collect nectar", "An owl sleeps all day and hunts at night", "The dog sleeps at night", "who sleeps"]
LOGITS = np.array([OverlapReranker.logit(QUERY, text) for text in TEXTS], np.float32)
ORDER = np.argsort(-LOGITS, kind="stable").tolist()
EXPECTED = [(position, pytest.approx(UNCALIBRATED.apply(LOGITS.astype(np.float64))[position])) for position in ORDER]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    index = animals(tmp_path_factory.mktemp("clients") / "index")
    with listening({"animals": index}, key=KEY) as url:
        yield url


@pytest.fixture(scope="module")
def cohere():
    return pytest.importorskip("cohere")


@pytest.fixture
def connections(cohere):
    """Those of Cohere's client, which never closes them itself."""
    import httpx

    with httpx.Client() as client:
        yield client


@pytest.mark.parametrize("suffix", ["", "/v1"])
def test_cohere_v1(url, suffix, cohere, connections):
    client = cohere.Client(api_key=KEY, base_url=url + suffix, httpx_client=connections)
    answer = client.rerank(query=QUERY, documents=TEXTS, model="any", return_documents=True)
    assert [(result.index, result.relevance_score) for result in answer.results] == EXPECTED
    assert answer.results[0].document.text == TEXTS[ORDER[0]]


@pytest.mark.parametrize("suffix", ["", "/v1"])
def test_cohere_v2(url, suffix, cohere, connections):
    client = cohere.ClientV2(api_key=KEY, base_url=url + suffix, httpx_client=connections)
    answer = client.rerank(model="any", query=QUERY, documents=TEXTS, top_n=2)
    assert [(result.index, result.relevance_score) for result in answer.results] == EXPECTED[:2]
    assert answer.meta.tokens.input_tokens > 0
    with pytest.raises(cohere.errors.UnauthorizedError):
        wrong = cohere.ClientV2(api_key="wrong", base_url=url, httpx_client=connections)
        wrong.rerank(model="any", query=QUERY, documents=TEXTS)


@pytest.mark.parametrize("values", [{}, {"encoding_format": "float"}, {"dimensions": 64}])
def test_openai(url, values):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
        answer = client.embeddings.create(input=TEXTS, model="any", **values)
        vectors = np.array([row.embedding for row in answer.data], np.float32)
        np.testing.assert_allclose(vectors, HashEncoder().encode_documents(TEXTS), rtol=1e-6)
        assert {model.id for model in client.models.list()} >= {"hash-encoder"}
        with pytest.raises(openai.BadRequestError, match="a text is empty"):
            client.embeddings.create(input=[""], model="any")


def test_voyage(url):
    voyageai = pytest.importorskip("voyageai", reason="voyageai brings twenty packages, and no extra of ours has it")
    client = voyageai.Client(api_key=KEY, base_url=url, max_retries=0)
    answer = client.rerank(QUERY, TEXTS, model="any", top_k=2)
    assert [(result.index, result.relevance_score) for result in answer.results] == EXPECTED[:2]
    assert answer.results[0].document == TEXTS[ORDER[0]]
    assert answer.total_tokens > 0
    embedded = client.embed(TEXTS, model="any", input_type="document")
    np.testing.assert_allclose(embedded.embeddings, HashEncoder().encode_documents(TEXTS), rtol=1e-6)
