"""A server in a process of its own: signals, slow clients, and clients that leave."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TextIO

import pytest
from helpers.examples import thorough
from helpers.served import animals

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[2]
SERVERS, ACCEPTED = 20 if thorough() else 6, 3  # each of the servers asks for a share of the cores


@dataclass
class Running:
    """Servers that run: their ports by process id, and the lines in which they say how they end."""

    ports: dict[int, int]
    output: TextIO

    def ended(self):
        """Wait for all of them; the exit codes by process id."""
        return {int(process): int(code) for _, process, code in (line.split() for line in self.output)}


@contextmanager
def servers(path, count=1, *, answers_after=None):
    command = [sys.executable, "-m", "helpers.serving_process", str(path), str(count)]
    command += [] if answers_after is None else [str(answers_after)]
    process = subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        words = [process.stdout.readline().split() for _ in range(count)]
        yield Running({int(number): int(port) for _, number, port in words}, process.stdout)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
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


def test_what_was_accepted_is_answered_after_sigterm(path, tmp_path):
    """Of servers under load: health says at once that no more is taken, and the processes end with 0."""
    may_answer = tmp_path / "answer"
    with (
        servers(path, SERVERS, answers_after=may_answer) as running,
        ThreadPoolExecutor(SERVERS * ACCEPTED) as pool,
    ):
        ports = list(running.ports.values())
        answers = [pool.submit(search, port, i) for port in ports for i in range(ACCEPTED)]
        for port in ports:
            while f"bicross_accepted_requests {ACCEPTED}.0" not in metrics(port):
                time.sleep(0.01)
        for process in running.ports:
            os.kill(process, signal.SIGTERM)
        for port in ports:
            while (ready := ask(port, "GET", "/health/ready"))[0] == 200:
                time.sleep(0.01)
            assert ready[0] == search(port)[0] == 503
        may_answer.touch()
        assert [answer.result(60)[0] for answer in answers] == [200] * len(answers)
        assert running.ended() == dict.fromkeys(running.ports, 0)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            ask(port, "GET", "/health/live")


def search(port, number=0):
    return ask(port, "POST", "/v1/search", {"query": f"night {number}"})


def metrics(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_slow_clients_are_closed_and_those_that_leave_cost_nothing(path):
    with servers(path) as running:
        [(process, port)] = running.ports.items()
        with (
            socket.create_connection(("127.0.0.1", port)) as slow_head,
            socket.create_connection(("127.0.0.1", port)) as slow_body,
            ExitStack() as idle,
        ):
            slow_head.sendall(b"GET /health/live HTT")
            head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            slow_body.sendall(head + b"Content-Length: 50\r\n\r\n{")
            for _ in range(500):
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
        os.kill(process, signal.SIGINT)
        assert running.ended() == {process: 0}
