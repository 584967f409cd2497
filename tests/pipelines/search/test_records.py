"""The JSON of an answer, for programs that draw nothing."""

import dataclasses
import json
import subprocess
import sys

import pytest
from bicross.index import Document, Passage
from bicross.pipelines import Depth, SearchResult
from bicross.pipelines.search import result_record, search_record

RESULT = SearchResult(
    1, Document("a", "The text.", "Title", {"year": 2020}), Passage("The text.", 0, 9), 1.5, 0.8, 1.5, 0.9, 2
)


def test_a_record_has_the_fields_of_a_result():
    record = result_record(RESULT)
    names = {field.name for field in dataclasses.fields(SearchResult)} - {"coverage"}  # that of the answer says it once
    assert set(record) == names - {"stages"}
    assert set(result_record(RESULT, stages=True)) == names
    assert record["document"] == {"id": "a", "title": "Title", "text": "The text.", "metadata": {"year": 2020}}
    assert record["passage"] == {"text": "The text.", "start": 0, "end": 9}
    answer = search_record("what?", [RESULT], Depth(reranked=3, candidates=5, generation=7))
    assert json.loads(json.dumps(answer)) == {
        "query": "what?", "reranked": 3, "candidates": 5, "generation": 7, "results": [record]
    }  # fmt: skip


@pytest.mark.slow
def test_a_search_and_its_json_need_no_terminal_library():
    code = "import sys, bicross.pipelines.search; print('rich' in sys.modules, 'typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
