"""How a process is connected to Ray."""

import os
import sys

import pytest
from bicross.errors import ArgumentError, ClusterError, MissingPackage
from bicross.pipelines.cluster import connected_ray
from bicross.pipelines.cluster.reranking.ray_workers import RayWorker, RerankerSpec
from bicross.pipelines.cluster.reranking.requests import TextScores
from bicross.pipelines.cluster.resources import Shares

pytestmark = pytest.mark.slow
NICENESS = "RAY_worker_niceness"


def test_a_connection_is_used_again_and_another_one_is_refused(ray_address):
    for address in (None, "auto", "local", ray_address):
        assert connected_ray(address).get_runtime_context().gcs_address == ray_address
    with pytest.raises(ArgumentError, match=f"is connected to the Ray at {ray_address}, and cannot be to 10.0.0.1:1"):
        connected_ray("10.0.0.1:1")
    for wrong in ("", 5, b"local"):
        with pytest.raises(ArgumentError, match="must be HOST:PORT, 'auto' or 'local', not"):
            connected_ray(wrong)


def test_actors_can_import_what_the_tests_have(ray_address):
    ray = connected_ray()

    def dimension() -> int:
        from helpers.fakes import HashEncoder

        return HashEncoder(dimension=7).encode_queries(["a"]).shape[1]

    assert ray.get(ray.remote(num_cpus=1)(dimension).remote()) == 7


def test_a_reranker_worker_does_not_connect_a_process_that_has_left_ray():
    class RayThatWasLeft:
        def is_initialized(self):
            return False

        def remote(self, **_):
            return lambda actor: actor

    worker = RayWorker(RayThatWasLeft(), RerankerSpec("a model", None, "float32"), Shares(1, 1.0, 0.0))
    for answer in (worker.start(), worker.ask(TextScores([("a", "b")], cut=False))):
        with pytest.raises(ClusterError, match="this process has left Ray"):
            answer.result(0)
    worker._actor = object()
    worker.stop()
    assert worker._actor is None


def test_workers_of_a_ray_that_is_started_here_have_the_priority_of_this_process(monkeypatch):
    priorities = []

    class FakeRay:
        def is_initialized(self):
            return False

        def init(self, **options):
            priorities.append((options["address"], os.environ.get(NICENESS)))

    monkeypatch.setitem(sys.modules, "ray", FakeRay())
    for address, given in (("10.0.0.1:1", None), (None, None), (None, "3")):
        if given:
            monkeypatch.setenv(NICENESS, given)
        else:
            monkeypatch.setenv(NICENESS, "0")  # so that it is as before afterwards
            monkeypatch.delenv(NICENESS)
        connected_ray(address)
    assert priorities == [("10.0.0.1:1", None), ("local", "0"), ("local", "3")]


def test_without_ray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackage, match=r"pip install 'bicross\[ray\]'"):
        connected_ray()
