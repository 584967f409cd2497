import pytest
from bicross.errors import ArgumentError, TrainingError
from bicross.training.readers import ReadingExample
from helpers.tiny_models import tokenizer

PASSAGE = "the cat sleeps all day on a warm sofa . the dog runs in the park ."


@pytest.fixture(scope="module")
def draws():
    from bicross.training.readers.draws import Draws

    return Draws


def example(question, answer=None, passage=PASSAGE):
    start = 0 if answer is None else passage.index(answer)
    return ReadingExample(question, passage, () if answer is None else ((start, start + len(answer)),))


EXAMPLES = [
    example("who sleeps ?", "the cat"),
    example("what does the dog ?", "runs in"),
    example("who hunts at night ?"),
    example("who runs ?", "dog", " ".join([PASSAGE] * 12)),
]


def test_targets_are_the_answers_tokens_and_the_first_token_where_there_is_none(draws):
    words = tokenizer()
    for seed in range(5):
        batch = draws(EXAMPLES, words, per_step=4, seed=seed).batch(0)
        answers = set()
        for ids, first, last in zip(batch.ids.tolist(), batch.starts.tolist(), batch.ends.tolist(), strict=True):
            answers.add("none" if (first, last) == (0, 0) else words.decode(ids[first : last + 1]))
        assert answers == {"the cat", "runs in", "none", "dog"}
        inside = batch.mask.bool() & batch.types.bool()
        assert all(inside[row, position] for row, position in enumerate(batch.starts.tolist()) if position)
        assert batch.ids.shape[1] <= 144 + 8


def test_a_batch_depends_on_its_number_and_the_seed_alone(draws):
    def ids(number, seed, per_step=2):
        return draws(EXAMPLES, tokenizer(), per_step=per_step, seed=seed).batch(number).ids.tolist()

    batches = draws(EXAMPLES, tokenizer(), per_step=2, seed=3)
    assert len(batches) == 2
    backwards = {number: batches.batch(number).ids.tolist() for number in (5, 2, 0)}
    assert backwards == {number: ids(number, 3) for number in (5, 2, 0)}
    assert len({str(ids(number, seed)) for number in range(4) for seed in range(3)}) > 4


def test_an_answer_without_a_token_is_left_out(draws):
    blank = ReadingExample("who ?", "the cat   sleeps", ((8, 9),))
    assert len(draws([blank, *EXAMPLES], tokenizer(), per_step=1, seed=0)) == len(EXAMPLES)
    with pytest.raises(TrainingError, match="there is no example to learn from"):
        draws([blank], tokenizer(), per_step=1, seed=0)


@pytest.mark.parametrize(
    ("question", "passage", "spans", "message"),
    [
        (" ", PASSAGE, (), "the question of a reading example is blank"),
        ("who ?", "", (), "the passage of a reading example is blank"),
        ("who ?", "cat", ((0, 4),), r"the answer \[0, 4\) is not inside the passage of 3 characters"),
        ("who ?", "cat", ((2, 2),), r"the answer \[2, 2\)"),
    ],
)
def test_examples_are_checked(question, passage, spans, message):
    with pytest.raises(ArgumentError, match=message):
        ReadingExample(question, passage, spans)
