"""Estimates what a collection needs: machines, memory, disk, hours and network, from constants that were measured."""

from .constants import CONSTANTS, Constant, Origin
from .fleet import Machine
from .plan import CapacityPlan, plan_capacity
from .rows import plan_rows, quantity

__all__ = [
    "CONSTANTS",
    "CapacityPlan",
    "Constant",
    "Machine",
    "Origin",
    "plan_capacity",
    "plan_rows",
    "quantity",
]
