"""The command line. Each command asks and shows; what is done stands in the other rooms."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .app import main

__all__ = ["main"]

# Imported when used: a module of this room would otherwise import the application that loads it.
__getattr__ = lazy_names(__name__, {"app": ("main",)})
