"""Defect: the catalogue is looked at only when somebody asks for a refresh. Breaks R1.4."""

from reference_streams.orchestrator.upkeep import Upkeep


async def check_balance_only(self):
    await self._fleet.check_balance()


Upkeep._check = check_balance_only
