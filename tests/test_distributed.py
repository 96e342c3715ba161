"""On a cluster of stock Dask processes that cannot import Cenote (cenote.distributed)."""

import operator
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cenote
from cenote.highlevelgraph import HighLevelGraph
from cenote.task_spec import List, Task, TaskRef

pytest.importorskip("distributed")
sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from stock_cluster import stock_cluster

NO_CENOTE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cenote":
            raise ModuleNotFoundError("No module named 'cenote'", name="cenote")
sys.meta_path.insert(0, Absent())
"""
SECONDS = 60


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A scheduler and two workers for which Cenote is not installed."""
    folder = tmp_path_factory.mktemp("no_cenote")
    (folder / "sitecustomize.py").write_text(NO_CENOTE)
    with stock_cluster(workers=2, environment={"PYTHONPATH": str(folder)}) as address:
        yield address


@pytest.fixture
def client(address):
    """An open client of that cluster."""
    from cenote.distributed import Client

    with Client(address, timeout=SECONDS) as client:
        client.wait_for_workers(2, timeout=SECONDS)
        yield client


def where():
    """A function that says in which process it runs, and pickles without this module."""

    def process(*_):
        import os

        return os.getpid()

    return process


def worker_processes(client, *names):
    """The processes of all workers, or of some."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return set(
        client.run(where(), workers=[one for one in workers if not names or workers[one]["name"] in names]).values()
    )


def plus():
    def plus(x, y=10):
        return x + y

    return plus


def annotations_of(client, key):
    return client.run_on_scheduler(lambda dask_scheduler: dict(dask_scheduler.tasks[key].annotations or {}))


def test_neither_scheduler_nor_workers_can_import_cenote(client):
    def importable():
        try:
            import cenote  # noqa: F401
        except ModuleNotFoundError:
            return False
        return True

    assert not any(client.run(importable).values())
    assert not client.run_on_scheduler(importable)


def test_while_a_client_is_open_compute_runs_on_its_cluster(client):
    pid = cenote.delayed(where())()
    assert pid.compute() in worker_processes(client)
    assert set(cenote.compute(pid, [cenote.delayed(where())(1)])[1]) < worker_processes(client) | {os.getpid()}
    assert cenote.delayed(where(), pure=True)().compute() != os.getpid()


def test_every_kind_of_delayed_object_means_the_same_there(client):
    add = cenote.delayed(plus())
    text = cenote.delayed("a b c")
    pair = cenote.delayed(divmod, nout=2)(17, 5)
    quotient, rest = pair
    things = {
        "call": add(1, y=2),
        "nested": cenote.delayed(sum)([add(1), [add(2)][0], 3]),
        "in a dict": cenote.delayed(dict)({"x": add(1), "y": (add(2), {add(3): 1})}),
        "operators": (add(1) + 2) * -add(3),
        "attribute": cenote.delayed(3 + 4j).imag,
        "method": text.split(" "),
        "item": text.split()[1],
        "unpacked": quotient + rest,
        "value": cenote.delayed([1, 2]),
        "slice": cenote.delayed(list(range(9)))[add(1, 1) : 5],
        "wrapped function": cenote.delayed(operator.methodcaller("upper"))("x"),
        "delayed function": cenote.delayed(cenote.delayed(plus()))(1, 1),
    }
    assert cenote.compute(things) == cenote.compute(things, scheduler="sync")
    for thing in things.values():
        assert thing.compute() == thing.compute(scheduler="sync")


def test_a_tree_of_many_tasks(client):
    level = [cenote.delayed(plus())(i, i) for i in range(500)]
    while len(level) > 1:
        level = [cenote.delayed(sum)(level[i : i + 2]) for i in range(0, len(level), 2)]
    assert level[0].compute() == 2 * sum(range(500))


def test_a_chain_deeper_than_python_recurses(client):
    x = cenote.delayed(0)
    for _ in range(1_100):
        x = cenote.delayed(plus())(x, 1)
    assert x.compute() == 1_100


def test_an_exception_arrives_as_itself(client):
    def fail(x):
        raise KeyError("none of mine")

    with pytest.raises(KeyError, match="none of mine"):
        cenote.delayed(fail)(cenote.delayed(plus())(1)).compute()


def test_persisted_results_stay_there_and_can_be_built_upon(client):
    total = cenote.delayed(plus())(1, dask_key_name="persisted-total")
    for kept in (total.persist(), cenote.persist(total)[0], client.persist(total), client.persist([total])[0]):
        assert type(kept) is type(total)
        assert kept.key == total.key
        assert [future.key for future in cenote.distributed.futures_of(kept)] == [total.key]
        assert kept.compute() == 11
        assert cenote.delayed(plus())(kept, 1).compute() == 12
        assert cenote.compute(kept, {"twice": kept * 2}) == (11, {"twice": 22})
    assert "persisted-total" in client.futures


def test_what_is_persisted_is_computed_once(client):
    def stamp():
        import time

        return time.time_ns()

    (kept,) = cenote.persist(cenote.delayed(stamp)())
    cenote.distributed.wait(kept, timeout=SECONDS)
    assert kept.compute() == kept.compute() == (kept + 0).compute()


def test_the_client_takes_delayed_objects(client):
    x = cenote.delayed(plus())(1)
    future = client.compute(x)
    assert isinstance(future, cenote.distributed.Future)
    assert future.result(timeout=SECONDS) == 11
    futures = client.compute([x, x + 1, "as it is"])
    assert client.gather(futures[:2]) == [11, 12]
    assert futures[2] == "as it is"
    assert client.compute(x, sync=True) == 11


def test_the_client_takes_the_graph_of_a_delayed_object(client):
    x = cenote.delayed(plus())(1)
    assert client.get(x.dask, x.key) == 11
    assert client.get(x.__dask_graph__(), [x.key]) == [11]


def test_a_client_of_distributed_itself_will_do(address):
    import distributed

    with distributed.Client(address, timeout=SECONDS) as client:
        x = cenote.delayed(where())()
        assert x.compute() in worker_processes(client)
        assert client.compute(x).result(timeout=SECONDS) != os.getpid()
        assert cenote.delayed(plus())(x.persist(), 0).compute() != os.getpid()
        assert client.get(HighLevelGraph({"a": {"x": Task("x", plus(), 1)}}, {"a": set()}), "x") == 11


@pytest.mark.parametrize("kind", ["tuples", "objects", "layers"])
def test_the_client_takes_graphs(client, kind):
    add = plus()
    graphs = {
        "tuples": {"x": 1, "y": (add, "x"), "z": (sum, ["x", "y"])},
        "objects": {"x": 1, "y": Task("y", add, TaskRef("x")), "z": Task("z", sum, List(TaskRef("x"), TaskRef("y")))},
        "layers": HighLevelGraph(
            {"a": {"x": 1}, "b": {"y": Task("y", add, TaskRef("x")), "z": (sum, ["x", "y"])}}, {"a": set(), "b": {"a"}}
        ),
    }
    assert client.get(graphs[kind], "z") == 12
    assert client.get(graphs[kind], ["x", ["y"]]) == [1, [11]]


def test_futures_can_stand_in_graphs(client):
    future = client.submit(plus(), 1)
    assert cenote.delayed(plus())(future, 1).compute() == 12
    assert cenote.delayed(sum)([future, 1]).compute() == 12
    assert client.get({"y": (plus(), future)}, "y") == 21
    assert cenote.delayed(future).compute() == 11
    assert (cenote.delayed(plus())(future) + client.scatter(5)).compute() == 26


def test_annotations_travel(client):
    name = "worker-1"
    with cenote.annotate(workers=[name], allow_other_workers=False, priority=7):
        pinned = [cenote.delayed(where())(i) for i in range(8)]
    free = cenote.delayed(plus())(1, dask_key_name="without-annotations")
    kept = cenote.persist(*pinned, free)
    pids = cenote.compute(*kept[:-1])
    assert set(pids) == worker_processes(client, name)
    found = annotations_of(client, kept[0].key)
    assert found["workers"] == [name]
    assert found["priority"] == 7
    assert annotations_of(client, free.key) == {}


def test_annotations_around_compute_hold_for_all_of_it(client):
    with cenote.annotate(workers=["worker-0"]):
        pids = cenote.compute(*[cenote.delayed(where())(i) for i in range(8)])
    assert set(pids) == worker_processes(client, "worker-0")


def test_retries_are_counted_there(client, tmp_path):
    marks = tmp_path / "marks"

    def fails_twice():
        with marks.open("a") as file:
            file.write("x")
        if len(marks.read_text()) < 3:
            raise OSError("not yet")
        return len(marks.read_text())

    with cenote.annotate(retries=2):
        task = cenote.delayed(fails_twice)()
    assert task.compute() == 3


def test_resources_are_asked_for(client):
    with cenote.annotate(resources={"GPU": 1}):
        task = cenote.delayed(plus())(1, dask_key_name="needs-a-gpu")
    kept, key = task.persist(), task.key
    deadline = time.monotonic() + SECONDS
    found = None
    while found is None and time.monotonic() < deadline:
        found = client.run_on_scheduler(
            lambda dask_scheduler: (
                dask_scheduler.tasks[key].resource_restrictions if key in dask_scheduler.tasks else None
            )
        )
    assert found == {"GPU": 1}
    client.cancel(kept)


def test_what_is_asked_for_in_the_call_wins_over_the_client(client):
    pid = cenote.delayed(where())()
    assert pid.compute(scheduler="sync") == os.getpid()
    assert pid.compute(scheduler="threads") == os.getpid()
    assert pid.compute(scheduler="distributed") != os.getpid()
    assert pid.compute(scheduler=client) != os.getpid()
    assert pid.compute(scheduler=client.get) != os.getpid()
    with cenote.config.set(scheduler="threads"):
        assert pid.compute() == os.getpid()
        assert pid.compute(scheduler=client) != os.getpid()


def test_without_a_client_compute_runs_here_again(address):
    from cenote.distributed import Client

    pid = cenote.delayed(where())()
    with Client(address, timeout=SECONDS):
        assert pid.compute() != os.getpid()
    assert pid.compute() == os.getpid()
    with Client(address, timeout=SECONDS, set_as_default=False) as client:
        assert pid.compute(scheduler=client) != os.getpid()


def test_waiting_binding_and_cloning_mean_the_same_there(client):
    from cenote.graph_manipulation import bind, checkpoint, clone, wait_on

    x, y = cenote.delayed(plus())(1), cenote.delayed(plus())(2)
    assert bind(x, y).compute() == 11
    assert clone(x).compute() == 11
    assert cenote.compute(*wait_on(x, y)) == (11, 12)
    assert checkpoint(x, y).compute() is None


def test_collections_of_dask_and_ours_are_computed_together(client):
    da, np = pytest.importorskip("dask.array"), pytest.importorskip("numpy")
    import dask

    array = da.arange(100, chunks=10)
    ours = cenote.delayed(plus())(array.sum(), 50)
    assert dask.compute(ours, array.sum()) == (5000, 4950)
    assert cenote.compute(array.sum(), ours) == (4950, 5000)
    assert ours.compute() == 5000
    made = da.from_delayed(cenote.delayed(np.array)([1, 2]), shape=(2,), dtype=int)
    assert (made + 1).compute().tolist() == [2, 3]
    kept, total = cenote.persist(array, ours)
    assert type(kept) is type(array)
    assert cenote.compute(kept.sum(), total) == (4950, 5000)


def test_tasks_on_the_cluster_may_compute_there(client):
    def inner(n):
        from dask.distributed import get_client

        client = get_client()
        return sum(client.gather(client.map(lambda x: x + 1, range(n))))

    assert cenote.delayed(inner)(3).compute() == 6


def test_all_names_of_distributed_are_offered():
    import distributed

    for name in set(distributed.__all__) - {"Client", "LocalCluster"}:
        assert getattr(cenote.distributed, name) is getattr(distributed, name)
    assert issubclass(cenote.distributed.Client, distributed.Client)
    assert issubclass(cenote.distributed.LocalCluster, distributed.LocalCluster)
    assert cenote.distributed.comm is distributed.comm
    with pytest.raises(AttributeError):
        cenote.distributed.no_such_name  # noqa: B018


def test_without_distributed_the_error_says_what_to_install(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_CENOTE.replace("cenote", "distributed"))
    code = "import cenote, sys\ntry: import cenote.distributed\nexcept ImportError as error: print(error)"
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert 'python -m pip install "cenote[distributed]"' in ran.stdout


def test_handing_a_graph_over_costs_no_more_than_dasks_own_client_does():
    """How much is sent; the time is measured by benchmarks/hand_over.py."""
    import dask
    from dask._expr import FinalizeCompute
    from dask.base import collections_to_expr
    from distributed.protocol import serialize, to_serialize

    def size(delayed):
        call = delayed(operator.add)
        graph = delayed(sum)([call(i, call(i, 1), dask_key_name=f"key-{i}") for i in range(300)])
        _, frames = serialize(to_serialize(FinalizeCompute(collections_to_expr([graph])).optimize()))
        assert not any(b"cenote" in bytes(frame) for frame in frames)
        return sum(map(len, frames))

    assert size(cenote.delayed) <= size(dask.delayed)
