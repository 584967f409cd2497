"""Every supported architecture as a cross-encoder and as a bi-encoder, with the oracle's numbers for ``gpu_cases``."""

import pytest
from helpers.gpu_cases import LOCAL_LAST, PAIRS, TEXTS
from helpers.tiny_architectures import ARCHITECTURES, SUPPORTED, Head, save_bi_encoder, save_cross_encoder


@pytest.fixture(scope="module", params=[*SUPPORTED, "modernbert-local-last"])
def name(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "modernbert-local-last", LOCAL_LAST)
        yield request.param


@pytest.fixture(scope="module")
def cross(name, tmp_path_factory):
    return save_cross_encoder(tmp_path_factory.mktemp("cross") / name, name)


@pytest.fixture(scope="module", params=["mean", "cls"])
def bi(name, request, tmp_path_factory):
    return save_bi_encoder(tmp_path_factory.mktemp("bi") / name, name, Head(request.param))


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
