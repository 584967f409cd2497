import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelError, TrainingError
from bicross.rerank.readers import ExtractiveReader
from bicross.training import LoraSettings
from bicross.training.readers import ReadingExample, train_reader
from helpers.tiny_architectures import save_cross_encoder
from helpers.tiny_reranker_training import save_base, settings
from safetensors.torch import load_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

PLACES = ("sofa", "park", "field")


def asked(animal, place):
    """Where an animal is: its passage says it, that of the others does not."""
    passage = f"the {animal} sleeps on the {place} ."
    start = passage.index(place)
    return ReadingExample(f"what does the {animal} ?", passage, ((start, start + len(place)),))


RIGHT = [asked(animal, place) for animal in ("cat", "dog", "owl") for place in PLACES]
WRONG = [ReadingExample("who hunts at night ?", example.passage) for example in RIGHT]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base") / "model", bare=True)


def train(base, output, *, steps=60, watch=None, examples=(*RIGHT, *WRONG), **changes):
    run = settings(output, max_steps=steps, evaluate_every=20, lists_per_step=9, **changes)
    return train_reader(examples, run, model=base, adapters=LoraSettings(8), watch=watch)


def test_answers_and_their_absence_are_learned_and_the_model_opens_in_transformers(base, tmp_path):
    from transformers import AutoModelForQuestionAnswering

    record = train(base, tmp_path / "model", steps=120)
    assert record.losses[-1][1] < 0.3 * record.losses[0][1]
    reader = ExtractiveReader(tmp_path / "model", device="cpu")
    assert reader.runs_packed
    right = [spans[0] for spans in reader.read([(example.question, example.passage) for example in RIGHT])]
    assert [span.text for span in right] == [example.passage[slice(*example.spans[0])] for example in RIGHT]
    wrong = [spans[0].score for spans in reader.read([(example.question, example.passage) for example in WRONG])]
    assert min(span.score for span in right) > 0 > max(wrong)
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model").config.num_labels == 2


def test_a_stopped_run_resumes_and_ends_with_the_same_weights(base, tmp_path):
    def stop(progress):
        if progress.step == 30:
            raise KeyboardInterrupt

    train(base, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "stopped", watch=stop)
    steps = []
    train(base, tmp_path / "stopped", watch=lambda progress: steps.append(progress.step))
    assert steps[0] == 21
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    for name, value in whole.items():
        np.testing.assert_allclose(resumed[name], value, atol=1e-6, err_msg=name)


def test_the_best_weights_by_an_evaluation_are_kept(base, tmp_path):
    qualities = iter([0.1, 0.9, 0.2])

    def evaluate(model, tokenizer):
        assert not model.training
        assert not torch.is_grad_enabled()
        return {"quality": next(qualities)}

    run = settings(tmp_path / "model", max_steps=6, evaluate_every=2, lists_per_step=9)
    record = train_reader(RIGHT, run, model=base, evaluate=evaluate)
    assert (record.best_step, record.steps) == (4, 6)


def test_mistakes_are_named(base, tmp_path):
    with pytest.raises(ModelError, match="is not a model of the BERT family"):
        train(save_cross_encoder(tmp_path / "roberta", "roberta"), tmp_path / "one")
    with pytest.raises(TrainingError, match="there is no example to learn from"):
        train(base, tmp_path / "two", examples=())
    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "three", watch=_interrupt)
    with pytest.raises(ArgumentError, match="examples"):
        train(base, tmp_path / "three", examples=RIGHT)


def _interrupt(progress):
    if progress.step == 21:
        raise KeyboardInterrupt
