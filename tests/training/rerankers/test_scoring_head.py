"""Which heads training starts from: one output, two that become one, or a new one; never a part of one."""

import numpy as np
import pytest
import torch
from bicross.errors import ModelError
from bicross.rerank import CrossEncoderReranker
from bicross.training.rerankers import RerankerMethod, train_reranker
from bicross.training.rerankers.scoring_head import with_one_output
from helpers.tiny_architectures import save_cross_encoder
from helpers.tiny_models import config, tokenizer
from helpers.tiny_reranker_training import METHOD, save_base, settings, ten_lists
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForSequenceClassification, BertForMaskedLM

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

PAIRS = [(item.query, passage) for item in ten_lists()[:2] for passage in item.passages]


def trained(base, output, **changes):
    method = RerankerMethod(lora=None, sampling=METHOD.sampling)
    train_reranker(ten_lists(), settings(output, max_steps=1, **changes), model=base, method=method)
    return CrossEncoderReranker(output, device="cpu").score(PAIRS)


@pytest.mark.parametrize("name", ["bert", "electra", "roberta", "distilbert", "modernbert-biases", "mpnet"])
def test_one_output_is_the_difference_of_two(tmp_path, name):
    folder = save_cross_encoder(tmp_path / name, name, outputs=2)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        before = model(ids).logits
        with_one_output(model)
        after = model(ids).logits
    assert after.shape == (1, 1) and model.config.num_labels == 1
    torch.testing.assert_close(after[0, 0], before[0, 1] - before[0, 0], rtol=0, atol=1e-5)


def test_two_outputs_train_from_the_scores_that_they_give(tmp_path):
    base = save_cross_encoder(tmp_path / "two", "bert", outputs=2)
    scores = trained(base, tmp_path / "model", learning_rate=1e-12)
    np.testing.assert_allclose(scores, CrossEncoderReranker(base, device="cpu").score(PAIRS), atol=1e-4)


def test_encoders_and_masked_language_models_get_the_same_new_head_each_time(tmp_path):
    torch.manual_seed(5)
    BertForMaskedLM(config()).save_pretrained(tmp_path / "mlm")
    tokenizer().save_pretrained(tmp_path / "mlm")
    for base in (save_base(tmp_path / "bare", bare=True), tmp_path / "mlm"):
        first, second = (trained(base, tmp_path / f"{base.name}-{run}") for run in "ab")
        np.testing.assert_array_equal(first, second)


def test_three_outputs_and_half_a_model_are_refused(tmp_path):
    with pytest.raises(ModelError, match="three has 3 outputs; a reranker has one, or two"):
        trained(save_cross_encoder(tmp_path / "three", "bert", outputs=3), tmp_path / "model")
    for kept_part, missing, bare in (
        ("classifier.bias", "lacks .*classifier.weight", False),
        ("encoder.layer.0", "and 18 more", True),
    ):
        base = save_base(tmp_path / missing[:5], bare=bare)
        tensors = load_file(base / "model.safetensors")
        first = {name: value for name, value in tensors.items() if kept_part in name or not bare}
        first.pop("classifier.weight", None)
        save_file(first, base / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=missing):
            trained(base, tmp_path / "model")
