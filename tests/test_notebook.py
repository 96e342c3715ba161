"""A notebook with a kernel of its own, as Jupyter runs it: what a user sees under the cells."""

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

BEGINNING = """
import time
from cenote import delayed
from cenote.diagnostics import ProgressBar
"""


@pytest.fixture(scope="module")
def kernel():
    """Runs cells one after another in one kernel: from their code to their outputs."""
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(), timeout=60, kernel_name="python3", allow_errors=True)
    with client.setup_kernel():

        def run(code):
            client.nb.cells.append(nbformat.v4.new_code_cell(code))
            return client.execute_cell(client.nb.cells[-1], len(client.nb.cells) - 1).outputs

        assert not run(BEGINNING)
        yield run


def test_a_progress_bar_is_written_over_under_the_cell(kernel):
    outputs = kernel("""
        with ProgressBar(width=10, dt=0.02):
            total = delayed(len)([delayed(time.sleep)(0.05) for _ in range(8)]).compute(num_workers=1)
        total
    """)
    assert {output.output_type for output in outputs} == {"stream", "execute_result"}
    assert outputs[-1].data["text/plain"] == "8"
    text = "".join(output.text for output in outputs[:-1])
    states = text.split("\r")[1:]
    assert states[0].startswith("[          ] | 0% Completed") and states[-1].startswith(
        "[##########] | 100% Completed"
    )
    assert any(state.startswith("[#####     ]") for state in states) and text.count("\n") == 1


def test_a_picture_is_shown_under_the_cell(kernel):
    (output,) = kernel("delayed(sum)([delayed(abs)(-1)]).visualize(filename=None)")
    assert output.data["image/svg+xml"].startswith("<svg")


def test_the_stop_button_stops_a_computation(kernel):
    (output,) = kernel("""
        import os, signal, threading
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        delayed(time.sleep)(20).compute()
    """)
    assert output.ename == "KeyboardInterrupt"
    assert kernel("delayed(abs)(-1).compute()")[0].data["text/plain"] == "1"
