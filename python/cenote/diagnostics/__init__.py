"""Watch graphs run on this machine: a progress bar, and profilers of tasks, of memory and CPU, and of live results.

Each is a `cenote.callbacks.Callback`: use it in a ``with`` block, or `register` it for all runs to come.
"""

from cenote.callbacks import Callback
from cenote.diagnostics.profile import CacheProfiler, Profiler, ResourceProfiler
from cenote.diagnostics.profile_visualize import visualize
from cenote.diagnostics.progress import ProgressBar

__all__ = ["CacheProfiler", "Callback", "Profiler", "ProgressBar", "ResourceProfiler", "visualize"]
