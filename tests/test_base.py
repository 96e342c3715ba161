"""What can be done with collections, ours and those of any other class that follows the protocol."""

import operator
import subprocess
import sys
import threading
from collections import OrderedDict, namedtuple
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from cenote import annotate, compute, config, delayed, get_annotations, local, optimize, persist, threaded
from cenote.base import (
    DaskMethodsMixin,
    clone_key,
    compute_as_if_collection,
    get_collection_names,
    get_name_from_key,
    get_scheduler,
    is_dask_collection,
    named_schedulers,
    replace_name_in_key,
    unpack_collections,
)
from cenote.delayed import Delayed


@dataclass
class Point:
    x: object
    y: object = 0
    norm: object = field(init=False, default="unset")


Pair = namedtuple("Pair", ["left", "right"])


class Numbers(DaskMethodsMixin):
    """A collection of another library: a tuple of the results of some keys."""

    __dask_optimize__ = None

    def __init__(self, graph, keys):
        self.graph, self.names = graph, keys

    def __dask_graph__(self):
        return self.graph

    def __dask_keys__(self):
        return self.names

    def __dask_tokenize__(self):
        return tuple(self.names)

    def __dask_postcompute__(self):
        return tuple, ()

    def __dask_postpersist__(self):
        return Numbers, (self.names,)


@pytest.fixture
def numbers():
    return Numbers({"a": 1, "b": (operator.add, "a", 1)}, ["a", "b"])


def test_compute_returns_a_tuple_in_the_shape_of_the_arguments():
    a, b = delayed(1), delayed(2)
    given = (a, [b, {"k": a, b: 3}], (a, {b}), Point(a, [b]), Pair(a, 4), OrderedDict(z=a), "as it is", None)
    expected = (1, [2, {"k": 1, 2: 3}], (1, {2}), Point(1, [2]), Pair(1, 4), OrderedDict(z=1), "as it is", None)
    assert compute(*given) == expected
    assert compute(iter([a, b])) == ([1, 2],)
    assert compute() == ()
    assert compute(1, [2]) == (1, [2])


def test_traverse_false_leaves_containers_alone():
    a = delayed(1)
    held, value = compute([a], a, traverse=False)
    assert held[0] is a
    assert value == 1


def test_containers_may_be_nested_ten_thousand_deep():
    deep = delayed(1)
    for _ in range(10_000):
        deep = [deep]
    (result,) = compute(deep)
    while isinstance(result, list):
        (result,) = result
    assert result == 1


def test_unpacking_and_repacking_keeps_places():
    a, b = delayed(1), delayed(2)
    found, repack = unpack_collections(a, [b, a], {"k": (b,)})
    assert [one.key for one in found] == [a.key, b.key]
    assert repack(["A", "B"]) == ("A", ["B", "A"], {"k": ("B",)})


def test_collections_of_other_classes_take_part(numbers):
    assert is_dask_collection(numbers) and not is_dask_collection(Numbers) and not is_dask_collection(1)
    assert numbers.compute() == (1, 2)
    assert compute(numbers, delayed(3), [numbers]) == ((1, 2), 3, [(1, 2)])
    assert delayed(sum)(numbers).compute() == 3
    assert delayed(len)([numbers, numbers]).compute() == 2
    assert delayed(sum, pure=True)(numbers).key == delayed(sum, pure=True)(numbers).key


def test_collections_without_a_graph_are_no_collections():
    assert not is_dask_collection(Numbers(None, []))


def test_persisting_keeps_keys_and_holds_results(numbers):
    calls = []

    def note(x):
        calls.append(x)
        return (int, str(x))

    node = delayed(note)(7)
    held, other = persist(node, [numbers])
    assert held.key == node.key
    assert len(held.dask) == 1
    assert held.compute() == held.compute() == (int, "7")
    assert calls == [7]
    assert other[0].graph == {"a": 1, "b": 2}
    assert persist(1, 2) == (1, 2)


def test_optimized_collections_share_a_graph():
    a = delayed(operator.neg)(1)
    b = a + 1
    a2, (b2, constant) = optimize(a, (b, 3))
    assert isinstance(a2, Delayed) and constant == 3
    assert dict(a2.dask) == dict(b2.dask)
    assert compute(a2, b2) == (-1, 0)


def test_the_graph_goes_to_the_scheduler_that_is_named():
    here = threading.get_ident()
    ident = delayed(threading.get_ident)
    assert ident().compute() != here
    assert ident().compute(scheduler="sync") == here
    with config.set(scheduler="single-threaded"):
        assert ident().compute() == here
        assert ident().compute(scheduler="threads") != here


def test_a_scheduler_may_be_a_function_or_a_new_name():
    seen = []

    def run(graph, keys, **kwargs):
        seen.append((sorted(graph), keys, kwargs))
        return local.get_sync(graph, keys)

    x = delayed(operator.neg)(1, dask_key_name="x")
    assert x.compute(scheduler=run, number=5) == -1
    assert seen == [(["x"], ["x"], {"number": 5})]
    named_schedulers["mine"] = run
    try:
        assert x.compute(scheduler="mine") == -1
        with config.set(scheduler="MINE"):
            assert x.compute() == -1
    finally:
        del named_schedulers["mine"]


def test_a_scheduler_may_be_an_executor():
    with ThreadPoolExecutor(1, thread_name_prefix="own") as executor:
        name = delayed(lambda: threading.current_thread().name)()
        assert name.compute(scheduler=executor).startswith("own")


def test_a_scheduler_may_be_an_executor_of_processes():
    with ProcessPoolExecutor(1) as executor:
        assert delayed(operator.add)(1, delayed(operator.neg)(2)).compute(scheduler=executor) == -1


def test_unknown_schedulers_are_errors_that_name_the_known_ones():
    x = delayed(1)
    with pytest.raises(ValueError, match="threads"):
        x.compute(scheduler="no such")
    with pytest.raises(ValueError, match="Unexpected scheduler"):
        x.compute(scheduler=3)
    with pytest.raises(TypeError, match="scheduler="):
        x.compute(get=threaded.get)
    with pytest.raises(RuntimeError, match="no Client active"):
        x.compute(scheduler="distributed")


def test_the_scheduler_is_looked_up_in_order():
    assert get_scheduler() is None
    assert get_scheduler(scheduler="threads") is threaded.get
    assert get_scheduler(scheduler="sync") is local.get_sync
    assert get_scheduler(collections=[delayed(1)]) is threaded.get
    with config.set(scheduler="sync"):
        assert get_scheduler(collections=[delayed(1)]) is local.get_sync


def test_collections_with_different_defaults_need_a_word(numbers):
    numbers.__dask_scheduler__ = local.get_sync
    with pytest.raises(ValueError, match="different default schedulers"):
        compute(delayed(1), numbers)
    assert compute(delayed(1), numbers, scheduler="sync") == (1, (1, 2))


def test_a_graph_may_be_computed_as_if_it_were_a_collection_of_a_class():
    assert compute_as_if_collection(Delayed, {"x": 1, "y": (operator.neg, "x")}, ["y"]) == (-1,)


def test_annotations_nest_and_are_checked():
    with annotate(priority=1, workers="w"), annotate(retries=2, priority=lambda key: 3):
        inner = get_annotations()
    assert inner["retries"] == 2 and callable(inner["priority"]) and inner["workers"] == ["w"]
    assert get_annotations() == {}
    for wrong in ({"workers": 1}, {"priority": "a"}, {"retries": "a"}, {"resources": 1}, {"allow_other_workers": 1}):
        with pytest.raises(TypeError, match=next(iter(wrong))), annotate(**wrong):
            pass


def test_names_are_found_and_replaced_in_keys():
    assert get_name_from_key("x") == get_name_from_key(("x", 1)) == "x"
    assert replace_name_in_key(("x", 1), {"x": "y"}) == ("y", 1)
    assert replace_name_in_key("x", {}) == "x"
    assert clone_key(("sum-12345678", 1), 1)[0].startswith("sum-")
    assert clone_key("x", 1) != clone_key("x", 2)
    assert get_collection_names(delayed(1, name=("x", 1))) == {"x"}
    for wrong in (1, (), (1,)):
        with pytest.raises(TypeError):
            get_name_from_key(wrong)
    with pytest.raises(TypeError):
        get_collection_names(1)


def test_what_fails_names_the_key_and_raises_what_the_task_raised():
    def fail():
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        delayed(fail)(dask_key_name="broken").compute()
    assert any("broken" in note for note in caught.value.__notes__)


WITHOUT_DASK = """
import sys
for name in ("dask", "distributed", "numpy", "pandas"):
    sys.modules[name] = None
from cenote import compute, delayed, optimize, persist
x = delayed(abs)(-1, dask_key_name="x")
assert compute(x, [x + 1], delayed(sum)([x, x])) == (1, [2], 2)
assert persist(x)[0].compute() == optimize(x)[0].compute() == 1
assert list(x.dask.layers) == ["x"]
try:
    x.compute(scheduler="processes")
except ImportError as error:
    assert "pip install" in str(error)
else:
    raise AssertionError
try:
    import cenote.dask
except ImportError as error:
    assert error.name == "dask" and "pip install dask" in str(error)
else:
    raise AssertionError
"""


def test_everything_works_without_dask():
    subprocess.run([sys.executable, "-c", WITHOUT_DASK], check=True, timeout=60)
