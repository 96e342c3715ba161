"""Delayed calls and Dask's collections together."""

import copy
import operator
import pickle

import pytest

from cenote import compute, delayed, optimize, persist
from cenote.delayed import Delayed

dask = pytest.importorskip("dask")
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
dd = pytest.importorskip("dask.dataframe")
DaskDelayed = pytest.importorskip("dask.delayed").Delayed

negative = delayed(operator.neg)


def test_both_are_computed_together_by_either():
    node, array = negative(1), da.arange(10, chunks=5)
    for function in (compute, dask.compute):
        result, total, nested = function(node, array.sum(), [node])
        assert (result, total, nested) == (-1, 45, [-1])


def test_dask_collections_arrive_computed():
    array = da.arange(10, chunks=5)
    frame = dd.from_pandas(pd.DataFrame({"a": [1, 2, 3]}), npartitions=2)
    assert delayed(lambda values: values.sum())(array).compute() == 45
    assert delayed(sum)([array.sum(), array.max(), negative(1)]).compute() == 53
    assert delayed(len)(frame).compute() == 3
    assert delayed(sum)(db.from_sequence([1, 2, 3])).compute() == 6
    assert negative(db.from_sequence([1, 2, 3]).sum()).compute() == -6
    assert negative(dask.delayed(3)).compute() == -3
    assert delayed(sum)([delayed(np.sum)(block) for block in array.to_delayed()]).compute() == 45


def test_what_several_arguments_share_is_computed_once():
    calls = []

    def ones():
        calls.append(1)
        return np.ones(4)

    base = da.from_delayed(dask.delayed(ones)(), shape=(4,), dtype=float)
    assert delayed(lambda a, b: (a + b[0]).sum())(base + 1, b=[base + 2]).compute() == 20.0
    assert calls == [1]


def test_dask_takes_our_nodes_for_its_collections():
    assert dask.delayed(sum)([negative(1), 5]).compute() == 4
    bag = db.from_delayed([delayed(list)([1, 2]), delayed(list)((3,))])
    assert bag.map(operator.neg).compute(scheduler="sync") == [-1, -2, -3]
    array = da.from_delayed(delayed(np.ones)(4), shape=(4,), dtype=float)
    assert array.sum().compute() == 4
    frame = dd.from_delayed([delayed(pd.DataFrame)({"a": [1, 2]}), delayed(pd.DataFrame)({"a": [3]})])
    assert frame.a.sum().compute() == 6


def test_dask_takes_a_node_of_ours_for_a_delayed_of_its_own():
    node = delayed(list)([1, 2])
    assert isinstance(node, DaskDelayed) and isinstance(node, Delayed) and type(node) is Delayed
    assert not isinstance(node, (list, str, da.Array))
    assert dask.delayed(node) is node
    assert pickle.loads(pickle.dumps(node)).compute() == copy.deepcopy(node).compute() == [1, 2]


def test_one_node_makes_a_collection():
    assert db.from_delayed(delayed(list)([1, 2])).map(operator.neg).compute(scheduler="sync") == [-1, -2]
    assert da.from_delayed(delayed(np.ones)(4), shape=(4,), dtype=float).sum().compute() == 4
    assert dd.from_delayed(delayed(pd.DataFrame)({"a": [1, 2]})).a.sum().compute() == 3


def test_collections_take_nodes_for_arguments():
    numbers = db.from_sequence([1, 2])
    assert numbers.map(operator.add, negative(1)).compute(scheduler="sync") == [0, 1]
    assert numbers.join(delayed(list)([2, 3]), abs).compute(scheduler="sync") == [(2, 2)]
    frame = dd.from_pandas(pd.DataFrame({"a": [1, 2]}), npartitions=2)
    for moved in (
        frame.map_partitions(operator.add, negative(1), meta=frame._meta),
        frame.map_partitions(lambda part, by: part + by, by=negative(delayed(abs)(1)), meta=frame._meta),
    ):
        assert moved.a.sum().compute() == 1


def test_both_are_persisted_and_optimized_by_either():
    node, array = negative(1), da.arange(10, chunks=5)
    held, blocks = persist(node, array)
    assert held.compute() == -1
    assert isinstance(blocks, da.Array) and len(blocks.dask) == 2
    assert dask.persist(node)[0].compute() == dask.optimize(node)[0].compute() == -1
    again, whole = optimize(node, array)
    assert (again.compute(), whole.sum().compute()) == (-1, 45)


def test_tasks_are_dasks_own_where_dask_is_loaded():
    from dask._task_spec import DataNode, Task

    graph = delayed(sum)([delayed(1, name="one")], dask_key_name="total").dask
    assert type(graph["one"]) is DataNode and type(graph["total"]) is Task
    assert dask.get(graph, "total") == 1


def test_dasks_settings_annotations_and_callbacks_are_honoured():
    from dask.callbacks import Callback

    with dask.config.set(delayed_pure=True):
        assert negative(1).key == negative(1).key
    with dask.annotate(priority=2):
        node = negative(1)
    assert node.dask.layers[node.key].annotations == {"priority": 2}
    keys = []
    with Callback(pretask=lambda key, graph, state: keys.append(key)):
        node.compute()
    assert keys == [node.key]
    seen = []
    with dask.config.set(scheduler=lambda graph, keys, **kwargs: seen.append(keys) or [0]):
        assert node.compute() == 0
    assert seen == [[node.key]]


def test_collections_whose_defaults_differ_need_a_word():
    with pytest.raises(ValueError, match="different default schedulers"):
        compute(negative(1), db.range(3, npartitions=1))
    assert compute(negative(1), db.range(3, npartitions=1), scheduler="sync") == (-1, [0, 1, 2])


def test_processes_run_by_way_of_dask():
    assert negative(1).compute(scheduler="processes", num_workers=1) == -1
