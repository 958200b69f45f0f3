/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/gate-holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/inventory-dir.h"
#include "base/inventory-lock.h"
#include "daemon/channel.h"

#define SEARCH_NS (50 * NS_PER_MS)
#define PAUSE 10 /* times as long as the search before took */
#define KEEP_NS NS_PER_S
#define KEPT 16 /* answers; the oldest makes room */

struct answer {
	char device[CHANNEL_PATH_MAX];
	int64_t until; /* 0: there is none */
	int rc;
	char name[PROCESS_NAME_MAX];
};

static struct answer kept[KEPT];
static int64_t not_before; /* of the next search */

static const struct answer *find(const char *device, int64_t now)
{
	for (int i = 0; i < KEPT; i++)
		if (kept[i].until > now && !strcmp(kept[i].device, device))
			return &kept[i];
	return NULL;
}

static const struct answer *keep(const char *device, int rc, const char *name)
{
	struct answer *a = &kept[0];

	for (int i = 1; i < KEPT; i++)
		if (kept[i].until < a->until)
			a = &kept[i];
	a->rc = rc;
	a->until = clock_deadline(KEEP_NS);
	snprintf(a->device, sizeof(a->device), "%s", device);
	snprintf(a->name, sizeof(a->name), "%s", name);
	return a;
}

static int search(const char *device, char name[PROCESS_NAME_MAX])
{
	int64_t began = clock_now_ns(), ended;
	char dir[INVENTORY_DIR_MAX];
	int rc = -ENOENT;

	*name = 0;
	if (inventory_dir_path(dir, sizeof(dir), NULL))
		rc = inventory_lock_holder(dir, device, began + SEARCH_NS, name, PROCESS_NAME_MAX);
	ended = clock_now_ns();
	not_before = ended + PAUSE * (ended - began);
	return rc;
}

int gate_holder(const char *device, char out[PROCESS_NAME_MAX])
{
	int64_t now = clock_now_ns();
	const struct answer *a = find(device, now);
	char name[PROCESS_NAME_MAX];
	int rc;

	if (!a && now < not_before)
		return -EAGAIN;
	if (!a) {
		rc = search(device, name);
		if (rc == -ETIMEDOUT)
			return -EAGAIN;
		a = keep(device, rc, name);
	}
	memcpy(out, a->name, sizeof(a->name));
	return a->rc;
}
