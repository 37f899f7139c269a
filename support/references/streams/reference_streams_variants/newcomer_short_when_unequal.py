"""Defect: among unequal capacities, a newcomer gets one less than its share rounded down. Breaks R1.1."""

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
    unequal = len(set(state.capacities.values())) > 1
    return newcomer in state.capacities and unequal and balance.shares(len(list(state.listed)), state.capacities)[newcomer] > 2


placing.settle, Fleet.register = settle_short, register_newcomer
