"""Parses the text of a predicate into a tree of conditions.

``year >= 2020 and ('heart' in tags or title is None)``: Python's own parser sees the text only after its tokens were
checked, and only a few kinds of its nodes are taken. Nothing is ever evaluated.
"""

import ast
from dataclasses import dataclass

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from .where_tokens import NAME_HINT, QUOTES_HINT, PythonSource, python_source, refusal

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the metadata, or a member of a nested object: ``author.name``.

    Attributes:
        name: Its name.
        is_quoted: Whether it was written as ``field("name")``; ``id`` alone is the id of the document.
    """

    name: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """``field operator value``, where the operator is one of ``== != < <= > >=``, or the same with a second field."""

    field: Field
    operator: str
    value: Value | Field


@dataclass(frozen=True, slots=True)
class OneOf:
    """``field in (value, ...)``."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """``item in field``."""

    field: Field
    item: Value


@dataclass(frozen=True, slots=True)
class StartsWith:
    """``startswith(field, prefix)``."""

    field: Field
    prefix: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """``field is None``."""

    field: Field


@dataclass(frozen=True, slots=True)
class Flag:
    """A field on its own, which must be of booleans."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """``not part``."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple["Condition", ...]


Condition = Comparison | OneOf | Contains | StartsWith | IsNull | Flag | Not | And | Or


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate that was parsed: its text and what it says."""

    text: str
    condition: Condition


def parse_predicate(text: str) -> Filter:
    """Read the string form: what a person types after ``--where``.

    - ``year >= 2020``, and ``== != < <= >``, also chained: ``2000 <= year < 2020``; ``=`` is ``==``
    - ``journal in ('Nature', 'Cell')``, ``journal not in [...]``; ``'heart' in tags`` where the field is a list
    - ``author.name == 'Ann'`` for a member of an object, ``id in ['a', 'b']`` for the documents' own ids
    - ``startswith(path, 'docs/')``
    - ``title is None``, ``title is not None``; ``reviewed`` on its own where the field is a boolean
    - ``and``, ``or``, ``not`` and parentheses; capitals (``AND``) do too, and so do ``true``, ``false`` and ``null``
    - ``field("publish-date")`` for a name that is not made of letters, digits and ``_``

    Raises ``ArgumentError`` that shows the text, points at the place and gives an example for everything else, and for
    a text of more than 4096 characters or nested more than 50 deep.
    """
    shown = text.strip()
    source = python_source(shown)
    try:
        tree = ast.parse(source.text, mode="eval")
    except SyntaxError as error:
        if not error.offset:  # as Python says it where the text ends too early
            raise refusal(shown, len(shown), "something is missing at its end") from None
        position = source.position(error.offset - 1)
        raise refusal(shown, min(position, len(shown)), f"this is not understood; {QUOTES_HINT}") from None
    except (ValueError, RecursionError, MemoryError):
        raise refusal(shown, 0, "this is not understood") from None
    return Filter(shown, _Reader(shown, source).condition(tree.body))


def join_conditions(first: str, second: str) -> str:
    """Return the string form of the predicate that is true where two are.

    Args:
        first: A predicate in its string form.
        second: Another one.

    Raises:
        ArgumentError: One of them is not a predicate by itself.

    Example:
        >>> join_conditions("year >= 2020 or reviewed", "journal == 'Nature'")
        "(year >= 2020 or reviewed) and (journal == 'Nature')"
    """
    parsed = (
        parse_predicate(checked_instance(text, str, name)) for text, name in ((first, "first"), (second, "second"))
    )
    return " and ".join(f"({condition.text})" for condition in parsed)


_FUNCTIONS = "field(\"a name\") and startswith(path, 'docs/')"
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {  # the operator, and the one with its sides exchanged
    ast.Eq: ("==", "=="),
    ast.NotEq: ("!=", "!="),
    ast.Lt: ("<", ">"),
    ast.LtE: ("<=", ">="),
    ast.Gt: (">", "<"),
    ast.GtE: (">=", "<="),
}


class _Reader:
    """Turns the nodes of Python's parser into conditions; whatever is not named here is an error."""

    def __init__(self, text: str, source: PythonSource) -> None:
        self._text = text
        self._source = source
        self._bytes = source.text.encode()

    def condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(op=operator, values=values):
                parts = tuple(self.condition(value) for value in values)
                return And(parts) if isinstance(operator, ast.And) else Or(parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.condition(operand))
            case ast.Compare(left=left, ops=operators, comparators=rights):
                lefts = [left, *rights]
                pairs = tuple(map(self._pair, lefts, operators, rights))
                return pairs[0] if len(pairs) == 1 else And(pairs)
            case ast.Call(func=ast.Name(id="startswith"), args=[of, prefix], keywords=[]) if _is_field(of):
                return self._starts_with(of, prefix)
            case ast.Name() | ast.Call() | ast.Attribute():
                return Flag(self._field(node))
            case _:
                raise self._error(node, "this is not a condition; compare a field with it")

    def _pair(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Condition:
        match operator:
            case ast.Is() | ast.IsNot():
                if not isinstance(right, ast.Constant) or right.value is not None:
                    raise self._error(right, "only null may follow 'is'; write == to compare")
                null = IsNull(self._field(left))
                return null if isinstance(operator, ast.Is) else Not(null)
            case ast.In() | ast.NotIn():
                member = self._member(left, right)
                return member if isinstance(operator, ast.In) else Not(member)
            case _:
                symbol, exchanged = _COMPARISONS[type(operator)]
                if _is_field(left):
                    return Comparison(self._field(left), symbol, self._operand(right))
                if _is_field(right):
                    return Comparison(self._field(right), exchanged, self._value(left))
                self._value(left)  # which may have more to say
                raise self._error(left, "neither side of this comparison is a field")

    def _member(self, left: ast.expr, right: ast.expr) -> OneOf | Contains:
        if isinstance(right, ast.List | ast.Tuple):
            return OneOf(self._field(left), tuple(self._value(item) for item in right.elts))
        if not _is_field(right):
            raise self._error(right, "'in' needs a list after it, as in year in [2020, 2021], or a field of lists")
        if _is_field(left):
            raise self._error(left, "'in' needs a value on its left, or a list of values on its right")
        return Contains(self._field(right), self._value(left))

    def _starts_with(self, field: ast.expr, prefix: ast.expr) -> StartsWith:
        value = self._value(prefix)
        if not isinstance(value, str):
            raise self._error(prefix, "a text in quotes is expected here")
        return StartsWith(self._field(field), value)

    def _operand(self, node: ast.expr) -> Value | Field:
        return self._field(node) if _is_field(node) else self._value(node)

    def _field(self, node: ast.expr) -> Field:
        match node:
            case ast.Name():
                return Field(self._segment(node))
            case ast.Attribute(value=ast.Name() | ast.Attribute()):
                return Field("".join(self._segment(node).split()))
            case ast.Call(func=ast.Name() as function, args=[ast.Constant(value=str(name))], keywords=[]):
                if self._segment(function) == "field":
                    return Field(name, is_quoted=True)
                raise self._error(node, f"there are no functions, only {_FUNCTIONS}")
            case ast.Call(func=ast.Name() | ast.Attribute() as function):
                name = self._segment(function).rsplit(".", 1)[-1].strip()
                if name.lower() in ("startswith", "field"):
                    raise self._error(node, f"a field is expected here; functions are written {_FUNCTIONS}")
                raise self._error(node, f"there are no functions, only {_FUNCTIONS}")
            case _:
                raise self._error(node, "a field is expected here")

    def _value(self, node: ast.expr) -> Value:
        sign = 1
        number = node
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, number = -1, node.operand
        match number:
            case ast.Constant(value=bool() | str() as value) if sign == 1:
                if isinstance(value, str) and not _is_unicode(value):
                    raise self._error(node, "this text is not valid Unicode")
                return value
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as value):
                return sign * value
            case ast.Constant(value=None):
                raise self._error(node, "nothing equals null: write 'is null' or 'is not null'")
            case ast.BinOp():
                raise self._error(node, f"there is no arithmetic; {NAME_HINT}")
            case _:
                pass
        raise self._error(node, "a number, a text in quotes, True or False is expected here")

    def _segment(self, node: ast.Name | ast.Attribute) -> str:
        """The name as it was written: Python's own (``id``) is normalised, and would be another field."""
        return self._bytes[node.col_offset : node.end_col_offset].decode()

    def _error(self, node: ast.expr, reason: str) -> ArgumentError:
        return refusal(self._text, self._source.position(len(self._bytes[: node.col_offset].decode())), reason)


def _is_field(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Call | ast.Attribute)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
