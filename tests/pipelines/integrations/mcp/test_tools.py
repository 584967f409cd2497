"""The tools and resources, by the client of the SDK: answers as of the library, and errors that say what to do."""

import json
import threading
import time

import anyio
import pytest
from bicross.index import Chunking, Document
from bicross.pipelines import ContextPipeline, SearchOptions, SearchPipeline, upsert_documents
from bicross.pipelines.server import Limits
from helpers.agents import HeldReranker, called, error_of, in_session, serving
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.served import ANIMALS, animals
from mcp.shared.exceptions import MCPError

LONG = Document("long/one", " ".join(f"Sentence {number} is about owls." for number in range(40)), "Long")
VERSIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}


@pytest.fixture(scope="module")
def service(index):
    with serving({"animals": index}) as service:
        yield service


@pytest.fixture(scope="module")
def library(index):
    return SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())


@pytest.mark.parametrize("mode", VERSIONS)
def test_clients_of_both_protocols_get_every_tool(service, library, mode):
    async def talk(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        good = {
            "search": {"query": "who sleeps at night?", "top_k": 2},
            "get_document": {"id": "a/b c"},
            "index_info": {},
            "context": {"query": "who sleeps at night?", "budget": 40},
        }
        return client.protocol_version, tools, {name: await client.call_tool(name, good[name]) for name in tools}

    version, tools, answers = in_session(service, talk, mode=mode)
    assert version == VERSIONS[mode]
    assert list(tools) == ["search", "get_document", "index_info", "context"]
    for name, tool in tools.items():
        assert tool.description
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.destructive_hint is tool.annotations.open_world_hint is False
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object"
        assert not answers[name].is_error
        assert json.loads(answers[name].content[0].text) == answers[name].structured_content
    results = answers["search"].structured_content["results"]
    expected = library.search("who sleeps at night?", top_k=2)
    assert [(r["id"], r["relevance"], r["passage"]["text"]) for r in results] == [
        (r.document.id, r.relevance, r.passage.text) for r in expected
    ]
    assert answers["get_document"].structured_content["text"] == ANIMALS[3].text
    assert answers["index_info"].structured_content["indexes"][0]["documents"] == 4


def test_a_context_is_that_of_the_library(service, index):
    record = called(service, "context", {"query": "who sleeps?", "budget": 40}).structured_content
    pipeline = ContextPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())
    expected = pipeline.context("who sleeps?", budget=40, oversized="cut")
    assert (record["text"], record["size"], record["generation"]) == (expected.text, expected.size, 1)
    assert [citation["id"] for citation in record["citations"]] == [citation.id for citation in expected.citations]
    assert record["size"] <= 40


def test_a_filter_leaves_out_and_a_search_without_results_says_why(service):
    found = called(service, "search", {"query": "who sleeps?", "where": "legs == 2"}).structured_content
    assert ([result["id"] for result in found["results"]], found["hint"]) == (["owl"], None)
    nothing = called(service, "search", {"query": "who sleeps?", "where": "legs == 3"}).structured_content
    assert nothing["results"] == []
    assert "no document matches where" in nothing["hint"]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("search", {}, "query: it is missing. search takes: query, top_k, where, index"),
        ("search", {"query": " "}, "a query is blank"),
        ("search", {"query": "a\0b"}, "NUL character at character 1; take it out"),
        ("search", {"query": "x" * 1_000_000}, "query may have at most 8192 characters"),
        ("search", {"query": 5}, "query: Input should be a valid string"),
        ("search", {"query": "x", "top_k": 10**9}, "top_k: Input should be less than or equal to 50"),
        ("search", {"query": "x", "top_k": 10**400}, "top_k"),
        ("search", {"query": "x", "top_k": True}, "top_k: a whole number is needed, not true or false"),
        ("search", {"query": "x", "top_k": 0}, "greater than or equal to 1"),
        ("search", {"query": "x", "filter": "legs == 4"}, "filter: there is no such argument"),
        ("search", {"query": "x", "index": "other"}, "there is no index 'other'; the indexes are: animals"),
        ("search", {"query": "x", "where": "wings == 2"}, "no field 'wings' to filter by; there are: 'legs'"),
        ("search", {"query": "x", "where": "legs =="}, "something is missing at its end"),
        ("search", {"query": "x", "where": "(" * 4000 + "legs == 2" + ")" * 4000}, "where"),
        ("search", {"query": "x", "where": "legs in (" + "1," * 1500 + ")"}, None),
        ("search", {"query": "x", "where": "not " * 900 + "legs == 2"}, "where"),
        ("search", {"query": "x", "where": "__import__('os').system('true')"}, "where"),
        ("search", {"query": "x", "where": {"legs": 2}}, "where: Input should be a valid string"),
        ("get_document", {"id": ""}, "no document of the id ''"),
        ("get_document", {"id": "../../etc/passwd"}, "take ids from the results of search"),
        ("get_document", {"id": "a\0b"}, "no document of the id"),
        ("get_document", {"id": "cat", "start": 39}, "start=39 is behind the end of the document, which has 39"),
        ("get_document", {"id": "cat", "start": 5, "end": 5}, "end=5 must be larger than start=5"),
        ("get_document", {"id": "cat", "neighbours": -1}, "neighbours"),
        ("index_info", {"index": "other"}, "there is no index 'other'"),
        ("context", {"query": ""}, "a query is blank"),
        ("context", {"query": "sleeps", "budget": 1}, "give a larger budget"),
        ("context", {"query": "x", "where": "wings == 2"}, "there are: 'legs'; index_info names the fields"),
        ("context", {"query": "x", "budget": 10**6}, "budget: Input should be less than or equal to 32000"),
    ],
)
def test_a_model_is_told_what_is_wrong_and_what_to_do(service, index, tool, arguments, told):
    result = called(service, tool, arguments)
    if told is None:
        assert not result.is_error
        return
    assert told in error_of(result)
    assert str(index.path) not in error_of(result)


def test_arguments_that_are_null_or_numbers_in_texts_are_taken_as_meant(service):
    given = {"query": "who sleeps?", "top_k": "2", "where": None, "index": None}
    assert len(called(service, "search", given).structured_content["results"]) == 2


def test_a_tool_that_is_not_there(service):
    with pytest.raises(MCPError, match="no tool 'drop'; the tools are: search"):
        called(service, "drop", {})


def test_spans_of_documents_and_their_neighbours(tmp_path):
    index = animals(tmp_path / "index", [LONG], chunking=Chunking(max_tokens=12, overlap=0))
    [passages] = index.passages([LONG.id])
    assert len(passages) > 9
    with serving({"animals": index}) as service:

        def part(**span):
            return called(service, "get_document", {"id": LONG.id} | span).structured_content

        for number, neighbours in ((0, 0), (0, 2), (4, 1), (4, 20)):
            inside = {"start": passages[number].start + 1, "end": passages[number].end - 1}
            record = part(**inside, neighbours=neighbours)
            first = passages[max(0, number - neighbours)].start if neighbours else inside["start"]
            last = passages[min(len(passages) - 1, number + neighbours)].end if neighbours else inside["end"]
            assert (record["start"], record["end"]) == (first, last)
            assert record["text"] == LONG.text[first:last]
            assert (record["characters"], record["more"]) == (len(LONG.text), last < len(LONG.text))


def test_long_documents_come_in_parts(tmp_path):
    text = "".join(chr(0x4E00 + number % 5000) for number in range(45_000))
    with serving({"animals": animals(tmp_path / "index", [Document("x", text)])}) as service:

        async def talk(client):
            parts, start = [], 0
            while not parts or parts[-1]["more"]:
                answer = await client.call_tool("get_document", {"id": "x", "start": start})
                parts.append(answer.structured_content)
                start = parts[-1]["end"]
            return parts, await client.call_tool("search", {"query": text[:5]})

        parts, found = in_session(service, talk)
    assert "".join(part["text"] for part in parts) == text
    assert len(parts) == 3
    [result] = found.structured_content["results"]
    assert (result["characters"], result["passage"]["cut"]) == (45_000, True)
    assert result["passage"]["text"] == text[: result["passage"]["end"]]


def test_resources(service):
    async def talk(client):
        [template] = (await client.list_resource_templates()).resource_templates
        [described] = (await client.list_resources()).resources
        found = await client.call_tool("search", {"query": "bees collect nectar", "top_k": 1})
        uri = found.structured_content["results"][0]["uri"]
        read = [await client.read_resource(address) for address in (uri, "bicross://documents/animals/a/b c")]
        return template, await client.read_resource(described.uri), [answer.contents[0] for answer in read]

    template, described, contents = in_session(service, talk)
    assert template.uri_template == "bicross://documents/{index}/{id}"
    assert json.loads(described.contents[0].text)["documents"] == 4
    assert [content.text for content in contents] == [f"Bees\n\n{ANIMALS[3].text}"] * 2
    assert str(contents[0].uri) == "bicross://documents/animals/a%2Fb%20c"


@pytest.mark.parametrize(
    "uri",
    [
        "bicross://documents/animals/nobody",
        "bicross://documents/other/cat",
        "bicross://documents/animals/%ff",
        "bicross://documents/animals/%",
        "bicross://documents/animals/",
        "bicross://documents/",
        "bicross://indexes/other",
        "file:///etc/passwd",
        "",
    ],
)
def test_resources_that_are_not_there(service, uri):
    with pytest.raises(MCPError) as refused:
        in_session(service, lambda client: client.read_resource(uri))
    assert refused.value.code == -32602


def test_every_answer_is_of_one_generation_and_new_ones_are_noticed(tmp_path):
    index = animals(tmp_path / "index")
    with serving({"animals": index}, refresh_seconds=0.01) as service:
        threading.Thread(target=service.watch, daemon=True).start()
        upsert_documents(index.path, [Document("elk", "The elk sleeps")], encoder=HashEncoder())

        async def talk(client):
            with anyio.fail_after(30):
                while True:
                    answers = [
                        (await client.call_tool(tool, arguments)).structured_content
                        for tool, arguments in (
                            ("search", {"query": "elk sleeps", "top_k": 1}),
                            ("context", {"query": "elk sleeps", "budget": 20}),
                            ("get_document", {"id": "elk"}),
                        )
                    ]
                    if answers[0]["generation"] == 2:
                        return answers

        found, context, document = in_session(service, talk)
    assert [result["id"] for result in found["results"]] == ["elk"]
    assert (context["generation"], context["citations"][0]["id"]) == (2, "elk")
    assert (document["generation"], document["text"]) == (2, "The elk sleeps")


def test_concurrent_calls_get_their_own_answers(index):
    with serving({"animals": index}) as service:
        queries = [f"who {verb}s {number}" for number in range(10) for verb in ("sleep", "run", "hunt")]

        async def talk(client):
            answers = {}

            async def ask(query):
                answers[query] = (await client.call_tool("search", {"query": query})).structured_content

            async with anyio.create_task_group() as group:
                for query in queries:
                    group.start_soon(ask, query)
            return answers

        answers = in_session(service, talk)
        assert service.admission.requests == 0
    pipeline = SearchPipeline.open(index, encoder=HashEncoder(), reranker=OverlapReranker())
    for query in queries:
        assert answers[query]["query"] == query
        assert [result["id"] for result in answers[query]["results"]] == [r.document.id for r in pipeline.search(query)]


@pytest.mark.parametrize("mode", VERSIONS)
def test_what_is_cancelled_stops_at_its_next_call_of_a_model(index, mode):
    reranker = HeldReranker()
    with serving({"animals": index}, reranker=reranker) as service:
        reranker.may_score.clear()
        reranker.begun.clear()
        scored = len(reranker.calls)

        async def talk(client):
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "search", {"query": "who sleeps first?"})  # holds the models
                await anyio.to_thread.run_sync(reranker.begun.wait)
                with anyio.move_on_after(0.05):
                    await client.call_tool("search", {"query": "who sleeps next?"})
                while service.admission.requests > 1:
                    await anyio.sleep(0.01)
                reranker.may_score.set()
            return await client.call_tool("search", {"query": "who sleeps last?"})

        assert not in_session(service, talk, mode=mode).is_error
    asked = {query for call in reranker.calls[scored:] for query, _ in call}
    assert asked == {"who sleeps first?", "who sleeps last?"}


def test_calls_wait_for_the_models_and_are_told_when_that_takes_too_long(index):
    with serving({"animals": index}, loaded=False, limits=Limits(request_seconds=0.1)) as service:
        assert "still loading: try again in a minute" in error_of(called(service, "search", {"query": "x"}))
        loading = threading.Thread(target=lambda: (time.sleep(0.02), service.load()))
        loading.start()
        loading.join()
        assert not called(service, "search", {"query": "x"}).is_error
        service.stop()
        assert "shutting down" in error_of(called(service, "search", {"query": "x"}))


def test_a_server_that_is_busy_or_fails_says_so_without_its_insides(index, monkeypatch):
    class Failing(OverlapReranker):
        fails = False

        def score(self, pairs):
            if self.fails:
                raise RuntimeError("a secret of the server")
            return super().score(pairs)

    reranker = Failing()
    with serving({"animals": index}, reranker=reranker, limits=Limits(requests=1)) as service:
        with service.admission.admitted(1):
            assert "busy; try again in" in error_of(called(service, "search", {"query": "x"}))
        reranker.fails = True
        assert error_of(called(service, "search", {"query": "x"})) == (
            "the server failed on this request; its log says why"
        )


def test_a_search_by_words_alone_counts_a_budget_too(index):
    with serving({"animals": index}, search=SearchOptions(first_stage="lexical")) as service:
        record = called(service, "context", {"query": "who sleeps?", "budget": 20}).structured_content
    assert 0 < record["size"] <= 20
    assert record["citations"]


def test_an_index_without_documents(tmp_path):
    with serving({"animals": animals(tmp_path / "index", [])}) as service:
        found = called(service, "search", {"query": "x"}).structured_content
        context = called(service, "context", {"query": "x"}).structured_content
        described = called(service, "index_info", {}).structured_content
    assert (found["results"], found["hint"] is None) == ([], False)
    assert (context["text"], context["citations"], context["size"]) == ("", [], 0)
    assert described["indexes"][0]["documents"] == 0
