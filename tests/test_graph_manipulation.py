"""Making one part of a graph wait for another (cenote.graph_manipulation)."""

import pickle

import pytest

import cenote
from cenote.graph_manipulation import bind, checkpoint, chunks, clone, wait_on
from cenote.highlevelgraph import HighLevelGraph


class Log:
    """Remembers what was called, in order."""

    def __init__(self):
        self.calls = []

    def note(self, name, *_):
        self.calls.append(name)
        return name

    def __dask_tokenize__(self):
        return id(self)


@pytest.fixture
def log():
    return Log()


class Numbers:
    """A collection of several keys, made by a library of somebody else."""

    def __init__(self, graph, keys):
        self.graph, self.keys = graph, keys

    def __dask_graph__(self):
        return self.graph

    def __dask_keys__(self):
        return self.keys

    def __dask_layers__(self):
        return tuple(self.graph.layers)

    def __dask_tokenize__(self):
        return self.keys

    def __dask_postcompute__(self):
        return list, ()

    def __dask_postpersist__(self):
        return Numbers.rebuilt, (self.keys,)

    @staticmethod
    def rebuilt(graph, keys, rename=None):
        return Numbers(graph, [cenote.base.replace_name_in_key(key, rename or {}) for key in keys])

    __dask_scheduler__ = staticmethod(cenote.get_sync)
    __dask_optimize__ = None


def numbers(log, name, count, layered):
    tasks = {(name, i): (log.note, f"{name} {i}") for i in range(count)}
    graph = HighLevelGraph({name: tasks}, {name: set()}) if layered else tasks
    return Numbers(graph, list(tasks))


def test_a_bound_task_runs_after_what_it_is_bound_to(log):
    first = [cenote.delayed(log.note)(f"first {i}") for i in range(3)]
    then = cenote.delayed(log.note)("then")
    bound = bind(then, first)
    assert bound.key != then.key
    assert bound.compute(scheduler="sync") == "then"
    assert log.calls[-1] == "then"
    assert set(log.calls) == {"first 0", "first 1", "first 2", "then"}


def test_what_is_omitted_is_not_computed_again(log):
    base = cenote.delayed(log.note)("base")
    top = cenote.delayed(log.note)("top", base)
    bound = bind(top, cenote.delayed(log.note)("first"), omit=base)
    assert base.key in bound.__dask_graph__()
    assert top.key not in bound.__dask_graph__()
    assert cenote.compute(bound, base, scheduler="sync") == ("top", "base")
    assert sorted(log.calls) == ["base", "first", "top"]
    assert log.calls[-1] == "top"


def test_a_clone_computes_everything_again_under_other_keys(log):
    x = cenote.delayed(log.note)("top", cenote.delayed(log.note)("base"))
    copied = clone(x)
    assert not set(copied.__dask_graph__()) & set(x.__dask_graph__())
    assert cenote.compute(x, copied, scheduler="sync") == ("top", "top")
    assert sorted(log.calls) == ["base", "base", "top", "top"]


def test_many_clones_are_computed_together():
    objects = [cenote.delayed(abs)(-i) for i in range(50)]
    assert cenote.compute(*[clone(one, seed=1) for one in objects]) == tuple(range(50))
    assert cenote.compute(*[bind(one, objects[0], seed=1) for one in objects]) == tuple(range(50))


def test_keys_of_clones_depend_on_the_seed_alone():
    x = cenote.delayed(abs)(-1)
    assert clone(x, seed=1).key == clone(x, seed=1).key != clone(x, seed=2).key
    assert clone(x).key != clone(x).key
    assert clone(clone(x, seed=1), seed=1).key != clone(x, seed=1).key


def test_structures_keep_their_shape():
    x, y = cenote.delayed(abs)(-1), cenote.delayed(abs)(-2)
    assert cenote.compute(clone({"x": [x], "y": (y, 3)})) == ({"x": [1], "y": (2, 3)},)
    assert cenote.compute(clone(x, y)) == ((1, 2),)
    assert cenote.compute(wait_on([x, {"y": y}])) == ([1, {"y": 2}],)
    assert wait_on(x).compute() == 1


def test_a_checkpoint_waits_for_all_and_gives_nothing(log):
    parts = [cenote.delayed(log.note)(i) for i in range(5)]
    assert checkpoint(*parts[:2], {"rest": parts[2:]}).compute(scheduler="sync") is None
    assert sorted(log.calls) == list(range(5))
    assert checkpoint(parts[0]).compute(scheduler="sync") is None
    assert checkpoint().compute(scheduler="sync") is None


@pytest.mark.parametrize("layered", [False, True])
def test_collections_of_several_keys_can_be_waited_for_bound_and_cloned(log, layered):
    a, b = numbers(log, "a", 20, layered), numbers(log, "b", 3, layered)
    assert checkpoint(a).compute(scheduler="sync") is None
    assert len(log.calls) == 20
    log.calls.clear()
    (values,) = cenote.compute(bind(b, a, assume_layers=layered), scheduler="sync")
    assert values == ["b 0", "b 1", "b 2"]
    assert {call[0] for call in log.calls[:20]} == {"a"}
    assert {call[0] for call in log.calls[20:]} == {"b"}
    (values,) = cenote.compute(wait_on(b), scheduler="sync")
    assert values == ["b 0", "b 1", "b 2"]
    assert not set(clone(b, assume_layers=layered).__dask_graph__()) & set(b.__dask_graph__())


@pytest.mark.parametrize(("split_every", "tasks"), [(2, 299), (8, 215), (None, 215), (False, 201)])
def test_the_width_of_the_tree_can_be_chosen(log, split_every, tasks):
    waiting = checkpoint(numbers(log, "a", 100, True), split_every=split_every)
    assert len(waiting.__dask_graph__()) == tasks


@pytest.mark.parametrize("split_every", [1, 1.9, 0, -2])
def test_a_tree_must_branch(split_every):
    with pytest.raises(ValueError, match="split_every must be False, None, or >= 2"):
        checkpoint(cenote.delayed(abs)(-1), split_every=split_every)


def test_the_functions_put_into_graphs_pickle_as_dasks():
    dask = pytest.importorskip("dask.graph_manipulation")
    data = pickle.dumps([chunks.bind, chunks.checkpoint])
    assert b"cenote" not in data
    assert pickle.loads(data) == [dask.chunks.bind, dask.chunks.checkpoint]
    assert chunks.bind(1, 2, x=3) == 1
    assert chunks.checkpoint(1) is None


def test_tasks_of_dask_refer_to_clones_too(log):
    pytest.importorskip("dask")
    import dask

    x = dask.delayed(log.note)("top", dask.delayed(log.note)("base"))
    copied = clone(x)
    assert type(copied) is type(x)
    assert dask.compute(x, copied, scheduler="sync") == ("top", "top")
    assert sorted(log.calls) == ["base", "base", "top", "top"]
    bound = bind(x, cenote.delayed(log.note)("first"))
    log.calls.clear()
    assert bound.compute(scheduler="sync") == "top"
    assert log.calls == ["first", "base", "top"]


def test_collections_of_dask_stay_symbolic():
    da = pytest.importorskip("dask.array")
    from dask.blockwise import Blockwise

    x = da.ones(6, chunks=2) + 1
    bound = bind(x, cenote.delayed(abs)(-1))
    waiting = wait_on(x)
    for made in (bound, waiting, clone(x)):
        assert type(made) is type(x)
        layers = made.__dask_graph__().layers.values()
        assert any(isinstance(layer, Blockwise) for layer in layers)
        assert not any(layer.is_materialized() for layer in layers if isinstance(layer, Blockwise))
        assert made.compute(scheduler="sync").tolist() == [2.0] * 6
