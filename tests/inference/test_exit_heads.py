"""The file of exit heads: what is written is read, what is damaged is refused, and adapters bring theirs along."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from bicross.errors import ModelCorrupt
from bicross.inference import (
    EXITS,
    AdapterSettings,
    ModelFiles,
    merged_model,
    model_settings,
    read_exits,
    save_heads,
    write_exits,
)
from helpers.tiny_exit_models import head
from safetensors.numpy import load_file, save_file

HEADS = {4: head(6, 4), 2: head(6, 2)}


@pytest.fixture
def folder(tmp_path):
    """What looks like a model."""
    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "bicross.json").write_text('{"blend": 0.25}')
    return tmp_path


def test_what_is_written_is_read(folder):
    states = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert read_exits(folder) == {}
    write_exits(folder, HEADS)
    exits = read_exits(folder)
    assert list(exits) == [2, 4]
    for layer, expected in HEADS.items():
        by_hand = [
            sum(w * value for w, value in zip(expected.weight, x, strict=True)) + expected.bias[0] for x in states
        ]
        np.testing.assert_allclose(exits[layer](states), by_hand, rtol=1e-4, atol=1e-5)
        assert exits[layer](states).shape == (5,)
    assert model_settings(folder)["blend"] == 0.25, "other settings stay"
    write_exits(folder, {3: HEADS[2]})
    assert list(read_exits(folder)) == [3], "the last ones count"
    assert sorted(path.name for path in folder.iterdir()) == ["bicross.json", EXITS, "model.safetensors"]


def test_whole_scores_do_not_depend_on_exits(folder):
    before = ModelFiles.of(folder, folder)
    write_exits(folder, HEADS)
    assert ModelFiles.of(folder, folder) == before


def test_a_head_of_other_weights_is_refused(folder):
    write_exits(folder, HEADS)
    save_file({"weight": np.ones(3, np.float32)}, folder / "model.safetensors")
    with pytest.raises(ModelCorrupt, match=r"trained on other weights than it holds; train them again: `bicross train"):
        read_exits(folder)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_is_refused(folder, damage):
    write_exits(folder, HEADS)
    path = folder / EXITS
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[-3] ^= 1
        path.write_bytes(content if damage == "flip" else content[:-3])
    with pytest.raises(ModelCorrupt, match=r"exits\.safetensors is missing or damaged; train them again"):
        read_exits(folder)


def signed(folder, tensors):
    """A file that its entry in bicross.json agrees with, as somebody else's program might write it."""
    save_file(tensors, folder / EXITS)
    settings = model_settings(folder)
    settings["exits"]["sha256"] = hashlib.sha256((folder / EXITS).read_bytes()).hexdigest()
    (folder / "bicross.json").write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t | {"2.weight": np.full_like(t["2.weight"], np.nan)},
            r"'2\.weight', which is no part .* or not finite",
        ),
        (lambda t: t | {"0.weight": t["2.weight"]}, r"'0\.weight', which is no part of an exit head"),
        (lambda t: t | {"weight": t["2.weight"]}, r"'weight', which is no part of an exit head"),
        (lambda t: {name: t[name] for name in t if name != "2.bias"}, r"lacks parts of an exit head: .*bias"),
        (lambda t: t | {"2.bias": t["2.weight"]}, r"a head for layer 2 whose parts have other shapes"),
        (lambda t: t | {"2.weight": t["2.weight"][None]}, r"a head for layer 2 whose parts have other shapes"),
        (lambda t: {name: t[name] for name in t if name[0] == "2"}, r"heads for the layers \[2\], not \[2, 4\]"),
    ],
)
def test_a_file_that_is_no_set_of_heads_is_refused(folder, change, message):
    write_exits(folder, HEADS)
    signed(folder, change(load_file(folder / EXITS)))
    with pytest.raises(ModelCorrupt, match=message):
        read_exits(folder)


@pytest.mark.parametrize("text", ['{"exits": [2]}', '{"exits": {"layers": [2]}}', '{"exits": "2"}'])
def test_an_entry_that_says_nothing_is_refused(folder, text):
    (folder / "bicross.json").write_text(text)
    with pytest.raises(ModelCorrupt, match=r"bicross\.json has exits that cannot be used"):
        read_exits(folder)


@pytest.mark.parametrize(("text", "message"), [("[1]", "must hold a JSON object"), ("{", "cannot be read")])
def test_settings_that_are_none(folder, text, message):
    (folder / "bicross.json").write_text(text)
    with pytest.raises(ModelCorrupt, match=message):
        read_exits(folder)


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """An adapter with exits, and its base; both as small as can be."""
    monkeypatch.setenv("BICROSS_CACHE", str(tmp_path / "cache"))
    base, folder = tmp_path / "base", tmp_path / "tiny-adapter"
    base.mkdir()
    folder.mkdir()
    (base / "config.json").write_text("{}")
    save_file({"layer.weight": np.ones((2, 3), np.float32)}, base / "model.safetensors")
    low_rank = {"bert.layer.down": np.ones((1, 3), np.float16), "bert.layer.up": np.ones((2, 1), np.float16)}
    save_file(low_rank, folder / "adapter.safetensors")
    save_heads(folder / EXITS, HEADS)
    record = {"base": "base", "scale": 2.0, "blend": 0.5}
    for name, file in (("base", base / "model.safetensors"), ("adapter", folder / "adapter.safetensors")):
        record[f"{name}_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    record["exits_sha256"] = hashlib.sha256((folder / EXITS).read_bytes()).hexdigest()
    (folder / "adapter.json").write_text(json.dumps(record))
    return folder


def merged(adapter):
    return merged_model(adapter, find_base=lambda name: adapter.with_name(name))


def test_an_adapter_brings_its_exits_along(adapter):
    folder = merged(adapter)
    assert list(read_exits(folder)) == [2, 4]
    np.testing.assert_array_equal(read_exits(folder)[2].weight, HEADS[2].weight)
    (folder / EXITS).write_bytes(b"damaged")
    assert list(read_exits(merged(adapter))) == [2, 4], "a damaged merge is made again"
    assert merged(adapter) == folder


def test_an_adapter_without_exits_is_what_it_was(adapter):
    settings = json.loads((adapter / "adapter.json").read_text())
    del settings["exits_sha256"]
    (adapter / "adapter.json").write_text(json.dumps(settings))
    folder = merged(adapter)
    assert read_exits(folder) == {}
    assert not (folder / EXITS).exists()


def test_an_adapter_brings_its_calibration_along(adapter):
    before = merged(adapter)
    assert "calibration" not in json.loads((before / "bicross.json").read_text())
    curve = {"method": "platt", "slope": 0.5, "intercept": -3.0}
    settings = AdapterSettings.read(adapter)
    dataclasses.replace(settings, calibration=curve).write(adapter)
    folder = merged(adapter)
    assert folder != before, "another curve is another merged model"
    assert json.loads((folder / "bicross.json").read_text())["calibration"] == curve
    assert (folder / "model.safetensors").read_bytes() == (before / "model.safetensors").read_bytes()
    settings.write(adapter)
    assert "calibration" not in json.loads((adapter / "adapter.json").read_text()), "as versions of before wrote it"


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_exits_of_an_adapter_that_are_damaged_are_refused(adapter, damage):
    if damage == "change":
        (adapter / EXITS).write_bytes(b"damaged")
    else:
        (adapter / EXITS).unlink()
    with pytest.raises(ModelCorrupt, match=r"exits\.safetensors is damaged; install bicross again"):
        merged(adapter)
