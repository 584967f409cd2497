"""Agents on standard input and output: nothing but the protocol there, and an end in every case."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bicross.errors import ArgumentError, ModelNotFound
from bicross.pipelines.integrations.mcp import protocol_streams
from bicross.pipelines.server import Limits
from helpers.agents import HANDSHAKE, Pipes, call, error_of, in_session, serving
from helpers.fakes import OverlapReranker
from mcp.client.stdio import StdioServerParameters, stdio_client

TESTS = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "helpers.agent_process"]


@pytest.mark.slow
def test_an_agent_starts_a_process_and_talks_to_it(index):
    """Its models print and warn, in Python and in C; the client of the SDK would stumble over a line of that."""
    parameters = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], str(index.path)], cwd=TESTS)

    async def talk(client):
        good = await client.call_tool("search", {"query": "who sleeps?", "top_k": 1})
        return good, await client.call_tool("search", {"query": "x", "where": "wings == 2"})

    with Path(os.devnull).open("w") as errors:
        good, wrong = in_session(stdio_client(parameters, errlog=errors), talk)
    assert good.structured_content["results"][0]["id"] == "cat"
    assert "no field 'wings'" in error_of(wrong)


@pytest.mark.slow
def test_what_was_piped_in_is_answered_and_then_the_process_ends(index):
    requests = [*HANDSHAKE, call(1, "search", query="who sleeps?"), call(2, "get_document", id="cat")]
    text = "".join(json.dumps(request) + "\n" for request in requests)
    run = subprocess.run([*COMMAND, str(index.path)], cwd=TESTS, input=text, capture_output=True, text=True)
    answers = {answer["id"]: answer["result"] for answer in map(json.loads, run.stdout.splitlines())}
    assert (run.returncode, set(answers)) == (0, {"begin", 1, 2})
    assert answers[1]["structuredContent"]["results"][0]["id"] == "cat"
    for noise in ("a library prints", "a library writes", "a library in C prints", "a library warns"):
        assert noise in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["SIGTERM", "both ends"])
def test_a_process_ends_with_0_while_a_call_is_under_way(index, tmp_path, ending):
    may_answer = tmp_path / "answer"
    process = subprocess.Popen(
        [*COMMAND, str(index.path), str(may_answer)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        for message in [*HANDSHAKE, call(1, "search", query="who sleeps?")]:
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == "begin"
        for _ in range(2):  # the query that makes the server ready, and this one
            while "a library in C prints" not in process.stderr.readline():
                pass
        if ending == "both ends":
            process.stdin.close()
            process.stdout.close()
        else:
            process.send_signal(getattr(signal, ending))
        time.sleep(0.2)
        may_answer.touch()
        assert process.wait(60) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # it leaves no child
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_lines_that_are_no_messages_are_answered_and_the_rest_goes_on(index):
    with serving({"animals": index}, loaded=False) as service, Pipes(service) as pipes:
        wrong = [
            b"no json",
            b"\xff\xfe",
            b"[" * 100_000,
            b"[]",
            b"5",
            b'{"jsonrpc": "2.0", "id": 7}',
            b'{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "\\ud800"}}',
            b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}',
            b'{"jsonrpc": "2.0", "id": [], "method": "ping", "params": {"x": 1' + b"0" * 6000 + b"}}",
        ]
        pipes.send(b"", b"  ", *wrong, *HANDSHAKE)
        pipes.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": [1]}})
        pipes.send(call(1, "search", query="who sleeps?"))
        answers = [pipes.receive() for _ in range(len(wrong) + 2)]
        assert [answer["id"] for answer in answers] == [None, None, None, None, None, 7, 8, None, None, "begin", 1]
        assert [answer["error"]["code"] for answer in answers[:-2]] == [-32700] * 3 + [-32600] * 5 + [-32700]
        assert not answers[-1]["result"]["isError"]
        pipes.close_input()
        assert (pipes.rest(), pipes.ended(), pipes.error) == ([], True, None)


def test_what_was_asked_before_the_input_was_closed_is_answered(index):
    with serving({"animals": index}, loaded=False) as service, Pipes(service) as pipes:
        pipes.send(*HANDSHAKE, *(call(number, "search", query=f"who sleeps {number}?") for number in range(20)))
        pipes.close_input()
        assert {answer["id"] for answer in pipes.rest()} == {"begin", *range(20)}
        assert pipes.ended()


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_an_agent_that_is_gone_is_not_waited_for(index, asked):
    class Slow(OverlapReranker):
        def score(self, pairs):
            time.sleep(0.05)
            return super().score(pairs)

    with serving({"animals": index}, reranker=Slow(), loaded=False) as service, Pipes(service) as pipes:
        pipes.send(*HANDSHAKE, *(call(number, "search", query="who sleeps?") for number in range(asked)))
        pipes.close_output()
        pipes.close_input()
        assert (pipes.ended(), pipes.error) == (True, None)


def test_a_call_that_is_cancelled_is_not_waited_for(index):
    with serving({"animals": index}, loaded=False, limits=Limits(request_seconds=1e6)) as service:
        service.load = lambda: time.sleep(0.2)  # never ready
        with Pipes(service) as pipes:
            pipes.send(*HANDSHAKE, call(1, "search", query="who sleeps?"))
            pipes.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
            pipes.close_input()
            assert [answer["id"] for answer in pipes.rest()] == ["begin"]
            assert pipes.ended()


def test_an_agent_that_leaves_while_the_models_load_is_no_failure(index):
    with serving({"animals": index}, loaded=False) as service:

        def fail_when_closed():
            while not service.admission.stopping:
                time.sleep(0.01)
            raise ModelNotFound("the models are closed")

        service.load = fail_when_closed
        with Pipes(service) as pipes:
            pipes.close_input()
            assert pipes.rest() == []
            assert pipes.ended()
            assert pipes.error is None


def test_a_model_that_is_missing_ends_the_server_with_its_error(index):
    with serving({"animals": index}, loaded=False) as service:

        def fail():
            raise ModelNotFound("there is no such model")

        service.load = fail
        with Pipes(service) as pipes:
            pipes.rest()
            assert pipes.ended()
            assert isinstance(pipes.error, ModelNotFound)


@pytest.mark.slow
def test_the_streams_of_the_process_are_taken_and_given_back():
    program = (
        "import os, sys\n"
        "from bicross.pipelines.integrations.mcp import protocol_streams\n"
        "print('before')\n"
        "with protocol_streams() as streams:\n"
        "    assert not sys.stdin.read()\n"
        "    print('noise')\n"
        "    os.system('echo child; cat')\n"
        "    os.write(streams.writes, os.read(streams.reads, 100))\n"
        "print('after')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], input="asked\n", capture_output=True, text=True, check=True)
    assert run.stdout == "before\nasked\nafter\n"
    assert run.stderr.splitlines() == ["noise", "child"]


def test_a_process_without_standard_input_is_refused(monkeypatch):
    def closed(descriptor):
        raise OSError("bad file descriptor")

    monkeypatch.setattr(os, "dup", closed)
    with pytest.raises(ArgumentError, match="give --http to listen on a port"), protocol_streams():
        pass
