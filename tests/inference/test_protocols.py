"""A type test looks at what an object has, and computes nothing."""

import pytest
from bicross.rerank import can_exit_early, is_identified, takes_token_ids
from bicross.retrieval import can_explore, can_explore_candidates, has_index, has_token_ids

MEMBERS = {
    is_identified: ("blend", "score", "fingerprint", "model_fingerprint"),
    takes_token_ids: ("blend", "score", "tokenizer_fingerprint", "score_tokens"),
    can_exit_early: ("blend", "score", "exit_layers", "exits_fingerprint", "score_cascade", "score_cascade_tokens"),
    has_token_ids: ("retrieve", "tokenizer"),
    can_explore: ("retrieve", "explorer"),
    can_explore_candidates: ("retrieve", "retrieve_and_explore"),
    has_index: ("retrieve", "index", "over"),
}


def with_properties(*names):
    """An object whose every member is a property that must not be read."""

    def forbidden(self):
        raise AssertionError("a type test read a property")

    return type("Forbidden", (), {name: property(forbidden) for name in names})()


@pytest.mark.parametrize(("test", "names"), MEMBERS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_type_test_reads_no_property(test, names):
    assert test(with_properties(*names))
    for missing in names:
        assert not test(with_properties(*(name for name in names if name != missing)))


@pytest.mark.parametrize(("test", "names"), MEMBERS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_member_may_be_an_attribute_of_the_object(test, names):
    plain = type("Plain", (), {})()
    for name in names:
        assert not test(plain)
        setattr(plain, name, None)
    assert test(plain)
