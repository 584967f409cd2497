"""Which architectures can be opened here, by the model type in ``config.json``."""

from collections.abc import Mapping

from . import bert, distilbert, modernbert
from .skeletons import Config, Family

_FAMILIES: Mapping[str, Family] = bert.FAMILIES | distilbert.FAMILIES | modernbert.FAMILIES


def family_of(config: Config) -> Family | None:
    """The family that a model belongs to; None if its config is not understood in full."""
    family = _FAMILIES.get(str(config.get("model_type")))
    return family if family is not None and family.understands(config) else None
