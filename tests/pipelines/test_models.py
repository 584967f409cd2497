import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Index
from bicross.pipelines import SearchPipeline, add_documents, build_index, models, upsert_documents
from bicross.pipelines.models import load_encoder, open_encoder
from bicross.retrieval import BiEncoder, ParallelEncoder
from helpers.fakes import HashEncoder
from helpers.tiny_models import save_bi_encoder


@pytest.fixture
def loaded(monkeypatch):
    """The devices that a model was loaded on; every name is a fake."""
    devices = []

    def load(name, device=None, dtype="float32"):
        devices.append(device)
        return HashEncoder(name=str(name))

    monkeypatch.setattr(models, "BiEncoder", load)
    monkeypatch.setattr(models, "resolve_model", lambda name, download: name)
    return devices


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (None, [None]),
        ("cuda:1", ["cuda:1"]),
        (["cpu"], ["cpu"]),
        ("cuda:0,cuda:1", ["cuda:0", "cuda:1"]),
        ("cuda:0, cuda:1", ["cuda:0", "cuda:1"]),
        (("cuda:0", "cpu", "cpu"), ["cuda:0", "cpu", "cpu"]),
    ],
)
def test_a_model_is_loaded_on_each_device(loaded, device, expected):
    encoder = load_encoder("name", device=device)
    assert loaded == expected
    assert isinstance(encoder, ParallelEncoder) == (len(expected) > 1)


@pytest.mark.parametrize("device", ["", [], "cpu,", ["cpu", " "]])
def test_an_empty_device_is_an_error_that_names_what_was_given(loaded, device):
    with pytest.raises(ArgumentError, match="device must name one device or several, as in 'cuda:0,cuda:1', not ") as e:
        load_encoder("name", device=device)
    assert repr(device) in str(e.value)
    assert loaded == []


@pytest.mark.slow
def test_several_devices_build_and_change_an_index_and_one_searches_it(loaded, tmp_path):
    build_index([Document("a", "one")], tmp_path / "i", encoder="name", device=["x", "y"])
    add_documents(tmp_path / "i", [Document("b", "two")], device="x,y")
    upsert_documents(tmp_path / "i", [Document("b", "three")], device=("x", "y"))
    assert loaded == ["x", "y"] * 3
    assert [document.text for document in Index.open(tmp_path / "i").documents()] == ["one", "three"]
    for several in ("x,y", ["x", "y"]):
        with pytest.raises(ArgumentError, match=r"a search runs on one device, and .* names 2: name one of them"):
            SearchPipeline.open(tmp_path / "i", reranker=None, device=several)
    assert SearchPipeline.open(tmp_path / "i", reranker=None, device="x").search("three")[0].document.id == "b"
    assert loaded == [*["x", "y"] * 3, "x"]


def test_a_device_for_an_encoder_that_is_loaded_already_is_an_error(loaded, tmp_path):
    with pytest.raises(ArgumentError, match="device='cpu' is for an encoder that is given by name"):
        build_index([Document("a", "one")], tmp_path / "i", encoder=HashEncoder(), device="cpu")
    assert not (tmp_path / "i").exists()


@pytest.mark.slow
def test_two_cpus_give_what_one_gives(tmp_path):
    folder = save_bi_encoder(tmp_path / "bi")
    documents = [Document(f"d{i}", "the cat sleeps and the dog runs in the park . " * (1 + i % 5)) for i in range(80)]
    index = build_index(documents, tmp_path / "i", encoder=folder, chunking=None, device=["cpu", "cpu"])
    alone = open_encoder(index, BiEncoder(folder, device="cpu"))
    hits = index.search(alone.encode_documents([document.text for document in documents[:4]]), 80)
    assert [hit[0].score for hit in hits] == pytest.approx([1.0] * 4, abs=1e-5)
    assert Index.verify(tmp_path / "i").problems == ()
