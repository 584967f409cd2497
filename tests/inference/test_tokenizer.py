"""TextTokenizer reads texts as transformers' own tokenizers do, of every kind."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from bicross.errors import ModelError
from bicross.inference import TextTokenizer, load_tokenizer
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.tiny_architectures import (
    LIMIT,
    SENTENCES,
    byte_level,
    modern,
    save_bi_encoder,
    save_cross_encoder,
    unigram,
    word_piece,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

pytestmark = pytest.mark.slow

KINDS = {
    "word_piece": word_piece,
    "without_types": lambda: word_piece(types=False),
    "byte_level": byte_level,
    "modern": modern,
    "unigram": unigram,
}
TEXTS = [
    "",
    " ",
    "cat",
    *SENTENCES,
    " the  cat\tand\nthe dog. ",
    "[SEP] cat [CLS] </s><s> [PAD] <pad> <mask>",
    "e\u0301 \ufb01 \u200b 🙂👩\u200d👩\u200d👧 \0 \ufffd",
    "cat dog owl " * 60,
]
QUICK = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ANY_TEXT = st.one_of(
    st.sampled_from(TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.text("catdog .", max_size=40),
)


@pytest.fixture(scope="module", params=KINDS)
def theirs(request):
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def ours(theirs):
    return TextTokenizer.of(theirs)


def expected(tokenizer, *texts, **options):
    """What transformers gives: ids and type ids, shape (2, tokens). Not in a list, a blank second is taken for none."""
    encoded = tokenizer(*([text] for text in texts), verbose=False, **options)
    [ids] = encoded["input_ids"]
    return [ids, encoded["token_type_ids"][0] if "token_type_ids" in encoded else [0] * len(ids)]


@QUICK
@given(text=ANY_TEXT)
def test_ids_are_those_of_transformers_without_special_tokens(theirs, ours, text):
    [ids] = ours.encode([text])
    assert ids.dtype == np.uint32
    assert ids.tolist() == theirs(text, add_special_tokens=False, verbose=False)["input_ids"]
    assert ours.count([text]) == [len(ids)]


@QUICK
@given(text=ANY_TEXT, limit=st.integers(2, 80))
def test_single_texts(theirs, ours, text, limit):
    [ids] = ours.encode([text])
    read = ours.single(ids, max_length=limit)
    assert read.dtype == np.int32
    assert read.tolist() == expected(theirs, text, truncation=True, max_length=limit)
    assert ours.single(ids, max_length=10**6).tolist() == expected(theirs, text)


@QUICK
@given(query=ANY_TEXT, passage=ANY_TEXT, room=st.integers(1, 80))
def test_pairs_of_which_the_second_is_cut(theirs, ours, query, passage, room):
    first, second = ours.encode([query, passage])
    assert ours.pair(first, second, max_length=10**6).tolist() == expected(theirs, query, passage)
    limit = len(first) + ours.special_tokens(pair=True) + room
    cut = expected(theirs, query, passage, truncation="only_second", max_length=limit)
    assert ours.pair(first, second, max_length=limit).tolist() == cut


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_that_cuts_on_the_left(kind):
    theirs = KINDS[kind]()
    theirs.truncation_side = "left"
    ours = TextTokenizer.of(theirs)
    for query, passage in [("cat", TEXTS[-1]), ("who", SENTENCES[0]), ("who", "")]:
        first, second = ours.encode([query, passage])
        for room in (1, 2, 7, 100):
            limit = len(first) + ours.special_tokens(pair=True) + room
            cut = expected(theirs, query, passage, truncation="only_second", max_length=limit)
            assert ours.pair(first, second, max_length=limit).tolist() == cut
            alone = expected(theirs, passage, truncation=True, max_length=room + 2)
            assert ours.single(second, max_length=room + 2).tolist() == alone


def test_where_the_first_text_leaves_no_room_the_second_is_cut_to_nothing(ours):
    first, second = ours.encode(["cat dog", "owl"])
    nothing = ours.pair(first, second[:0], max_length=LIMIT).tolist()
    for limit in (-1, 0, 1, len(first), len(first) + ours.special_tokens(pair=True)):
        assert ours.pair(first, second, max_length=limit).tolist() == nothing
        assert ours.single(second, max_length=min(limit, 2)).tolist() == ours.single(second[:0], max_length=2).tolist()


def test_ids_of_16_bits_are_read_as_those_of_32(ours):
    first, second = ours.encode(["who sleeps", SENTENCES[0]])
    small = [ids.astype(np.uint16) for ids in (first, second)]
    np.testing.assert_array_equal(ours.pair(*small, max_length=16), ours.pair(first, second, max_length=16))
    np.testing.assert_array_equal(ours.single(small[1], max_length=9), ours.single(second, max_length=9))


def test_special_tokens_and_vocabulary_are_counted(theirs, ours):
    assert ours.special_tokens(pair=False) == theirs.num_special_tokens_to_add(pair=False)
    assert ours.special_tokens(pair=True) == theirs.num_special_tokens_to_add(pair=True)
    assert ours.vocabulary_size == len(theirs)


def test_no_texts(ours):
    assert ours.encode([]) == []
    assert ours.count([]) == []


def test_the_fingerprint_is_of_the_ids_alone(theirs, ours, tmp_path):
    """How a caller cuts and pads changes no id, and how the file is written neither."""
    theirs.save_pretrained(tmp_path / "saved")
    changed = AutoTokenizer.from_pretrained(tmp_path / "saved")
    changed(["cat", "cat dog"], truncation=True, max_length=3, padding="max_length")
    assert changed.backend_tokenizer.truncation is not None
    assert TextTokenizer.of(changed).fingerprint == ours.fingerprint
    changed.truncation_side = changed.padding_side = "left"
    assert TextTokenizer.of(changed).fingerprint == ours.fingerprint
    assert load_tokenizer(tmp_path / "saved").fingerprint == ours.fingerprint
    file = tmp_path / "saved" / "tokenizer.json"
    file.write_text(json.dumps(dict(reversed(json.loads(file.read_text()).items())), indent=7, ensure_ascii=True))
    assert load_tokenizer(tmp_path / "saved").fingerprint == ours.fingerprint
    assert ours.encode([TEXTS[-1]])[0].tolist() == TextTokenizer.of(changed).encode([TEXTS[-1]])[0].tolist()


def test_another_tokenizer_has_another_fingerprint():
    fingerprints = {kind: TextTokenizer.of(make()).fingerprint for kind, make in KINDS.items()}
    assert fingerprints["word_piece"] == fingerprints["without_types"], "types are not part of the ids"
    assert len(set(fingerprints.values())) == len(KINDS) - 1
    changed = word_piece()
    changed.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    assert TextTokenizer.of(changed).fingerprint != fingerprints["word_piece"]
    more = word_piece()
    more.add_tokens(["parkfield"])
    assert TextTokenizer.of(more).fingerprint != fingerprints["word_piece"]


def test_it_is_a_copy(theirs, ours):
    """What others do to their tokenizer, ours does not see."""
    before = ours.encode([TEXTS[-1]])[0].tolist()
    theirs.backend_tokenizer.enable_truncation(3)
    theirs.backend_tokenizer.enable_padding(length=500)
    try:
        assert ours.encode([TEXTS[-1]])[0].tolist() == before
        assert TextTokenizer.of(theirs).encode([TEXTS[-1]])[0].tolist() == before
    finally:
        theirs.backend_tokenizer.no_truncation()
        theirs.backend_tokenizer.no_padding()


def words(post_processor) -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate(["[UNK]", "[A]", "[B]", "what", "is", "it", "a", "text"])}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    if post_processor is not None:
        tokens.post_processor = post_processor
    return PreTrainedTokenizerFast(tokenizer_object=tokens, model_input_names=["input_ids", "token_type_ids"])


def test_special_tokens_of_other_shapes():
    special = [("[A]", 1), ("[B]", 2)]
    for single, pair in [
        ("$A [B]", "$A [B] $B:1 [B]:1"),  # none before
        ("[A] [B] $A", "[A] [B] $A [B] [A] [B] $B"),  # none after, several before
        ("[A]:1 $A:0 [B]:0", "[A]:0 $A:1 [B]:1 $B:0 [B]:0"),  # types of another order
    ]:
        theirs = words(processors.TemplateProcessing(single=single, pair=pair, special_tokens=special))
        ours = TextTokenizer.of(theirs)
        first, second = ours.encode(["what is", "it a text it"])
        assert ours.single(first, max_length=100).tolist() == expected(theirs, "what is")
        assert ours.pair(first, second, max_length=100).tolist() == expected(theirs, "what is", "it a text it")
    bare = words(None)
    ours = TextTokenizer.of(bare)
    assert ours.special_tokens(pair=True) == 0
    assert ours.pair(*ours.encode(["what", "it is"]), max_length=9).tolist() == expected(bare, "what", "it is")


def test_special_tokens_that_cannot_be_put_around_texts_are_refused():
    special = [("[A]", 1), ("[B]", 2)]
    swapped = processors.TemplateProcessing(single="[A] $A", pair="[A] $B [B] $A", special_tokens=special)
    mixed = processors.TemplateProcessing(single="[A] $A", pair="[A] $A [B]:0 [B]:1 $B", special_tokens=special)
    for post_processor in (swapped, mixed):
        with pytest.raises(ModelError, match=r"the tokenizer (encodes a text differently|does more)"):
            TextTokenizer.of(words(post_processor))
        alone = TextTokenizer.of(words(post_processor), pairs=False)
        [ids] = alone.encode(["what is"])
        assert alone.single(ids, max_length=9).tolist() == expected(words(post_processor), "what is")
        with pytest.raises(ModelError, match=r"the tokenizer (encodes a text differently|does more)"):
            alone.special_tokens(pair=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (models.BPE({"[A]": 0, "[B]": 1, "猫": 2}, []), "gives no tokens for 'what is it'"),
        (models.WordLevel({"[A]": 0, "[B]": 1, "猫": 2}), r"cannot read a text: .*\[UNK\]"),
    ],
    ids=["nothing", "error"],
)
def test_a_tokenizer_that_knows_no_token_of_the_probes_is_refused(model, message):
    """Where its special tokens begin does not show: a text without tokens would be found everywhere."""
    tokens = Tokenizer(model)
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens.post_processor = processors.TemplateProcessing(
        single="[A] $A [B]", pair="[A] $A [B] $B [B]", special_tokens=[("[A]", 0), ("[B]", 1)]
    )
    with pytest.raises(ModelError, match=message):
        TextTokenizer.of(PreTrainedTokenizerFast(tokenizer_object=tokens, model_input_names=["input_ids"]))


def test_a_tokenizer_without_a_file_is_refused():
    with pytest.raises(ModelError, match=r"SimpleNamespace has no tokenizer\.json"):
        TextTokenizer.of(SimpleNamespace())


UNKNOWN_MODEL = '{"version": "1.0", "added_tokens": [], "model": {"type": "?"}}'


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", UNKNOWN_MODEL])
def test_a_damaged_tokenizer_is_a_clear_error(tmp_path, content):
    word_piece().save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"the tokenizer in .* cannot be loaded"):
        load_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_is_a_clear_error(tmp_path):
    with pytest.raises(ModelError, match=r"the tokenizer in .* cannot be loaded"):
        load_tokenizer(tmp_path)
    with pytest.raises(ModelError, match="nowhere"):
        load_tokenizer(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("before", [None, normalizers.Lowercase()], ids=["", "lowercase"])
def test_the_tokenizer_of_a_folder_is_that_of_its_encoder(tmp_path, name, before):
    """``do_lower_case`` puts a normaliser before those of tokenizer.json: none, one or several, unless it is there."""
    folder = save_bi_encoder(tmp_path / "bi", name)
    if before is not None:
        tokens = AutoTokenizer.from_pretrained(folder)
        tokens.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), before])
        tokens.save_pretrained(folder)
    plain = load_tokenizer(folder)
    assert plain.fingerprint == fingerprint_loaded(folder)
    file = folder / "sentence_bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"do_lower_case": True}))
    lower = load_tokenizer(folder)
    assert lower.fingerprint == fingerprint_loaded(folder)
    assert (lower.fingerprint == plain.fingerprint) == (before is not None)
    assert (
        lower.count(["THE CAT"])
        == BiEncoder(folder, device="cpu").count_tokens(["THE CAT"])
        == lower.count(["the cat"])
    )


def fingerprint_loaded(folder) -> str:
    return TextTokenizer.of(SentenceTransformer(str(folder), device="cpu").tokenizer).fingerprint


def test_the_tokenizer_of_a_reranker_of_transformers_alone(tmp_path):
    """Without modules.json sentence-transformers does not read its settings."""
    folder = save_cross_encoder(tmp_path / "cross", "roberta")
    (folder / "sentence_bert_config.json").write_text('{"do_lower_case": true}')
    assert load_tokenizer(folder).fingerprint == CrossEncoderReranker(folder, device="cpu").tokenizer_fingerprint


def test_the_tokenizer_in_a_folder_of_its_own(tmp_path):
    """As sentence-transformers of old saved it."""
    folder = save_bi_encoder(tmp_path / "bi", "roberta")
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "0_Transformer").mkdir()
    for file in folder.glob("*"):
        if file.is_file() and file.name not in ("modules.json", "config_sentence_transformers.json"):
            file.rename(folder / "0_Transformer" / file.name)
    assert load_tokenizer(folder).fingerprint == fingerprint_loaded(folder)
