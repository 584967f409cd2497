"""The clients of serving.py against a server with fake models."""

import os
from types import SimpleNamespace

from helpers.served import animals, listening
from parts.serving import Server, closed_loop, overloaded, post, wait_for

GOOD, BAD = {"query": "night", "documents": ["The owl", "A day"]}, {"query": "night", "documents": []}


def test_the_clients_count_what_they_get(tmp_path):
    with listening({"animals": animals(tmp_path / "index")}) as url:
        port = int(url.rpartition(":")[2])
        wait_for(port, "/health/ready")
        assert post(port, "/rerank", BAD)[0] == 400
        loop = closed_loop(port, "/rerank", [GOOD, BAD], clients=2, seconds=0.05)
        here = Server("here", port, SimpleNamespace(pid=os.getpid()), 0.0)
        overload = overloaded(here, "/rerank", [GOOD, BAD], rate=200, seconds=0.1, idle_seconds=10.0)
    assert set(loop.statuses) == {200, 400}
    assert len(loop.seconds) == loop.statuses[200]
    assert 0 < min(loop.seconds) <= loop.lasted
    assert set(overload.statuses) == {"200", "400"}
    assert sum(overload.statuses.values()) == overload.sent
    assert len(overload.seconds) == overload.statuses["200"]
    assert overload.recovered_seconds > 0
    assert all(megabytes > 1 for megabytes in overload.resident_mb)
    assert here.cpu_seconds > 0
