"""What the GPU's code is tried on, on a GPU and with stand-ins for one: an architecture, and texts of all lengths."""

from dataclasses import replace

from helpers.tiny_architectures import SENTENCES, SUPPORTED

# With three layers, the last one sees eight tokens: the first token's window is at the other end than the last one's.
LOCAL_LAST = replace(SUPPORTED["modernbert"], settings=SUPPORTED["modernbert"].settings | {"num_hidden_layers": 3})
PASSAGES = ["", "cat", "the cat sleeps", *SENTENCES, " ".join(SENTENCES), "dog " * 60, "owl at night " * 80]
PAIRS = [(query, passage) for query in ("who sleeps at night ?", "dog") for passage in PASSAGES]
PAIRS += [("owl", "cat " * 700)]
TEXTS = [passage for _, passage in PAIRS]
