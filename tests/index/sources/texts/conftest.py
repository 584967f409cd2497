"""What the tests of several kinds of text use."""

import pytest
from bicross.index import read_documents


@pytest.fixture
def page(tmp_path):
    def read(content):
        path = tmp_path / "page.html"
        path.write_text(content, "utf-8", newline="")
        [document] = read_documents(path)
        return document

    return read
