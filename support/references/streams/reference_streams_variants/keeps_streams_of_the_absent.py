"""Defect: streams that leave the catalogue while their owner is away are kept. Breaks R1.5."""

from reference_streams.orchestrator.fleet import Fleet, Occasion

catalogue = Fleet.catalogue


async def catalogue_but_for_the_absent(self, version, addresses):
    away = {instance_id for instance_id, member in self.membership.members.items() if member.away_since is not None}
    async with self.decide(Occasion("catalogue")) as state:
        kept = {stream.id: stream.address for stream in state.listed if stream.owner in away}
    await catalogue(self, version, kept | addresses)


Fleet.catalogue = catalogue_but_for_the_absent
