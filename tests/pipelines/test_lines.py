import json

import pytest
from bicross.pipelines.lines import json_elements
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.lists(st.integers())), max_size=4)


@given(VALUES, st.sampled_from([None, 0, 2]), st.sampled_from(["", "\n", " \r\n"]))
def test_elements_are_those_of_the_array_and_of_values_that_follow_each_other(values, indent, around):
    array = around + json.dumps(values, indent=indent) + around
    following = around.join(["", *(json.dumps(value, indent=indent) for value in values), ""])
    for text in (array, following):
        elements = list(json_elements(text))
        assert [value for _, value in elements] == values
        assert all("{" in text.split("\n")[line - 1] for line, _ in elements)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}', "the array does not end in line 1"),
        ('[{"a": 1}\n{"a": 2}]', "a comma is missing before line 2"),
        ("[1, ]", "not JSON: Expecting value"),
        ("[1] 2", "the array does not end in line 1"),
        ('[\n{"a": 1, "a": 2}]', r"the key 'a' is there twice in one object; keep one of them \(line 2\)"),
        ("[" * 100_000, r"nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        list(json_elements(text))
