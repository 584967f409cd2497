"""Gives a package names whose modules are imported when they are first used."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, Sequence[str]], *, extra: str = "") -> Callable[[str], object]:
    """Make the ``__getattr__`` of a package (PEP 562).

    A type checker cannot follow it, so the package also imports the names under ``if TYPE_CHECKING``.

    Args:
        package: The package, its ``__name__``.
        modules: The names that each module or sub-package of it provides.
        extra: The extra of bicross that installs what the modules import; empty where nothing more is needed.

    Returns:
        A function from one of the names to its value, which raises AttributeError for every other name, and
        ``MissingPackage`` where what the extra installs is not there.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def load(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f".{module_of[name]}", package)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if not extra or missing.split(".")[0] == "bicross":
                raise
            from bicross.errors import MissingPackage

            raise MissingPackage(
                f"{package} needs {missing}, which is not installed: pip install 'bicross[{extra}]'", name=missing
            ) from error
        return getattr(module, name)

    return load
