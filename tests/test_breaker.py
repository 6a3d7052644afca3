"""The breaker: when it opens, whom it lets through, and when it closes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assistant.generators.breaker import Breaker
from tests.conftest import Clock


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, cool_down_seconds=30, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admit() == 0.0
        breaker.failed()


def test_it_opens_after_three_failures_in_a_row_and_says_for_how_long(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    assert breaker.admit() == 30.0
    clock.seconds += 12
    assert breaker.admit() == 18.0


def test_a_failure_that_is_not_in_a_row_does_not_count(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker, 2)
        breaker.served()
    assert breaker.admit() == 0.0


def test_after_the_cool_down_one_caller_tries_and_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 30
    assert [breaker.admit() for _ in range(3)] == [0.0, 30.0, 30.0]


def test_a_trial_that_is_served_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 30
    assert breaker.admit() == 0.0
    breaker.served()
    fail(breaker, 2)
    assert breaker.admit() == 0.0


def test_a_trial_that_fails_opens_it_for_a_whole_cool_down_from_then(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 30
    assert breaker.admit() == 0.0
    clock.seconds += 20
    breaker.failed()
    clock.seconds += 29
    assert breaker.admit() == 1.0
    clock.seconds += 1
    assert breaker.admit() == 0.0


def test_a_trial_that_nobody_tells_of_does_not_keep_it_open_for_ever(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    for _ in range(3):
        clock.seconds += 30
        assert [breaker.admit() for _ in range(2)] == [0.0, 30.0]


def test_of_many_threads_one_is_let_through(breaker: Breaker, clock: Clock) -> None:
    together = threading.Barrier(16)

    def admitted(_: int) -> bool:
        together.wait()
        return breaker.admit() == 0.0

    with ThreadPoolExecutor(16) as pool:
        for _ in range(50):
            fail(breaker, 3)
            clock.seconds += 30
            assert sum(pool.map(admitted, range(16))) == 1
            breaker.served()
