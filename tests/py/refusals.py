# SPDX-License-Identifier: BSD-3-Clause
"""What comes of what is not lawful: a call is refused with a reason, or the connection ends. For the client
of tests/raw/peer.py, whose folder is in sys.path where this is imported."""
import pytest
from frames import Failed


def fails(results, call, *args, **kw):
    """With one of these results; the reason, for there is always one."""
    with pytest.raises(Failed) as e:
        call(*args, **kw)
    assert e.value.result in (results if isinstance(results, tuple) else (results,)), e.value
    assert e.value.reason
    return e.value.reason


def ended(client):
    """The server ends the connection without another reply."""
    try:
        while True:
            client.take()
    except (EOFError, ConnectionError):
        return True
    except TimeoutError:
        return False
