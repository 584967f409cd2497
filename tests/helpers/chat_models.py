"""Tiny random decoders and their tokenizers, as Qwen and Gemma have them, for rerankers and encoders.

No import of this module loads the model libraries: see tiny_models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from helpers.tiny_architectures import SENTENCES, randomise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
DECODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "max_position_embeddings": 1024,
}
_WORDS = r"\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def chat_tokenizer(*, template: str | None = None, limit: int = 1024) -> PreTrainedTokenizerFast:
    """As Qwen has it: byte-level BPE with tokens for turns, no special tokens around a text, padding on the left."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokens = Tokenizer(models.BPE())
    tokens.normalizer = normalizers.NFC()
    tokens.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Ends of sentences with line breaks are tokens, so that texts and template share some.
    texts = [*SENTENCES, "yes no: <Query>: <Document>:", "query: what?\ndocument: it.\nYou judge.\n\n", "?\n.\n"]
    tokens.train_from_iterator(texts * 5, trainer)
    tokens.add_tokens(["yes", "no"])
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        model_max_length=limit,
        model_input_names=["input_ids", "attention_mask"],
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        padding_side="left",
    )
    made.chat_template = template
    return made


def decoder(name: str, auto: Any, tokenizer: Any, *, seed: int = 3, **settings: Any) -> Any:
    """A decoder of transformers by the name of its configuration, random."""
    import transformers

    sizes = DECODER | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id} | settings
    model = auto.from_config(getattr(transformers, name)(**sizes), attn_implementation="eager")
    randomise(model, seed)
    return model
