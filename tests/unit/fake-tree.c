/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/sysfs.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"

static char root[64];

static void make_folder(const char *path)
{
	char at[1024];

	snprintf(at, sizeof(at), "%s%s", root, path);
	for (char *p = at + strlen(root) + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			assert_true(!mkdir(at, 0755) || errno == EEXIST);
			*p = '/';
		}
	assert_true(!mkdir(at, 0755) || errno == EEXIST);
}

static void make_file(const char *folder, const char *name, const char *text)
{
	char at[320];
	FILE *f;

	snprintf(at, sizeof(at), "%s%s/%s", root, folder, name);
	f = fopen(at, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_link(const char *folder, const char *name, const char *to)
{
	char at[320];

	snprintf(at, sizeof(at), "%s%s/%s", root, folder, name);
	assert_int_equal(symlink(to, at), 0);
}

static void make_device(const char *address, const char *driver, const char *in_group)
{
	static const char *ids[] = { "vendor", "device", "subsystem_vendor", "subsystem_device" };
	char folder[128], to[128];

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", address);
	make_folder(folder);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		make_file(folder, ids[i], "0x8086\n");
	snprintf(to, sizeof(to), "../../../bus/pci/drivers/%s", driver);
	make_link(folder, "driver", to);
	snprintf(to, sizeof(to), "../../../kernel/iommu_groups/%s", in_group);
	if (*in_group)
		make_link(folder, "iommu_group", to);
}

/* The node is a file in which the device's registers are. */
static void make_node(const char *address, unsigned int number)
{
	char folder[128], name[16];

	snprintf(name, sizeof(name), "vfio%u", number);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/vfio-dev/%s", address, name);
	make_folder(folder);
	make_file(folder, "dev", "511:0\n");
	make_folder("/dev/vfio/devices");
	make_file("/dev/vfio/devices", name, "");
	snprintf(folder, sizeof(folder), "%s/dev/vfio/devices/%s", root, name);
	assert_int_equal(truncate(folder, FAKE_DEVICE_SIZE), 0);
}

void fake_tree_begin(void)
{
	snprintf(root, sizeof(root), "/tmp/opae-fake-tree.XXXXXX");
	assert_non_null(mkdtemp(root));
	dev_set_root(root);
}

void fake_tree_make(void)
{
	fake_tree_begin();
	make_device(FAKE_ONE, "vfio-pci", "7");
	make_device(FAKE_TWIN, "vfio-pci", "7");
	make_device(FAKE_TWO, "vfio-pci", "8");
	make_device(FAKE_OFF, "vfio-pci", "");
	make_device(FAKE_OTHER, "dfl-pci", "9");
	make_folder("/dev/vfio");
	make_file("/dev/vfio", "vfio", "");
	make_file("/dev/vfio", "7", "");
	make_file("/dev/vfio", "8", "");
	make_node(FAKE_ONE, 0);
	make_node(FAKE_TWIN, 1);
	make_node(FAKE_TWO, 2);
	make_file("/dev", "iommu", "");
}

void fake_tree_remove(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	dev_set_root(NULL);
}

/* ---- any tree ---- */

static void place(char at[1024], const char *path)
{
	assert_true(snprintf(at, 1024, "%s%s", root, path) < 1024);
}

static void make_parent(const char *path)
{
	char folder[1024];

	assert_true(snprintf(folder, sizeof(folder), "%s", path) < (int)sizeof(folder));
	*strrchr(folder, '/') = 0;
	make_folder(folder);
}

void fake_tree_folder(const char *path)
{
	make_folder(path);
}

void fake_tree_file(const char *path, const void *data, size_t len)
{
	char at[1024];
	FILE *f;

	make_parent(path);
	place(at, path);
	f = fopen(at, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

void fake_tree_text(const char *path, const char *text)
{
	fake_tree_file(path, text, strlen(text));
}

void fake_tree_link(const char *path, const char *to)
{
	char at[1024];

	make_parent(path);
	place(at, path);
	assert_int_equal(symlink(to, at), 0);
}

void fake_tree_mode(const char *path, unsigned int mode)
{
	char at[1024];

	place(at, path);
	assert_int_equal(chmod(at, mode), 0);
}

void fake_tree_delete(const char *path)
{
	char command[1100], at[1024];

	place(at, path);
	snprintf(command, sizeof(command), "rm -rf '%s'", at);
	assert_int_equal(system(command), 0);
}

char *fake_tree_read(const char *path)
{
	char at[1024], *text = calloc(1, 4096);
	FILE *f;

	place(at, path);
	f = fopen(at, "re");
	assert_non_null(f);
	assert_non_null(text);
	text[fread(text, 1, 4095, f)] = 0;
	fclose(f);
	return text;
}
