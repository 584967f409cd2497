"""Rows of results as PyTerrier's frames, and the other way."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from ....errors import ArgumentError

Row = dict[str, Any]


def rows_of(frame: Any) -> list[Row]:  # noqa: ANN401 - of any type
    """Return the rows of a frame.

    Raises:
        ArgumentError: It is no frame of pandas.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(f"a Transformer takes a DataFrame of pandas, not {type(frame).__name__}")
    return cast("list[Row]", frame.to_dict("records"))  # pyright: ignore[reportUnknownMemberType]


def frame_of(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame with these columns, also where there are no rows."""
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(columns)))  # pyright: ignore[reportArgumentType]
    for name, type_ in (("score", np.float64), ("rank", np.int64)):
        frame[name] = frame[name].astype(type_)  # pyright: ignore[reportUnknownMemberType]
    return frame
