"""Before a system of somebody else's is judged: whether its interface keeps to its contract. It is only told, and stops nothing."""

from __future__ import annotations

import importlib
import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

from support.evidence.contract import ContractFindings, store_contracts
from support.run.plan import suite_listens
from support.run.prepare import Prepared
from support.run.services import Services
from support.scene.scene import Scene
from support.scene.session import Instruments, Session, plugins_of
from support.target import is_reference
from support.testbed.runs import folder


def check_contracts(prepared: Prepared, services: Services, directory: Path, say: Callable[[str], None]) -> list[ContractFindings]:
    """Check each system of the plan that is not our own reference and has a ``systems/<system>/contract_check.py``."""
    found = []
    for system in prepared.plan.systems:
        module = f"support.systems.{system}.contract_check"
        if system in prepared.target.systems and not is_reference(system, prepared.target.systems[system]) and importlib.util.find_spec(module):
            services.await_ready(say)
            found.append(_check(module, prepared, services, directory / f"contract-{system}"))
    if found:
        store_contracts(directory, found)
    return found


def _check(module: str, prepared: Prepared, services: Services, directory: Path) -> ContractFindings:
    """One system, in a scene of its own that leaves nothing behind."""
    assert services.testbed is not None  # it was started before this
    instruments = Instruments(folder(prepared.run_id) / "contract", plugins_of(prepared.plan.systems))
    instruments.listen = services.testbed.listen_addresses()
    instruments.told = suite_listens(prepared.plan, prepared.target)
    session = Session(
        settings=prepared.settings, run_id=prepared.run_id, directory=directory.parent, target=prepared.target, testbed=services.testbed,
        instruments=instruments, seed=prepared.seed, tell=lambda kind, **data: None, clusters=services.clusters,
    )
    try:
        scene = Scene(id="contract", session=session, directory=directory, random=random.Random(prepared.seed))
        try:
            found: ContractFindings = importlib.import_module(module).check(scene)
        finally:
            troubles = scene.close()
    finally:
        instruments.close()
    if troubles:
        raise troubles[0]
    return found
