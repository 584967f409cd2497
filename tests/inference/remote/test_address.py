"""Addresses of servers of models."""

import pytest
from bicross.errors import ArgumentError
from bicross.inference.remote import RemoteAddress, is_remote


@pytest.mark.parametrize(
    ("text", "url", "dialect", "model"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", None, None),
        ("http://[::1]:8080/", "http://[::1]:8080", None, None),
        ("HTTPS://gpu.example/v1", "https://gpu.example", None, None),
        ("http://gpu.example/v1/rerank", "http://gpu.example", None, None),
        ("http://gpu.example/models/v1/embeddings/", "http://gpu.example/models", None, None),
        ("tei+http://gpu.example:80/embed", "http://gpu.example:80", "tei", None),
        ("Cohere+https://api.example#rerank-4", "https://api.example", "cohere", "rerank-4"),
        ("http://gpu.example/v1#org/model@2", "http://gpu.example", None, "org/model@2"),
    ],
)
def test_what_an_address_says(text, url, dialect, model):
    assert is_remote(text)
    assert RemoteAddress.of(text) == RemoteAddress(url, dialect, model)


def test_arguments_take_the_place_of_what_the_address_says():
    address = RemoteAddress.of("tei+http://gpu.example#one", model="two", dialect="openai")
    assert (address.model, address.dialect) == ("two", "openai")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpu.example",
        "ftp://gpu.example",
        "http://",
        "http:///v1",
        "http://a b",
        "http://x:port",
        "http://x\n",
        None,
        3,
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(ArgumentError, match="address of"):
        RemoteAddress.of(text)


@pytest.mark.parametrize("text", ["http://user:secret@gpu.example", "https://gpu.example/v1?key=secret"])
def test_an_address_holds_no_key(text):
    with pytest.raises(ArgumentError, match="BICROSS_REMOTE_KEY") as caught:
        RemoteAddress.of(text)
    assert "secret" not in str(caught.value)


def test_unknown_dialects_are_refused():
    with pytest.raises(ArgumentError, match="one of bicross, tei, openai, cohere, jina, voyage, not 'grpc'"):
        RemoteAddress.of("grpc+http://gpu.example")


@pytest.mark.parametrize("name", ["org/model", "bicross-rerank-mini", "./folder", "http", None, 3])
def test_names_of_models_are_no_addresses(name):
    assert not is_remote(name)


@pytest.mark.parametrize(
    ("url", "encrypted"),
    [("https://x", True), ("http://localhost:1", True), ("http://[::1]", True), ("http://x", False)],
)
def test_where_others_can_listen(url, encrypted):
    assert RemoteAddress.of(url).encrypted is encrypted
