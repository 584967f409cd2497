"""A server in a process of its own: signals, slow clients, and clients that leave."""

import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from helpers.served import animals

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[2]


@contextmanager
def server(path, seconds=0.0):
    command = [sys.executable, "-m", "helpers.serving_process", str(path), str(seconds)]
    process = subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True)
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port, method, path, record=None):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = None if record is None else json.dumps(record)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("running") / "index").path


def test_what_was_accepted_is_answered_after_sigterm(path):
    """Health says at once that no more is taken, and the process ends with 0."""
    with server(path, 1.0) as (process, port), ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, port, "POST", "/v1/search", {"query": f"night {i}"}) for i in range(8)]
        while "bicross_accepted_requests 8.0" not in metrics(port) and not any(answer.done() for answer in answers):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        while (ready := ask(port, "GET", "/health/ready"))[0] == 200:
            time.sleep(0.01)
        assert ready[0] == 503
        assert ask(port, "POST", "/v1/search", {"query": "too late"})[0] == 503
        assert [status for status, _ in (answer.result(60) for answer in answers)] == [200] * 8
        assert process.wait(30) == 0
        assert process.stdout.read() == "ended\n"


def metrics(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_slow_clients_are_closed_and_those_that_leave_cost_nothing(path):
    with server(path) as (process, port):
        with (
            socket.create_connection(("127.0.0.1", port)) as slow_head,
            socket.create_connection(("127.0.0.1", port)) as slow_body,
            ExitStack() as idle,
        ):
            slow_head.sendall(b"GET /health/live HTT")
            head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            slow_body.sendall(head + b"Content-Length: 50\r\n\r\n{")
            for _ in range(100):
                idle.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert ask(port, "GET", "/health/live")[0] == 200
            slow_head.settimeout(30)
            slow_body.settimeout(30)
            assert slow_head.recv(1000) == b""
            assert slow_body.recv(1000).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(("127.0.0.1", port)) as left:
            body = json.dumps({"query": "night"}).encode()
            head = f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            left.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        assert ask(port, "POST", "/v1/search", {"query": "night"})[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
