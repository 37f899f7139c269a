"""Defect: nobody has more than its share rounded down, so that up to one stream less than there are instances is never placed. Breaks R1.2."""

from reference_streams.orchestrator import balance, placing

settle = placing.settle


def settle_rounded_down(state, *, fully=False):
    settle(state, fully=fully)
    for instance_id, share in balance.shares(len(state.listed), state.capacities).items():
        surplus = max(0, state.owned()[instance_id] - int(share))
        placing.queue(state, [s.id for s in placing.easiest_to_take(state, instance_id)[:surplus]])


placing.settle = settle_rounded_down
