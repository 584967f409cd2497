import json

import pytest
from bicross.errors import ModelError
from bicross.rerank import CrossEncoderReranker
from bicross.rerank.scoring_head import require_scoring_head
from helpers.tiny_models import save_bi_encoder, save_cross_encoder

pytestmark = pytest.mark.slow


def test_a_mere_encoder_does_not_score(tmp_path):
    CrossEncoderReranker(save_cross_encoder(tmp_path / "cross", outputs=1))
    encoder = save_bi_encoder(tmp_path / "bi")
    with pytest.raises(ModelError, match=r"bi is no reranker: it is BertModel, without a head"):
        CrossEncoderReranker(encoder)


def test_settings_that_say_nothing(tmp_path):
    folder = save_bi_encoder(tmp_path / "bi")
    (folder / "config.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(ModelError, match="mine is no reranker: it is a model of an unknown kind"):
        require_scoring_head(folder, "mine")
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"model_type": "CrossEncoder"}), encoding="utf-8"
    )
    require_scoring_head(folder, "mine")
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config.json is not JSON"):
        require_scoring_head(folder, "mine")
