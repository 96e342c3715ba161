"""Graphs made of layers (cenote.highlevelgraph)."""

import copy
import pickle
import random
import subprocess
import sys
import time
import xml.etree.ElementTree
from operator import add

import pytest

import cenote
from cenote.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer, compute_layer_dependencies, to_graphviz
from cenote.task_spec import Alias, DataNode, List, Task, TaskRef


def inc(x):
    return x + 1


class Collection:
    """The least that a collection must offer to be built upon."""

    def __init__(self, graph, name):
        self.graph, self.name = graph, name

    def __dask_graph__(self):
        return self.graph

    def __dask_keys__(self):
        return [self.name]

    def __dask_layers__(self):
        return (self.name,)

    def __dask_postcompute__(self):
        return list, ()


class Range(Layer):
    """A layer that makes its tasks only when asked."""

    def __init__(self, name, start, stop):
        super().__init__()
        self.name, self.start, self.stop = name, start, stop
        self.made = False

    has_legacy_tasks = False

    def is_materialized(self):
        return self.made

    def get_output_keys(self):
        return {(self.name, i) for i in range(self.start, self.stop)}

    def cull(self, keys, all_hlg_keys):
        wanted = sorted(key[1] for key in keys)
        culled = Range(self.name, wanted[0], wanted[-1] + 1)
        return culled, {key: set() for key in culled.get_output_keys()}

    def __getitem__(self, key):
        self.made = True
        return (inc, key[1])

    def __iter__(self):
        self.made = True
        return iter(sorted(self.get_output_keys()))

    def __len__(self):
        return self.stop - self.start


def three_layers():
    return HighLevelGraph(
        {
            "read": {("read", 0): 1, ("read", 1): 2},
            "add": {("add", i): (add, ("read", i), 100) for i in range(2)},
            "total": {"total": (sum, [("add", 0), ("add", 1)])},
        },
        {"read": set(), "add": {"read"}, "total": {"add"}},
    )


def chain(length):
    collection = Collection(HighLevelGraph.from_collections("n-0", {"n-0": 1}), "n-0")
    for i in range(1, length):
        layer = {f"n-{i}": (inc, collection.name)}
        collection = Collection(HighLevelGraph.from_collections(f"n-{i}", layer, [collection]), f"n-{i}")
    return collection.graph


def test_a_graph_of_layers_is_a_mapping_of_all_their_tasks():
    graph = three_layers()
    assert (
        dict(graph) == graph.to_dict() == {key: task for layer in graph.layers.values() for key, task in layer.items()}
    )
    assert len(graph) == 5
    assert graph["total"][0] is sum
    assert ("read", 0) in graph
    assert ("read", 2) not in graph
    assert graph.keyset() == graph.get_all_external_keys() == set(graph)
    assert list(graph.items()) == list(zip(graph.keys(), graph.values(), strict=True))


def test_it_is_computed_like_any_other_graph():
    assert cenote.get(three_layers(), "total") == 203
    assert cenote.get(three_layers(), [["total"], ("read", 1)]) == ((203,), 2)


def test_keys_are_found_in_whatever_layer_holds_them():
    graph = HighLevelGraph({"a": {"a": 1, ("a", 0): 2, "b": 3}, "b": {"c": 4}}, {"a": set(), "b": set()})
    assert [graph["a"], graph["a", 0], graph["b"], graph["c"]] == [1, 2, 3, 4]
    for missing in ("d", "", 1, ()):
        with pytest.raises(KeyError):
            graph[missing]
    with pytest.raises(TypeError):
        graph[[]]


def test_dependents_are_dependencies_seen_from_the_other_side():
    assert three_layers().dependents == {"read": {"add"}, "add": {"total"}, "total": set()}


def test_dependencies_of_keys_are_those_of_their_tasks():
    graph = three_layers()
    assert graph.key_dependencies == {}
    found = graph.get_all_dependencies()
    assert found["total"] == {("add", 0), ("add", 1)}
    assert found["add", 0] == {("read", 0)}
    assert graph.key_dependencies is found


def test_a_copy_can_be_changed_alone():
    graph = three_layers()
    graph.get_all_dependencies()
    for other in (graph.copy(), copy.copy(graph)):
        for attribute in ("layers", "dependencies", "key_dependencies"):
            assert getattr(other, attribute) == getattr(graph, attribute)
            assert getattr(other, attribute) is not getattr(graph, attribute)


def test_culling_keeps_what_the_keys_need_and_how_layers_depend():
    culled = three_layers().cull([[("add", 1)]])
    assert dict(culled) == {("read", 1): 2, ("add", 1): (add, ("read", 1), 100)}
    culled.validate()
    assert len(culled.layers) == 2
    assert not culled.layers.keys() & three_layers().layers.keys()
    assert dict(three_layers().cull([])) == {}


def test_culling_finds_what_is_needed_even_if_the_dependencies_of_layers_do_not_tell():
    layers = {"a": {"x": 1, "z": (inc, "y")}, "b": {"y": (inc, "x"), "w": 1}}
    for dependencies in ({"a": set(), "b": set()}, {"a": {"b"}, "b": {"a"}}):
        assert set(HighLevelGraph(layers, dependencies).cull(["z"])) == {"x", "y", "z"}


def test_culling_keeps_annotations():
    layer = MaterializedLayer({"a": 42, "b": 3}, annotations={"priority": 1})
    culled, dependencies = layer.cull({"a"}, set())
    assert dict(culled) == {"a": 42}
    assert culled.annotations == {"priority": 1}
    assert dependencies == {"a": set()}


def test_a_layer_that_makes_tasks_when_asked_is_culled_without_making_them():
    graph = HighLevelGraph({"r": Range("r", 0, 1000), "s": {"s": (add, ("r", 3), ("r", 5))}}, {"r": set(), "s": {"r"}})
    culled = graph.cull(["s"])
    assert len(graph) == 1001
    assert len(culled) == 4
    assert not any(
        layer.made for layer in (*graph.layers.values(), *culled.layers.values()) if isinstance(layer, Range)
    )


def test_culling_by_layer_keeps_the_layers_themselves():
    graph = three_layers()
    culled = graph.cull_layers(["add"])
    assert culled.layers.keys() == {"read", "add"}
    assert culled.layers["add"] is graph.layers["add"]
    assert culled.dependencies == {"read": set(), "add": {"read"}}


def test_a_right_graph_validates_and_a_wrong_one_says_what_is_wrong():
    three_layers().validate()
    layers = {"a": {"x": 1}, "b": {"y": (inc, "x")}}
    with pytest.raises(ValueError, match=r"dependencies\['c'\] not found in layers"):
        HighLevelGraph(layers, {"a": set(), "b": {"a"}, "c": set()}).validate()
    with pytest.raises(ValueError, match="'z', a dependency of layer 'b', not found"):
        HighLevelGraph(layers, {"a": set(), "b": {"z"}}).validate()
    with pytest.raises(ValueError, match=r"layers and dependencies differ in \{'a'\}"):
        HighLevelGraph(layers, {"b": set()}).validate()
    with pytest.raises(ValueError, match=r"incorrect HLG dependencies\['b'\]"):
        HighLevelGraph(layers, {"a": set(), "b": set()}).validate()


def test_merging_joins_graphs_of_layers_and_plain_ones():
    merged = HighLevelGraph.merge(three_layers(), {"x": 1})
    assert merged["x"] == 1
    assert merged["total"][0] is sum
    assert len(merged.layers) == 4
    with pytest.raises(TypeError, match="only graphs can be merged, got int"):
        HighLevelGraph.merge(1)


def test_a_layer_on_top_of_collections_depends_on_their_layers():
    a = Collection(HighLevelGraph.from_collections("a", {"a": 1}), "a")
    b = Collection({"b": 2}, "b")
    graph = HighLevelGraph.from_collections("c", {"c": (add, "a", "b")}, [a, b, a])
    assert graph.dependencies == {"a": set(), "b": set(), "c": {"a", "b"}}
    graph.validate()
    with pytest.raises(TypeError, match="layer 'd' can build on collections only, got int"):
        HighLevelGraph.from_collections("d", {}, [1])


def test_building_on_a_graph_costs_the_size_of_what_is_added():
    def seconds(length):
        start = time.process_time()
        graph = chain(length)
        assert len(graph) == length
        return time.process_time() - start

    seconds(100)
    # sixteen times the size: copying what is there would cost 256 times as much; the collector of a full heap, twice
    assert min(seconds(16_000) for _ in range(3)) < 80 * min(seconds(1_000) for _ in range(3))


def test_building_on_a_graph_does_not_change_it():
    base = Collection(HighLevelGraph.from_collections("a", {"a": 1}), "a")
    left = HighLevelGraph.from_collections("b", {"b": (inc, "a")}, [base])
    right = HighLevelGraph.from_collections("c", {"c": (inc, "a")}, [base])
    assert left.layers.keys() == {"a", "b"}
    assert right.layers.keys() == {"a", "c"}
    assert base.graph.layers.keys() == {"a"}


def test_dependencies_of_layers_can_be_found_from_their_tasks():
    layers = {"a": {"x": Task("x", abs, -1)}, "b": {"y": Task("y", inc, List(TaskRef("x")))}}
    assert compute_layer_dependencies(layers) == {"a": set(), "b": {"a"}}


def test_a_layer_must_be_a_mapping():
    with pytest.raises(TypeError, match="got list"):
        MaterializedLayer([1, 2])


def test_annotations_in_force_are_kept_with_the_layer():
    with cenote.annotate(priority=3):
        layer = MaterializedLayer({"x": 1})
    assert layer.annotations == {"priority": 3}
    assert MaterializedLayer({"x": 1}).annotations is None
    assert MaterializedLayer({"x": 1}, annotations={"a": 1}).annotations == {"a": 1}


@pytest.mark.parametrize(
    "task", [(add, "x", ["w", {"a": "x"}]), Task("y", add, TaskRef("x"), List(TaskRef("w"))), Alias("y", "x")]
)
def test_a_clone_refers_to_clones(task):
    layer = MaterializedLayer({"y": task})
    clone, bound = layer.clone({"x", "y"}, seed=1, bind_to="b")
    (key,) = clone
    new_x = cenote.base.clone_key("x", 1)
    assert key == cenote.base.clone_key("y", 1)
    assert not bound
    dependencies = clone.get_dependencies(key, {new_x, "w", "x"})
    assert new_x in dependencies
    assert "x" not in dependencies


@pytest.mark.parametrize("task", [(inc, 1), 1, Task("y", inc, 1), DataNode("y", 1)])
def test_a_clone_of_a_task_without_clones_below_waits_for_what_it_is_bound_to(task):
    clone, bound = MaterializedLayer({"y": task}).clone({"y"}, seed=1, bind_to="b")
    (key,) = clone
    assert bound
    graph = {**clone, "b": 7}
    assert cenote.get(graph, key) == cenote.get({"y": task}, "y")
    assert clone.get_dependencies(key, {"b"}) == {"b"}


def test_pictures_for_notebooks_are_well_formed_and_escaped():
    graph = HighLevelGraph({"<a>": {"x": 1}, "b": {"y": (inc, "x")}}, {"<a>": set(), "b": {"<a>"}})
    text = graph._repr_html_()
    assert xml.etree.ElementTree.fromstring(text) is not None
    assert "&lt;a&gt;" in text
    for layer in graph.layers.values():
        assert xml.etree.ElementTree.fromstring(layer._repr_html_()) is not None
    layer = MaterializedLayer({"x": 1}, annotations={"who": "<me>"})
    assert layer.layer_info_dict()["who"] == "&lt;me&gt;"


def test_the_repr_lists_the_layers_in_order():
    lines = repr(three_layers()).splitlines()
    assert lines[0] == "HighLevelGraph with 3 layers."
    assert lines[2:] == [" 0. read", " 1. add", " 2. total"]


def test_the_picture_has_a_box_for_each_layer(tmp_path):
    graph = three_layers()
    picture = graph.visualize(filename=str(tmp_path / "layers.svg"), color="layer_type")
    assert xml.etree.ElementTree.fromstring((tmp_path / "layers.svg").read_text()) is not None
    assert all(name in picture.svg() for name in graph.layers)
    text = to_graphviz(graph)
    assert text == text.source
    boxes = [line for line in text.body if "label" in line]
    assert len(boxes) == 3
    assert all("tooltip" in line for line in boxes)


def test_graphs_pickle_without_dask_as_they_are():
    code = (
        "import pickle, sys; from cenote.highlevelgraph import HighLevelGraph\n"
        "graph = HighLevelGraph({'a': {'x': 1}}, {'a': set()})\n"
        "again = pickle.loads(pickle.dumps(graph))\n"
        "assert type(again) is HighLevelGraph and again.layers == graph.layers and 'dask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_with_dask_loaded_no_pickle_of_a_graph_needs_cenote():
    pytest.importorskip("dask")
    import dask.highlevelgraph

    tasks = {"y": Task("y", add, TaskRef("x"), b := List(TaskRef("x"), Alias("x"))), "z": (inc, "y"), "l": b}
    graph = HighLevelGraph({"a": {"x": DataNode("x", 1)}, "b": tasks}, {"a": set(), "b": {"a"}})
    data = pickle.dumps({key: graph for key in ("one",)})
    assert b"cenote" not in data
    again = pickle.loads(data)["one"]
    assert type(again) is dask.highlevelgraph.HighLevelGraph
    assert again["y"].dependencies == {"x"}


def test_dask_takes_our_graphs_for_what_they_are():
    pytest.importorskip("dask")
    import dask.highlevelgraph

    with cenote.annotate(priority=3):
        graph = three_layers()
    merged = dask.highlevelgraph.HighLevelGraph.merge(graph)
    assert merged.layers["read"].annotations == {"priority": 3}
    assert merged.cull(["total"]).to_dict() == graph.to_dict()
    assert isinstance(graph, dask.highlevelgraph.HighLevelGraph)


def test_we_take_dasks_graphs_for_what_they_are():
    pytest.importorskip("dask")
    pytest.importorskip("numpy")
    import dask.array

    array = dask.array.ones(4, chunks=2) + 1
    graph = HighLevelGraph.from_collections("last", {"last": (add, (array.name, 0), (array.name, 1))}, [array])
    assert set(array.dask.layers) < set(graph.layers)
    assert graph.layers[array.name] is array.dask.layers[array.name]
    assert cenote.get(graph, "last").tolist() == [4.0, 4.0]
    culled = graph.cull([(array.name, 1)])
    assert culled.get_all_external_keys() >= {(array.name, 1)}
    assert (array.name, 0) not in culled.get_all_external_keys()


def random_layers(rng):
    """Layers of tasks of all kinds, each referring to earlier keys of any layer."""
    layers, dependencies, home = {}, {}, {}
    for number in range(rng.randrange(1, 6)):
        name = f"layer-{number}"
        layers[name], dependencies[name] = {}, set()
        for i in range(rng.randrange(1, 6)):
            key = rng.choice([f"{name}.{i}", (name, i)])
            below = rng.sample(sorted(home, key=str), min(len(home), rng.randrange(4)))
            kind = rng.randrange(5)
            if kind == 0:
                task = (sum, [(inc, other) for other in below])
            elif kind == 1:
                task = Task(key, sum, List(*map(TaskRef, below)))
            elif kind == 2:
                task = [1, {"a": 2}, *below]
            elif kind == 3 and below:
                task = below[0]
            else:
                task, below = rng.choice([1, DataNode(key, 2)]), []
            if kind == 3 and below:
                below = below[:1]
            layers[name][key] = task
            dependencies[name].update(home[other] for other in below if home[other] != name)
            home[key] = name
    return layers, dependencies, list(home)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_are_culled_cloned_and_described_as_by_dask(seed):
    pytest.importorskip("dask")
    import dask.highlevelgraph

    from cenote._dask_graph import dask_graph

    rng = random.Random(seed)
    layers, dependencies, keys = random_layers(rng)
    ours = HighLevelGraph(layers, dependencies)
    theirs = dask_graph(ours)
    assert type(theirs) is dask.highlevelgraph.HighLevelGraph
    ours.validate()
    wanted = rng.sample(keys, min(len(keys), 3))
    needed = set(cenote.optimization.cull(ours.to_dict(), wanted)[0])
    assert set(ours.cull(wanted)) == needed
    assert needed <= set(theirs.cull(wanted))  # which keeps whole layers below the first that need nothing
    assert ours.get_all_dependencies() == theirs.get_all_dependencies()
    assert ours.dependents == theirs.dependents
    assert set(ours.cull_layers(["layer-0"])) == set(theirs.cull_layers(["layer-0"]))
    ours.cull(wanted).validate()
    cloned = {}
    for layer in ours.layers.values():
        cloned.update(layer.clone(set(keys), seed, None)[0])
    assert not set(cloned) & set(keys)
    assert [cenote.get_sync(cloned, cenote.base.clone_key(key, seed)) for key in keys if numbers_only(ours, key)] == [
        cenote.get_sync(ours, key) for key in keys if numbers_only(ours, key)
    ]


def numbers_only(graph, key):
    """Whether a key can be computed: sums cannot have lists below them."""
    try:
        cenote.get_sync(graph, key)
    except TypeError:
        return False
    return True
