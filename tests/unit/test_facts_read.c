/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of a device is read to know what it is, and for how long. Time passes when the device is read. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/vfio/facts-read.h"
#include "tests/unit/check.h"

#define CONFIG_BYTES 4096u
#define PORT_AT 0x2000u
#define AFU_AT 0x1000u
#define BUDGET_NS NS_PER_S
#define GUID_LOW UINT64_C(0x8899aabbccddeeff)

struct slow_device {
	struct vdev base;
	uint8_t config[CONFIG_BYTES], bar0[0x8000];
	uint32_t config_read; /* bytes */
	int64_t config_word_ns, register_ns;
};

static struct slow_device device;
static int64_t now_ns, began_ns;

int64_t clock_now_ns(void)
{
	return now_ns;
}

int64_t clock_deadline(int64_t ns)
{
	return now_ns + ns;
}

/* ---- the device ---- */

static int region(struct vdev *d, uint32_t index, struct vdev_region *out)
{
	(void)d;
	memset(out, 0, sizeof(*out));
	out->read = out->write = true;
	if (index == VDEV_CONFIG)
		out->size = CONFIG_BYTES;
	else if (index == VDEV_BAR0)
		out->size = sizeof(device.bar0);
	return 0;
}

static int read_device(struct vdev *d, uint32_t index, uint64_t offset, void *buf, uint32_t len)
{
	const uint8_t *from = index == VDEV_CONFIG ? device.config : device.bar0;
	uint64_t size = index == VDEV_CONFIG ? CONFIG_BYTES : sizeof(device.bar0);

	(void)d;
	if (len > size || offset > size - len)
		return -EINVAL;
	memcpy(buf, from + offset, len);
	if (index == VDEV_CONFIG)
		device.config_read += len;
	now_ns += index == VDEV_CONFIG ? len / 4 * device.config_word_ns : device.register_ns;
	return 0;
}

static int write_device(struct vdev *d, uint32_t index, uint64_t offset, const void *buf, uint32_t len)
{
	(void)d;
	if (index == VDEV_BAR0 && offset <= sizeof(device.bar0) - len)
		memcpy(device.bar0 + offset, buf, len);
	return 0;
}

static int irq_count(struct vdev *d, uint32_t index, uint32_t *count)
{
	(void)d;
	(void)index;
	*count = 0;
	return 0;
}

static const struct vdev_ops ops = {
	.region = region, .read = read_device, .write = write_device, .irq_count = irq_count
};

static void put(uint32_t at, uint64_t value)
{
	memcpy(device.bar0 + at, &value, sizeof(value));
}

static void put_config(uint32_t at, uint32_t value)
{
	memcpy(device.config + at, &value, sizeof(value));
}

/* A port that Intel's capability names, behind two others'. */
static int up(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	began_ns = now_ns;
	device.base.ops = &ops;
	put_config(0, 0xbcce8086);
	put_config(0x100, 0x1 | 1 << 16 | 0x148u << 20);
	put_config(0x148, 0x3 | 1 << 16 | 0xe00u << 20);
	put_config(0xe00, 0xb | 1 << 16);
	put_config(0xe04, 0x43 | 0x10u << 20);
	put_config(0xe08, 1);
	put_config(0xe0c, PORT_AT);
	put(PORT_AT, UINT64_C(4) << 60 | UINT64_C(1) << 40 | 1);
	put(PORT_AT + 0x18, AFU_AT);
	put(PORT_AT + 0x30, 4 << 8);
	put(PORT_AT + AFU_AT, UINT64_C(1) << 60 | UINT64_C(1) << 40);
	put(PORT_AT + AFU_AT + 8, GUID_LOW);
	return 0;
}

static int look(bool kernel, struct facts *ret)
{
	const struct place place = { .kernel = kernel };

	return facts_read(&device.base, &place, BUDGET_NS, ret);
}

static void expect_port(const struct facts *f)
{
	assert_string_equal(f->defect, "");
	assert_int_equal(f->vendor, 0x8086);
	assert_int_equal(f->device, 0xbcce);
	assert_int_equal(f->num_objects, 1);
	assert_int_equal(f->objects[0].type, FPGA_ACCELERATOR);
	assert_int_equal(f->objects[0].guid[15], 0xff);
	assert_int_equal(f->objects[0].head.offset, PORT_AT);
}

/* ---- how much ---- */

/* Behind the kernel each word is an access of the device, which a virtual machine may take a while for. */
static void of_the_configuration_only_what_tells_is_read(void **state)
{
	struct facts f;

	(void)state;
	assert_int_equal(look(false, &f), 0);
	expect_port(&f);
	assert_in_range(device.config_read, 64, 512);
}

static void a_chain_without_an_end_is_read_once(void **state)
{
	struct facts f;

	(void)state;
	put_config(0xe00, 0x3 | 1 << 16 | 0x100u << 20);
	look(false, &f);
	assert_in_range(device.config_read, 64, 512);
}

/* ---- for how long ---- */

/* A chain that leads through all of it, each answer in time. */
static void the_configuration_is_in_the_budget(void **state)
{
	struct facts f;

	(void)state;
	for (uint32_t at = 0x100; at < CONFIG_BYTES; at += 64)
		put_config(at, 0x3 | 1 << 16 | (at + 64) << 20);
	device.config_word_ns = BUDGET_NS / 64;
	assert_int_equal(look(false, &f), -ETIMEDOUT);
	assert_true(now_ns - began_ns < 2 * BUDGET_NS);
}

static void registers_without_an_end_are_in_the_budget(void **state)
{
	struct facts f;

	(void)state;
	device.register_ns = BUDGET_NS / 2;
	assert_int_equal(look(false, &f), -ETIMEDOUT);
	assert_string_equal(f.defect, "what is in it took longer than 1000 ms");
}

/* It bounds each access by itself, so that what is slow is the machine. */
static void behind_the_kernel_all_may_take_longer(void **state)
{
	struct facts f;

	(void)state;
	device.config_word_ns = BUDGET_NS / 16;
	device.register_ns = BUDGET_NS / 2;
	assert_int_equal(look(true, &f), 0);
	expect_port(&f);
	device.register_ns = 30 * BUDGET_NS;
	assert_int_equal(look(true, &f), -ETIMEDOUT);
	assert_string_equal(f.defect, "what is in it took longer than 30000 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(of_the_configuration_only_what_tells_is_read, up),
		cmocka_unit_test_setup(a_chain_without_an_end_is_read_once, up),
		cmocka_unit_test_setup(the_configuration_is_in_the_budget, up),
		cmocka_unit_test_setup(registers_without_an_end_are_in_the_budget, up),
		cmocka_unit_test_setup(behind_the_kernel_all_may_take_longer, up),
	};

	return RUN(tests);
}
