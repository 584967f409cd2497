"""The folder of a late-interaction model: what it is made of, and the arrays that it adds to its base.

``late_interaction.json`` has the fields of ``LateInteractionSettings``, and ``late_interaction.safetensors`` the arrays
of ``Projection``. The base, an encoder, is elsewhere: only its name and the sha256 of its weights are here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save  # pyright: ignore[reportUnknownVariableType]

from ...errors import ArgumentError, ModelCorrupt, ModelError
from ...errors.arguments import checked_count, checked_number
from ...inference import LATE_INTERACTION, sha256_of, whole_file
from ..calibration import calibration_from_dict

WEIGHTS = "late_interaction.safetensors"
MOST_DIMENSIONS = 1024
"""Products of longer int8 vectors would not be exact in float32."""
MOST_TOKENS = 2**20
Floats = NDArray[np.float32]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMES = {
    "mean": "mean",
    "deviation": "deviation",
    "project": "project",
    "weigh_weight": "weigh.weight",
    "weigh_bias": "weigh.bias",
    "log_scale": "log_scale",
}
"""The fields of ``Projection`` by their names in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateInteractionSettings:
    """The content of ``late_interaction.json``.

    Attributes:
        base: The hub id or the folder of the encoder whose states are projected.
        base_sha256: The sha256 of its weights.
        layer: The number of its layers that run.
        dim: The length of a token vector.
        max_length: The most tokens of a text, special tokens included.
        blend: The weight of the scores against those of the first stage.
        weights_sha256: The sha256 of the arrays beside these settings.
        calibration: The curve from scores to relevance, as a record; None without one.

    Raises:
        ArgumentError: A value is out of its range, or the record is no curve.
    """

    base: str
    base_sha256: str
    layer: int
    dim: int
    max_length: int = 256
    blend: float = 1.0
    weights_sha256: str = ""
    calibration: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(cast("object", self.base), str) or not self.base:
            raise ArgumentError(f"base must be the name of a model, not {self.base!r:.80}")
        for name in ("base_sha256", *(["weights_sha256"] if self.weights_sha256 else [])):
            if not _SHA256.fullmatch(str(getattr(self, name))):
                raise ArgumentError(f"{name} must have 64 hex digits, not {getattr(self, name)!r:.80}")
        for name, most in (("layer", 1000), ("dim", MOST_DIMENSIONS), ("max_length", MOST_TOKENS)):
            if checked_count(getattr(self, name), name) > most:
                raise ArgumentError(f"{name} must be at most {most}, not {getattr(self, name)}")
        checked_number(self.blend, "blend", 0, 1)
        if self.calibration is not None:
            calibration_from_dict(self.calibration)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON; without a curve it is as before there were any."""
        record = asdict(self)
        if self.calibration is None:
            del record["calibration"]
        return record


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """What turns states of an encoder into token vectors and weights.

    A state ``x`` becomes ``z = (x - mean) / deviation``; its token vector is ``project @ z`` at length one, and its
    weight as a token of a query ``softplus(weigh_weight @ z + weigh_bias)``.

    Attributes:
        mean: float32 of shape (hidden,).
        deviation: float32 of shape (hidden,), above 0.
        project: float32 of shape (dim, hidden).
        weigh_weight: float32 of shape (1, hidden).
        weigh_bias: float32 of shape (1,).
        log_scale: The logarithm of the factor of a score, float32 of shape ().
    """

    mean: Floats
    deviation: Floats
    project: Floats
    weigh_weight: Floats
    weigh_bias: Floats
    log_scale: Floats

    @property
    def scale(self) -> float:
        """The factor of a score."""
        return float(np.exp(np.float64(self.log_scale)))

    def affine(self) -> tuple[Floats, Floats]:
        """Join standardisation, projection and weight in one linear map.

        Returns:
            Its weight, float32 of shape (dim + 1, hidden), and its bias, (dim + 1,). The last row gives the
            weight.
        """
        rows = np.concatenate([self.project, self.weigh_weight]).astype(np.float64) / self.deviation.astype(np.float64)
        bias = -rows @ self.mean.astype(np.float64)
        bias[-1] += float(self.weigh_bias[0])
        return rows.astype(np.float32), bias.astype(np.float32)


def read_late_interaction(folder: Path) -> tuple[LateInteractionSettings, Projection]:
    """Read a model from its folder.

    Raises:
        ModelCorrupt: A file is damaged, or does not fit the other one.
    """
    settings = _read_settings(folder / LATE_INTERACTION)
    path = folder / WEIGHTS
    if not path.is_file() or sha256_of(path) != settings.weights_sha256:
        raise ModelCorrupt(f"{path} is missing, damaged or another than {LATE_INTERACTION} names; copy the model again")
    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelCorrupt(f"{path} cannot be read: {error}; copy the model again") from error
    return settings, _checked(arrays, settings, path)


def write_late_interaction(folder: Path, settings: LateInteractionSettings, projection: Projection) -> None:
    """Write both files of a model into its folder; the ``weights_sha256`` of ``settings`` need not be right.

    Raises:
        ModelError: An array has another shape than ``settings`` say, or is not finite.
    """
    arrays = {name: np.array(getattr(projection, field), np.float32, order="C") for field, name in _NAMES.items()}
    _checked(arrays, settings, folder / WEIGHTS)
    with whole_file(folder / WEIGHTS) as file:
        file.write(save(arrays))
    written = replace(settings, weights_sha256=sha256_of(folder / WEIGHTS))
    with whole_file(folder / LATE_INTERACTION) as file:
        file.write((json.dumps(written.to_dict(), indent=2) + "\n").encode())


def _read_settings(path: Path) -> LateInteractionSettings:
    try:
        record: object = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ModelCorrupt(f"{path} must hold a JSON object, not {record!r:.80}")
        given = cast("Mapping[str, Any]", record)
        known = {field.name for field in fields(LateInteractionSettings)}
        if wrong := ", ".join(sorted((known ^ set(given)) - {"calibration"})):
            raise ModelCorrupt(f"{path} has other fields than this version of bicross knows ({wrong:.200})")
        return LateInteractionSettings(**given)
    except (OSError, ValueError, RecursionError) as error:  # an ArgumentError is a ValueError
        raise ModelCorrupt(f"{path} cannot be used: {error}") from error


def _checked(arrays: Mapping[str, NDArray[Any]], settings: LateInteractionSettings, path: Path) -> Projection:
    if set(arrays) ^ set(_NAMES.values()):
        raise ModelCorrupt(f"{path} must hold {', '.join(_NAMES.values())}, not {', '.join(sorted(arrays))!s:.200}")
    hidden = arrays["mean"].shape
    shapes = {
        "mean": hidden,
        "deviation": hidden,
        "project": (settings.dim, *hidden),
        "weigh.weight": (1, *hidden),
        "weigh.bias": (1,),
        "log_scale": (),
    }
    for name, array in arrays.items():
        if array.dtype != np.float32 or array.shape != shapes[name] or len(hidden) != 1:
            raise ModelCorrupt(f"{path} has {name} as {array.dtype} of shape {array.shape}, which does not fit")
        if not np.isfinite(array).all():
            raise ModelCorrupt(f"{path} has numbers in {name} that are not finite")
    if not hidden[0] or not (arrays["deviation"] > 0).all() or abs(float(arrays["log_scale"])) > 20:
        raise ModelCorrupt(f"{path} has deviations or a scale that are out of their range")
    return Projection(**{field: arrays[name] for field, name in _NAMES.items()})


def require_base(settings: LateInteractionSettings, weights_sha256: str, name: str | Path) -> None:
    """Check that the base has the weights that the model was trained on.

    Raises:
        ModelError: It has others.
    """
    if weights_sha256 != settings.base_sha256:
        raise ModelError(
            f"{name} was trained on other weights of {settings.base} (sha256 {settings.base_sha256}) than there are "
            f"here (sha256 {weights_sha256}): name a model that was trained on these, or fetch those"
        )
