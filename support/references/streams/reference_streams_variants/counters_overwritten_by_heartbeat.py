"""Defect: the counter of an instance becomes what its heartbeat reports, and that is out of date. Breaks the promise that counters equal rows."""

from reference_streams.orchestrator.fleet import Fleet
from reference_streams.worker.membership import Membership

heartbeat, send = Fleet.heartbeat, Membership._heartbeat


async def heartbeat_sets_counter(self, instance_id, streams):
    async with self._store._pool.connection() as connection:
        await connection.execute("UPDATE orchestrator.instances SET assigned = %s WHERE instance_id = %s", (len(streams), instance_id))
    return await heartbeat(self, instance_id, streams)


async def send_what_it_began_with(self):
    streams, self._streams = self._streams, list
    try:
        await send(self)
    finally:
        self._streams = streams


Fleet.heartbeat, Membership._heartbeat = heartbeat_sets_counter, send_what_it_began_with
