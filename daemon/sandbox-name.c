/* SPDX-License-Identifier: BSD-3-Clause */
/* What both sides of the sandbox say of its pieces. */
#include "daemon/sandbox.h"

const char *sandbox_name(enum sandbox_piece piece)
{
	static const char *const names[] = {
		[SANDBOX_MOUNT] = "a file system of its own",
		[SANDBOX_NET] = "a network namespace",
		[SANDBOX_IPC] = "an ipc namespace",
		[SANDBOX_UTS] = "a uts namespace",
		[SANDBOX_CGROUP] = "a cgroup namespace",
		[SANDBOX_PID] = "a pid namespace",
		[SANDBOX_USER] = "a user without privileges (\"worker_user\")",
		[SANDBOX_CAPABILITIES] = "being without capabilities",
		[SANDBOX_LIMITS] = "resource limits",
		[SANDBOX_FILTER] = "a filter of system calls",
	};

	return names[piece];
}
