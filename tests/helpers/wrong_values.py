"""Values of wrong types and wrong values of right types, for tests that call every public function with them."""

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from bicross.errors import BicrossError

WRONG: Mapping[str, Callable[[], Any]] = {
    "None": lambda: None,
    "true": lambda: True,
    "zero": lambda: 0,
    "negative": lambda: -1,
    "large": lambda: 10**400,
    "float": lambda: 1.5,
    "nan": lambda: math.nan,
    "text": lambda: "abc",
    "blank": lambda: "",
    "surrogate": lambda: "\ud800",
    "nul": lambda: "a\0b",
    "long": lambda: "x" * 5000,
    "long folders": lambda: "x/" * 5000,
    "bytes": lambda: b"abc",
    "list": list,
    "list of integers": lambda: [5],
    "list of surrogates": lambda: ["\ud800"],
    "nested list": lambda: [["a"]],
    "mapping": lambda: {"a": 1},
    "set": lambda: {1},
    "tuple": lambda: ("a", 1),
    "generator": lambda: (value for value in [1]),
    "class": lambda: int,
    "function": lambda: len,
    "object": object,
    "array": lambda: np.zeros((2, 3)),
    "texts": lambda: np.array(["a"]),
    "lock": threading.Lock,
    "expression": lambda: pc.field("nowhere") > 1,
}


def is_answered(call: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Whether it answers; otherwise it must raise an error of bicross with a message."""
    try:
        result = call(**arguments)
        if hasattr(result, "__enter__"):
            with result:
                pass
        elif hasattr(result, "__iter__") and not isinstance(result, np.ndarray):
            list(result)
    except BicrossError as error:
        assert str(error)
        return False
    return True


def call_with_wrong_values(
    call: Callable[..., Any],
    arguments: Mapping[str, Any],
    argument: str,
    *,
    answered: bool = True,
    callback: bool = False,
) -> None:
    """Call with the right arguments, which must be answered, and then with each wrong value of one of them.

    Args:
        call: The function.
        arguments: The right arguments.
        argument: The one that gets wrong values.
        answered: False if the right arguments are refused too, such as the name of a model that nobody has.
        callback: Whether it is a function of the caller, and so gets no other function: what that raises is the
            caller's.
    """
    assert is_answered(call, arguments) == answered
    for make in WRONG.values():
        value = make()
        if not (callback and callable(value)):
            is_answered(call, {**arguments, argument: value})
