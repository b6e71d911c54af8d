"""Which columns of a feature table a graph licenses: parents, blanket, stable set and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from causalimg.errors import CausalImgError
from causalimg.graph.core import CausalGraph
from causalimg.graph.query import ancestors, descendants
from causalimg.training.feature_set import FeatureSet
from causalimg.training.licence import statement
from causalimg.training.members import dags_of
from causalimg.training.roles import Roles
from causalimg.training.verdicts import Verdict, deciding_edges

RULES = ("parents", "markov_blanket", "non_descendants", "stable")
Found = dict[str, tuple[str, ...] | None]
REASONS = {
    "parents": "the direct causes of {y} among the columns",
    "markov_blanket": "no other column says more of {y} once these are known",
    "non_descendants": "setting {y} would move none of them",
    "stable": "what they say of {y} is the same in every {e}",
}
OPEN = {
    "parents": "a cause of {y} is not among the columns, and given the others {y} still depends on"
    " columns that it does not cause",
    "stable": "no set of columns makes {y} and {e} independent",
}


def connected(dag: CausalGraph, start: str, given: Sequence[str]) -> set[str]:
    """Return the nodes that a path from ``start`` reaches, nodes of ``given`` at its end included.

    A path is active as in d-separation: through a node outside ``given`` that is no collider, or
    a collider in ``given`` or with a descendant there. So the nodes found that are not in
    ``given`` are those d-connected to ``start``.
    """
    block = set(given)
    opening = block | set(ancestors(dag, sorted(block))) if block else set()
    parents = {node: dag.parents(node) for node in dag.nodes}
    children = {node: dag.children(node) for node in dag.nodes}
    found: set[str] = set()
    seen: set[tuple[str, bool]] = set()
    front = [(start, True)]  # True: come up from a child
    while front:
        node, up = front.pop()
        if (node, up) in seen:
            continue
        seen.add((node, up))
        found.add(node)
        if up and node not in block:
            front += [(p, True) for p in parents[node]] + [(c, False) for c in children[node]]
        elif not up:
            if node not in block:
                front += [(c, False) for c in children[node]]
            if node in opening:
                front += [(p, True) for p in parents[node]]
    return found - {start}


def column_candidates(roles: Roles, nodes: Sequence[str]) -> tuple[str, ...]:
    """Return the columns a table model may read: measured features and observed covariates."""
    wanted = {*roles.features(nodes), *roles.observed}
    return tuple(node for node in nodes if node in wanted)


def sets_in(
    dag: CausalGraph, roles: Roles, names: Sequence[str], verdicts: Mapping[str, Verdict]
) -> Found:
    """Return each set as one DAG has it; None where its statement does not hold there."""
    y, e, chosen = roles.outcome, roles.environment, list(roles.selection)
    below = set(descendants(dag, y))
    parents = [n for n in names if n in dag.parents(y)]
    others = {n for n in names if n not in below and n not in parents}
    screened = not others & connected(dag, y, [*parents, *chosen])
    blanket = connected(dag, y, [*names, *chosen])
    found: Found = {
        "parents": tuple(parents) if screened else None,
        "markov_blanket": tuple(n for n in names if n in blanket),
        "non_descendants": tuple(n for n in names if n not in below),
    }
    if e is not None:
        found["stable"] = _stable(dag, roles, names)
    for name, verdict in verdicts.items():
        if verdict.refused:
            continue
        given = list(verdict.given or ())
        reached = connected(dag, name, sorted({*given, *chosen}))
        found[name] = tuple(n for n in names if n not in reached and n not in given)
    return found


def _stable(dag: CausalGraph, roles: Roles, names: Sequence[str]) -> tuple[str, ...] | None:
    """Return columns given which outcome and environment are independent, or None.

    The ancestors of the two separate them if any set does; what is then independent of the
    environment may be added.
    """
    y, e = roles.outcome, str(roles.environment)
    above = set(ancestors(dag, [y, e, *roles.selection]))
    base = [n for n in names if n in above]
    reached = connected(dag, e, [*base, *roles.selection])
    if y in reached:
        return None
    return tuple(n for n in names if n in base or n not in reached)


def invariant_in(dag: CausalGraph, roles: Roles, features: Sequence[str]) -> bool:
    """Tell whether outcome and environment are d-separated given features and selection."""
    reached = connected(dag, str(roles.environment), [*features, *roles.selection])
    return roles.outcome not in reached


def feature_sets(
    graph: CausalGraph,
    members: Sequence[CausalGraph],
    roles: Roles,
    verdicts: Mapping[str, Verdict],
    *,
    resamples: Sequence[CausalGraph] = (),
    limit: int,
    graph_digest: str = "",
) -> dict[str, FeatureSet]:
    """Return the sets by rule and attribute; none where the graph holds no columns."""
    names = column_candidates(roles, graph.nodes)
    if not names:
        return {}
    each = [sets_in(member, roles, names, verdicts) for member in members]
    frequency = _frequency(resamples, roles, names, verdicts, limit, tuple(each[0]))
    out = {}
    for rule in each[0]:
        answers = [found[rule] for found in each]
        made = _set_of(rule, answers, graph, members, roles, names, verdicts)
        invariant = None
        if roles.environment is not None and not made.refused:
            invariant = all(invariant_in(m, roles, made.features) for m in members)
        out[rule] = replace(
            made,
            invariant=invariant,
            frequency=frequency.get(rule, {}),
            graph_digest=graph_digest,
        )
    for name, verdict in verdicts.items():
        if verdict.refused:
            reason = f"the plan refuses its statement: {verdict.reason}"
            out[name] = FeatureSet(
                (), name, roles.outcome, names, "", reason, True, None, roles.environment
            )
    return out


def _set_of(
    rule: str,
    answers: Sequence[tuple[str, ...] | None],
    graph: CausalGraph,
    members: Sequence[CausalGraph],
    roles: Roles,
    names: tuple[str, ...],
    verdicts: Mapping[str, Verdict],
) -> FeatureSet:
    """Return the set that every DAG of the class agrees on, or a refusal."""
    words = {"y": repr(roles.outcome), "e": repr(roles.environment)}
    blank = FeatureSet((), rule, roles.outcome, names, environment=roles.environment)
    whole = rule == "non_descendants" or rule in verdicts  # holds for every subset of the features
    if len(set(answers)) > 1 and not whole:
        edges = deciding_edges(graph, members, answers)
        reason = f"the DAGs of the class do not agree on it; decided by {' and '.join(edges)}"
        return replace(blank, reason=reason, refused=True)
    if answers[0] is None:
        return replace(blank, reason=OPEN[rule].format(**words), refused=True)
    kept = tuple(n for n in names if all(n in (found or ()) for found in answers))
    listed = ", ".join(kept) or "nothing"
    if rule in verdicts:
        said = statement(listed, rule, verdicts[rule].given or ())
        reason = f"the columns for which '{verdicts[rule].statement}' holds in the graph"
    else:
        said = {
            "parents": statement(roles.outcome, "the columns it does not cause", [listed]),
            "markov_blanket": statement(roles.outcome, "the other columns", [listed]),
            "non_descendants": statement(listed, f"do({roles.outcome})", ()),
            "stable": statement(roles.outcome, str(roles.environment), [listed]),
        }[rule]
        reason = REASONS[rule].format(**words)
    return replace(blank, features=kept, statement=said, reason=reason)


def _frequency(
    resamples: Sequence[CausalGraph],
    roles: Roles,
    names: tuple[str, ...],
    verdicts: Mapping[str, Verdict],
    limit: int,
    rules: Sequence[str],
) -> dict[str, dict[str, float]]:
    """Return for each rule the share of resampled graphs that have a column in the set."""
    if not resamples:
        return {}
    total = {rule: dict.fromkeys(names, 0.0) for rule in rules}
    for graph in resamples:
        try:
            members = dags_of(graph, limit)
            each = [sets_in(member, roles, names, verdicts) for member in members]
        except CausalImgError:
            continue  # the plan's notes count these
        for one in each:
            for rule, found in one.items():
                for name in found or ():
                    total[rule][name] += 1.0 / len(each)
    return {
        rule: {name: min(1.0, value / len(resamples)) for name, value in each.items()}
        for rule, each in total.items()
    }
