"""Agents over streamable HTTP: the client of the SDK, keys, names of hosts, pages of other sites, and the end."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import anyio
import httpx2
import pytest
from bicross.pipelines.integrations.mcp import mounted_agent
from bicross.pipelines.server import create_app
from helpers.agents import HeldReranker, call, called, error_of, in_session, serving
from helpers.served import KEY, at_address
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.testclient import TestClient

HEADERS = {"Accept": "application/json, text/event-stream"}
MODERN = "2026-07-28"
VERSIONS = ("2025-11-25", MODERN)
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def app_of(service, *, alone=True):
    return create_app(service, [mounted_agent(service)], alone=alone)


@pytest.fixture(scope="module")
def address(index):
    with serving({"animals": index, "other": index}) as service, at_address(app_of(service)) as address:
        yield f"{address}/mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_clients_of_both_protocols_are_answered(address, mode):
    async def talk(client):
        good = {"search": {"query": "who sleeps?"}, "get_document": {"id": "a/b c"}, "index_info": {}}
        good["context"] = {"query": "who sleeps?", "budget": 40}
        assert {tool.name for tool in (await client.list_tools()).tools} == set(good)
        answers = [await client.call_tool(name, arguments) for name, arguments in good.items()]
        return answers, await client.call_tool("search", {"query": "x", "where": "wings == 2"})

    answers, wrong = in_session(address, talk, mode=mode)
    assert not any(answer.is_error for answer in answers)
    assert answers[0].structured_content["results"][0]["id"] == "cat"
    assert "there are: 'legs'" in error_of(wrong)


def test_several_clients_at_once(address):
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(called, address, "search", {"query": "who hunts?", "index": "other"}) for _ in range(4)]
        assert {a.result(60).structured_content["results"][0]["id"] for a in asked} == {"owl"}


def sent(address, message, version):
    """A connection on which a call was sent, as a client of that protocol sends it."""
    names = {"protocolVersion": version, "clientCapabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in names.items()}
    headers = {"MCP-Protocol-Version": version}
    if version == MODERN:
        message = message | {"params": message["params"] | {"_meta": meta}}
        headers |= {"Mcp-Method": message["method"], "Mcp-Name": message["params"]["name"]}
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    kind = {"Content-Type": "application/json"}
    connection.request("POST", "/mcp", json.dumps(message), HEADERS | kind | headers)
    return connection


@pytest.mark.parametrize("version", VERSIONS)
def test_the_call_of_a_client_that_leaves_stops_at_its_next_call_of_a_model(index, version):
    reranker = HeldReranker()
    with serving({"animals": index}, reranker=reranker) as service, at_address(app_of(service)) as address:
        reranker.may_score.clear()
        reranker.begun.clear()
        scored = len(reranker.calls)
        first = sent(address, call(1, "search", query="who sleeps first?"), version)  # holds the models
        assert reranker.begun.wait(60)
        left = sent(address, call(2, "search", query="who sleeps next?"), version)
        while service.admission.requests < 2:
            time.sleep(0.01)
        left.close()
        while service.admission.requests > 1:
            time.sleep(0.01)
        reranker.may_score.set()
        assert b"animals" in first.getresponse().read()
        first.close()
    assert {query for pairs in reranker.calls[scored:] for query, _ in pairs} == {"who sleeps first?"}


def asked(service, *, body=LIST, method="POST", alone=True, **headers):
    with TestClient(app_of(service, alone=alone), base_url="http://127.0.0.1") as client:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if method == "POST" else {}
        return client.request(method, "/mcp", content=content if kind else None, headers=HEADERS | kind | given)


def test_only_its_own_names_and_pages_are_answered(index):
    with serving({"animals": index}) as service:
        assert asked(service).status_code == 200
        assert asked(service, Origin="http://localhost:6274").status_code == 200
        assert asked(service, Host="evil.example").status_code == 403
        refused = asked(service, Origin="http://evil.example")
        assert (refused.status_code, "pages of other sites" in refused.text) == (403, True)
        assert asked(service, Origin="null").status_code == 403
    with serving({"animals": index}, hosts=("Search.example",)) as service:
        assert asked(service, Host="search.example:443", Origin="https://search.example").status_code == 200
        assert asked(service, Host="evil.example").status_code == 403
    bearer = {"Authorization": f"Bearer {KEY}"}
    with serving({"animals": index}, key=KEY, hosts=("search.example",)) as service:
        assert asked(service, Host="search.example").status_code == 401
        assert asked(service, Host="search.example", **bearer).status_code == 200
        assert asked(service, Host="evil.example", **bearer).status_code == 403
    with serving({"animals": index}, key=KEY) as service:
        assert asked(service, Host="any.example", Origin="http://any.example", **bearer).status_code == 200
        assert asked(service, Host="any.example", Origin="http://evil.example", **bearer).status_code == 403


def test_a_client_sends_its_key(index):
    with serving({"animals": index}, key=KEY) as service, at_address(app_of(service)) as address:

        async def ask():
            async with (
                httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as http,
                Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
            ):
                return await client.call_tool("search", {"query": "who sleeps?"})

        assert not anyio.run(ask).is_error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff",
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": 5}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": '
        b'{"query": "\\ud800"}}}',
        b'{"jsonrpc": "2.0", "id": 1' + b"0" * 5000 + b', "method": "tools/list"}',
        b" " * (3 * 1024 * 1024),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_that_is_sent_is_an_error_of_ours(index, body, version):
    with serving({"animals": index}) as service:
        answer = asked(service, body=body, MCP_Protocol_Version=version)
    assert answer.status_code < 500, answer.text


def test_there_is_one_method_at_the_path_and_nothing_else_beside_it(index):
    with serving({"animals": index}) as service:
        assert [asked(service, method=method).status_code for method in ("GET", "DELETE", "PUT")] == [405] * 3
        with TestClient(app_of(service), base_url="http://127.0.0.1") as client:
            statuses = {path: client.get(path).status_code for path in ("/", "/v1/index", "/health/ready", "/metrics")}
            assert statuses == {"/": 404, "/v1/index": 404, "/health/ready": 200, "/metrics": 200}
        with TestClient(app_of(service, alone=False), base_url="http://127.0.0.1") as client:
            assert client.get("/v1/index").status_code == 200
            assert client.post("/mcp", json=LIST, headers=HEADERS).status_code == 200
            assert 'route="/mcp",status="200"' in client.get("/metrics").text
        with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
            assert client.post("/mcp", json=LIST, headers=HEADERS).status_code == 404
