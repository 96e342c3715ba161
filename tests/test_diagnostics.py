"""The progress bar, the profilers and their plots, and the cache."""

import io
import subprocess
import sys
import textwrap
import time
from operator import add, mul

import pytest

from cenote.callbacks import Callback
from cenote.diagnostics import CacheProfiler, Profiler, ProgressBar, ResourceProfiler, visualize
from cenote.local import get_sync
from cenote.threaded import get

GRAPH = {"a": 1, "b": 2, "c": (add, "a", "b"), "d": (mul, "a", "b"), "e": (mul, "c", "d")}


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert not Callback.active


def slow_add(a, b):
    time.sleep(0.05)
    return a + b


def lines(screen):
    """What the bar has drawn, one entry a drawing."""
    return screen.getvalue().lstrip("\r").rstrip("\n").split("\r")


@pytest.mark.parametrize("get", [get, get_sync])
def test_the_bar_ends_full(get):
    screen = io.StringIO()
    with ProgressBar(width=20, out=screen) as bar:
        assert get(GRAPH, "e") == 6
    shape, percent, duration = lines(screen)[-1].split(" | ")
    assert shape == f"[{'#' * 20}]"
    assert percent == "100% Completed"
    assert duration.endswith("s")
    assert screen.getvalue().count("100%") == 1 and screen.getvalue().endswith("\n")
    assert bar.last_duration > 0


def test_the_bar_moves():
    screen = io.StringIO()
    chain = {f"k{i}": (slow_add, f"k{i - 1}" if i else 0, 1) for i in range(5)}
    with ProgressBar(dt=0.01, out=screen):
        assert get(chain, "k4") == 5
    shares = [int(line.split(" | ")[1].partition("%")[0]) for line in lines(screen)]
    assert shares == sorted(shares)
    assert set(shares) <= {0, 20, 40, 60, 80, 100} and len(set(shares)) > 2  # a busy machine skips some


def test_the_bar_is_not_shown_for_short_runs():
    screen = io.StringIO()
    with ProgressBar(minimum=10, out=screen):
        get(GRAPH, "e")
    assert screen.getvalue() == ""


def test_the_bar_stops_short_after_a_failure():
    screen = io.StringIO()
    with pytest.raises(ZeroDivisionError), ProgressBar(out=screen) as bar:
        get({"x": (divmod, 1, 0)}, "x")
    assert "100%" not in screen.getvalue()
    assert not bar._timer.is_alive()


def test_a_program_without_a_console_has_no_bar():
    program = """
    import sys
    sys.stdout = None
    from cenote.diagnostics import ProgressBar
    from cenote.local import get_sync
    with ProgressBar():
        assert get_sync({"x": (abs, -1)}, "x") == 1
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_the_bar_of_dask_shows_runs_of_ours():
    theirs = pytest.importorskip("dask.diagnostics")
    screen = io.StringIO()
    with theirs.ProgressBar(out=screen):
        assert get(GRAPH, "e") == 6
    assert "100% Completed" in screen.getvalue()


def test_the_bar_costs_little_while_many_tasks_wait():
    graph = {("x", i): (add, ("x", i - 1) if i else 0, 1) for i in range(20_000)}

    def seconds(dt):
        began = time.process_time()
        with ProgressBar(dt=dt, out=io.StringIO()):
            get_sync(graph, ("x", 19_999))
        return time.process_time() - began

    assert seconds(0.001) < 2 * seconds(10) + 0.5


def test_the_profiler_records_each_task():
    with Profiler() as profiler:
        assert get(GRAPH, "e") == 6
        get(GRAPH, "c")
    assert sorted(result.key for result in profiler.results) == ["c", "c", "d", "e"]
    for result in profiler.results:
        assert profiler.start_time < result.start_time < result.end_time < profiler.end_time
    profiler.clear()
    assert profiler.results == [] and profiler.start_time is None


def test_the_profiler_records_what_finished_before_a_failure():
    with pytest.raises(ZeroDivisionError), Profiler() as profiler:
        get_sync({"x": (add, 1, 1), "y": (divmod, "x", 0)}, "y")
    assert [result.key for result in profiler.results] == ["x"]


def test_the_resource_profiler_records_memory_and_cpu():
    pytest.importorskip("psutil")
    with ResourceProfiler(dt=0.01) as profiler:
        get({"x": (sum, range(3_000_000)), "y": (slow_add, "x", 1)}, "y")
        assert profiler.results == [] and profiler._is_running()
    assert not profiler._is_running()
    assert all(record.mem > 1 for record in profiler.results)
    assert any(record.cpu > 0 for record in profiler.results)
    profiler.close()
    with profiler:
        pass
    assert profiler.results


def test_the_cache_profiler_records_how_long_results_live():
    with CacheProfiler(metric=float) as profiler:
        get_sync({"x": (add, 1, 1), "y": (add, "x", 1), "z": (slow_add, "y", 1)}, "z")
    x, y, z = (next(result for result in profiler.results if result.key == key) for key in "xyz")
    assert (x.metric, y.metric, z.metric) == (2, 3, 4)
    assert x.cache_time < x.free_time <= y.free_time < profiler.end_time
    assert y.free_time - y.cache_time > 0.04
    assert profiler._metric_name == "float" and CacheProfiler(len, "size")._metric_name == "size"


@pytest.mark.parametrize("kind", [Profiler, CacheProfiler, ResourceProfiler])
def test_profilers_can_be_registered(kind):
    profiler = kind()
    profiler.register()
    try:
        get(GRAPH, "e")
        found = len(profiler.results)
        assert found > 0
        get(GRAPH, "e")
        assert len(profiler.results) > found
    finally:
        profiler.unregister()


QUIET = {"show": False, "save": False}


def test_plots_of_profilers():
    bokeh = pytest.importorskip("bokeh.models")
    tasks, resources, cache = Profiler(), ResourceProfiler(dt=0.01), CacheProfiler(metric_name="count of results")
    with tasks, resources, cache:
        get({"x": (slow_add, 1, 1), "y": (slow_add, "x", 1)}, "y")
    for profiler in (tasks, resources, cache):
        plot = profiler.visualize(width=500, height=200, tools="hover", title="mine", **QUIET)
        assert (plot.width, plot.height, plot.title.text) == (500, 200, "mine")
        assert [type(tool) for tool in plot.tools] == [bokeh.HoverTool]
        assert plot.xaxis[0].axis_label == "Time (s)"
    assert "count of results" in plot.yaxis[0].axis_label
    bars = tasks.visualize(**QUIET).renderers[0].data_source.data
    assert bars["key"] == ["x", "y"] and bars["function"] == ["slow_add"] * 2
    steps = cache.visualize(**QUIET).renderers[0].data_source.data
    assert steps["y"][0] == 0 and steps["y"][-1] == 0 and max(steps["y"]) >= 1


def test_plots_below_each_other_share_title_and_time():
    pytest.importorskip("bokeh")
    tasks, resources = Profiler(), ResourceProfiler(dt=0.01)
    with tasks, resources:
        get(GRAPH, "e")
    grid = visualize([tasks, resources], title="mine", **QUIET)
    upper, lower = (child[0] for child in grid.children)
    assert upper.title.text == "mine" and lower.title is None
    assert upper.xaxis[0].axis_label is None and lower.xaxis[0].axis_label == "Time (s)"
    assert upper.x_range is lower.x_range


def test_plots_of_nothing():
    pytest.importorskip("bokeh")
    for profiler in (Profiler(), ResourceProfiler(), CacheProfiler()):
        profiler.visualize(**QUIET)
    resources = ResourceProfiler()
    resources.results, resources.start_time, resources.end_time = [(1.0, 0, 0)], 0.5, 1.0
    plot = resources.visualize(**QUIET)
    assert (plot.x_range.end, plot.y_range.end, plot.extra_y_ranges["memory"].end) == (1, 100, 100)


def test_plots_are_written_to_a_file(tmp_path):
    pytest.importorskip("bokeh")
    with Profiler() as profiler:
        get(GRAPH, "e")
    file = tmp_path / "profile.html"
    profiler.visualize(filename=str(file), show=False)
    assert "</html>" in file.read_text()
    with pytest.raises(AttributeError, match="no_such_option"):
        profiler.visualize(no_such_option=1, **QUIET)


def test_colors_are_different_as_long_as_there_are_enough():
    pytest.importorskip("bokeh")
    from cenote.diagnostics.profile_visualize import get_colors

    for count in (2, 5, 11, 100):
        assert len(set(get_colors("Viridis", range(count)))) == count
    assert len(set(get_colors("Viridis", range(300)))) > 250
    assert get_colors("Blues", "abab")[:2] == get_colors("Blues", "abab")[2:]


@pytest.mark.parametrize(
    "package, build", [("bokeh", "Profiler().visualize()"), ("psutil", "ResourceProfiler().__enter__()")]
)
def test_a_package_that_is_missing_is_named_with_what_to_do(package, build):
    program = f"""
    import sys
    for name in [name for name in sys.modules if name.split(".")[0] == "{package}"]:
        del sys.modules[name]
    sys.modules["{package}"] = None
    from cenote.diagnostics import *
    from cenote.local import get_sync
    try:
        {build}
        get_sync({{"x": 1}}, "x")
    except ImportError as error:
        assert "pip install {package}" in str(error), error
    else:
        raise SystemExit("no error")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_the_cache_keeps_results_from_one_run_to_the_next():
    pytest.importorskip("cachey")
    from cenote.cache import Cache

    calls = []

    def task(x):
        calls.append(x)
        return (abs, x)  # looks like a task

    with Cache(1e6) as cache:
        assert get({"x": (task, -5)}, "x") == (abs, -5)
        assert get({"x": (task, -5), "y": (list, "x")}, "y") == [abs, -5]
    assert calls == [-5]
    assert not cache.starttimes and not cache.durations
    with pytest.raises(TypeError, match="size"):
        Cache(cache.cache, 5)
