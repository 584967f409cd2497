"""The public functions and classes for work on Ray with wrong types: an answer, or an error of bicross."""

import bicross.pipelines.cluster as public
import bicross.pipelines.cluster.sharding as sharding
import pytest
from bicross.pipelines.cluster import ClusterOptions
from bicross.pipelines.cluster.sharding import Router, open_sharded, ray_shards
from helpers.wrong_values import WRONG, call_with_wrong_values, is_answered

OPTIONS = {"address": None, "workers": 1, "cpus": 1.0, "gpus": 0.0, "dtype": "float32", "part_bytes": 900}
SHARDED = {"path": "nowhere", "shards": 1, "replicas": 1, "address": None, "seconds": 10.0}
ELSEWHERE = {
    "RayReranker",  # reranking/test_ray_reranker.py
    "connected_ray",  # test_connection.py
    "require_ray",  # it takes nothing
    "ShardHandle",  # a protocol
}


def test_every_public_name_is_tried():
    assert set(public.__all__) | set(sharding.__all__) == {"ClusterOptions", "Router", "open_sharded"} | ELSEWHERE


@pytest.mark.parametrize("argument", OPTIONS)
def test_options_of_a_cluster(argument):
    call_with_wrong_values(ClusterOptions, OPTIONS, argument)


@pytest.mark.parametrize("argument", SHARDED)
def test_an_index_in_shards(argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray_shards, "RayShard", lambda *_: None)
    for make in WRONG.values():
        given = SHARDED | {argument: make()}
        if argument == "address":  # test_connection.py has it on Ray
            is_answered(open_sharded, given | {"shards": 0})
        else:
            monkeypatch.setattr(ray_shards, "connected_ray", lambda _: None)
            is_answered(open_sharded, given)


@pytest.mark.parametrize("argument", ["shards", "extra_calls"])
def test_a_router(argument):
    call_with_wrong_values(Router, {"shards": [[None]], "extra_calls": 0.05}, argument)
