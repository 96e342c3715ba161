"""Code that knows only ``concurrent.futures``, given ``client.get_executor()``."""

import asyncio
import concurrent.futures as futures
import threading
import time
from collections import Counter

import pytest
from distributed import Event

TEXTS = ["to be or not to be", "that is the question", "to die to sleep", "no more and by a sleep"]


def words(text):
    return Counter(text.split())


def slow(seconds, value):
    time.sleep(seconds)
    return value


def divide(number, by):
    return number / by


def wait_for(name):
    return Event(name).wait(timeout=60)


@pytest.fixture
def executor(client):
    with client.get_executor(pure=False) as executor:
        yield executor


def test_words_are_counted_as_results_come(executor):
    jobs = {executor.submit(words, text): text for text in TEXTS}
    together, seen = Counter(), []
    for job in futures.as_completed(jobs, timeout=60):
        seen.append(jobs[job])
        together += job.result()
    assert sorted(seen) == sorted(TEXTS)
    assert together == words(" ".join(TEXTS))


def test_a_map_keeps_the_order_and_takes_as_many_as_its_shortest_argument(executor):
    assert list(executor.map(divide, range(20), [2] * 10, chunksize=3)) == [number / 2 for number in range(10)]
    assert next(iter(executor.map(slow, [0, 0], ["first", "second"], timeout=60))) == "first"


def test_the_first_error_of_a_map_comes_where_it_stands(executor):
    quotients = executor.map(divide, [1, 2, 3], [1, 0, 1])
    assert next(quotients) == 1
    with pytest.raises(ZeroDivisionError):
        next(quotients)


def test_a_map_is_given_up_after_its_time(executor):
    with pytest.raises(futures.TimeoutError):
        list(executor.map(slow, [0, 3], "ab", timeout=0.5))


def test_a_result_is_waited_for_as_long_as_one_says(executor):
    job = executor.submit(slow, 1, "late")
    with pytest.raises(futures.TimeoutError):
        job.result(timeout=0.1)
    with pytest.raises(futures.TimeoutError):
        job.exception(timeout=0.1)
    assert job.result(timeout=60) == "late"
    assert job.exception() is None
    assert job.done() and not job.running() and not job.cancelled()


def test_one_waits_for_the_first_for_the_first_error_and_for_all(client, executor):
    held = Event("one-waits", client=client)
    late = executor.submit(wait_for, "one-waits")
    done, rest = futures.wait([late, executor.submit(words, "a")], 60, futures.FIRST_COMPLETED)
    assert [job.result() for job in done] == [{"a": 1}] and rest == {late}
    bad = executor.submit(divide, 1, 0)
    done, rest = futures.wait([late, bad], 60, futures.FIRST_EXCEPTION)
    assert done == {bad} and rest == {late}
    assert isinstance(bad.exception(), ZeroDivisionError)
    held.set()
    done, rest = futures.wait([late, bad], 60)
    assert done == {late, bad} and not rest
    assert late.result() is True


def test_what_is_cancelled_is_told_to_whoever_waits(client, executor):
    held = Event("cancelled", client=client)
    blocked = [executor.submit(wait_for, "cancelled") for _ in range(8)]
    victim = executor.submit(slow, 0, "never")
    told = threading.Event()
    victim.add_done_callback(lambda job: told.set())
    assert victim.cancel()
    assert told.wait(10) and victim.cancelled()
    with pytest.raises(futures.CancelledError):
        victim.result(timeout=10)
    held.set()
    assert all(job.result(timeout=60) for job in blocked)


def test_a_callback_hands_on_the_next_job(executor):
    chain, done = futures.Future(), []

    def step(job):
        done.append(job.result())
        if len(done) < 5:
            executor.submit(slow, 0, len(done)).add_done_callback(step)
        else:
            chain.set_result(done)

    executor.submit(slow, 0, 0).add_done_callback(step)
    assert chain.result(timeout=60) == [0, 1, 2, 3, 4]


def test_an_asynchronous_program_runs_its_blocking_calls_there(executor):
    async def program():
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(executor, slow, 0.01, number) for number in range(20)]
        assert await asyncio.gather(*calls) == list(range(20))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(executor, divide, 1, 0)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(executor.submit(slow, 3, None)), 0.5)

    asyncio.run(program())


def test_a_closed_executor_has_finished_its_jobs_and_takes_no_more(client):
    with client.get_executor(pure=False) as executor:
        jobs = [executor.submit(slow, 0.05, number) for number in range(20)]
    assert [job.result(timeout=60) for job in jobs] == list(range(20))
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(words, "late")


def test_several_threads_share_an_executor(executor):
    totals = {}

    def work(name):
        jobs = [executor.submit(divide, number, 2) for number in range(50)]
        totals[name] = sum(job.result(timeout=60) for job in jobs)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == dict.fromkeys(range(4), sum(range(50)) / 2)


def test_jobs_of_a_job_go_to_the_same_cluster(client):
    def sum_of_halves(count):
        from distributed import worker_client

        with worker_client() as inner, inner.get_executor(pure=False) as nested:
            return sum(nested.map(lambda number: number / 2, range(count)))

    with client.get_executor(pure=False) as executor:
        assert executor.submit(sum_of_halves, 30).result(timeout=60) == sum(range(30)) / 2


def test_a_job_that_fails_at_first_is_tried_again(client):
    def flaky(name):
        from distributed import Event

        first = Event(name)
        if not first.is_set():
            first.set()
            raise OSError("not yet")
        return "at last"

    with client.get_executor(pure=False, retries=2) as executor:
        assert executor.submit(flaky, "tried-again").result(timeout=60) == "at last"
