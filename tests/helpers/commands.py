"""Runs a command of bicross in this process."""

from typing import Any

import pytest
from bicross.pipelines.commands import main


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    """Its exit code, and what it wrote to standard output and to standard error."""
    code = main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out, output.err
