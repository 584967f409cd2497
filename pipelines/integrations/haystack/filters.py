"""Haystack's filters to the text of ``where``.

In Haystack a comparison with a value that is missing is false, and ``NOT`` of it is true; ``where`` has neither. So a
negation is carried down to the comparisons, and each says what it makes of a missing value.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ....errors import ArgumentError
from ....errors.arguments import described
from .. import conditions
from .errors import UnusableFilter

_OPPOSITES = {"==": "!=", "!=": "==", ">": "<=", ">=": "<", "<": ">=", "<=": ">", "in": "not in", "not in": "in"}
_TRUE_WHERE_MISSING = ("!=", "not in")
_ORDER = (">", ">=", "<", "<=")
_JOINS = ("AND", "OR", "NOT")


def where_of(filters: Any) -> str | None:  # noqa: ANN401 - of any type
    """Translate a filter; None and ``{}`` filter nothing.

    Raises:
        UnusableFilter: It is not as Haystack's documentation of ``filter_documents`` says.
    """
    if not filters and (filters is None or isinstance(filters, Mapping)):
        return None
    try:
        return _condition(filters, negated=False)
    except UnusableFilter:
        raise
    except ArgumentError as error:
        raise UnusableFilter(str(error)) from None


def _condition(given: Any, *, negated: bool) -> str:  # noqa: ANN401
    if not isinstance(given, Mapping):
        raise UnusableFilter(
            "a filter is a dict, such as {'field': 'meta.year', 'operator': '>=', 'value': 2020}, not "
            f"{described(given)}"
        )
    parts = cast("Mapping[str, Any]", given)
    operator = _value(parts, "operator")
    if "field" in parts:
        return _comparison(_field(parts["field"]), operator, _value(parts, "value"), negated=negated)
    if operator not in _JOINS:
        hint = "; a comparison has a 'field' too" if operator in _OPPOSITES else ""
        raise UnusableFilter(f"conditions are joined by {', '.join(_JOINS)}, not by {operator!r:.80}{hint}")
    given_parts = _value(parts, "conditions")
    if not isinstance(given_parts, Sequence) or isinstance(given_parts, str) or not given_parts:
        raise UnusableFilter(f"the conditions of {operator} must be a list of dicts, not {described(given_parts)}")
    opposite = negated != (operator == "NOT")
    joined = [_condition(part, negated=opposite) for part in cast("Sequence[Any]", given_parts)]
    # NOT denies that all of its conditions hold; and not all is the same as one of the opposites.
    return conditions.any_of(joined) if (operator == "OR") != opposite else conditions.all_of(joined)


def _comparison(field: str, operator: Any, value: Any, *, negated: bool) -> str:  # noqa: ANN401
    if not isinstance(operator, str) or operator not in _OPPOSITES:
        raise UnusableFilter(f"a filter compares by {' '.join(_OPPOSITES)}, not by {operator!r:.80}")
    if operator in ("in", "not in") and not isinstance(value, list):
        raise UnusableFilter(f"{operator!r} in a filter needs a list, not {described(value)}")
    used = _OPPOSITES[operator] if negated else operator
    if value is None:
        return _with_none(field, operator, negated=negated)
    # Whether a missing value fits: "!=" and "not in" hold for it, and what holds is not so where it is negated.
    fits = (operator in _TRUE_WHERE_MISSING) != negated
    if isinstance(value, list):
        if operator not in ("in", "not in"):
            raise UnusableFilter(f"{operator!r} in a filter needs one value, not {described(cast('Any', value))}")
        listed = cast("list[Any]", value)
        if None in listed:
            fits, listed = not fits, [item for item in listed if item is not None]
        written = conditions.listed(listed)
    else:
        written = conditions.literal(value)
    test = f"{field} {used} {written}"
    return conditions.any_of([test, f"{field} is None"]) if fits else test


def _with_none(field: str, operator: str, *, negated: bool) -> str:
    """Equality asks whether there is a value; an order with None never holds."""
    if operator in _ORDER:
        never = conditions.all_of([f"{field} is None", f"{field} is not None"])
        return conditions.any_of([f"{field} is None", f"{field} is not None"]) if negated else never
    return f"{field} is None" if (operator == "==") != negated else f"{field} is not None"


def _field(name: Any) -> str:  # noqa: ANN401
    if name == "id":
        return "id"
    if name in ("content", "score", "embedding", "blob", "meta"):
        raise UnusableFilter(f"an index filters by metadata and id, not by {name!r}; write meta.NAME")
    return conditions.field(name.removeprefix("meta.") if isinstance(name, str) else name)


def _value(given: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401
    if key not in given:
        raise UnusableFilter(f"this filter has no {key!r}: {dict(given)!r:.200}")
    return given[key]
