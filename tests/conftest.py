"""What every test shares: properties are judged by what they find, not by how long a busy machine takes."""

import signal

from hypothesis import settings

settings.register_profile("cenote", deadline=None)
settings.load_profile("cenote")

# A shell that starts this in the background has it ignore what Ctrl-C sends, which is what some tests are about.
signal.signal(signal.SIGINT, signal.default_int_handler)
