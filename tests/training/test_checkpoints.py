import json

import pytest
from bicross.errors import ArgumentError, TrainingError
from bicross.training import newest_checkpoint, require_new_output, require_same_run, write_atomically
from bicross.training.output_folder import install_model
from bicross.training.record import has_ended, patience_is_over, record_of


def history(*qualities):
    return [{"step": 2 * number, "eval_quality": value} for number, value in enumerate(qualities, start=1)]


@pytest.mark.parametrize(
    ("qualities", "patience", "over"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.5], 1, True),  # as good is no gain
        ([0.5, 0.4], 2, False),
        ([0.5, 0.4, 0.6], 2, False),
        ([0.5, 0.6, 0.4, 0.5], 2, True),
    ],
)
def test_patience_counts_evaluations_since_the_first_best(qualities, patience, over):
    assert patience_is_over(history(*qualities), patience) is over
    assert has_ended({"global_step": 8, "max_steps": 20, "log_history": history(*qualities)}, patience) is over
    assert has_ended({"global_step": 20, "max_steps": 20, "log_history": history(*qualities)}, patience)


def test_a_record_has_losses_and_evaluations_without_speeds():
    state = {
        "global_step": 4,
        "best_global_step": 2,
        "log_history": [
            {"step": 1, "loss": 0.5, "grad_norm": 1.0},
            {"step": 2, "eval_quality": 0.7, "eval_blend": 0.3, "eval_runtime": 9.0, "epoch": 1.0},
            {"step": 4, "eval_quality": 0.6, "eval_blend": 0.2},
        ],
    }
    record = record_of(state)
    assert record.losses == ((1, 0.5),)
    assert record.evaluations == ({"step": 2, "quality": 0.7, "blend": 0.3}, {"step": 4, "quality": 0.6, "blend": 0.2})
    assert record.best == {"step": 2, "quality": 0.7, "blend": 0.3}
    plain = record_of({"global_step": 3, "best_global_step": None, "log_history": []})
    assert (plain.best_step, plain.best) == (3, None)


def test_the_newest_checkpoint_is_the_one_with_the_highest_step(tmp_path):
    assert newest_checkpoint(tmp_path / "nowhere") is None
    for name in ("checkpoint-9", "checkpoint-10", "writing", "checkpoint-x", "checkpoint-11.old"):
        (tmp_path / name).mkdir()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_description_is_written_once_and_compared_then(tmp_path):
    path = tmp_path / "run" / "what.json"
    require_same_run(path, {"seed": 1, "names": ("a", "b")})
    require_same_run(path, {"seed": 1, "names": ["a", "b"]})
    with pytest.raises(ArgumentError, match=r"started with seed=1, not with seed=2: use the same"):
        require_same_run(path, {"seed": 2, "names": ["a", "b"]})
    with pytest.raises(ArgumentError, match=r"started with extra=None, not with extra=3"):
        require_same_run(path, {"seed": 1, "names": ["a", "b"], "extra": 3})


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    write_atomically(tmp_path / "file", "old")
    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(TrainingError, match=r"file cannot be written: .*No space left"):
        write_atomically(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_a_model_is_put_in_place_with_its_record_last(tmp_path):
    output = tmp_path / "model"
    (output / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    (output / "adapter").mkdir()  # of an earlier attempt that was killed
    (output / "adapter" / "old").write_text("old")
    require_new_output(output)

    def save(folder):
        assert not (output / "training.json").exists()
        (folder / "weights").write_text("new")
        (folder / "adapter").mkdir()
        (folder / "adapter" / "more").write_text("new")

    install_model(output, save, {"steps": 3})
    files = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert files == ["adapter/more", "training.json", "weights"]
    assert json.loads((output / "training.json").read_text()) == {"steps": 3}
    with pytest.raises(ArgumentError, match="holds a finished model"):
        require_new_output(output)
