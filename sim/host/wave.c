/* SPDX-License-Identifier: BSD-3-Clause */
/* Waves, on and off: by the command line's window of cycles, or as the control socket asks. */
#include <errno.h>
#include <string.h>

#include "sim/host/host-internal.h"

int wave_begin(struct host *h, const char *path)
{
	int rc;

	if (!h->model->wave_open)
		return -EOPNOTSUPP;
	wave_end(h);
	rc = h->model->wave_open(h->model->self, path);
	h->wave_open = !rc;
	if (!rc)
		log_say(h, "waves go to %s", path);
	return rc;
}

void wave_end(struct host *h)
{
	if (h->wave_open)
		h->model->wave_close(h->model->self);
	h->wave_open = false;
}
