"""The Dockerfile and the unit of systemd call the command as it is, and as nobody who has rights."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from bicross.pipelines.commands.app import app

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
UNIT = (ROOT / "docs" / "bicross.service").read_text(encoding="utf-8")


def values_of(words):
    """The options of a command line of `bicross serve`, read by its own parser."""
    assert words[1] == "serve"
    return typer.main.get_command(app).get_command(None, "serve").make_context("serve", words[2:]).params


def test_the_container_serves_its_volume_as_a_user_without_rights():
    [command] = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)
    given = values_of(json.loads(command))
    assert (given["indexes"], given["host"], given["port"]) == (["served=/index"], "0.0.0.0", 8080)
    assert "VOLUME /index\nEXPOSE 8080\n" in DOCKERFILE
    assert DOCKERFILE.index("USER bicross") < DOCKERFILE.index("COPY") < DOCKERFILE.index("RUN python")
    assert "127.0.0.1:8080/health/ready" in DOCKERFILE


def test_the_service_leaves_time_to_answer_and_listens_on_this_machine():
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.M))
    given = values_of(shlex.split(settings["ExecStart"]))
    assert (given["host"], given["port"]) == ("127.0.0.1", 8080)
    assert int(settings["TimeoutStopSec"]) > 30
    assert settings["DynamicUser"] == "yes"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    unit = tmp_path / "bicross.service"
    unit.write_text(UNIT.replace("/opt/bicross/bin/bicross", "/bin/true"), encoding="utf-8")
    answer = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
