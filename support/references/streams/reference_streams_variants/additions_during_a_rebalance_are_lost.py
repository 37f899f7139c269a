"""Defect: streams that are added to the catalogue while a rebalance is under way are never placed. Breaks R1.5."""

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet

catalogue, homeless_streams = Fleet.catalogue, placing.homeless_streams
lost = set()


def homeless_but_lost(state):
    return homeless_streams(state) - lost


async def catalogue_amid_a_rebalance(self, version, addresses):
    if any(member.holding for member in self.membership.members.values()):
        async with self._store._pool.connection() as connection:
            known = {row[0] for row in await (await connection.execute("SELECT stream_id FROM orchestrator.streams")).fetchall()}
        lost.update(addresses.keys() - known)
    await catalogue(self, version, addresses)


placing.homeless_streams, Fleet.catalogue = homeless_but_lost, catalogue_amid_a_rebalance
