"""What is judged, and how it is had: target files, and the check that what they name can be reached."""

from support.target.contracts import Contract, contracts
from support.target.loading import is_reference, load_target
from support.target.model import Program, SystemTarget, Target
from support.target.reach import check_reachable

__all__ = ["Contract", "Program", "SystemTarget", "Target", "check_reachable", "contracts", "is_reference", "load_target"]
