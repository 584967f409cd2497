"""Every supported architecture as a cross-encoder and as a bi-encoder, with the oracle's numbers for ``gpu_cases``."""

import pytest
from helpers.examples import thorough
from helpers.gpu_cases import LOCAL_LAST, PAIRS, TEXTS
from helpers.tiny_architectures import ARCHITECTURES, SUPPORTED, Head, save_bi_encoder, save_cross_encoder

NAMES = [*SUPPORTED, "modernbert-local-last"]
POOLINGS = ("mean", "cls")


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "modernbert-local-last", LOCAL_LAST)
        yield request.param


@pytest.fixture(scope="module")
def cross(name, tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("cross") / name, name)


@pytest.fixture(scope="module", params=POOLINGS if thorough() else ("mean or cls",))
def bi(name, request, tmp_path_factory):
    """A bi-encoder of a family, in a thorough run with each pooling, which comes after all that families differ in."""
    pooling = request.param if thorough() else POOLINGS[NAMES.index(name) % 2]
    return save_bi_encoder(tmp_path_factory.mktemp("bi") / name, name, Head(pooling))


@pytest.fixture(scope="module")
def scores(cross):
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(cross), device="cpu", model_kwargs={"dtype": torch.float32})
    pairs = [list(pair) for pair in PAIRS]
    return model.predict(pairs, activation_fn=torch.nn.Identity(), batch_size=1)


@pytest.fixture(scope="module")
def vectors(bi):
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(bi), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.encode(TEXTS, normalize_embeddings=True, batch_size=1)
