"""An index that was opened by its URL keeps no settings: that is said before anything is scored."""

import pytest
from bicross.errors import IndexReadOnly
from bicross.index import Index, publish
from bicross.pipelines import TuningOptions, build_index, tune
from helpers.oracle_rerankers import ENCODER, documents, guesser, judged


def test_tuning_a_published_index_is_refused_unless_nothing_is_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "cache"))
    build_index(documents(), tmp_path / "index", encoder=ENCODER, reranker=None)
    publish(tmp_path / "index", f"file://{tmp_path}/store")
    index, reranker = Index.open(f"file://{tmp_path}/store"), guesser()
    with pytest.raises(IndexReadOnly, match="is read only"):
        tune(index, judged(12, grades=2), encoder=ENCODER, reranker=reranker)
    assert not reranker.pairs
    options = TuningOptions(latency_queries=0, store=False)
    assert tune(index, judged(12, grades=2), encoder=ENCODER, reranker=reranker, options=options).tuned
