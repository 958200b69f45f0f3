/* SPDX-License-Identifier: BSD-3-Clause */
/* How the buffers of a remote accelerator are kept (docs/coherence.md), and why not better. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "track/track.h"

#define CLASS "/sys/class/misc/userfaultfd" /* the kernel has it, whatever /dev shows */

/* What eager costs, and what it lacks that a program may rely on. */
#define WITH_EAGER \
	"compared as a whole at each register access; a device that polls memory sees what a program " \
	"stores at its next register write, and not before"

enum { WHY_MAX = 512, MEND_MAX = 384 };

/* Does this kernel say that it is older than Linux 6.7? It may have been given what it needs all the same. */
static bool is_old(struct utsname *u)
{
	unsigned int major = 0, minor = 0;

	return !uname(u) && sscanf(u->release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 7));
}

/* What was tried went wrong by this errno. */
static void find_mend(int rc, char mend[MEND_MAX])
{
	struct utsname u;

	if (rc == -EACCES && is_old(&u))
		snprintf(mend, MEND_MAX,
			 "uname -r   # %s: Linux 6.7 and newer can, for who may open /dev/userfaultfd",
			 u.release);
	else if (rc == -EACCES)
		snprintf(mend, MEND_MAX,
			 "sudo chown %u /dev/userfaultfd   # for good: group fpga and "
			 "70-opae-userfaultfd.rules, see docs/daemon.md", geteuid());
	else if (rc == -EPERM)
		snprintf(mend, MEND_MAX,
			 "grep Seccomp /proc/self/status   # 2: a container or a security module forbids it");
	else if (rc == -EOPNOTSUPP && !access(CLASS, F_OK) && access("/dev/userfaultfd", F_OK))
		snprintf(mend, MEND_MAX,
			 "ls -l /dev/userfaultfd   # the kernel has it and /dev does not: give it to the "
			 "container, as --device does");
	else if (rc == -EOPNOTSUPP)
		snprintf(mend, MEND_MAX,
			 "uname -r   # Linux 6.7 and newer can, where userfaultfd is built in");
	else
		snprintf(mend, MEND_MAX, "ulimit -a   # is there a limit that is reached");
}

/* True: pages can be tracked here, with that server. Otherwise the reason, and what mends it. */
static bool can_trap(bool server_can, char why[WHY_MAX], char mend[MEND_MAX])
{
	struct tracker *tr;
	char reason[TRACK_WHY_MAX];
	int rc;

	if (!server_can) {
		snprintf(why, WHY_MAX, "its opaed knows only buffers that are compared as a whole");
		snprintf(mend, MEND_MAX, "opae --version   # and of that machine's opaed: update it");
		return false;
	}
	rc = tracker_new(0, &tr, reason);
	if (!rc) {
		tracker_free(tr);
		return true;
	}
	snprintf(why, WHY_MAX, "%s", reason);
	find_mend(rc, mend);
	return false;
}

/* "tracker" is "eager". */
static bool chosen(struct subject *s, bool server_can)
{
	char why[WHY_MAX], mend[MEND_MAX];
	bool can = can_trap(server_can, why, mend);

	return step_ok(s, "buffers",
		       "eager, as \"tracker\" says, %s; to have trap: %s%s$EDITOR %s, and say \"auto\"",
		       WITH_EAGER, can ? "" : mend, can ? "" : "; and ", config_name());
}

bool check_buffers(struct subject *s, const char *tracker, bool automatic, bool server_can)
{
	char why[WHY_MAX], mend[MEND_MAX];

	if (!automatic)
		return step_ok(s, "buffers", "programs push and pull them, for \"buffers\" is \"explicit\"");
	if (!strcmp(tracker, "eager"))
		return chosen(s, server_can);
	if (can_trap(server_can, why, mend))
		return step_ok(s, "buffers", "trap: what is used of them is known by the page");
	if (strcmp(tracker, "trap"))
		return step_note(s, "buffers", "eager, %s: %s; to have trap: %s", WITH_EAGER, why, mend);
	step_wrong(s, "buffers", "\"tracker\" is \"trap\", which cannot be had: %s", why);
	return fix(s, "%s; or $EDITOR %s, and say \"auto\"", mend, config_name());
}
