"""Snakemake's scheduler, with one timer in place of one for every job that has ended."""

from __future__ import annotations

import threading
from typing import Any


def keep_one_timer(scheduler: Any) -> None:
    """Let Snakemake's `scheduler` wait for its rate limit (`--max-jobs-per-timespan`) by one timer at a time.

    Up to version 9.27 each look for ready jobs starts a timer for the next look, and so does each job that
    ends: after N jobs there are N threads and N looks a second, and the call ends when the last timer does.
    What is due is the same by one.
    """
    guard = threading.Lock()  # held while a timer runs

    def look_again() -> None:
        guard.release()
        scheduler._open_jobs.release()

    def schedule(delay: float) -> None:
        if guard.acquire(blocking=False):
            timer = threading.Timer(delay, look_again)
            timer.daemon = True
            timer.start()

    scheduler._schedule_reevalutation = schedule
