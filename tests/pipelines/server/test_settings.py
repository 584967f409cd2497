"""Where a server may listen and with which keys."""

import pytest
from bicross.errors import ArgumentError
from bicross.pipelines.server import KEY_VARIABLE, Limits, ModelOptions, ServerSettings, listen, read_key

KEY = "a key of enough characters"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "search.example"])
def test_another_address_than_loopback_needs_a_key(host):
    with pytest.raises(ArgumentError, match="no API key: set BICROSS_API_KEY"):
        ServerSettings(host=host)
    assert not ServerSettings(host=host, key=KEY).local


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_needs_none(host):
    assert ServerSettings(host=host).local


@pytest.mark.parametrize("key", ["short", "", "ü" * 20, "line\nbreak in a long key"])
def test_keys_that_cannot_be(key):
    for name in ("key", "write_key"):
        with pytest.raises(ArgumentError, match="at least 16") as refused:
            ServerSettings(**{name: key})
        assert not key or key not in str(refused.value)


@pytest.mark.parametrize("size", [-5, 0, 1e-9, float("nan"), True, "64"])
def test_a_cache_that_cannot_be_is_refused_before_models_load(size):
    with pytest.raises(ArgumentError, match="positive number of megabytes"):
        ModelOptions(cache_mb=size)
    assert ModelOptions(cache_mb=None).cache_mb is None


@pytest.mark.parametrize("values", [{"port": -1}, {"port": 70_000}, {"limits": Limits(body_bytes=1)}])
def test_numbers_that_cannot_be(values):
    if "port" in values:
        with pytest.raises(ArgumentError, match="port"):
            ServerSettings(**values)
    with pytest.raises(ArgumentError, match="body_bytes"):
        Limits(body_bytes=0)
    with pytest.raises(ArgumentError, match="header_seconds"):
        Limits(header_seconds=0.0)


def test_a_key_comes_from_a_file_or_from_the_environment(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o644)
    with pytest.raises(ArgumentError, match="chmod 600"):
        read_key(file, KEY_VARIABLE, {})
    file.chmod(0o600)
    assert read_key(file, KEY_VARIABLE, {KEY_VARIABLE: "another"}) == KEY
    assert read_key(None, KEY_VARIABLE, {KEY_VARIABLE: KEY}) == KEY
    assert read_key(None, KEY_VARIABLE, {}) is None
    file.write_text("")
    with pytest.raises(ArgumentError, match="is empty"):
        read_key(file, KEY_VARIABLE, {})
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_key(tmp_path / "none", KEY_VARIABLE, {})


def test_a_port_that_is_taken_is_an_error():
    with listen(ServerSettings(port=0)) as listener, pytest.raises(ArgumentError, match="take another --port"):
        listen(ServerSettings(port=listener.getsockname()[1]))
