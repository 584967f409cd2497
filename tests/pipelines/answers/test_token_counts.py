import warnings

import pytest
from bicross.errors import ArgumentError, ModelError, ModelNotFound
from bicross.inference import load_tokenizer, resolve_model
from bicross.pipelines.answers import text_counter
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import DEFAULT_ENCODER
from tokenizers import Tokenizer, models, pre_tokenizers

TEXT = "Vaccination trains the immune system. Öl, 日本!"


@pytest.fixture(scope="module")
def folder():
    return resolve_model(DEFAULT_RERANKER)


@pytest.fixture(scope="module")
def expected(folder):
    return load_tokenizer(folder).count([TEXT])[0]


def fast(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("name", [DEFAULT_RERANKER, DEFAULT_ENCODER, "folder", "path", "file"])
def test_a_name_a_folder_and_a_file_count_the_same(folder, expected, name):
    given = {"folder": str(folder), "path": folder, "file": folder / "tokenizer.json"}.get(name, name)
    counter = text_counter(given)
    assert (counter(TEXT), counter.unit, counter("")) == (expected, "tokens", 0)


def test_a_tokenizer_that_cuts_and_pads_is_counted_as_if_it_did_not(folder, expected):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    assert text_counter(tokenizer)(TEXT) == expected
    tokenizer.no_truncation()
    tokenizer.enable_padding(length=500)
    assert text_counter(tokenizer)(TEXT) == expected
    assert len(tokenizer.encode(TEXT).ids) == 500  # the given one is as it was


@pytest.mark.slow
def test_a_tokenizer_of_transformers_counts_long_texts_without_a_warning(folder, expected):
    tokenizer = fast(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert text_counter(tokenizer)(TEXT) == expected
        assert text_counter(tokenizer)(TEXT * 200) > 512


def test_one_written_in_python_is_asked_for_no_special_tokens():
    class Slow:
        def num_special_tokens_to_add(self):
            return 2

        def encode(self, text, *, add_special_tokens):
            return text.split() + (["[CLS]", "[SEP]"] if add_special_tokens else [])

    assert text_counter(Slow())("two words") == 2


def test_characters_and_functions():
    assert text_counter("characters")(TEXT) == len(TEXT)
    counter = text_counter(lambda text: text.count(" "))
    assert (counter("a b c"), counter.unit) == (2, "units")
    tiny = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tiny.pre_tokenizer = pre_tokenizers.Whitespace()
    assert text_counter(tiny)("a b a") == 3


@pytest.mark.parametrize("value", [None, -1, 1.5, "3", True])
def test_a_function_that_returns_no_count_is_an_error(value):
    with pytest.raises(ArgumentError, match="what count returns must be"):
        text_counter(lambda text: value)("text")


@pytest.mark.parametrize("value", [7, 1.5, [], {"a": 1}, b"x"])
def test_what_counts_nothing_is_an_error(value):
    with pytest.raises(ArgumentError, match="count must be 'characters', a tokenizer, the name of one, or a function"):
        text_counter(value)


def test_a_class_is_not_what_it_makes():
    with pytest.raises(ArgumentError, match="not the class Tokenizer"):
        text_counter(Tokenizer)


def test_a_name_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelNotFound, match="tokenizer of 'nobody/nothing' is not on this machine"):
        text_counter("nobody/nothing")
    with pytest.raises(ModelNotFound, match="there is no tokenizer"):
        text_counter(tmp_path / "missing")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="is not a tokenizer that can be read"):
        text_counter(tmp_path)
