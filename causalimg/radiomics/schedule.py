"""Running the cases of a cohort on workers that together stay within a bound of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from causalimg.parallel import Failure, ordered_map
from causalimg.radiomics.case import Case, CaseOutcome, CaseTask
from causalimg.radiomics.memory import PROCESS, MemoryLimitError

Progress = Callable[[int, int], None]


def run_cases(
    task: CaseTask,
    cases: Sequence[Case],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> list[CaseOutcome | Failure]:
    """Run a task for every case, in order.

    Parameters
    ----------
    task : CaseTask
        Its bound of memory, if it has one, is that of all workers together. Each has an equal
        share; a case that needs more runs again, alone, when the others are done.
    cases : sequence of Case
    n_jobs : int
    progress : callable, optional
        Called as ``progress(done, total)``; the total grows by the cases that run again.
    """
    labels = [case.case_id for case in cases]
    bound = task.memory
    if bound is None:
        return ordered_map(task, cases, n_jobs=n_jobs, labels=labels, progress=progress)
    workers = workers_within(bound.most, n_jobs)
    shared = replace(task, memory=replace(bound, most=bound.most // max(workers, 1)))
    found = ordered_map(shared, cases, n_jobs=workers, labels=labels, progress=progress)
    waiting = [k for k, outcome in enumerate(found) if _needs_more(outcome)]
    if workers == 1 or not waiting:
        return found

    def further(done: int, total: int) -> None:
        if progress is not None:
            progress(len(cases) + done, len(cases) + total)

    alone = ordered_map(
        task,
        [cases[k] for k in waiting],
        labels=[labels[k] for k in waiting],
        progress=further,
    )
    for k, outcome in zip(waiting, alone, strict=True):
        found[k] = outcome
    return found


def workers_within(most: int, n_jobs: int) -> int:
    """Return the number of workers that can start within so much memory, at least one.

    Examples
    --------
    >>> workers_within(3 * PROCESS, 8)
    3
    """
    if n_jobs in (0, 1):
        return n_jobs
    from joblib import effective_n_jobs

    return max(1, min(int(effective_n_jobs(n_jobs)), most // PROCESS))


def _needs_more(outcome: CaseOutcome | Failure) -> bool:
    row = None if isinstance(outcome, Failure) else outcome.failure
    return row is not None and row["error"] == MemoryLimitError.__name__
