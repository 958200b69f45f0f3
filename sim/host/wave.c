/* SPDX-License-Identifier: BSD-3-Clause */
/* Waves, on and off: by the command line's window of cycles, or as the control socket asks. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/sys.h"
#include "sim/host/host-internal.h"

const char *wave_why(int rc)
{
	return rc == -EEXIST ? "there is something that is no file" : strerror(-rc);
}

/* The writer of waves replaces what is at the path: a device is not for it to take away. */
int wave_possible(const struct sim_model *model, const char *path)
{
	struct stat st;
	bool fresh = stat(path, &st) != 0;
	int fd;

	if (!model->wave_open)
		return -EOPNOTSUPP;
	if (!fresh && !S_ISREG(st.st_mode))
		return -EEXIST;
	fd = sys_open(path, O_WRONLY | O_CREAT | O_NONBLOCK, 0666);
	if (fd < 0)
		return fd;
	sys_close(fd);
	if (fresh)
		unlink(path);
	return 0;
}

int wave_begin(struct host *h, const char *path)
{
	int rc = wave_possible(h->model, path); /* the model's own answer does not say why */

	if (rc)
		return rc;
	wave_end(h);
	rc = h->model->wave_open(h->model->self, path);
	h->wave_open = !rc;
	snprintf(h->wave_path, sizeof(h->wave_path), "%s", path);
	if (!rc)
		log_say(h, "waves go to %s", path);
	return rc;
}

/* The writer of waves does not tell what it could not write. */
static void look_for_room(const struct host *h)
{
	struct statvfs fs;

	if (!statvfs(h->wave_path, &fs) && !fs.f_bavail)
		fprintf(stderr, "%s: %s: no room is left there, so that the waves may not be whole\n",
			h->model->name, h->wave_path);
}

void wave_end(struct host *h)
{
	if (!h->wave_open)
		return;
	h->model->wave_close(h->model->self);
	h->wave_open = false;
	look_for_room(h);
}
