# SPDX-License-Identifier: BSD-3-Clause
"""ase-build: an AFU's sources into a program that simulates it."""
