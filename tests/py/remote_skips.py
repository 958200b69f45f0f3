# SPDX-License-Identifier: BSD-3-Clause
"""What the end-to-end programs skip with an opaed in between, on this machine and in virtual ones."""
import os

# Each program, and how often it skips which case; with the eager tracker also what EAGER says.
PROGRAMS = {
    "card": {"pointers_to_mapped_registers": 1, "no_pointer_to_trapped_registers": 1},
    "dfl": {},
    "children": {},
    "errors": {},
    "life": {"killed_under_a_pointer": 1},
    "handover": {},
    "crowd": {},
    "exerciser": {"counting_together": 2},
    "order": {"counting_together": 2},
    "polling": {},
    "syscalls": {},
    "cxx_card": {"registers_by_pointer": 1},
}
EAGER = {
    "order": {"data_before_the_flag": 2, "order_of_messages": 2},
    "polling": {name: 2 for name in (
        "commands_without_a_register", "all_slots_at_once", "an_interrupt_for_each", "it_rests_and_wakes",
        "a_stop_and_a_start", "a_mailbox_that_is_released", "a_command_with_a_bad_address",
        "reset_and_close_end_it")},
}
# ThreadSanitizer lets no child of a process with threads start one, as a fabric's connection takes.
FORKS = {"handover": {"a_child_of_fork": 1}}


def skips(program, way):
    forks = FORKS if way.startswith("rdma-plugin") and os.environ.get("OPAE_TREE") == "tsan" else {}
    return {**PROGRAMS[program], **(EAGER.get(program, {}) if way.endswith("eager") else {}),
            **forks.get(program, {})}
