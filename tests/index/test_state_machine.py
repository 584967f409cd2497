"""Any sequence of changes, reopenings and compactions leaves an index that agrees with a plain dict."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import DocumentError
from bicross.index import Index
from helpers.examples import examples
from helpers.toy_collections import FINGERPRINT, STORED, Oracle, assert_same, ids_of, record, token_vectors_of_text
from helpers.toy_collections import batch as plain_batch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

numbers = st.integers(0, 15)


class IndexMachine(RuleBasedStateMachine):
    """``index`` writes; ``reader`` is pinned to what ``seen`` holds until it refreshes."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp()) / "index"
        self.index = Index.create(self.path, FINGERPRINT, **STORED)
        self.reader = Index.open(self.path)
        self.oracle, self.seen = Oracle(), Oracle()
        self.history = {1: Oracle()}
        self.version = 0

    def teardown(self) -> None:
        shutil.rmtree(self.path.parent)

    def batch(self, records):
        """With token ids of two bytes or of four: a segment has one type, an index both."""
        kind = np.uint32 if len(records) % 3 == 0 else np.uint16
        has_vectors = bool(self.index.late_interaction_fingerprint)
        return plain_batch(records, tokens=kind, terms=True, token_vectors=has_vectors)

    def changed(self) -> None:
        # A change may be followed by a compaction of its own.
        for generation in range(max(self.history) + 1, self.index.generation + 1):
            self.history[generation] = Oracle(self.oracle)

    @rule(chosen=st.sets(numbers, min_size=1, max_size=6), passages=st.integers(1, 3), parts=st.integers(1, 2))
    def add(self, chosen, passages, parts):
        records = [record(n, self.version, passages) for n in sorted(chosen)]
        batches = [self.batch(records[:2]), self.batch(records[2:])] if parts == 2 else [self.batch(records)]
        if any(r.document.id in self.oracle for r in records):
            with pytest.raises(DocumentError, match="is there already"):
                self.index.add(batches)
            return
        assert self.index.add(batches) == len(records)
        self.oracle.update({r.document.id: r for r in records})
        self.changed()

    @rule(chosen=st.lists(numbers, min_size=1, max_size=6), passages=st.integers(1, 3))
    def upsert(self, chosen, passages):
        self.version += 1
        records = [record(n, self.version, passages) for n in chosen]
        self.index.upsert([self.batch(records[:3]), self.batch(records[3:])])
        for r in records:
            self.oracle.pop(r.document.id, None)
            self.oracle[r.document.id] = r
        self.changed()

    @rule(chosen=st.sets(numbers, max_size=6))
    def delete(self, chosen):
        ids = [f"d{n}" for n in chosen]
        assert self.index.delete(ids) == len(self.oracle.keys() & set(ids))
        for id_ in ids:
            self.oracle.pop(id_, None)
        self.changed()

    @precondition(lambda self: self.oracle)
    @rule(limit=numbers)
    def delete_where(self, limit):
        doomed = [id_ for id_, r in self.oracle.items() if r.document.metadata["number"] >= limit]
        assert self.index.delete(where=f"number >= {limit}") == len(doomed)
        for id_ in doomed:
            del self.oracle[id_]
        self.changed()

    @rule(grace=st.sampled_from([0.0, 3600.0]))
    def compact(self, grace):
        self.index.compact(grace=grace)
        assert self.index.info().deleted == 0
        self.changed()
        if grace == 0.0:
            self.history = {self.index.generation: Oracle(self.oracle)}

    @rule(tokenizer=st.sampled_from(["a" * 64, "b" * 64]), kind=st.sampled_from([np.uint16, np.uint32]))
    def retokenize(self, tokenizer, kind):
        """The ids stay the same: the oracle knows no others."""
        expected = self.index.tokenizer_fingerprint != tokenizer
        assert self.index.retokenize(tokenizer, lambda texts: [ids_of(text).astype(kind) for text in texts]) == expected
        self.changed()

    @rule(model=st.sampled_from(["a" * 64, "b" * 64]))
    def precompute(self, model):
        """The vectors stay the same, as with token ids."""
        expected = self.index.late_interaction_fingerprint != model
        assert self.index.precompute(model, lambda texts: [*map(token_vectors_of_text, texts)]) == expected
        assert self.index.late_interaction_fingerprint == model
        self.changed()

    @rule()
    def drop_token_vectors(self):
        expected = bool(self.index.late_interaction_fingerprint)
        assert self.index.drop_token_vectors() == expected
        self.changed()

    @rule()
    def reopen(self):
        self.index = Index.open(self.path)

    @rule()
    def refresh(self):
        self.reader.refresh()
        self.seen = Oracle(self.oracle)

    @rule(data=st.data())
    def rollback(self, data):
        generation = data.draw(st.sampled_from(sorted({*self.index.info().older_generations, self.index.generation})))
        self.index.rollback(generation)
        self.oracle = Oracle(self.history[generation])
        self.changed()

    @rule(k=st.integers(1, 20), seed=st.integers(0, 50))
    def search(self, k, seed):
        assert_same(self.index, self.oracle, k=k, seed=seed)

    @invariant()
    def the_reader_sees_its_generation(self):
        assert_same(self.reader, self.seen)

    @rule()
    def verify(self):
        assert Index.verify(self.path).problems == ()


TestIndexMachine = IndexMachine.TestCase
TestIndexMachine.settings = settings(
    max_examples=examples(25), stateful_step_count=15, deadline=None, phases=[Phase.explicit, Phase.generate]
)
