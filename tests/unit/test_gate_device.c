/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker gone bad asks for what its session's rule does not show: nodes of others, sockets, files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "daemon/gate-device.h"
#include "daemon/scout.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"
#include "wire/ops.h"

#define CARD "/sys/devices/pci0000:b0/0000:b1:00.0/fpga_region/region0"
#define OTHER "/sys/devices/pci0000:b0/0000:b2:00.0/fpga_region/region1"
#define MINE "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define MINE_PLAIN "d8424dc4a4a3c413f89e433683f9040b\n"
#define THEIRS_PLAIN "850adcc26ceb4b229722d43375b61c66\n"
#define ENGINE "11111111-2222-3333-4444-555555555555"
#define ENGINE_PLAIN "11111111222233334444555555555555\n"

static struct policy_see see[4];
static struct policy_rule rule = { .principal = "unix:1000", .see = see };
static struct scout scout;
static struct gate_who who;
static char why[GATE_WHY_MAX];
static char home[] = "/tmp/opae-test-gate-device.XXXXXX";

static void rule_is(uint32_t allow, const char *first, const char *second)
{
	rule.allow = allow;
	rule.num_see = 0;
	if (first)
		assert_true(policy_see_parse(first, &see[rule.num_see++]));
	if (second)
		assert_true(policy_see_parse(second, &see[rule.num_see++]));
}

static void vfio_function(const char *address, const char *driver, const char *group, const char *node)
{
	char folder[128], to[128];

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", address);
	fake_tree_folder(folder);
	snprintf(to, sizeof(to), "../../drivers/%s", driver);
	fake_tree_link(folder, "driver", to);
	snprintf(folder, sizeof(folder), "/sys/kernel/iommu_groups/%s/devices/%s", group, address);
	fake_tree_folder(folder);
	snprintf(folder, sizeof(folder), "/sys/bus/pci/drivers/%s", driver);
	fake_tree_folder(folder);
	snprintf(to, sizeof(to), "../../devices/%s", address);
	fake_tree_link(folder, address, to);
	if (!*node)
		return;
	snprintf(folder, sizeof(folder), "/sys/class/vfio-dev/%s", node);
	fake_tree_folder(folder);
	snprintf(to, sizeof(to), "../../../bus/pci/devices/%s", address);
	fake_tree_link(folder, "device", to);
}

static void dfl_card(const char *dir, const char *region, const char *number, const char *guid)
{
	char folder[256], to[256];

	snprintf(folder, sizeof(folder), "%s/dfl-port.%s/errors", dir, number);
	fake_tree_folder(folder);
	snprintf(folder, sizeof(folder), "%s/dfl-port.%s", dir, number);
	fake_tree_file(folder, "afu_id", guid);
	snprintf(folder, sizeof(folder), "%s/dfl-fme.%s/dfl-fme-region.9/fpga_region/region9", dir, number);
	fake_tree_folder(folder);
	fake_tree_file(folder, "compat_id", ENGINE_PLAIN);
	fake_tree_folder("/sys/class/fpga_region");
	snprintf(to, sizeof(to), "../..%s", dir + strlen("/sys"));
	fake_tree_link("/sys/class/fpga_region", region, to);
	fake_tree_folder("/sys/class/uio");
	snprintf(to, sizeof(to), "../..%s/dfl-port.%s/dfl_dev.1/uio/uio%s", dir + strlen("/sys"), number,
		 number);
	snprintf(folder, sizeof(folder), "uio%s", number);
	fake_tree_link("/sys/class/uio", folder, to);
}

static int up(void **state)
{
	(void)state;
	memcpy(home, "/tmp/opae-test-gate-device.XXXXXX", sizeof(home));
	if (!mkdtemp(home))
		return -1;
	setenv("OPAEX_EMU_DIR", home, 1);
	fake_tree_begin();
	fake_tree_folder("/proc/sys/kernel/random");
	fake_tree_file("/proc/sys/kernel/random", "boot_id", "a-boot\n");
	vfio_function("0000:03:00.0", "vfio-pci", "7", "vfio0");
	vfio_function("0000:03:00.1", "vfio-pci", "7", "vfio1");
	vfio_function("0000:03:00.2", "pcieport", "7", "");
	vfio_function("0000:04:00.0", "vfio-pci", "8", "vfio2");
	vfio_function("0000:04:01.0", "mlx5_vfio_pci", "10", "vfio3");
	vfio_function("0000:05:00.0", "e1000e", "9", "");
	dfl_card(CARD, "region0", "0", MINE_PLAIN);
	dfl_card(OTHER, "region1", "1", THEIRS_PLAIN);
	memset(&scout, 0, sizeof(scout));
	who = (struct gate_who){ .rule = &rule, .scout = &scout };
	return 0;
}

static int down(void **state)
{
	char command[64];

	(void)state;
	scout_done(&scout);
	fake_tree_remove();
	snprintf(command, sizeof(command), "rm -rf %s", home);
	return system(command);
}

static int node(const char *path)
{
	return gate_judge_node(&who, path, why);
}

#define yes(path) assert_int_equal(node(path), 0)
#define no(path) assert_int_equal(node(path), -EPERM)

static void functions_by_address(void **state)
{
	(void)state;
	rule_is(WIRE_RIGHT_MMIO_READ, "0000:04:00.0", NULL); /* opening needs no class */
	yes("/dev/vfio/8");
	yes("/dev/vfio/devices/vfio2");
	yes("/dev/vfio/vfio");
	yes("/dev/iommu");
	yes("/dev/null");
	no("/dev/vfio/7");
	no("/dev/vfio/devices/vfio0");
	no("/dev/vfio/devices/vfio1");
	no("/dev/vfio/devices/vfio3");
	no("/dev/vfio/10");
	no("/dev/vfio/9"); /* nobody's */
	no("/dev/vfio/77");
	no("/dev/vfio/devices/vfio77");
	no("/dev/vfio/noiommu-8");
	no("/dev/vfio/devices/../8");
	no("/dev/vfio/08x");
	no("/dev/vfio/");
	assert_string_not_equal(why, "");
	rule_is(WIRE_RIGHTS_ALL, NULL, NULL);
	no("/dev/vfio/8");
	rule_is(0, "*", NULL);
	yes("/dev/vfio/8");
	yes("/dev/vfio/7");
}

/* Who has the group has all of it: one function of two is not enough. */
static void a_group_is_whole(void **state)
{
	(void)state;
	rule_is(WIRE_RIGHTS_ALL, "0000:03:00.0", NULL);
	no("/dev/vfio/7");
	assert_non_null(strstr(why, "0000:03:00.1"));
	yes("/dev/vfio/devices/vfio0");
	no("/dev/vfio/devices/vfio1");
	rule_is(WIRE_RIGHTS_ALL, "0000:03:00.0", "0000:03:00.1");
	yes("/dev/vfio/7");
	rule_is(WIRE_RIGHTS_ALL, "0000:03:00.*", NULL);
	yes("/dev/vfio/7");
	no("/dev/vfio/8");
}

static void ports_and_engines(void **state)
{
	(void)state;
	rule_is(WIRE_RIGHT_MMIO_READ, "0000:b1:00.0", NULL);
	yes("/dev/dfl-port.0");
	yes("/dev/uio0");
	no("/dev/dfl-port.1");
	no("/dev/dfl-port.2");
	no("/dev/dfl-fme.1");
	no("/dev/uio1");
	no("/dev/uio2");
	no("/dev/uio0x");
	no("/dev/dfl-fme.0"); /* seen, but what it is for is not allowed */
	assert_non_null(strstr(why, "reconfigure"));
	rule_is(WIRE_RIGHT_MMIO_READ | WIRE_RIGHT_MMIO_WRITE | WIRE_RIGHT_DMA | WIRE_RIGHT_EVENT, "*", NULL);
	no("/dev/dfl-fme.0");
	rule_is(WIRE_RIGHT_ERROR, "0000:b1:00.0", NULL);
	yes("/dev/dfl-fme.0");
	no("/dev/dfl-fme.1");
	rule_is(WIRE_RIGHT_RECONFIGURE, "0000:b1:00.0", NULL);
	yes("/dev/dfl-fme.0");
	rule_is(WIRE_RIGHTS_ALL, "*", NULL);
	yes("/dev/dfl-fme.1");
}

/* What sysfs says of the port; the card around it is not shown. */
static void ports_by_guid(void **state)
{
	(void)state;
	rule_is(WIRE_RIGHTS_ALL, "guid:" MINE, NULL);
	yes("/dev/dfl-port.0");
	yes("/dev/uio0");
	no("/dev/dfl-port.1");
	no("/dev/uio1");
	no("/dev/dfl-fme.0");
	rule_is(WIRE_RIGHTS_ALL, "guid:" ENGINE, NULL);
	yes("/dev/dfl-fme.0");
	no("/dev/dfl-port.0");
}

static void attributes(void **state)
{
	static const char error[] = CARD "/dfl-port.0/errors/errors",
			  clock[] = CARD "/dfl-port.0/userclk_freqcmd",
			  pll[] = CARD "/dfl-port.0/dfl_dev.3/userclk/frequency",
			  counter[] = CARD "/dfl-port.0/userclk_freqcntrcmd",
			  power[] = CARD "/dfl-fme.0/power_mgmt/threshold1",
			  theirs[] = OTHER "/dfl-port.1/errors/errors";

	(void)state;
	rule_is(WIRE_RIGHT_ERROR, "0000:b1:00.0", NULL);
	assert_int_equal(gate_judge_attribute(&who, error, why), 0);
	assert_int_equal(gate_judge_attribute(&who, clock, why), -EPERM);
	assert_int_equal(gate_judge_attribute(&who, power, why), -EPERM);
	assert_int_equal(gate_judge_attribute(&who, theirs, why), -EPERM);
	rule_is(WIRE_RIGHT_MMIO_READ, "0000:b1:00.0", NULL);
	assert_int_equal(gate_judge_attribute(&who, counter, why), 0);
	assert_int_equal(gate_judge_attribute(&who, clock, why), -EPERM);
	assert_int_equal(gate_judge_attribute(&who, pll, why), -EPERM);
	rule_is(WIRE_RIGHT_RECONFIGURE, "guid:" MINE, NULL);
	assert_int_equal(gate_judge_attribute(&who, clock, why), 0);
	assert_int_equal(gate_judge_attribute(&who, pll, why), 0);
	assert_int_equal(gate_judge_attribute(&who, error, why), -EPERM);
	rule_is(WIRE_RIGHTS_ALL, "guid:" MINE, NULL);
	assert_int_equal(gate_judge_attribute(&who, power, why), -EPERM);
	assert_int_equal(gate_judge_attribute(&who, theirs, why), -EPERM);
	assert_int_equal(gate_judge_attribute(&who, error, why), 0);
	rule_is(WIRE_RIGHT_MMIO_READ | WIRE_RIGHT_MMIO_WRITE, "*", NULL);
	assert_int_equal(gate_judge_attribute(&who, error, why), -EPERM);
	rule_is(WIRE_RIGHT_ADMIN, "*", NULL);
	assert_int_equal(gate_judge_attribute(&who, power, why), 0);
}

/* A function's GUIDs are what a scout has found, and nothing that a worker says. */
static void functions_by_guid(void **state)
{
	struct scout_report r = { .bus = 4 };

	(void)state;
	rule_is(WIRE_RIGHTS_ALL, "guid:" MINE, NULL);
	assert_int_equal(node("/dev/vfio/8"), -EINPROGRESS);
	assert_true(scout_wanted(&scout));
	scout_started(&scout);
	assert_int_equal(node("/dev/vfio/devices/vfio2"), -EINPROGRESS);
	uuid_parse(MINE, r.guid);
	scout_hear(&scout, &r);
	scout_ended(&scout);
	yes("/dev/vfio/8");
	yes("/dev/vfio/devices/vfio2");
	rule_is(WIRE_RIGHTS_ALL, "guid:" ENGINE, NULL);
	no("/dev/vfio/8");
	assert_false(scout_wanted(&scout));
}

static void make_socket(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", home, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
}

static int socket_of(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	return gate_judge_socket(&who, path, why);
}

static void sockets(void **state)
{
	struct config_card cards[] = { { "/run/a.sock", { .segment = 0x8000 } },
				       { "/run/b.sock", { .bus = 0xb1 } } };

	(void)state;
	make_socket("card0.sock");
	make_socket("card1.sock");
	rule_is(WIRE_RIGHTS_ALL, "8001:00:00.0", NULL);
	assert_int_equal(socket_of("card1.sock"), 0);
	assert_int_equal(socket_of("card0.sock"), -EPERM);
	assert_int_equal(socket_of("card2.sock"), -EPERM);
	assert_int_equal(gate_judge_socket(&who, "/run/b.sock", why), -EPERM);
	rule_is(WIRE_RIGHTS_ALL, "*", NULL);
	assert_int_equal(socket_of("card0.sock"), 0);
	/* "8000:..." is the configured one then, and not the one of the directory that would have it */
	who.cards = cards;
	who.num_cards = 2;
	rule_is(WIRE_RIGHTS_ALL, "8000:00:00.0", NULL);
	assert_int_equal(gate_judge_socket(&who, "/run/a.sock", why), 0);
	assert_int_equal(gate_judge_socket(&who, "/run/b.sock", why), -EPERM);
	assert_int_equal(socket_of("card0.sock"), -EPERM);
	rule_is(WIRE_RIGHTS_ALL, "b1:00.0", NULL);
	assert_int_equal(gate_judge_socket(&who, "/run/b.sock", why), 0);
}

static void sockets_by_guid(void **state)
{
	struct scout_report r = { .segment = 0x8001 };

	(void)state;
	make_socket("card1.sock");
	make_socket("card0.sock");
	rule_is(WIRE_RIGHTS_ALL, "guid:" MINE, NULL);
	assert_int_equal(socket_of("card1.sock"), -EINPROGRESS);
	assert_int_equal(socket_of("card0.sock"), -EINPROGRESS);
	scout_started(&scout);
	uuid_parse(MINE, r.guid);
	scout_hear(&scout, &r);
	scout_ended(&scout);
	assert_int_equal(socket_of("card1.sock"), 0);
	assert_int_equal(socket_of("card0.sock"), -EPERM);
	assert_int_equal(socket_of("none.sock"), -EPERM);
}

static void counters_of(const char *name, const char *type)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "/sys/bus/event_source/devices/%s", name);
	fake_tree_folder(folder);
	fake_tree_file(folder, "type", type);
}

/* They tell of the engine, and need no class. */
static void counters(void **state)
{
	(void)state;
	counters_of("cpu", "4\n");
	counters_of("dfl_fme0", "17\n");
	counters_of("dfl_fme1", "18\n");
	counters_of("dfl_fme2", "19\n");
	rule_is(0, "0000:b1:00.0", NULL);
	assert_int_equal(gate_judge_counters(&who, 17, why), 0);
	assert_int_equal(gate_judge_counters(&who, 18, why), -EPERM);
	assert_non_null(strstr(why, "dfl-fme.1"));
	assert_int_equal(gate_judge_counters(&who, 19, why), -EPERM); /* no such engine */
	assert_int_equal(gate_judge_counters(&who, 4, why), -EACCES);
	assert_int_equal(gate_judge_counters(&who, 20, why), -EACCES);
	rule_is(0, "guid:" MINE, NULL);
	assert_int_equal(gate_judge_counters(&who, 17, why), -EPERM);
	rule_is(0, "guid:" ENGINE, NULL);
	assert_int_equal(gate_judge_counters(&who, 17, why), 0);
	rule_is(0, "*", NULL);
	assert_int_equal(gate_judge_counters(&who, 18, why), 0);
	assert_int_equal(gate_judge_counters(&who, 4, why), -EACCES);
}

static int reads(const char *path)
{
	return gate_judge_sysfs(&who, path, why);
}

#define BELOW "/sys/devices/pci0000:b0/0000:b0:01.0/"

static void what_describes_devices(void **state)
{
	(void)state;
	rule_is(0, "0000:b1:00.0", NULL);
	assert_int_equal(reads(CARD "/dfl-port.0/afu_id"), 0);
	assert_int_equal(reads(CARD "/dfl-port.0"), 0);
	assert_int_equal(reads(CARD), 0);
	assert_int_equal(reads(OTHER), -EPERM);
	assert_int_equal(reads(OTHER "/dfl-port.1/afu_id"), -EPERM);
	assert_int_equal(reads("/sys/devices/pci0000:b0/0000:b2:00.0/vendor"), 0);
	assert_int_equal(reads("/sys/devices/pci0000:b0/0000:b2:00.0/config"), -EPERM);
	assert_int_equal(reads("/sys/devices/pci0000:b0/0000:b2:00.0/net/vendor"), -EPERM);
	assert_int_equal(reads(BELOW "0000:b1:00.0/config"), 0);
	assert_int_equal(reads(BELOW "config"), -EPERM); /* the bridge before it */
	assert_int_equal(reads("/sys/devices/dfl_fme0/events"), 0);
	assert_int_equal(reads("/sys/devices/dfl_fme1/events"), -EPERM);
	assert_int_equal(reads("/sys/devices/dfl_fme"), -EPERM);
	assert_int_equal(reads("/sys/bus/event_source/devices"), 0);
	assert_int_equal(reads("/sys/bus/pci/drivers/vfio-pci"), 0);
	assert_int_equal(reads("/sys/bus/pci/drivers_probe"), -EACCES);
	assert_int_equal(reads("/sys/bus/usb/devices"), -EACCES);
	assert_int_equal(reads("/sys/devices/virtual/net/lo/address"), -EACCES);
	assert_int_equal(reads("/sys/devices/pci0000:b0"), -EACCES);
	rule_is(0, "*", NULL);
	assert_int_equal(reads(OTHER), 0);
	assert_int_equal(reads("/sys/devices/virtual/net/lo/address"), -EACCES);
	who.rule = NULL; /* a scout */
	assert_int_equal(reads("/sys/devices/virtual/net/lo/address"), 0);
	assert_int_equal(reads("/sys/kernel/debug"), -EACCES);
}

/* Whoever is shown a part is told of the card that it is in. */
static void what_describes_them_by_guid(void **state)
{
	static const char vfio[] = "/sys/devices/pci0000:00/0000:04:00.0/vfio-dev";
	struct scout_report r = { .bus = 4 };

	(void)state;
	rule_is(0, "guid:" MINE, NULL);
	assert_int_equal(reads(CARD "/dfl-port.0/afu_id"), 0);
	assert_int_equal(reads(CARD "/dfl-fme.0"), 0);
	assert_int_equal(reads(OTHER "/dfl-port.1/afu_id"), -EPERM);
	assert_int_equal(reads(vfio), -EINPROGRESS);
	scout_started(&scout);
	uuid_parse(MINE, r.guid);
	scout_hear(&scout, &r);
	scout_ended(&scout);
	assert_int_equal(reads(vfio), 0);
}

static void the_token(void **state)
{
	(void)state;
	rule_is(0, "*", NULL);
	assert_int_equal(gate_judge_token(&who, why), -EPERM); /* nothing here needs it */
	fake_tree_file("/sys/bus/pci/devices/0000:04:00.0", "sriov_totalvfs", "4\n");
	fake_tree_file("/sys/bus/pci/devices/0000:03:00.0", "sriov_totalvfs", "0\n");
	fake_tree_link("/sys/bus/pci/devices/0000:05:00.0", "physfn", "../0000:04:00.0"); /* not vfio's */
	assert_int_equal(gate_judge_token(&who, why), 0);
	rule_is(0, "0000:03:00.0", "0000:05:00.0");
	assert_int_equal(gate_judge_token(&who, why), -EPERM);
	rule_is(0, "0000:03:00.0", "0000:04:00.0");
	assert_int_equal(gate_judge_token(&who, why), 0);
	rule_is(0, "0000:03:00.1", NULL);
	fake_tree_link("/sys/bus/pci/devices/0000:03:00.1", "physfn", "../0000:03:00.0");
	assert_int_equal(gate_judge_token(&who, why), 0);
	rule_is(0, "guid:" MINE, NULL);
	assert_int_equal(gate_judge_token(&who, why), -EINPROGRESS);
}

static void a_scout_is_waited_for(void **state)
{
	(void)state;
	make_socket("card1.sock");
	rule_is(0, "*", NULL);
	assert_int_equal(gate_scouted(&who, "0000:04:00.0"), -EINPROGRESS);
	assert_true(scout_wanted(&scout));
	scout_started(&scout);
	assert_int_equal(gate_scouted(&who, "0000:04:00.0"), -EINPROGRESS);
	scout_ended(&scout);
	assert_int_equal(gate_scouted(&who, "0000:04:00.0"), 0); /* it has looked, and found nothing */
	assert_int_equal(gate_scouted(&who, "0000:77:00.0"), 0); /* there is none */
	assert_int_equal(gate_scouted(&who, "/no/card"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(functions_by_address), RIGGED(a_group_is_whole),	 RIGGED(ports_and_engines),
		RIGGED(ports_by_guid),	      RIGGED(attributes),	 RIGGED(functions_by_guid),
		RIGGED(sockets),	      RIGGED(sockets_by_guid),	 RIGGED(counters),
		RIGGED(the_token),	      RIGGED(a_scout_is_waited_for),
		RIGGED(what_describes_devices), RIGGED(what_describes_them_by_guid),
	};

	return RUN(tests);
}
