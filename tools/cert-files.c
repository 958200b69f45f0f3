/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders and files of opae cert: the lock, and writing so that a file is there whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cert.h"

#define LOCK_WAIT_MS 20000
#define LOCK_STEP_MS 20
#define READ_MAX (16 << 20)

bool cert_refuse(const char *fmt, ...)
{
	va_list ap;

	fputs("opae: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

/* What is done about it, where the reason alone does not say. */
static const char *mend_for(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return "; make room there, and run it again";
	case EROFS:
		return "; name another folder";
	case EACCES:
	case EPERM:
		return "; run it as the user whose folder that is, or name another folder";
	default:
		return "";
	}
}

/* ---- folders ---- */

bool cert_folder_default(char path[PATH_MAX])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int len;

	if (!geteuid())
		len = snprintf(path, PATH_MAX, "/etc/opae/pki");
	else if (config && *config == '/')
		len = snprintf(path, PATH_MAX, "%s/opae/pki", config);
	else if (home && *home == '/')
		len = snprintf(path, PATH_MAX, "%s/.config/opae/pki", home);
	else
		return cert_refuse("neither XDG_CONFIG_HOME nor HOME says where the certificates are; name "
				   "the folder with --dir");
	return len < PATH_MAX || cert_refuse("XDG_CONFIG_HOME and HOME are too long for a path; name the "
					     "folder with --dir");
}

bool cert_folder_make_above(const char *path)
{
	mode_t mode = geteuid() ? 0700 : 0755;
	char above[PATH_MAX];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(above, path, i);
		above[i] = 0;
		if (!mkdir(above, mode)) {
			if (chmod(above, mode))
				return cert_refuse("%s: %s%s", above, strerror(errno), mend_for(errno));
		} else if (errno != EEXIST) {
			return cert_refuse("%s: %s%s", above, strerror(errno), mend_for(errno));
		}
	}
	return true;
}

/* Absolute, for what is told goes into configurations. */
static bool open_folder(struct cert_folder *f, const char *path)
{
	f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0)
		return false;
	if (realpath(path, f->path))
		return true;
	cert_folder_close(f);
	return false;
}

bool cert_folder_open(struct cert_folder *f, const char *path)
{
	if (open_folder(f, path))
		return true;
	if (errno == ENOENT)
		return cert_refuse("%s: there is no such folder; `opae cert init` makes the default one, and "
				   "with --dir another", path);
	return cert_refuse("%s: %s%s", path, strerror(errno), mend_for(errno));
}

bool cert_folder_open_or_make(struct cert_folder *f, const char *path)
{
	bool made = !mkdir(path, 0700);

	if (!made && errno == ENOENT)
		return cert_refuse("%s: the folder that it would be in is not there; make that first", path);
	if ((!made && errno != EEXIST) || (made && chmod(path, 0700)) || !open_folder(f, path))
		return cert_refuse("%s: %s%s", path, strerror(errno), mend_for(errno));
	return true;
}

bool cert_folder_trusted(const struct cert_folder *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return cert_refuse("%s: %s", f->path, strerror(errno));
	if (st.st_uid != geteuid())
		return cert_refuse("%s: the folder is user %u's and not this user's; run it as that user",
				   f->path, st.st_uid);
	if (st.st_mode & 022)
		return cert_refuse("%s: others can write to the folder, so what is in it cannot be relied "
				   "on; chmod 700 %s, and look at what is there", f->path, f->path);
	return true;
}

bool cert_folder_lock(struct cert_folder *f)
{
	struct timespec step = { 0, LOCK_STEP_MS * 1000000L };

	f->lock = openat(f->fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->lock < 0 || fchmod(f->lock, 0600))
		return cert_refuse("%s/.lock: %s%s", f->path, strerror(errno), mend_for(errno));
	for (int waited = 0; flock(f->lock, LOCK_EX | LOCK_NB); waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cert_refuse("%s/.lock: %s", f->path, strerror(errno));
		if (waited >= LOCK_WAIT_MS)
			return cert_refuse("%s: another `opae cert` has been at work there for %d s; try "
					   "again when it has ended", f->path, LOCK_WAIT_MS / 1000);
		nanosleep(&step, NULL);
	}
	return true;
}

void cert_folder_close(struct cert_folder *f)
{
	if (f->lock >= 0)
		close(f->lock);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = f->lock = -1;
}

/* ---- writing ---- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Nobody else can open it before its mode is what it shall be, whatever the umask. */
static int stage(struct cert_file *file, mode_t mode, const void *data, size_t len)
{
	CLEANUP_CLOSE int fd = openat(file->in->fd, file->temp,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (rc)
		return rc;
	return fchmod(fd, mode) || fsync(fd) ? -errno : 0;
}

bool cert_file_stage(struct cert_file *file, const struct cert_folder *in, const char *name, mode_t mode,
		     const void *data, size_t len)
{
	uint64_t any;
	int rc = 0;

	snprintf(file->name, sizeof(file->name), "%s", name);
	if (getrandom(&any, sizeof(any), 0) != (ssize_t)sizeof(any))
		return cert_refuse("there are no random numbers: %s", strerror(errno));
	snprintf(file->temp, sizeof(file->temp), ".%s.%016" PRIx64, name, any);
	file->in = in;
	rc = stage(file, mode, data, len);
	if (!rc)
		return true;
	cert_file_drop(file);
	return cert_refuse("%s/%s: it cannot be written: %s%s", in->path, name, strerror(-rc), mend_for(-rc));
}

static int give_name(const struct cert_file *file, bool replace)
{
	int at = file->in->fd;

	if (!replace && !renameat2(at, file->temp, at, file->name, RENAME_NOREPLACE))
		return 0;
	/* Not every file system knows how not to replace; who comes here has looked before. */
	if (!replace && errno != EINVAL && errno != ENOSYS)
		return -errno;
	return renameat(at, file->temp, at, file->name) ? -errno : 0;
}

bool cert_file_commit(struct cert_file *file, bool replace)
{
	const struct cert_folder *in = file->in;
	int rc = give_name(file, replace);

	if (rc) {
		cert_file_drop(file);
		return cert_refuse("%s/%s: %s%s", in->path, file->name, strerror(-rc), mend_for(-rc));
	}
	file->in = NULL;
	fsync(in->fd); /* some file systems cannot; then the file is there all the same */
	return true;
}

void cert_file_drop(struct cert_file *file)
{
	if (file->in)
		unlinkat(file->in->fd, file->temp, 0);
	file->in = NULL;
}

bool cert_file_write(const struct cert_folder *in, const char *name, mode_t mode, const void *data,
		     size_t len)
{
	struct cert_file file = { 0 };

	return cert_file_stage(&file, in, name, mode, data, len) && cert_file_commit(&file, true);
}

/* ---- reading ---- */

bool cert_file_exists(const struct cert_folder *in, const char *name)
{
	struct stat st;

	return !fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

static int read_all(int fd, char **data, size_t *len)
{
	struct stat st;
	size_t used = 0;
	ssize_t n = 1;
	char *at;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > READ_MAX)
		return -EFBIG;
	at = malloc((size_t)st.st_size + 1);
	while (at && used < (size_t)st.st_size && n > 0) {
		n = read(fd, at + used, (size_t)st.st_size - used);
		if (n > 0)
			used += (size_t)n;
	}
	if (!at || n < 0) {
		free(at);
		return at ? -EIO : -ENOMEM;
	}
	at[used] = 0;
	*data = at;
	*len = used;
	return 0;
}

bool cert_path_read(int at, const char *path, const char *shown, char **data, size_t *len)
{
	CLEANUP_CLOSE int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = fd < 0 ? -errno : read_all(fd, data, len);

	return !rc || cert_refuse("%s: %s%s", shown,
				  rc == -EINVAL ? "this is no regular file" : strerror(-rc), mend_for(-rc));
}

bool cert_file_read(const struct cert_folder *in, const char *name, char **data, size_t *len)
{
	char shown[PATH_MAX + CERT_FILE_MAX];

	snprintf(shown, sizeof(shown), "%s/%s", in->path, name);
	return cert_path_read(in->fd, name, shown, data, len);
}
