"""From a causal graph to training constraints: plans and weights without torch, losses with it."""
