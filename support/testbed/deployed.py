"""The testbed that starts nothing: what is judged runs already. The suite's own side, links included, is on this machine."""

from __future__ import annotations

from support.outcomes import BadInput
from support.testbed.interface import Node, NodeSpec
from support.testbed.processes import Processes


class Deployed(Processes):
    name = "deployed"
    capabilities = frozenset({"link"})

    def node(self, spec: NodeSpec) -> Node:
        """BadInput, always."""
        raise BadInput(f"-D testbed=deployed starts no programs, and {spec.name} is one: give its url in the target file, or choose another testbed")
