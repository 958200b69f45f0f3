/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The records of bind: /run/opae/bind/ADDRESS, JSON. They tell root what to write where, so the folder
 * and the files must be root's (of who runs the tool, when a test does) and nobody else's to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bind.h"

#define RECORD_MAX 8192
#define RECORD_SCHEMA 1

/* ---- trust ---- */

static bool trusted(const struct stat *st)
{
	return (!st->st_uid || st->st_uid == geteuid()) && !(st->st_mode & 022);
}

static bool make_folder(const char *tail)
{
	char path[DEV_PATH_MAX];
	struct stat st;

	if (dev_path(path, "%s", tail))
		return false;
	if (mkdir(path, 0755) && errno != EEXIST)
		return bind_refuse(path, "is /run mounted for writing?", "%s", strerror(errno));
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || !trusted(&st)) {
		char mend[2 * DEV_PATH_MAX + 64];

		snprintf(mend, sizeof(mend), "sudo chown root %s; sudo chmod go-w %s", path, path);
		return bind_refuse(path, mend, "is no folder that root alone can write to, so what it "
					       "says of devices cannot be relied on");
	}
	return true;
}

bool record_lock(void)
{
	char path[DEV_PATH_MAX];
	int fd;

	if (!make_folder("/run") || !make_folder("/run/opae") || !make_folder(BIND_DIR) ||
	    dev_path(path, BIND_DIR "/.lock"))
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return bind_refuse(path, "ls -l the folder", "%s", strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return true; /* until the process ends */
	close(fd);
	return bind_refuse(path, "try again when it has ended", "another bind or release is at work");
}

static void read_boot(char out[64])
{
	if (sysfs_text(out, 64, "/proc/sys/kernel/random/boot_id"))
		*out = 0;
}

/* ---- reading ---- */

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type) ? v : NULL;
}

static bool get_text(struct json_object *o, const char *key, char *out, size_t len)
{
	struct json_object *v = member(o, key, json_type_string);

	if (!v || (size_t)json_object_get_string_len(v) >= len)
		return false;
	memcpy(out, json_object_get_string(v), (size_t)json_object_get_string_len(v) + 1);
	return true;
}

static bool get_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret)
{
	struct json_object *v = member(o, key, json_type_int);

	if (!v || json_object_get_int64(v) < 0)
		return false;
	*ret = json_object_get_uint64(v);
	return *ret <= max;
}

static bool get_flag(struct json_object *o, const char *key, bool *ret)
{
	struct json_object *v = member(o, key, json_type_boolean);

	*ret = v && json_object_get_boolean(v);
	return v != NULL;
}

static bool get_id(struct json_object *o, struct pci_id *id)
{
	char text[32];
	unsigned int v[4];
	int used = 0;

	if (!get_text(o, "id", text, sizeof(text)) ||
	    sscanf(text, "%4x:%4x %4x:%4x%n", &v[0], &v[1], &v[2], &v[3], &used) != 4 || text[used])
		return false;
	*id = (struct pci_id){ (uint16_t)v[0], (uint16_t)v[1], (uint16_t)v[2], (uint16_t)v[3] };
	return true;
}

static bool get_node(struct json_object *o, struct bind_node *node)
{
	uint64_t uid, gid, mode;

	if (!get_text(o, "path", node->path, sizeof(node->path)) || strstr(node->path, "..") ||
	    strncmp(node->path, "/dev/vfio/", 10) || !get_number(o, "uid", UINT32_MAX, &uid) ||
	    !get_number(o, "gid", UINT32_MAX, &gid) || !get_number(o, "mode", 07777, &mode))
		return false;
	node->uid = (uid_t)uid;
	node->gid = (gid_t)gid;
	node->mode = (mode_t)mode;
	return true;
}

static bool get_nodes(struct json_object *o, struct bind_record *rec)
{
	struct json_object *nodes = member(o, "nodes", json_type_array);

	if (!nodes || json_object_array_length(nodes) > 2)
		return false;
	for (size_t i = 0; i < json_object_array_length(nodes); i++)
		if (!get_node(json_object_array_get_idx(nodes, i), &rec->nodes[rec->num_nodes++]))
			return false;
	return true;
}

static bool parse(const char *text, const char *address, struct bind_record *rec)
{
	struct json_object *o = json_tokener_parse(text);
	uint64_t schema = 0, user = 0, vfs = 0;
	bool good = json_object_is_type(o, json_type_object) &&
		    get_number(o, "schema", RECORD_SCHEMA, &schema) &&
		    get_text(o, "address", rec->address, sizeof(rec->address)) &&
		    !strcmp(rec->address, address) && get_text(o, "pf", rec->pf, sizeof(rec->pf)) &&
		    get_id(o, &rec->id) && get_text(o, "boot", rec->boot, sizeof(rec->boot)) &&
		    get_number(o, "user", UINT32_MAX, &user) && get_flag(o, "device", &rec->device) &&
		    get_flag(o, "complete", &rec->complete) && get_flag(o, "module", &rec->module) &&
		    get_text(o, "driver", rec->driver, sizeof(rec->driver)) &&
		    !strchr(rec->driver, '/') &&
		    get_text(o, "driver_override", rec->override, sizeof(rec->override)) &&
		    get_nodes(o, rec) && get_number(o, "vfs", UINT16_MAX, &vfs) &&
		    get_flag(o, "autoprobe", &rec->autoprobe);

	rec->user = (uid_t)user;
	rec->vfs = (unsigned int)vfs;
	json_object_put(o);
	return good;
}

static int read_file(const char *path, char text[RECORD_MAX])
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct stat st;
	ssize_t n;
	int rc;

	if (fd < 0)
		return fd;
	rc = sys_fstat(fd, &st);
	if (rc)
		return rc;
	if (!S_ISREG(st.st_mode) || !trusted(&st))
		return -EPERM;
	n = sys_pread(fd, text, RECORD_MAX, 0);
	if (n < 0)
		return (int)n;
	if (n == RECORD_MAX)
		return -EFBIG;
	text[n] = 0;
	return 0;
}

int record_load(const char *address, struct bind_record *ret)
{
	char path[DEV_PATH_MAX], text[RECORD_MAX], boot[64], mend[DEV_PATH_MAX + 64];
	struct bind_record rec = { 0 };
	int rc = dev_path(path, BIND_DIR "/%s", address);

	if (!rc)
		rc = read_file(path, text);
	if (rc == -ENOENT)
		return rc;
	if (!rc && !parse(text, address, &rec))
		rc = -EINVAL;
	if (rc) {
		snprintf(mend, sizeof(mend), "look at the device by hand, then: sudo rm %s", path);
		bind_refuse(path, mend, rc == -EPERM  ? "the record can be written by others than root" :
					rc == -EINVAL ? "this is no record of bind" :
							strerror(-rc));
		return rc;
	}
	read_boot(boot);
	if (strcmp(boot, rec.boot))
		return -ENOENT; /* nothing of it has outlived the boot */
	*ret = rec;
	return 0;
}

/* ---- writing ---- */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *to_json(const struct bind_record *rec)
{
	struct json_object *o = json_object_new_object(), *nodes = json_object_new_array();
	char id[32];

	snprintf(id, sizeof(id), "%04x:%04x %04x:%04x", rec->id.vendor, rec->id.device,
		 rec->id.subsystem_vendor, rec->id.subsystem_device);
	json_object_object_add(o, "schema", json_object_new_int(RECORD_SCHEMA));
	add_text(o, "address", rec->address);
	add_text(o, "pf", rec->pf);
	add_text(o, "id", id);
	add_text(o, "boot", rec->boot);
	json_object_object_add(o, "user", json_u64(rec->user));
	json_object_object_add(o, "device", json_object_new_boolean(rec->device));
	json_object_object_add(o, "complete", json_object_new_boolean(rec->complete));
	json_object_object_add(o, "module", json_object_new_boolean(rec->module));
	add_text(o, "driver", rec->driver);
	add_text(o, "driver_override", rec->override);
	json_object_object_add(o, "nodes", nodes);
	for (size_t i = 0; i < rec->num_nodes; i++) {
		struct json_object *node = json_object_new_object();

		add_text(node, "path", rec->nodes[i].path);
		json_object_object_add(node, "uid", json_u64(rec->nodes[i].uid));
		json_object_object_add(node, "gid", json_u64(rec->nodes[i].gid));
		json_object_object_add(node, "mode", json_u64(rec->nodes[i].mode));
		json_object_array_add(nodes, node);
	}
	json_object_object_add(o, "vfs", json_u64(rec->vfs));
	json_object_object_add(o, "autoprobe", json_object_new_boolean(rec->autoprobe));
	return o;
}

static int write_file(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fchmod(fd, 0644)) /* whatever the umask: a dry run of an ordinary user reads it */
		return -errno;
	n = sys_pwrite(fd, text, strlen(text), 0);
	if (n < 0)
		return (int)n;
	if ((size_t)n != strlen(text))
		return -ENOSPC;
	return fsync(fd) ? -errno : 0;
}

int record_save(struct bind_run *r, const struct bind_record *rec)
{
	char path[DEV_PATH_MAX], fresh[DEV_PATH_MAX];
	struct json_object *o;
	int rc = dev_path(path, BIND_DIR "/%s", rec->address);

	if (!rc)
		rc = dev_path(fresh, BIND_DIR "/.%s.new", rec->address);
	if (rc || r->dry)
		return rc;
	o = to_json(rec);
	unlink(fresh);
	rc = write_file(fresh, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	if (!rc && rename(fresh, path))
		rc = -errno;
	if (rc) {
		unlink(fresh);
		bind_refuse(path, "df /run   # is there room?", "the record cannot be written: %s",
			    strerror(-rc));
	}
	return rc;
}

int record_remove(struct bind_run *r, const char *address)
{
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, BIND_DIR "/%s", address);

	if (rc || r->dry || !unlink(path) || errno == ENOENT)
		return rc;
	rc = -errno;
	bind_refuse(path, "remove it by hand: all else is done", "the record cannot be removed: %s",
		    strerror(-rc));
	return rc;
}

size_t record_list(char (**ret)[PCI_ADDRESS_LEN])
{
	CLEANUP_FREE char *names = NULL;
	struct pci_address a;
	size_t n = 0, used = 0;

	*ret = NULL;
	if (sysfs_list(&names, BIND_DIR))
		return 0;
	for (const char *at = names; *at; at += strlen(at) + 1)
		n++;
	*ret = calloc(n + 1, sizeof(**ret));
	for (const char *at = names; *ret && *at; at += strlen(at) + 1)
		if (strlen(at) == PCI_ADDRESS_LEN - 1 && pci_parse(at, &a))
			memcpy((*ret)[used++], at, PCI_ADDRESS_LEN);
	return used;
}

/* ---- what others ask of them ---- */

struct bind_record record_new(const char *address, const struct pci_info *info, uid_t user)
{
	struct bind_record rec = { .id = info->id, .user = user };

	snprintf(rec.address, sizeof(rec.address), "%s", address);
	snprintf(rec.driver, sizeof(rec.driver), "%s", info->driver);
	bind_override(address, rec.override);
	read_boot(rec.boot);
	return rec;
}

bool record_fits(const struct bind_record *rec, const struct pci_id *now)
{
	char mend[DEV_PATH_MAX + 64], path[DEV_PATH_MAX];

	if (!memcmp(&rec->id, now, sizeof(*now)))
		return true;
	if (dev_path(path, BIND_DIR "/%s", rec->address))
		*path = 0;
	snprintf(mend, sizeof(mend), "sudo rm %s   # if the one it tells of is gone for good", path);
	return bind_refuse(rec->address, mend, "another device was bound here, %04x:%04x; now there is "
					       "%04x:%04x", rec->id.vendor, rec->id.device, now->vendor,
			   now->device);
}

static bool has_node(const struct bind_record *rec, const char *node)
{
	for (size_t i = 0; i < rec->num_nodes; i++)
		if (!strcmp(rec->nodes[i].path, node))
			return true;
	return false;
}

static bool is_among(const char (*all)[PCI_ADDRESS_LEN], size_t n, const char *address)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i], address))
			return true;
	return false;
}

bool record_with_node(const char (*but)[PCI_ADDRESS_LEN], size_t n, const char *node,
		      struct bind_record *ret)
{
	char(*all)[PCI_ADDRESS_LEN];
	size_t num = record_list(&all);
	bool found = false;

	for (size_t i = 0; i < num && !found; i++)
		found = !is_among(but, n, all[i]) && !record_load(all[i], ret) && has_node(ret, node);
	free(all);
	return found;
}
