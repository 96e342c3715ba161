"""The package adaptive, which samples a function where it is interesting, with the cluster as its executor."""

import adaptive
import pytest


def peak(x):
    return x + 0.01**2 / (0.01**2 + (x - 0.3) ** 2)


def broken(x):
    raise ArithmeticError(f"no value at {x}")


def test_a_function_is_sampled_more_densely_where_it_has_its_peak(client):
    learner = adaptive.Learner1D(peak, bounds=(-1, 1))
    with client.get_executor(pure=False) as executor:
        adaptive.runner.BlockingRunner(learner, npoints_goal=60, executor=executor, ntasks=4, shutdown_executor=False)
    assert learner.npoints >= 60
    assert all(value == peak(x) for x, value in learner.data.items())
    near = sum(abs(x - 0.3) < 0.1 for x in learner.data)
    assert near > len(learner.data) / 5


def test_an_error_of_the_function_ends_the_run(client):
    learner = adaptive.Learner1D(broken, bounds=(-1, 1))
    with client.get_executor(pure=False) as executor, pytest.raises(RuntimeError) as error:
        adaptive.runner.BlockingRunner(learner, npoints_goal=5, executor=executor, ntasks=2, retries=1)
    assert isinstance(error.value.__cause__, ArithmeticError)
