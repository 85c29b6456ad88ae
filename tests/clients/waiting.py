"""Waiting for something to come true, with a deadline instead of a fixed sleep."""

import time

# Generous, because a shared two-core machine can be slow; a passing test never waits this long.
DEADLINE_SECONDS = 60.0


def until(check, what, seconds=DEADLINE_SECONDS, every=0.02):
    """Calls `check` until it returns something true, and returns that. Fails after `seconds`.

    `what` completes the sentence "still waiting for …". An AssertionError inside `check` counts
    as "not yet", and the last one is shown when time runs out.
    """
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = check()
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"still waiting for {what} after {seconds:.0f} s; last seen: {last!r}")
        time.sleep(every)
