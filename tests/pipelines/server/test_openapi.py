"""Requests made from the OpenAPI document, right and wrong: no server error, no answer that is not documented."""

import warnings

import pytest
from helpers.examples import examples
from helpers.served import ANIMALS, KEY, WRITE_KEY, animals, served
from hypothesis import HealthCheck, Phase, given, settings

pytestmark = pytest.mark.slow
HEADERS = {"Authorization": f"Bearer {WRITE_KEY}"}
WITHOUT_INPUT = {"/v1/index", "/health/live", "/health/ready", "/metrics", "/v1/models", "/info"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """The document of a server that may also be changed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
    index = animals(tmp_path_factory.mktemp("openapi") / "index")
    with served({"animals": index}, key=KEY, write_key=WRITE_KEY) as (client, _):
        yield schemathesis.openapi.from_asgi("/openapi.json", client.app, headers=HEADERS)


def tried(operation, mode, checks):
    """The statuses that made-up requests of an operation get; each answer passes the checks."""
    statuses = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples(20), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case):
        answer = case.call_and_validate(headers=HEADERS, checks=checks)
        statuses.add(answer.status_code)

    ask()
    return statuses


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_every_answer_is_documented(schema, right):
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    mode = GenerationMode.POSITIVE if right else GenerationMode.NEGATIVE
    statuses = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if right or operation.path not in WITHOUT_INPUT:
            statuses[operation.label] = tried(operation, mode, checks)
    assert statuses.keys() >= {"POST /v1/search", "POST /v1/rerank", "POST /v1/embeddings", "POST /retrieval"}
    assert all(max(codes) < 500 for codes in statuses.values())
    if right:
        assert {label for label, codes in statuses.items() if 200 in codes} >= {"POST /v1/embeddings", "POST /embed"}
        assert all(statuses[f"GET {path}"] == {200} for path in WITHOUT_INPUT)


def test_every_request_of_the_document_has_an_example_that_is_answered(tmp_path):
    documents = [*ANIMALS, {"id": "new", "text": "A new one", "metadata": {"year": 2021}}]
    with served({"my-index": animals(tmp_path / "index", documents)}, key=KEY, write_key=WRITE_KEY) as (client, _):
        document = client.get("/openapi.json", headers=HEADERS).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if "requestBody" not in operation:
                    continue
                [body] = operation["requestBody"]["content"].values()
                examples = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["examples"]
                for example in examples:
                    answer = client.request(method, path, json=example, headers=HEADERS)
                    assert answer.status_code == 200, (path, answer.text)
