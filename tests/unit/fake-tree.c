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

void fake_tree_begin(void)
{
	snprintf(root, sizeof(root), "/tmp/opae-fake-tree.XXXXXX");
	assert_non_null(mkdtemp(root));
	dev_set_root(root);
}

const char *fake_tree_root(void)
{
	return root;
}

void fake_tree_folder(const char *path)
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

void fake_tree_file(const char *folder, const char *name, const char *text)
{
	char at[320];
	FILE *f;

	snprintf(at, sizeof(at), "%s%s/%s", root, folder, name);
	f = fopen(at, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

void fake_tree_link(const char *folder, const char *name, const char *to)
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
	fake_tree_folder(folder);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		fake_tree_file(folder, ids[i], "0x8086\n");
	snprintf(to, sizeof(to), "../../../bus/pci/drivers/%s", driver);
	fake_tree_link(folder, "driver", to);
	snprintf(to, sizeof(to), "../../../kernel/iommu_groups/%s", in_group);
	if (*in_group)
		fake_tree_link(folder, "iommu_group", to);
}

/* The node is a file in which the device's registers are. */
static void make_node(const char *address, unsigned int number)
{
	char folder[128], name[16];

	snprintf(name, sizeof(name), "vfio%u", number);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/vfio-dev/%s", address, name);
	fake_tree_folder(folder);
	fake_tree_file(folder, "dev", "511:0\n");
	fake_tree_folder("/dev/vfio/devices");
	fake_tree_file("/dev/vfio/devices", name, "");
	snprintf(folder, sizeof(folder), "%s/dev/vfio/devices/%s", root, name);
	assert_int_equal(truncate(folder, FAKE_DEVICE_SIZE), 0);
}

void fake_tree_make(void)
{
	fake_tree_begin();
	make_device(FAKE_ONE, "vfio-pci", "7");
	make_device(FAKE_TWIN, "vfio-pci", "7");
	make_device(FAKE_TWO, "vfio-pci", "8");
	make_device(FAKE_OFF, "vfio-pci", "");
	make_device(FAKE_OTHER, "dfl-pci", "9");
	fake_tree_folder("/dev/vfio");
	fake_tree_file("/dev/vfio", "vfio", "");
	fake_tree_file("/dev/vfio", "7", "");
	fake_tree_file("/dev/vfio", "8", "");
	make_node(FAKE_ONE, 0);
	make_node(FAKE_TWIN, 1);
	make_node(FAKE_TWO, 2);
	fake_tree_file("/dev", "iommu", "");
}

void fake_tree_remove(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	dev_set_root(NULL);
}
