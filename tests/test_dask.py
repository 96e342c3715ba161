"""Dask's collections on our engine, and ours among Dask's (cenote.dask)."""

import concurrent.futures
import io
import os
import subprocess
import sys
import threading
import traceback

import pytest

import cenote

dask = pytest.importorskip("dask")
import cenote.dask  # noqa: E402


@pytest.fixture(autouse=True)
def dask_does_not_run_it(monkeypatch):
    """Nothing here may pass because Dask did the work."""
    import dask.local

    def forbidden(*args, **kwargs):
        raise AssertionError("Dask's own scheduler was asked to run a graph")

    monkeypatch.setattr(dask.local, "get_async", forbidden)


def test_arrays():
    da = pytest.importorskip("dask.array")
    x = da.arange(100, chunks=10).reshape((10, 10)).rechunk((5, 4))
    assert (x @ x.T).sum().compute(scheduler="cenote") == int((x @ x.T).sum().compute(scheduler=cenote.get_sync))
    assert x[2:5, ::3].compute(scheduler="cenote").tolist() == [[20, 23, 26, 29], [30, 33, 36, 39], [40, 43, 46, 49]]
    with dask.config.set(scheduler="cenote"):
        assert da.linalg.norm(da.ones((4, 4), chunks=2)).compute() == 4.0
        assert x.persist().sum().compute() == 4950


def test_bags():
    db = pytest.importorskip("dask.bag")
    numbers = db.from_sequence(range(100), npartitions=7)
    with dask.config.set(scheduler="cenote"):
        assert numbers.filter(lambda x: x % 2).map(lambda x: x * x).sum().compute() == sum(
            x * x for x in range(1, 100, 2)
        )
        assert dict(numbers.groupby(lambda x: x % 3, shuffle="tasks").map(lambda g: (g[0], len(g[1]))).compute()) == {
            0: 34,
            1: 33,
            2: 33,
        }


def test_dataframes():
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    table = pd.DataFrame({"name": ["a", "b", "c", "a"] * 25, "amount": range(100)})
    parts = dd.from_pandas(table, npartitions=6)
    with dask.config.set(scheduler="cenote"):
        pd.testing.assert_series_equal(
            parts.groupby("name").amount.sum().compute().sort_index(),
            table.groupby("name").amount.sum(),
            check_dtype=False,
            check_index_type=False,
        )
        assert len(parts.merge(parts, on="amount").compute()) == 100


def test_xarray():
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray([[1.0, 2], [3, 4]], dims=("x", "y")).chunk({"x": 1})
    with dask.config.set(scheduler="cenote"):
        assert float((array - array.mean("x")).std().compute()) == 1.0
    assert array.sum("y").compute(scheduler="cenote").values.tolist() == [3.0, 7.0]


def test_delayed_objects_of_dask():
    total = dask.delayed(sum)([dask.delayed(abs)(-i) for i in range(5)])
    assert total.compute(scheduler="cenote") == 10
    assert dask.compute(total, [total], scheduler="cenote") == (10, [10])
    assert cenote.compute(total, {"x": total}) == (10, {"x": 10})


def test_the_environment_can_name_the_scheduler():
    code = (
        "import cenote.dask, dask, dask.local\n"
        "dask.local.get_async = None\n"
        "print(dask.delayed(abs)(-1).compute(), dask.base.get_scheduler().__module__)"
    )
    environment = {**os.environ, "DASK_SCHEDULER": "cenote"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "cenote.threaded"]


def test_dasks_settings_hold():
    names = set()

    def note(i):
        names.add(threading.current_thread().name)
        return i

    many = [dask.delayed(note)(i) for i in range(20)]
    with (
        concurrent.futures.ThreadPoolExecutor(2, "of-the-user") as pool,
        dask.config.set(scheduler="cenote", pool=pool),
    ):
        dask.compute(*many)
    assert names
    assert all(name.startswith("of-the-user") for name in names)
    seen, lock, most = 0, threading.Lock(), 0

    def at_once(i):
        nonlocal seen, most
        with lock:
            seen += 1
            most = max(most, seen)
        threading.Event().wait(0.01)
        with lock:
            seen -= 1

    with dask.config.set(num_workers=2):
        dask.compute(*[dask.delayed(at_once)(i) for i in range(10)], scheduler="cenote")
    assert most <= 2


def test_dasks_progress_bar_shows():
    from dask.diagnostics import ProgressBar

    out = io.StringIO()
    with ProgressBar(out=out):
        dask.delayed(sum)([dask.delayed(abs)(-1)] * 3).compute(scheduler="cenote")
    assert "100% Completed" in out.getvalue()


def test_our_frames_are_left_out_of_tracebacks_of_dask():
    def fails():
        raise OSError("no")

    with pytest.raises(OSError, match="no") as caught:
        dask.delayed(fails)().compute(scheduler="cenote")
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert not any(f"{os.sep}cenote{os.sep}" in file and "tests" not in file for file in files)
    assert files[-1] == __file__


def test_importing_it_twice_registers_it_once():
    cenote.dask.register()
    assert dask.config.get("admin.traceback.shorten").count(cenote.dask.FRAMES) == 1
    assert dask.base.named_schedulers["cenote"] is cenote.threaded.get


def test_ours_and_dasks_are_computed_together_whoever_computes():
    da = pytest.importorskip("dask.array")
    array = da.arange(10, chunks=5)
    ours = cenote.delayed(abs)(-1)
    assert cenote.compute(array.sum(), ours, [ours]) == (45, 1, [1])
    assert cenote.compute(ours, array.sum()) == (1, 45)
    assert dask.compute(ours, array.sum(), scheduler="cenote") == (1, 45)
    assert dask.compute(array.sum(), ours, scheduler="cenote") == (45, 1)
    assert dask.is_dask_collection(ours)
    (total,) = cenote.persist(array.sum())
    assert type(total) is type(array.sum())


def test_without_a_scheduler_named_ours_and_dasks_can_be_computed_by_dask(monkeypatch):
    da = pytest.importorskip("dask.array")
    monkeypatch.undo()
    ours = cenote.delayed(abs)(-1)
    assert dask.compute(ours, da.arange(10, chunks=5).sum()) == (1, 45)
    assert dask.compute(da.arange(10, chunks=5).sum(), ours) == (45, 1)


def test_results_stand_in_the_order_of_the_collections_whatever_optimizes_them():
    da, db = pytest.importorskip("dask.array"), pytest.importorskip("dask.bag")
    array, bag, ours = da.arange(4, chunks=2), db.from_sequence([1, 2], npartitions=2), cenote.delayed(abs)(-1)
    mixed = (array.sum(), bag, ours, array.max(), bag.sum(), dask.delayed(abs)(-2))
    with cenote.config.set(scheduler="threads"):
        assert cenote.compute(*mixed) == (6, [1, 2], 1, 3, 3, 2)
        kept = cenote.persist(*mixed)
        assert [type(one) for one in kept] == [type(one) for one in mixed]
        assert cenote.compute(*kept) == (6, [1, 2], 1, 3, 3, 2)


def test_many_of_ours_are_computed_together_by_dask():
    ours = [cenote.delayed(abs)(-i) for i in range(50)]
    assert dask.compute(*ours, scheduler="cenote") == tuple(range(50))
    assert dask.compute(*[one + 1 for one in ours], dask.delayed(abs)(-7), scheduler="cenote") == (*range(1, 51), 7)


def test_layers_of_ours_on_a_persisted_one_depend_on_it():
    from dask.highlevelgraph import HighLevelGraph

    (kept,) = cenote.persist(cenote.delayed(abs)(-1))
    graph = cenote.delayed(abs)(kept).dask
    assert isinstance(HighLevelGraph(graph.layers, graph.dependencies).cull(list(graph)), HighLevelGraph)
    for name, others in graph.dependencies.items():
        assert others <= graph.layers.keys(), name


def test_a_collection_given_to_a_function_of_ours_arrives_computed():
    da = pytest.importorskip("dask.array")
    db = pytest.importorskip("dask.bag")
    np = pytest.importorskip("numpy")
    array, bag = da.arange(6, chunks=2), db.from_sequence([1, 2, 3], npartitions=2)

    def kinds(x, y, *, z):
        return type(x), y, z

    found = cenote.delayed(kinds)(array, [bag], z={"sum": array.sum()}).compute()
    assert found == (np.ndarray, [[1, 2, 3]], {"sum": 15})
    theirs = dask.delayed(abs)(-3)
    assert cenote.delayed(sum)([theirs, 1]).compute() == 4
    assert dask.delayed(sum)([cenote.delayed(abs)(-3), 1]).compute(scheduler="cenote") == 4


def test_dataframes_given_to_a_function_of_ours_arrive_computed():
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    parts = dd.from_pandas(pd.DataFrame({"x": range(10)}), npartitions=3)
    assert cenote.delayed(lambda table: (type(table).__name__, len(table)))(parts).compute() == ("DataFrame", 10)
    assert cenote.delayed(max)(parts.x.sum(), 1).compute() == 45


def test_collections_are_made_of_ours():
    da, db, dd = (pytest.importorskip(f"dask.{name}") for name in ("array", "bag", "dataframe"))
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    with dask.config.set(scheduler="cenote"):
        array = da.from_delayed(cenote.delayed(np.ones)(3), shape=(3,), dtype=float)
        assert (array + 1).sum().compute() == 6.0
        bag = db.from_delayed([cenote.delayed(list)(range(i)) for i in range(4)])
        assert bag.sum().compute() == 4
        tables = [cenote.delayed(pd.DataFrame)({"x": [i, i]}) for i in range(3)]
        table = dd.from_delayed(tables, meta=pd.DataFrame({"x": [0]}))
        assert table.x.sum().compute() == 6
        back = array.to_delayed()
        assert cenote.compute(*back)[0].tolist() == [1.0] * 3
