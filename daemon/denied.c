/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/denied.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/log.h"
#include "wire/ops.h"

static struct {
	pthread_mutex_t lock; /* guards what follows */
	int64_t again;	      /* when there may be a line again */
	uint64_t untold;
} at = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* With the lock. "": there were none. */
static void take_untold(char *out, size_t len)
{
	*out = 0;
	if (at.untold)
		snprintf(out, len, "; %" PRIu64 " more were refused since the last line", at.untold);
	at.untold = 0;
}

void denied_tell(const char *principal, const struct rpc_refusal *r)
{
	char more[64];
	SCOPED_LOCK(&at.lock);

	if (clock_now_ns() < at.again) {
		at.untold++;
		return;
	}
	at.again = clock_deadline(NS_PER_S);
	take_untold(more, sizeof(more));
	if (r->right)
		log_line("%s: %s is refused: it needs \"%s\"%s", principal, r->op, wire_right_name(r->right),
			 more);
	else
		log_line("%s: %s is refused: the %s 0x%" PRIx64 " is not its own%s", principal, r->op,
			 r->what, r->id, more);
}

void denied_done(const char *principal)
{
	char more[64];
	SCOPED_LOCK(&at.lock);

	take_untold(more, sizeof(more));
	if (*more)
		log_line("%s%s", principal, more);
}
