"""The inputs of a SentenceTransformer for queries and for documents: module, prompt, tokenizer and limit of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenizers import Tokenizer

from ..errors import ArgumentError, ModelError
from ..inference import token_limit

Task = Literal["query", "document"]

PASSAGE_TOKENS = 512
"""Tokens of a passage for models that read texts of any length, unless the user asks for others."""
_PROMPT_NAMES: dict[Task, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}
"""The names under which sentence-transformers looks for a prompt, in this order."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """How a model takes texts of one task.

    Attributes:
        tokenizer: Counts tokens; of transformers, or of the tokenizers library for static embeddings.
        prompt: The text that is put before each text.
        limit: The most tokens of an input, with special tokens and the prompt. Longer ones are cut, unless ``endless``.
        room: The most tokens of a text, without special tokens and the prompt.
        endless: Whether the model reads texts of any length; the limit is then that of a good passage.
    """

    tokenizer: Any
    prompt: str
    limit: int
    room: int
    endless: bool = False

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens and the prompt."""
        return _token_counts(self.tokenizer, texts)


def text_input(model: Any, task: Task, max_length: int | None) -> TextInput:  # noqa: ANN401
    """Describe the input of a model for one task, and set its limit in the model.

    Args:
        model: A SentenceTransformer.
        task: What is embedded.
        max_length: A lower limit that the user asks for, in tokens; None for the limit of the model.

    Raises:
        ArgumentError: ``max_length`` leaves no room for text.
        ModelError: The model has no route for the task, or reads too few tokens.
    """
    module, prompt = _input_module(model, task), _prompt(model, task)
    if isinstance(module.tokenizer, Tokenizer):  # of the tokenizers library: static embeddings
        return _static_input(module, prompt, max_length)
    around = _tokens_around(module) + (sum(_token_counts(module.tokenizer, [prompt])) if prompt else 0)
    own = getattr(module, f"{task}_length", None)
    limit = token_limit(module, max_length, least=around + 1, own=own)
    if own:
        setattr(module, f"{task}_length", limit)
    else:
        module.max_seq_length = limit
    return TextInput(module.tokenizer, prompt, limit, limit - around)


def _static_input(module: Any, prompt: str, max_length: int | None) -> TextInput:  # noqa: ANN401
    """Static embeddings are a mean over any number of tokens, unless their tokenizer or the user limits them."""
    counting: Any = Tokenizer.from_str(module.tokenizer.to_str())  # the model's own cuts texts and cannot count them
    counting.no_truncation()
    prompt_tokens = sum(_token_counts(counting, [prompt])) if prompt else 0
    if max_length is not None and max_length <= prompt_tokens:
        raise ArgumentError(
            f"max_length is {max_length}; with this model the least that leaves room for text is {prompt_tokens + 1}"
        )
    truncation: dict[str, int] = module.tokenizer.truncation or {}
    allowed = [tokens for tokens in (max_length, truncation.get("max_length")) if tokens]
    limit = min(allowed) if allowed else None
    if limit is not None:
        module.tokenizer.enable_truncation(limit)
    room = (limit or PASSAGE_TOKENS) - prompt_tokens
    return TextInput(counting, prompt, limit or PASSAGE_TOKENS, room, endless=limit is None)


def _input_module(model: Any, task: Task) -> Any:  # noqa: ANN401
    """The module that takes the texts of a task: the first one, or, after a Router, the first of the task's route."""
    first = model[0]
    routes = getattr(first, "sub_modules", None)
    if routes is None:
        return first
    mapped = dict(first.route_mappings)
    keys = ((task, "text"), (task, None), (None, "text"), (None, None))
    names = (*(mapped[key] for key in keys if key in mapped), task, "text")
    route = next((name for name in names if name in routes), None)
    if route is None:
        raise ModelError(f"the model has routes for {', '.join(routes)}, and none for a {task}; name another encoder")
    return routes[route][0]


def _prompt(model: Any, task: Task) -> str:  # noqa: ANN401
    """The prompt that sentence-transformers takes for a task if the caller names none."""
    names = (*_PROMPT_NAMES[task], model.default_prompt_name)
    return next((model.prompts[name] or "" for name in names if name in model.prompts), "")


def _tokens_around(module: Any) -> int:  # noqa: ANN401
    """The number of tokens that a text does not bring: special tokens, or a whole chat template."""
    if "message" in getattr(module, "modality_config", ()):
        return int(module.preprocess([""])["attention_mask"].sum())
    return int(module.tokenizer.num_special_tokens_to_add(pair=False))


def _token_counts(tokenizer: Any, texts: Sequence[str]) -> list[int]:  # noqa: ANN401
    if isinstance(tokenizer, Tokenizer):
        return [len(encoding) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    encoded = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
    return [len(ids) for ids in encoded["input_ids"]]
