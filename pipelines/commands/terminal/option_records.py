"""Records whose fields are the arguments and options of commands."""

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def with_option_records(command: Callable[..., None]) -> Callable[..., None]:
    """Make the fields of a command's records its arguments and options, because Typer takes each by itself.

    Args:
        command: A function some of whose parameters have a dataclass as their type, whose fields are annotated for
            Typer.

    Returns:
        A function of the same name and help, whose signature has the fields in place of these parameters.

    Example:
        >>> @with_option_records
        ... def count(source: Source, *, as_json: bool = False) -> None:
        ...     print(sum(1 for _ in source.read()))
    """
    parameters = signature(command, eval_str=True).parameters.values()
    records: dict[str, Any] = {
        parameter.name: parameter.annotation for parameter in parameters if is_dataclass(parameter.annotation)
    }

    @wraps(command)
    def run(**options: object) -> None:
        values = {
            name: record(**{field.name: options.pop(field.name) for field in fields(record)})
            for name, record in records.items()
        }
        command(**options, **values)

    flat = [
        single.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in parameters
        for single in (_options_of(records[parameter.name]) if parameter.name in records else [parameter])
    ]
    run.__signature__ = Signature(flat)  # pyright: ignore[reportAttributeAccessIssue]
    return run


def _options_of(record: Any) -> list[Parameter]:  # noqa: ANN401 - the class of any dataclass
    hints = get_type_hints(record, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(record)
    ]
