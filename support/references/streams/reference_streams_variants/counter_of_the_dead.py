"""Defect: the counter of an instance that is gone stays what it was. Breaks R1.2."""

from reference_streams.orchestrator import store

save_owners = store._save_owners
COUNT = "UPDATE orchestrator.instances SET assigned = assigned + %s WHERE instance_id = %s"
RECOUNT = """UPDATE orchestrator.instances SET assigned = (SELECT count(*) FROM orchestrator.assignments WHERE instance_id = %s)
    WHERE instance_id = %s"""


async def save_without_counting_down(connection, state, occasion):
    await save_owners(connection, state, occasion)
    for _, old, _ in store.changes_of_owner(state):
        if old and not state.instances[old].active:
            await connection.execute(COUNT, (1, old))
    for name, instance in state.instances.items():
        before = state.instances_before.get(name)
        if instance.active and before and not before.active:
            await connection.execute(RECOUNT, (name, name))


store._save_owners = save_without_counting_down
