"""Models as the modules of sentence-transformers, of which they have what bicross uses when it runs them packed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, device, nn

from .skeletons import Skeleton
from .tokenizer_files import DirectTokenizer


class Transformer(nn.Module):
    """A transformer and its tokenizer, for plain texts.

    Attributes:
        model: The transformer.
        tokenizer: The tokenizer.
    """

    modality_config: Mapping[str, object] = {"text": {}}
    processing_kwargs: Mapping[str, object] = {}
    query_expansion = None

    def __init__(self, model: Skeleton, tokenizer: DirectTokenizer) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer
        self.config = model.config

    @property
    def max_seq_length(self) -> int:
        """The most tokens of an input."""
        return self.tokenizer.model_max_length

    @max_seq_length.setter
    def max_seq_length(self, tokens: int) -> None:
        self.tokenizer.model_max_length = tokens


class Pooling(nn.Module):
    """How the vectors of the tokens, those of a prompt included, become one.

    Attributes:
        modes: The ways; the vectors of several are joined.
        pooling_mode: The way, or all of them.
    """

    include_prompt = True

    def __init__(self, modes: tuple[str, ...]) -> None:
        super().__init__()
        self.modes = modes
        self.pooling_mode = modes[0] if len(modes) == 1 else modes


class Dense(nn.Module):
    """A linear layer on the vectors of texts, and an activation."""

    def __init__(self, linear: nn.Linear, activation: nn.Module) -> None:
        super().__init__()
        self.linear, self.activation_function = linear, activation

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Change ``sentence_embedding``, from shape (texts, in_features) to (texts, out_features)."""
        return features | {"sentence_embedding": self.activation_function(self.linear(features["sentence_embedding"]))}


class Normalize(nn.Module):
    """Makes vectors of length one."""

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Normalise ``sentence_embedding``, shape (texts, dimension)."""
        return features | {"sentence_embedding": nn.functional.normalize(features["sentence_embedding"], p=2, dim=1)}


class DirectModel(nn.Module):
    """An encoder or a reranker that was read without transformers, to run packed.

    Attributes:
        prompts: Its prompts by name.
        default_prompt_name: The prompt for texts without one; None for none.
    """

    def __init__(self, parts: Sequence[nn.Module], prompts: Mapping[str, str], default_prompt_name: str | None) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.prompts, self.default_prompt_name = dict(prompts), default_prompt_name

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> Any:  # noqa: ANN401 - modules share no useful base
        return self.parts[number]

    @property
    def model(self) -> Skeleton:
        """The transformer."""
        return self[0].model

    @property
    def tokenizer(self) -> DirectTokenizer:
        """The tokenizer."""
        return self[0].tokenizer

    @property
    def device(self) -> device:
        """The device of the weights."""
        return self.model.device

    @property
    def num_labels(self) -> int:
        """The number of outputs of a reranker."""
        return int(self.model.config.num_labels)

    def get_embedding_dimension(self) -> int:
        """The length of the vectors of an encoder."""
        for module in reversed(self.parts):
            if isinstance(module, Dense):
                return module.linear.out_features
        return self.model.width * len(self[1].modes)
