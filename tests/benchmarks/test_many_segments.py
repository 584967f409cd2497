"""What many segments cost: the script from its beginning to its end, on a few documents."""

import json
import sys

import many_segments
import pytest
from parts.tables.indexes import segments_table

pytestmark = pytest.mark.slow


def test_every_operation_is_measured_with_both_versions_for_every_number_of_segments(tmp_path, monkeypatch):
    output = tmp_path / "out.json"
    options = ["--documents", "60", "--segments", "1", "6", "--rounds", "2", "--before", sys.executable]
    monkeypatch.setattr(sys, "argv", ["many_segments.py", *options, "--output", str(output)])
    many_segments.main()
    report = json.loads(output.read_text())
    assert report["settings"]["documents"] == 60
    assert [size["segments"] for size in report["sizes"]] == [1, 6]
    for size in report["sizes"]:
        for version in ("before", "after"):
            assert {figures["cpu_ms"] > 0 for figures in size[version].values()} == {True}
    table = segments_table(report["sizes"])
    assert "| 1 before | 1 now | 6 before | 6 now |" in table
    assert "search by words" in table
