"""Snakemake's scheduler with one timer."""

from __future__ import annotations

import threading

from ntk_core.workdir.scheduling import keep_one_timer


class Scheduler:
    """What is used of Snakemake's."""

    def __init__(self) -> None:
        self._open_jobs = threading.Semaphore(0)


def test_one_timer_runs_at_a_time_and_the_next_after_it():
    scheduler, before = Scheduler(), threading.active_count()
    keep_one_timer(scheduler)
    for _ in range(2):
        for _ in range(5):
            scheduler._schedule_reevalutation(0.2)
        assert threading.active_count() == before + 1
        assert scheduler._open_jobs.acquire(timeout=60)
        assert not scheduler._open_jobs.acquire(blocking=False)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
