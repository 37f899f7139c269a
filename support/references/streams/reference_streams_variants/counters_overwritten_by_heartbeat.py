"""Defect: the counter of an instance becomes what its heartbeat reports. Breaks the promise that counters equal rows."""

from reference_streams.orchestrator.fleet import Fleet

heartbeat = Fleet.heartbeat


async def heartbeat_sets_counter(self, instance_id, streams):
    async with self._store._pool.connection() as connection:
        await connection.execute("UPDATE orchestrator.instances SET assigned = %s WHERE instance_id = %s", (len(streams), instance_id))
    return await heartbeat(self, instance_id, streams)


Fleet.heartbeat = heartbeat_sets_counter
