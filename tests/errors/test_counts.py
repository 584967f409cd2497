import pytest
from bicross.errors.counts import counted


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 queries"), (1, "1 query"), (2, "2 queries"), (1234, "1,234 queries")]
)
def test_one_of_them_is_called_by_its_own_name(count, expected):
    assert counted(count, "query", "queries") == expected
    assert counted(count, "file") == expected.replace("queries", "files").replace("query", "file")
