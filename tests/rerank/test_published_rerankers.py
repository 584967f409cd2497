"""Rerankers in the layouts of published models give the logits of sentence-transformers."""

import bisect
import json
import logging
import shutil

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError, QueryError
from bicross.inference import ChatTemplate
from bicross.rerank import CrossEncoderReranker
from helpers.published_rerankers import CHAT, PLAIN, REFUSED, generating, plain_generating
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, processors

pytestmark = pytest.mark.slow

QUERIES = ["who sleeps at night ?", "dog", "where is it?\n", " the park "]
PASSAGES = [
    "cat",
    "A Dog runs; in the PARK all day!",
    "naïve 東京 ночь 🙂",
    "",
    "\nthe cat sleeps.\n",
    "  a sofa, warm",
]
PAIRS = [(query, passage) for query in QUERIES for passage in PASSAGES]
LONG = "cat dog owl. " * 300


def oracle(folder, pairs, **settings):
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.predict([list(pair) for pair in pairs], activation_fn=torch.nn.Identity(), batch_size=2, **settings)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Makes each folder once."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = {**PLAIN, **CHAT}[name](tmp_path_factory.mktemp("model") / "model")
        return made[name]

    return folder


@pytest.mark.parametrize("name", [*PLAIN, *CHAT])
def test_logits_are_those_of_sentence_transformers(name, folders, caplog):
    folder = folders(name)
    with caplog.at_level(logging.INFO, logger="bicross"):
        reranker = CrossEncoderReranker(folder, device="cpu", batch_size=4)
    assert reranker.runs_packed
    assert "runs through sentence-transformers" not in caplog.text
    expected = oracle(folder, PAIRS)
    assert expected.std() > 0.02, "the model tells the pairs apart"
    np.testing.assert_allclose(reranker.score(PAIRS), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["max_length", "limit of texts", "default prompt", "modules", "albert"])
def test_long_passages_are_cut_as_sentence_transformers_cuts_them(name, folders):
    pairs = [("who sleeps ?", LONG), ("dog", "owl " + LONG)]  # these queries are short: it cuts the longer text
    np.testing.assert_allclose(
        CrossEncoderReranker(folders(name), device="cpu").score(pairs), oracle(folders(name), pairs), atol=1e-4
    )


@pytest.mark.parametrize("name", CHAT)
def test_in_a_template_the_passage_alone_is_cut(name, folders, caplog):
    """A cut passage scores as the part of it that fits, with the whole template around it."""
    folder = folders(name)
    reranker = CrossEncoderReranker(folder, device="cpu", batch_size=2)
    assert reranker.max_length == 300
    model = CrossEncoder(str(folder), device="cpu")
    prompt = model.prompts.get(model.default_prompt_name or "", "")
    template = ChatTemplate(model[0], prompt)
    words = " ".join(["sofa"] * 400)
    with caplog.at_level(logging.INFO, logger="bicross"):
        [cut, _] = reranker.score([("what ?", words), ("what ?", "cat")])
    assert "1 of 2 passages were cut to fit into 300 tokens" in caplog.text

    def tokens(count):
        return template.encode([("what ?", " ".join(["sofa"] * count))])[0].tokens

    fitting = " ".join(["sofa"] * (bisect.bisect(range(300), 300, key=tokens) - 1))
    [encoded] = template.encode([("what ?", fitting)])
    shares = template.cut(("what ?", words), template.encode([("what ?", words)])[0], encoded.tokens)
    np.testing.assert_array_equal(shares.joined(), encoded.joined())
    exact = CrossEncoderReranker(folder, device="cpu", max_length=encoded.tokens)
    np.testing.assert_allclose(exact.score([("what ?", words)]), oracle(folder, [("what ?", fitting)]), atol=1e-4)
    np.testing.assert_allclose(cut, reranker.score([("what ?", words + " dog")])[0], atol=1e-6)


@pytest.mark.parametrize("name", [name for name in CHAT if name != "document first"])
def test_where_the_passage_comes_last_sentence_transformers_cuts_the_same(name, folders):
    """It cuts the end of the whole text, and writes the end of the template over it."""
    pairs = [("who sleeps ?", LONG), ("dog", "cat")]
    reranker = CrossEncoderReranker(folders(name), device="cpu")
    np.testing.assert_allclose(reranker.score(pairs), oracle(folders(name), pairs), atol=1e-4)


@pytest.mark.parametrize("name", CHAT)
def test_a_template_counts_for_the_limits(name, folders):
    tokens = len(CrossEncoder(str(folders(name)), device="cpu").preprocess([("query", "passage")])["input_ids"][0])
    with pytest.raises(ArgumentError, match=r"max_length is 5; with this model the least that leaves room for text is"):
        CrossEncoderReranker(folders(name), device="cpu", max_length=5)
    reranker = CrossEncoderReranker(folders(name), device="cpu", max_length=tokens + 40)
    with pytest.raises(QueryError, match=rf"reads {tokens + 40} of query and passage together, and \d+ of its chat"):
        reranker.score([("sofa " * 60, "cat")])
    assert np.isfinite(reranker.score([("sofa", LONG)])).all()


@pytest.mark.parametrize("name", ["default prompt", "modules", "qwen3 with a prompt", "document first"])
def test_long_queries_are_cut_by_their_tokens_with_a_prompt_or_template(name, folders):
    reranker = CrossEncoderReranker(folders(name), device="cpu")
    query = "cat dog owl " * 200 + "sofa"
    [reason] = reranker.long_queries([query, "cat"]).values()
    limit = int(reason.rpartition(" ")[2])
    cut = reranker.cutting_queries()
    logits = cut.score([(query, "owl"), ("cat", "owl"), (query + " park", "owl")])
    assert logits[1] == pytest.approx(reranker.score([("cat", "owl")])[0], abs=1e-5)
    assert logits[2] == pytest.approx(logits[0], abs=1e-5)
    beginnings = [query[:end] for end in range(0, len(query), len("cat dog owl "))]
    longest = bisect.bisect(beginnings, 0, key=lambda text: len(reranker.long_queries([text]))) - 1
    assert limit / 12 < longest < len(beginnings) - 1
    ends = range(len(beginnings[longest]) - 1, len(beginnings[longest]) + 12)
    near = [(query[:end], "owl") for end in ends if not reranker.long_queries([query[:end]])]
    assert np.abs(reranker.score(near) - logits[0]).min() < 1e-4


def test_parts_of_a_template_are_those_of_the_whole_text(folders):
    module = CrossEncoder(str(folders("mxbai (qwen2)")), device="cpu")[0]
    template, tokenizer = ChatTemplate(module, ""), module.tokenizer
    for pair in PAIRS:
        [encoded] = template.encode([pair])
        whole = module.preprocess([pair])["input_ids"][0].tolist()
        assert encoded.joined().tolist() == whole
        assert pair[1].strip() in tokenizer.decode([*encoded.passage, *encoded.after[:1]])
        assert tokenizer.decode(encoded.before).startswith("<|im_start|>user\nquery: " + pair[0].rstrip())


def test_a_template_without_the_texts_is_refused(tmp_path):
    with pytest.raises(ModelError, match="has no place for a query and one for a passage"):
        CrossEncoderReranker(generating(tmp_path / "model", template="{{ messages[0].content }} yes ?"), device="cpu")


def test_a_language_model_that_is_not_asked_about_pairs_is_no_reranker(tmp_path):
    chat = "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}{% endfor %}"
    for name, template in (("chat", chat), ("plain", None)):
        folder = plain_generating(tmp_path / name, template=template)
        with pytest.raises(ModelError, match="is not a reranker: it is Qwen3ForCausalLM, without a head that scores"):
            CrossEncoderReranker(folder, device="cpu")


def test_answers_that_are_no_tokens_are_refused(tmp_path):
    """Sentence-transformers takes the unknown token for both, and all scores are 0."""
    folder = plain_generating(tmp_path / "model")
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["added_tokens"] = [token for token in settings["added_tokens"] if token["content"] not in ("yes", "no")]
    for word in ("yes", "no"):
        settings["model"]["vocab"].pop(word, None)
    settings["model"]["merges"] = [pair for pair in settings["model"]["merges"] if "".join(pair) not in ("yes", "no")]
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"unk_token": "<|endoftext|>"}))
    with pytest.raises(ModelError, match="scores by the answers yes and no, and its tokenizer has no tokens for them"):
        CrossEncoderReranker(folder, device="cpu")


def test_a_template_runs_packed_whatever_its_tokenizer_does_with_pairs(folders, tmp_path, caplog):
    folder = shutil.copytree(folders("qwen3"), tmp_path / "model")
    [file] = folder.rglob("tokenizer.json")
    swapped = processors.TemplateProcessing(single="$A", pair="$B $A", special_tokens=[])
    tokens = Tokenizer.from_file(str(file))
    tokens.post_processor = swapped
    tokens.save(str(file))
    with caplog.at_level(logging.INFO, logger="bicross"):
        reranker = CrossEncoderReranker(folder, device="cpu", batch_size=4)
    assert reranker.runs_packed, caplog.text
    np.testing.assert_allclose(reranker.score(PAIRS), oracle(folder, PAIRS), atol=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_reranker_is_refused_and_its_code_is_not_run(name, tmp_path):
    make, message = REFUSED[name]
    folder = make(tmp_path / "model")
    with pytest.raises(ModelError, match=message):
        CrossEncoderReranker(folder, device="cpu")
    assert not (folder / "ran").exists()
