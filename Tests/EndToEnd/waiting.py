"""Waiting for a condition, never for a time."""

import time
from typing import Callable, TypeVar

import requests

Result = TypeVar("Result")

# Polls start this often and slow down to the second figure, so that a quick event is seen at once and a slow one does
# not take a core from the collector under test.
FIRST_PAUSE_SECONDS = 0.003
LAST_PAUSE_SECONDS = 0.05


def eventually(check: Callable[[], Result], seconds: float = 10.0) -> Result:
    """Calls `check` until it raises neither AssertionError nor a connection error, and returns what it returned.

    The error of an attempt that began after `seconds` is raised, so that a test fails with the claim that did not
    become true, and a first attempt that took long is not the last one.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        try:
            return check()
        except (AssertionError, requests.ConnectionError, requests.Timeout):
            if began > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, LAST_PAUSE_SECONDS)
