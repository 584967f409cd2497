"""A model without the words of its tokenizer is refused: transformers makes an empty tokenizer, and all texts alike."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from bicross.errors import ModelError
from bicross.inference import load_tokenizer
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.published_encoders import sentencepiece_only, static
from helpers.tiny_architectures import save_bi_encoder, save_cross_encoder
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

pytestmark = pytest.mark.slow

NO_FILE = "the folder has neither tokenizer.json nor another file of a tokenizer; download the whole model again"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bert", None),
        ("roberta", {"tokenizer_class": "RobertaTokenizer", "model_max_length": 512}),
        ("xlm-roberta", {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}),
        ("modernbert", None),
    ],
)
def test_a_folder_without_a_tokenizer_is_refused(tmp_path, name, settings):
    folders = save_bi_encoder(tmp_path / "bi", name), save_cross_encoder(tmp_path / "cross", name)
    for folder in folders:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
        if settings:
            (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    for load, folder in zip((BiEncoder, CrossEncoderReranker), folders, strict=True):
        with pytest.raises(ModelError, match=NO_FILE):
            load(folder, device="cpu")
        with pytest.raises(ModelError, match=r"knows no word|cannot be loaded"):
            load_tokenizer(folder)


def test_a_model_of_sentencepiece_alone_is_read_or_the_message_names_the_packages(tmp_path):
    folder = sentencepiece_only(tmp_path / "model")
    if find_spec("sentencepiece") and find_spec("google"):
        encoder = BiEncoder(folder, device="cpu")
        texts = ["cat", "the dog runs", "an owl hunts at night"]
        expected = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
        np.testing.assert_allclose(encoder.encode_documents(texts), expected, atol=1e-5)
    else:
        with pytest.raises(ModelError, match=r"in sentencepiece.bpe.model alone, .* sentencepiece and protobuf; insta"):
            BiEncoder(folder, device="cpu")


def with_more_tokens(folder, *, special):
    """Add a token to the tokenizer alone."""
    path = folder / "tokenizer.json"
    tokens = Tokenizer.from_file(str(path))
    before = tokens.get_vocab_size()
    (tokens.add_special_tokens if special else tokens.add_tokens)(["platypus"])
    tokens.save(str(path))
    return before


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "modernbert", "mpnet", "qwen3"])
def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(tmp_path, name, special):
    """The first text with the token would end a search."""
    folders = save_bi_encoder(tmp_path / "bi", name), save_cross_encoder(tmp_path / "cross", name)
    for load, folder in zip((BiEncoder, CrossEncoderReranker), folders, strict=True):
        rows = with_more_tokens(folder, special=special)
        with pytest.raises(ModelError, match=rf"has token ids up to {rows}, and the model has embeddings for {rows},"):
            load(folder, device="cpu")


def test_a_static_embedding_with_fewer_rows_is_refused(tmp_path):
    folder = static(tmp_path / "model")
    [path] = folder.rglob("tokenizer.json")
    rows = with_more_tokens(path.parent, special=False)
    with pytest.raises(ModelError, match=rf"has token ids up to {rows}, and the model has embeddings for {rows},"):
        BiEncoder(folder, device="cpu")
