"""Clients that a scheduler refuses."""

import pytest
from distributed import Client


def see_refused(address, error, match=None, **options):
    """See that a client is refused with an error, and close what is left of it.

    A client whose constructor has failed is closed when it is collected, and waits for its event loop then: should the
    collector run in that loop, or in any other that has just begun, everything stands still.
    """
    left = object.__new__(Client)
    try:
        with pytest.raises(error, match=match):
            left.__init__(address, set_as_default=False, **options)
    finally:
        left.close()
