#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# /rig/signal CARD: the host sends SIGUSR1 to the card, with which its faults begin. Soon, not at
# once: wait for what they do.
printf '@ !signal/%s 0 0 0 0\n\n' "$1" >"$(cat /rig/port)"
