"""``bicross mcp``: options that do not go together, before anything is opened."""

import pytest
from helpers.commands import run


@pytest.mark.parametrize(
    "options",
    [["--port", 9000], ["--host", "0.0.0.0"], ["--allow-host", "x"], ["--key-file", "x"], ["--json"]],
    ids=str,
)
def test_an_address_without_http_is_refused(capsys, options):
    code, out, error = run(capsys, "mcp", "my-index", *options)
    assert (code, out) == (2, "")
    assert f"{options[0]} goes with --http" in error


def test_an_index_that_is_not_there(capsys, tmp_path):
    code, _, error = run(capsys, "mcp", tmp_path / "nothing", "--http", "--port", 0)
    assert code == 1
    assert "nothing" in error
