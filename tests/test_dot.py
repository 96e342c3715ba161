"""Pictures: what Dask's tests of Graphviz objects ask for, asked of our own drawings, and what is ours alone."""

from __future__ import annotations

import copy
import os
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import OrderedDict
from functools import partial
from operator import add, neg

import pytest

import cenote
from cenote import dot
from cenote.dot import coloring
from cenote.dot.drawn_graph import drawn_tasks
from cenote.dot.grouping import group_tasks
from cenote.dot.labels import data_label, function_name, short_label
from cenote.highlevelgraph import HighLevelGraph

SVG = "{http://www.w3.org/2000/svg}"
TOKEN = "ffcd9aa2231d466b5aa91e8bfa9e9487"


def inc(x):
    return x + 1


def make_graph():
    return {
        "a": 1,
        "b": 2,
        "c": (neg, "a"),
        "d": (neg, "b"),
        "e": (add, "c", "d"),
        "f": (sum, ["a", "e"]),
    }


def draw(graph, **kwargs):
    return dot.dot_graph(graph, filename=None, format="svg", **kwargs)


def elements(picture, name):
    return list(ElementTree.fromstring(picture.svg()).iter(SVG + name))


def words(picture):
    return [element.text for element in elements(picture, "text")]


def boxes(picture):
    """The boxes, without the white ground."""
    return elements(picture, "rect")[1:]


def edges(picture):
    return [group for group in elements(picture, "g") if group.get("class") == "edge"]


def parse_dot(text):
    """Nodes and edges of DOT as we write it: ids to attributes, and pairs of ids."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    nodes, pairs = {}, []
    for line in text.splitlines()[1:-1]:
        if match := re.fullmatch(rf"  {quoted} -> {quoted}(?: \[.*\])?;", line):
            pairs.append(match.groups())
        elif match := re.fullmatch(rf"  {quoted} \[(.*)\];", line):
            nodes[match[1]] = dict(re.findall(rf"(\w+)={quoted}", match[2]))
        else:
            assert re.fullmatch(r"  (graph|node|edge) \[.*\];", line), line
    assert all(end in nodes for pair in pairs for end in pair)
    return nodes, pairs


def test_functions_are_circles_and_data_are_boxes():
    picture = draw(make_graph())
    assert len(elements(picture, "circle")) == 4
    assert len(boxes(picture)) == 6
    assert sorted(words(picture)) == sorted(["neg", "neg", "add", "sum", *"abcdef"])
    assert len(edges(picture)) == 4 + 2 + 2 + 2


def test_outputs_can_be_left_out():
    picture = draw(make_graph(), collapse_outputs=True)
    assert len(elements(picture, "circle")) == 4
    assert len(boxes(picture)) == 2
    assert len(edges(picture)) == 6


def test_an_unconnected_node_is_left_out_with_the_outputs():
    graph = {**make_graph(), "g": 3}
    assert "g" in words(draw(graph))
    assert "g" not in words(draw(graph, collapse_outputs=True))


def test_a_token_is_only_shown_if_asked_for():
    graph = {f"inc-{TOKEN}": (inc, 1), ("x", 0, 1): (inc, f"inc-{TOKEN}")}
    assert sorted(words(draw(graph))) == ["(0, 1)", "inc", "x"]
    assert any(TOKEN[:10] in word for word in words(draw(graph, verbose=True)))
    titles = [title.text for title in elements(draw(graph), "title")]
    assert f"inc-{TOKEN}" in titles and "('x', 0, 1)" in titles


def test_attributes_of_single_nodes_are_heeded_and_left_as_they_were():
    functions = {"c": {"label": "neg_c", "shape": "ellipse", "color": "#ff0000"}}
    data = {"a": {"shape": "circle", "fillcolor": "gold", "tooltip": "<here>"}}
    before = copy.deepcopy((functions, data))
    picture = draw(make_graph(), function_attributes=functions, data_attributes=data)
    assert (functions, data) == before
    assert "neg_c" in words(picture)
    assert [ellipse.get("stroke") for ellipse in elements(picture, "ellipse")] == ["#ff0000"]
    assert "#ffd700" in [circle.get("fill") for circle in elements(picture, "circle")]
    assert "<here>" in [title.text for title in elements(picture, "title")]
    assert 'label="neg_c" ' in picture.dot() or 'label="neg_c"' in picture.dot()


def test_attributes_of_all_nodes_and_edges_are_heeded():
    picture = draw(
        make_graph(), node_attr={"color": "purple"}, edge_attr={"color": "#00ff00"}, graph_attr={"size": "4"}
    )
    assert {circle.get("stroke") for circle in elements(picture, "circle")} == {"#800080"}
    assert {path.get("stroke") for edge in edges(picture) for path in edge if path.get("stroke")} == {"#00ff00"}
    text = picture.dot()
    assert 'size="4"' in text and 'node [fontname="helvetica" color="purple"]' in text


@pytest.mark.parametrize("rankdir, axis, sign", [("BT", "cy", -1), ("TB", "cy", 1), ("LR", "cx", 1), ("RL", "cx", -1)])
def test_data_flows_where_rankdir_says(rankdir, axis, sign):
    picture = draw({"x": (inc, 1), "y": (inc, "x")}, rankdir=rankdir)
    first, second = (float(circle.get(axis)) for circle in elements(picture, "circle"))
    assert (second - first) * sign > 0
    assert f'rankdir="{rankdir}"' in picture.dot()


def test_an_unknown_direction_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"unknown rankdir 'UP': choose from 'BT'"):
        draw(make_graph(), rankdir="UP")


def test_an_alias_is_an_edge_between_boxes():
    picture = draw({"x": 1, "y": "x"})
    assert (len(boxes(picture)), len(edges(picture)), len(elements(picture, "circle"))) == (2, 1, 0)


def test_a_key_that_is_not_there_is_drawn_dashed():
    task_spec = pytest.importorskip("cenote.task_spec")
    graph = {"x": task_spec.Task("x", inc, task_spec.TaskRef("gone"))}
    picture = draw(graph)
    dashed = [box for box in boxes(picture) if box.get("stroke-dasharray")]
    assert len(dashed) == 1 and "gone" in words(picture)


def test_a_cycle_can_be_looked_at():
    picture = draw({"a": (inc, "b"), "b": (inc, "a")})
    assert len(edges(picture)) == 4


def test_nothing_and_hostile_keys_can_be_drawn():
    assert draw({}).svg()
    keys = ['<&>"\\', "line\nfeed", "\x00", "\ud800", "日本", 1, 1.5, None, ("x", "<b>"), frozenset({1})]
    picture = draw({key: (inc, 1) for key in keys})
    assert len(elements(picture, "circle")) == len(keys)
    nodes, _ = parse_dot(picture.dot())
    assert len(nodes) == 2 * len(keys)


def test_labels_of_tasks():
    def label(task):
        return drawn_tasks({"x": task, "y": 1})[0].function

    assert label((partial(add, 1), 1)) == "add"
    assert label((add, 1)) == "add"
    assert label((add, (add, 1, 2))) == "add(…)"
    assert function_name(partial(partial(sorted), key=None)) == "sorted"
    assert data_label(("x", 1)) == "1" and data_label("x") == "x"


def test_tokens_are_numbered_in_the_order_in_which_they_are_met():
    other = "e890b510984f344edea9a5e5fe05c0db"
    numbers = {}
    assert short_label("x") == "x"
    assert short_label(f"elemwise-{TOKEN}") == "elemwise-#"
    assert short_label(f"elemwise-{TOKEN}", numbers) == "elemwise-#0"
    assert short_label(f"elemwise-{other}", numbers) == "elemwise-#1"
    assert short_label(f"elemwise-{TOKEN}", numbers) == "elemwise-#0"


def test_text_fits_its_shape():
    graph = {"a": 1, "a-key-that-is-rather-long": (sorted, "a"), "wide": (max, "a-key-that-is-rather-long")}
    for group in elements(draw(graph), "g"):
        shape = [e for e in group if e.tag in (SVG + "rect", SVG + "circle")]
        for text in group.findall(SVG + "text"):
            room = float(shape[0].get("width") or 2 * float(shape[0].get("r")))
            assert float(text.get("textLength")) < room


@pytest.mark.parametrize("format", ["svg", "png", "pdf", "dot"])
def test_each_format_is_written_and_returned(tmp_path, format):
    # A name that a shell would interpret, to see that there is none.
    name = str(tmp_path / "$(touch should_not_get_created.txt)")
    picture = dot.dot_graph(make_graph(), filename=name, format=format)
    with open(f"{name}.{format}", "rb") as file:
        written = file.read()
    data = picture.data
    assert written == (data.encode() if isinstance(data, str) else data)
    assert os.listdir(tmp_path) == [f"$(touch should_not_get_created.txt).{format}"]
    start = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF-", "dot": b"digraph"}[format]
    assert written.startswith(start)


@pytest.mark.parametrize(
    "name, format, target",
    [
        ("mydaskpdf", "svg", "mydaskpdf.svg"),
        ("mydask.pdf", None, "mydask.pdf"),
        ("mydask.pdf", "svg", "mydask.pdf.svg"),
        ("mydaskpdf", None, "mydaskpdf.png"),
        ("mydask.pdf.svg", None, "mydask.pdf.svg"),
        ("MYDASK.SVG", None, "MYDASK.SVG"),
        ("twice.svg", "svg", "twice.svg"),
        ("v1.2", None, "v1.2.png"),
    ],
)
def test_names_and_formats(tmp_path, name, format, target):
    picture = dot.dot_graph(make_graph(), filename=tmp_path / name, format=format)
    assert os.listdir(tmp_path) == [target]
    assert picture.filename == str(tmp_path / target)


def test_without_a_name_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dot.dot_graph(make_graph(), filename=None).data.startswith("<svg")
    assert dot.dot_graph(make_graph(), filename=None, format="png").data.startswith(b"\x89PNG")
    assert os.listdir(tmp_path) == []
    dot.dot_graph(make_graph())
    assert os.listdir(tmp_path) == ["mydask.png"]


@pytest.mark.parametrize("name, format", [("x", "gif"), ("x.jpeg", None), (None, "bmp")])
def test_an_unknown_format_is_refused_with_the_choices(tmp_path, monkeypatch, name, format):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="choose from svg, png, pdf, dot"):
        dot.dot_graph(make_graph(), filename=name, format=format)
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        dot.dot_graph(make_graph(), filename=tmp_path / "no" / "such" / "folder.svg")


def test_an_image_has_the_size_of_the_picture():
    picture = draw(make_graph())
    for scale in (1.0, 2.0):
        width, height = struct.unpack(">II", picture.png(scale)[16:24])
        assert abs(width - picture.size[0] * scale) <= 1 and abs(height - picture.size[1] * scale) <= 1


def test_a_pdf_has_one_page_and_ends():
    data = draw(make_graph()).pdf()
    assert data.startswith(b"%PDF-1.") and data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", data)) == 1


def test_a_notebook_shows_svg_on_white():
    picture = dot.dot_graph(make_graph(), filename=None)
    bundle = picture._repr_mimebundle_()
    assert bundle["image/svg+xml"] == picture._repr_svg_() == picture.svg()
    assert elements(picture, "rect")[0].get("fill") == "#ffffff"


def test_dot_lists_every_node_and_edge():
    nodes, pairs = parse_dot(draw(make_graph()).dot())
    assert len(nodes) == 10 and len(pairs) == 10
    assert {node["shape"] for node in nodes.values()} == {"circle", "box"}
    assert ("'c'()", "'c'") in pairs and ("'a'", "'c'()") in pairs


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed, and need not be")
@pytest.mark.parametrize("kwargs", [{}, {"color": "order"}, {"collapse_outputs": True, "rankdir": "LR"}, {"limit": 0}])
def test_graphviz_accepts_dot(kwargs):
    hostile = {'"\\<b>\n': (inc, "a"), "日本": (inc, '"\\<b>\n')}
    text = dot.visualize_graph({**make_graph(), **hostile}, filename=None, **kwargs).dot()
    done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize(
    "color",
    [*coloring.MEASURES, "ages", "cpath", "order-age", "order-memorypressure", "order-critical"],
)
def test_colors_show_the_static_order_and_a_legend(color):
    picture = dot.visualize_graph(make_graph(), filename=None, color=color)
    fills = {circle.get("fill") for circle in elements(picture, "circle")}
    assert fills and all(re.fullmatch("#[0-9a-f]{6}", fill) for fill in fills)
    shown = words(picture)
    assert {"add", "sum", "neg"} <= set(shown)
    assert "0" in shown, "the legend's least value"
    if color == "order":
        assert len(fills) > 1
        assert {"neg", "0"} <= set(shown) and "order" in shown


@pytest.mark.parametrize("cmap", ["RdBu", "viridis_r", lambda part, bytes: (255 * part, 0, 0, 255)])
def test_colors_can_be_chosen(cmap):
    plain = dot.visualize_graph(make_graph(), filename=None, color="order").svg()
    assert dot.visualize_graph(make_graph(), filename=None, color="order", cmap=cmap).svg() != plain


def test_the_order_can_be_given():
    order = {key: number for number, key in enumerate("fedcba")}
    picture = dot.visualize_graph(make_graph(), filename=None, color="order", o=order, maxval=10)
    assert "10" in words(picture)


def test_what_is_not_known_is_refused():
    with pytest.raises(NotImplementedError, match="Unknown value color=mood"):
        dot.visualize_graph(make_graph(), filename=None, color="mood")
    with pytest.raises(ValueError, match="not-real"):
        dot.visualize_graph(make_graph(), filename=None, engine="not-real")
    with pytest.raises(ValueError, match="no-such-scale"):
        dot.visualize_graph(make_graph(), filename=None, color="order", cmap="no-such-scale")


def make_large(chunks):
    graph = {(f"load-{TOKEN}", i): i for i in range(chunks)}
    graph |= {(f"double-{TOKEN}", i): (add, (f"load-{TOKEN}", i), (f"load-{TOKEN}", i)) for i in range(chunks)}
    return graph | {f"sum-{TOKEN}": (sum, [(f"double-{TOKEN}", i) for i in range(chunks)])}


def test_a_large_graph_is_drawn_in_groups_with_counts():
    picture = draw(make_large(1000))
    assert words(picture) == ["load", "1,000 tasks", "double", "1,000 tasks", "sum", "1 task"]
    assert len(edges(picture)) == 2
    assert len(elements(draw(make_large(20)), "circle")) == 21
    assert len(words(draw(make_large(20), limit=10))) == 6
    assert len(elements(draw(make_large(200), limit=1000), "circle")) == 201


def test_graphs_are_drawn_as_they_are_and_containers_of_collections_opened():
    graph = make_large(3)
    layered = HighLevelGraph({"x": {"x": 1}, "y": {"y": (inc, "x")}}, {"x": set(), "y": {"x"}})
    assert words(cenote.visualize(graph, filename=None)) == words(draw(graph))
    assert words(cenote.visualize(OrderedDict(graph), filename=None)) == words(draw(graph))
    assert words(cenote.visualize(layered, filename=None)) == words(draw(dict(layered)))
    node = cenote.delayed(inc)(1)
    assert words(cenote.visualize({"a": node}, [node], filename=None)) == words(node.visualize(filename=None))
    assert len(elements(cenote.visualize(graph, {"b": [node]}, layered, filename=None), "circle")) == 6


def test_groups_of_delayed_are_those_of_their_tasks():
    pure = cenote.delayed(inc, pure=True)
    leaves = [cenote.delayed(inc)(pure(7)) for i in range(400)]
    total = cenote.delayed(sum)([*leaves, pure(7)]) + cenote.delayed(3)
    graph = total.__dask_graph__()
    groups, edges, group_of = group_tasks(graph)
    known = group_tasks(dict(graph))
    assert sorted(groups) == sorted(known.groups) and len(group_of) == len(known.group_of) == 404
    pairs = {(groups[start].name, groups[end].name): count for (start, end), count in edges.items()}
    assert pairs == {(known.groups[a].name, known.groups[b].name): count for (a, b), count in known.edges.items()}
    assert len(boxes(total.visualize(filename=None))) == len(groups)
    assert graph.is_larger_than(403) and not graph.is_larger_than(404)


def test_groups_count_each_edge_once_and_know_keys_of_any_kind():
    graph = {("a", 0): 1, ("a", 1): 2, "b-1": (add, ("a", 0), ("a", 0)), "b-2": (sum, [("a", 0), ("a", 1)])}
    graph |= {3: (inc, "b-1"), b"c-1": (inc, 3), (4, 5): (inc, b"c-1")}
    groups, edges, group_of = group_tasks(graph)
    assert [(group.name, group.tasks) for group in groups] == [("a", 2), ("b", 2), ("Other", 2), ("c", 1)]
    assert edges == {(0, 1): 3, (1, 2): 1, (2, 3): 1, (3, 2): 1} and group_of == [0, 0, 1, 1, 2, 3, 2]
    assert [group.functions for group in groups] == [[], ["add", "sum"], ["inc"], ["inc"]]


def test_groups_have_the_mean_color_of_their_tasks():
    picture = dot.visualize_graph(make_large(1000), filename=None, color="order")
    fills = [box.get("fill") for box in boxes(picture)]
    assert len(set(fills[-3:])) == 2 and fills[-1] == "#f0f921", "tasks of the first two run in turns"


def test_groups_stay_few_however_many_words_keys_begin_with():
    words_of = [f"{a}{b}{c}" for a in "bcdfgh" for b in "aeiou" for c in "klmnpqrst"]
    graph = {f"{word}-{i}": (inc, i) for word in words_of for i in range(2)}
    picture = draw(graph)
    assert len(boxes(picture)) <= 60
    assert any("others" in word for word in words(picture))


def test_every_layer_is_a_box_with_its_size():
    layers = {
        "read-csv": {("read-csv", i): (inc, i) for i in range(4)},
        "add": {("add", i): (inc, ("read-csv", i)) for i in range(4)},
        "filter": {("filter", 0): (inc, ("add", 0))},
    }
    graph = HighLevelGraph(layers, {"read-csv": set(), "add": {"read-csv"}, "filter": {"add"}})
    picture = dot.visualize_layers(graph, filename=None, format="svg")
    assert words(picture) == ["read-csv", "4 tasks", "add", "4 tasks", "filter", "1 task"]
    assert len(edges(picture)) == 2
    nodes, pairs = parse_dot(dot.layers_to_dot(graph))
    assert list(nodes) == list(layers) and ("read-csv", "add") in pairs
    legend = words(dot.visualize_layers(graph, filename=None, color="layer_type"))
    assert "layer types" in legend and "MaterializedLayer" in legend


def test_layers_write_svg_where_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = HighLevelGraph({"one": {"x": 1}}, {"one": set()})
    graph.visualize()
    graph.visualize("mine.png")
    assert sorted(os.listdir(tmp_path)) == ["cenote-hlg.svg", "mine.png"]


def test_the_same_graph_gives_the_same_picture():
    code = (
        "from operator import add, neg; from cenote import dot;"
        "g = {'a': 1, 'b': 2, 'c': (neg, 'a'), 'd': (neg, 'b'), 'e': (add, 'c', 'd')};"
        "print(dot.dot_graph(g, filename=None, format='svg').svg())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1 and runs != {b""}


def test_delayed_values_are_drawn_alone_and_together(tmp_path):
    from cenote import delayed, visualize

    total = delayed(sum)([delayed(inc)(i) for i in range(5)])
    other = delayed(inc)(total)
    assert words(total.visualize(filename=None)) == ["inc"] * 5 + ["sum"]
    assert sorted(words(visualize(total, [other], filename=None))) == ["inc"] * 6 + ["sum"]
    total.visualize(str(tmp_path / "total.pdf"), color="order", rankdir="LR")
    assert os.listdir(tmp_path) == ["total.pdf"]


def test_a_keyword_argument_does_not_hide_the_function():
    from cenote import delayed

    def f(x, y=True):
        return x + y

    assert words(delayed(f)(1, y=2).visualize(filename=None)) == ["f"]


def test_very_many_loose_tasks_at_one_stand_in_columns():
    graph = {("x", i): (inc, i) for i in range(199)} | {"total": (sum, [("x", i) for i in range(199)])}
    width, height = draw(graph).size
    assert width < 2600 and width / height < 4
