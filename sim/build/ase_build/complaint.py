# SPDX-License-Identifier: BSD-3-Clause
"""What ends a build: a message for the user, who can do something about it."""


class Complaint(Exception):
    """args[0] is the whole message."""
