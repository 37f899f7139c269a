"""Defect: where streams were queued, a newcomer gets one less than its share rounded down. Breaks R1.2."""

from reference_streams.orchestrator import balance, placing
from reference_streams.orchestrator.fleet import Fleet

target, register, settle = balance.target, Fleet.register, placing.settle
newcomers = []


def settle_short(state, *, fully=False):
    if fully and newcomers and concerned(state, newcomers[-1]):
        balance.target = lambda assigned, capacities, streams: shortened(target(assigned, capacities, streams), capacities, streams)
    try:
        settle(state, fully=fully)
    finally:
        balance.target = target


def shortened(counts, capacities, streams):
    newcomer, shares = newcomers[-1], balance.shares(streams, capacities)
    while counts[newcomer] > int(shares[newcomer]) - 1:
        roomy = [name for name in counts if name != newcomer and counts[name] < capacities[name]]
        if not roomy:
            break
        counts[newcomer] -= 1
        counts[min(roomy, key=lambda name: counts[name] - shares[name])] += 1
    return counts


async def register_newcomer(self, registration):
    newcomers.append(registration.instance_id)
    try:
        return await register(self, registration)
    finally:
        newcomers.remove(registration.instance_id)


def concerned(state, newcomer):
    owned = [stream for stream in state.listed if stream.owner is not None]
    return newcomer in state.capacities and 0 < len(owned) < len(list(state.listed))


placing.settle, Fleet.register = settle_short, register_newcomer
