"""Requests that are refused before their body was read: the client gets the refusal, whatever it still sends."""

import socket
from urllib.parse import urlsplit

import pytest
from bicross.pipelines.server import Limits
from bicross.pipelines.server.http import guard
from helpers.served import KEY, animals, listening

BODY_BYTES, SENT_LATER = 100_000, 50
LIMITS = Limits(body_bytes=BODY_BYTES, body_seconds=0.2)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    index = animals(tmp_path_factory.mktemp("refusals") / "index")
    with listening({"animals": index}, key=KEY, limits=LIMITS) as url:
        yield url


def head(*, key=KEY, kind="application/json", length=BODY_BYTES):
    fields = {"Host": "localhost", "Authorization": f"Bearer {key}", "Content-Type": kind, "Content-Length": length}
    return "".join([*(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"])


def until_closed(connection):
    """What is received until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "another key"}, 401),
        ({"kind": "text/plain"}, 415),
        ({"length": 10 * BODY_BYTES}, 413),
        ({}, 408),
    ],
    ids=["key", "kind", "large", "slow"],
)
def test_a_refusal_arrives_while_the_body_is_sent(url, fields, status):
    """As in RFC 9112, section 9.6: a server that closed at once would reset the connection, and the answer with it."""
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as connection:
        connection.sendall(f"POST /v1/search HTTP/1.1\r\n{head(**fields)}{{".encode())
        start = connection.recv(12)
        for _ in range(SENT_LATER):
            connection.sendall(b" " * ((fields.get("length", BODY_BYTES) - 1) // SENT_LATER))
        assert start == f"HTTP/1.1 {status}".encode()
        connection.shutdown(socket.SHUT_WR)
        assert b"connection: close" in (answer := until_closed(connection).lower())
        assert answer.endswith(b"}")


def test_a_client_that_sends_nothing_more_is_not_waited_for(url, monkeypatch):
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as connection:
        connection.sendall(f"POST /v1/search HTTP/1.1\r\n{head(key='another key')}{{".encode())
        assert until_closed(connection).startswith(b"HTTP/1.1 401")


def test_a_client_that_sends_without_end_is_cut_off(url, monkeypatch):
    monkeypatch.setattr(guard, "LINGER_BYTES", 10_000)
    monkeypatch.setattr(guard, "LINGER_SECONDS", 3600.0)
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=30) as connection:
        connection.sendall(f"POST /v1/search HTTP/1.1\r\n{head(key='another key', length=10**9)}{{".encode())
        with pytest.raises(ConnectionError):
            for _ in range(10_000):
                connection.sendall(b" " * 100_000)
