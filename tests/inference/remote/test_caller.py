"""Requests to a server: what is tried again, what is not, and what errors say."""

import threading
import time
from email.utils import formatdate

import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.inference.remote import RemoteAddress, RemoteCaller, RemoteOptions, caller
from helpers.model_servers import KEY, ModelServer, running

BODY = {"query": "night", "texts": ["The owl"]}
QUICK = {"backoff": 0.0}


@pytest.fixture
def ask():
    """Ask a server for scores with some options."""
    opened = []

    def call(url, *, key=None, **options):
        asking = RemoteCaller(RemoteAddress.of(url), key=key, options=RemoteOptions(**QUICK | options))
        opened.append(asking)
        return asking.post("/rerank", BODY)

    yield call
    for asking in opened:
        asking.close()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited between tries, which pass at once."""
    seconds = []
    monkeypatch.setattr(
        caller, "time", type("Clock", (), {"sleep": seconds.append, "monotonic": time.monotonic, "time": time.time})
    )
    return seconds


@pytest.mark.parametrize("failure", [(429, {}, b""), (500, {}, b"x"), (503, {}, {"error": "loading"}), None])
def test_what_may_succeed_later_is_tried_again(ask, failure):
    server = ModelServer("tei", failures=[failure, failure])
    with running(server) as url:
        assert ask(url)[0]["index"] == 0
    assert len(server.bodies) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_refused_is_not_tried_again(ask, status):
    server = ModelServer("tei", failures=[(status, {}, {"error": {"message": "too many texts"}})])
    with running(server) as url, pytest.raises(ModelError) as caught:
        ask(url)
    assert str(caught.value) == f"{url}/rerank refused the request with status {status}: too many texts"
    assert len(server.bodies) == 1


def test_tries_have_an_end(ask):
    server = ModelServer("tei", failures=[(503, {}, {"message": "draining", "code": 503})] * 9)
    with running(server) as url, pytest.raises(ModelError) as caught:
        ask(url, tries=3)
    assert str(caught.value) == f"{url}/rerank gave no answer in 3 tries: status 503: draining"
    assert len(server.bodies) == 3


def test_nobody_listens(ask):
    with pytest.raises(ModelError, match=r"^http://127.0.0.1:1/rerank gave no answer in 2 tries: ConnectError"):
        ask("http://127.0.0.1:1", tries=2)


def test_waits_double_up_to_a_limit(ask, waits):
    with running(ModelServer("tei", failures=[(500, {}, b"")] * 10)) as url, pytest.raises(ModelError):
        ask(url, tries=10, backoff=1.0)
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits[:6]))
    assert all(30 <= wait <= 60 for wait in waits[6:])
    assert len(waits) == 9


def test_the_server_says_when_to_come_back(ask, waits):
    soon = formatdate(time.time() + 20, usegmt=True)
    failures = [(429, {"Retry-After": given}, b"") for given in ("7", soon, "junk")]
    with running(ModelServer("tei", failures=failures)) as url:
        ask(url)
    assert waits[0] == 7
    assert 10 < waits[1] <= 20
    assert waits[2] == 0


def test_nobody_waits_for_an_hour(ask, waits):
    server = ModelServer("tei", failures=[(429, {"Retry-After": "3600"}, {"detail": "quota"})])
    with running(server) as url, pytest.raises(ModelError, match="in 1 try: status 429: quota; it asks to wait 3600 s"):
        ask(url)
    assert waits == []


def test_an_answer_must_come_in_time_as_a_whole(ask):
    ended = threading.Event()

    class Slow(ModelServer):
        def answer(self, path, body, headers):
            super().answer(path, body, headers)
            ended.wait(30)

    with running(Slow("tei")) as url, pytest.raises(ModelError, match="in 1 try: ReadTimeout"):
        try:
            ask(url, timeout=0.05, tries=1)
        finally:
            ended.set()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Welcome</html>", "answers no JSON, but '<html>Welcome</html>'"),
        (b"", "answers no JSON"),
        (b"[" * 99_999, "no JSON"),
    ],
)
def test_answers_that_are_no_json(ask, content, message):
    with running(ModelServer("tei", failures=[(200, {}, content)])) as url, pytest.raises(ModelError, match=message):
        ask(url)


def test_answers_have_a_limit(ask, monkeypatch):
    monkeypatch.setattr(caller, "MOST_ANSWER_BYTES", 1000)
    with (
        running(ModelServer("tei", failures=[(200, {}, b" " * 1001)])) as url,
        pytest.raises(ModelError, match="more than"),
    ):
        ask(url)


def test_redirects_are_not_followed_with_the_key(ask):
    server = ModelServer("tei", failures=[(307, {"Location": "http://127.0.0.1:1/rerank"}, b"")], key=KEY)
    with running(server) as url, pytest.raises(ModelError, match="status 307"):
        ask(url, key=KEY)


def test_keys_come_from_the_environment_and_stay_out_of_errors(ask, monkeypatch):
    with running(ModelServer("tei", key=KEY)) as url:
        monkeypatch.setenv("BICROSS_REMOTE_KEY", KEY)
        assert ask(url)
        with pytest.raises(ModelError, match=r"status 401: wrong key Bearer \*\*\*") as caught:
            ask(url, key="another-key")
        assert "another-key" not in str(caught.value)
    for wrong in ("two words", "schlüssel", "a\nb", 3):
        with pytest.raises(ArgumentError, match="key of the server") as caught:
            ask("http://127.0.0.1:1", key=wrong)
        assert str(wrong) not in str(caught.value)


def test_a_key_without_encryption_is_warned_of(caplog):
    for url in ("http://gpu.example", "https://gpu.example", "http://127.0.0.1:80"):
        RemoteCaller(RemoteAddress.of(url), key=KEY, options=RemoteOptions()).close()
    assert caplog.messages == ["the key for http://gpu.example is sent without encryption: use https"]


@pytest.mark.parametrize("values", [{"timeout": 0}, {"tries": 0}, {"backoff": -1}, {"parallel": 0}, {"batch_size": 0}])
def test_options_that_cannot_be(values):
    with pytest.raises(ArgumentError, match=next(iter(values))):
        RemoteOptions(**values)
