/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A card of ours through the kernel's DFL driver, by bare sysfs and ioctls.
 *
 *     dfl_raw ADDRESS NAME INTERFACE     prints TAP; times are comments
 *
 * NAME is the card's, for /rig/signal; it shall be one with the faults fme-error=4,port-error=0x10.
 * INTERFACE: of partial reconfiguration, as 32 digits. One port has the native loopback.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/raw/dfl.h"

#define NLB0 "d8424dc4a4a3c413f89e433683f9040b"
#define HELLO "850adcc26ceb4b229722d43375b61c66"

/* The loopback's registers. */
#define GUID_LOW 0x08
#define SCRATCH 0x108
#define DSM_BASE 0x110
#define SOURCE 0x120
#define TARGET 0x128
#define LINES 0x130
#define CONTROL 0x138
#define CONFIG 0x140
#define CONFIG_INTERRUPT (1u << 29)
#define STATUS_LINE 0x40

#define PAGE 4096
#define HUGE (UINT64_C(2) << 20)
#define COPIED (HUGE / 2)
#define LINE 64

struct card {
	struct dfl fme, port;
	int fme_fd, port_fd;
	int32_t id; /* of the port on the card */
	unsigned char *afu;
};

static void find(struct card *c, const char *address)
{
	bool found = dfl_find(address, "dfl-fme", 0, &c->fme);
	char id[16] = "";

	raw_check(found, "it has a management engine");
	for (unsigned int n = 0; (found = dfl_find(address, "dfl-port", n, &c->port)); n++)
		if (dfl_says(&c->port, "afu_id", NLB0))
			break;
	raw_check(found, "and a port with the loopback");
	raw_check(dfl_read(&c->port, "id", id, sizeof(id)) > 0, "whose number it tells");
	c->id = (int32_t)strtol(id, NULL, 10);
}

static void attributes(const struct card *c, const char *interface)
{
	static const struct {
		const char *name, *value;
	} of_fme[] = {
		{ "bitstream_id", "0x6100000e0a10001" },
		{ "bitstream_metadata", "0x20261101" },
		{ "errors/fme_errors", "0x0" },
		{ "errors/pcie0_errors", "0x0" },
		{ "hwmon/hwmon*/temp1_input", "45000" },
		{ "hwmon/hwmon*/temp1_max", "90000" },
		{ "hwmon/hwmon*/power1_input", "23000000" },
		{ "../compat_id", NULL }, /* there is the file, and no id */
		{ "../../../subsystem_vendor", "0x8086" },
	}, of_port[] = {
		{ "power_state", "0x0" },
		{ "errors/errors", "0x0" },
		{ "errors/first_error", "0x0" },
	};
	char what[64], text[64];

	for (size_t i = 0; i < sizeof(of_fme) / sizeof(of_fme[0]); i++) {
		snprintf(what, sizeof(what), "the engine's %s", of_fme[i].name);
		raw_check(of_fme[i].value ? dfl_says(&c->fme, of_fme[i].name, of_fme[i].value) :
					    dfl_read(&c->fme, of_fme[i].name, text, sizeof(text)) < 0,
			  what);
	}
	for (size_t i = 0; i < sizeof(of_port) / sizeof(of_port[0]); i++) {
		snprintf(what, sizeof(what), "the port's %s", of_port[i].name);
		raw_check(dfl_says(&c->port, of_port[i].name, of_port[i].value), what);
	}
	raw_check(dfl_says(&c->fme, "dfl-fme-region.*/fpga_region/region*/compat_id", interface),
		  "the interface of reconfiguration");
}

/* Old ports have it in their header; of newer ones it is a feature, which uio_dfl takes. */
static void user_clock(const struct card *c, const char *board)
{
	bool is_new = !strcmp(board, "n6000");
	char text[64];

	raw_check(is_new ? dfl_read(&c->port, "userclk_freqsts", text, sizeof(text)) < 0 :
			   dfl_says(&c->port, "userclk_freqsts", "0x1000000000000000"),
		  "the port's userclk_freqsts");
	raw_check(is_new ? dfl_says(&c->port, "dfl_dev.*/uio/uio*/maps/map0/size", "0x0000000000001000") :
			   dfl_read(&c->port, "dfl_dev.*/uio/uio*/name", text, sizeof(text)) < 0,
		  "its user clock as a UIO device");
}

static void management(struct card *c)
{
	uint32_t irqs = 0;
	int event;

	c->fme_fd = dfl_open(&c->fme, 0);
	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_GET_API_VERSION, NULL) == DFL_FPGA_API_VERSION,
		  "the engine's API version");
	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_CHECK_EXTENSION, NULL) == 0, "it has no extension");
	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_FME_ERR_GET_IRQ_NUM, &irqs) == 0 && irqs == 1,
		  "one interrupt for errors");
	event = dfl_interrupt(c->fme_fd, DFL_FPGA_FME_ERR_SET_IRQ, 0);
	raw_check(dfl_write(&c->fme, "errors/inject_errors", "4") == 0, "an error is injected");
	raw_check(raw_wait(event), "and is told by the eventfd");
	raw_check(dfl_says(&c->fme, "errors/nonfatal_errors", "0x40"), "and is seen");
	raw_check(dfl_write(&c->fme, "errors/inject_errors", "0") == 0 &&
			  dfl_says(&c->fme, "errors/nonfatal_errors", "0x0"),
		  "and taken back");
	close(event);
}

static void regions(struct card *c)
{
	struct dfl_fpga_port_info info = { .argsz = sizeof(info) };
	struct dfl_fpga_port_region_info none = { .argsz = sizeof(none), .index = 2 };
	uint64_t size, signal_tap;
	void *tap;

	c->port_fd = dfl_open(&c->port, 0);
	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_GET_API_VERSION, NULL) == DFL_FPGA_API_VERSION,
		  "the port's API version");
	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_PORT_GET_INFO, &info) == 0 && info.num_regions == 2 &&
			  info.num_umsgs == 0,
		  "two regions, no messages");
	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_PORT_GET_REGION_INFO, &none) == -EINVAL, "no third one");
	c->afu = dfl_map_region(c->port_fd, DFL_PORT_REGION_INDEX_AFU, &size);
	raw_check(size == 0x10000 && dfl_load64(c->afu, GUID_LOW) == 0xf89e433683f9040b,
		  "the accelerator's registers");
	tap = dfl_map_region(c->port_fd, DFL_PORT_REGION_INDEX_STP, &signal_tap);
	raw_check(signal_tap == 0x1000, "and the signal tap's");
	munmap(tap, signal_tap);
	dfl_store64(c->afu, SCRATCH, 0x1122334455667788);
	raw_check(dfl_load64(c->afu, SCRATCH) == 0x1122334455667788, "a register keeps 64 bits");
	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_PORT_RESET, NULL) == 0 && dfl_load64(c->afu, SCRATCH) == 0,
		  "and a reset of the port clears it");
}

static void sharing(const struct card *c)
{
	int fd = dfl_try_open(&c->port, 0);

	raw_check(fd >= 0, "a port can be opened again");
	close(fd);
	raw_check(dfl_try_open(&c->port, O_EXCL) == -EBUSY, "but not by one who wants it alone");
}

static uint64_t status(const unsigned char *line)
{
	return __atomic_load_n((const uint64_t *)(const void *)(line + STATUS_LINE), __ATOMIC_ACQUIRE);
}

static void run(const struct card *c, uint64_t dsm, uint64_t from, uint64_t to, uint32_t bytes)
{
	dfl_store64(c->afu, DSM_BASE, dsm);
	dfl_store32(c->afu, CONTROL, 0);
	dfl_store32(c->afu, CONTROL, 1);
	dfl_store64(c->afu, SOURCE, from / LINE);
	dfl_store64(c->afu, TARGET, to / LINE);
	dfl_store32(c->afu, LINES, bytes / LINE);
	dfl_store32(c->afu, CONFIG, CONFIG_INTERRUPT);
	dfl_store32(c->afu, CONTROL, 3);
}

static void refusals(const struct card *c, unsigned char *page, unsigned char *huge)
{
	struct dfl_fpga_port_dma_map read_only = { .argsz = sizeof(read_only), .flags = 1,
						   .user_addr = (uintptr_t)page, .length = PAGE };
	uint64_t iova;

	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_PORT_DMA_MAP, &read_only) == -EINVAL,
		  "no flag is known, so no read-only mapping");
	raw_check(dfl_map(c->port_fd, page + 64, PAGE, &iova) == -EINVAL, "memory begins on a page");
	raw_check(dfl_map(c->port_fd, huge, 0, &iova) == -EINVAL, "it is not nothing");
	raw_check(dfl_unmap(c->port_fd, 0x1000) == -EINVAL, "what is not mapped is not unmapped");
}

static void dma(const struct card *c)
{
	unsigned char *line = dfl_memory(PAGE, 0), *huge = dfl_memory(HUGE, MAP_HUGETLB);
	uint64_t dsm = 0, iova = 0;
	uint32_t irqs = 0;
	double begin;
	int event;

	refusals(c, line, huge);
	raw_check(dfl_ioctl(c->port_fd, DFL_FPGA_PORT_UINT_GET_IRQ_NUM, &irqs) == 0 && irqs == 4,
		  "four user interrupts");
	event = dfl_interrupt(c->port_fd, DFL_FPGA_PORT_UINT_SET_IRQ, 0);
	raw_check(dfl_map(c->port_fd, line, PAGE, &dsm) == 0, "a page is mapped");
	begin = raw_now_us();
	raw_check(dfl_map(c->port_fd, huge, HUGE, &iova) == 0, "a huge page is mapped");
	printf("# in %.0f us, at %#llx\n", raw_now_us() - begin, (unsigned long long)iova);
	for (uint64_t i = 0; i < COPIED; i++)
		huge[i] = (unsigned char)(i * 31 + (i >> 8));
	begin = raw_now_us();
	run(c, dsm, iova, iova + COPIED, COPIED);
	raw_check(raw_wait(event), "the end of a copy is a user interrupt");
	printf("# copied 1 MiB in %.0f us\n", raw_now_us() - begin);
	raw_check((status(line) & 1) && !(status(line) >> 32), "and a status without errors");
	raw_check(!memcmp(huge, huge + COPIED, COPIED), "the data is the same");
	raw_check(dfl_unmap(c->port_fd, iova) == 0, "the huge page is unmapped");
	memset(line, 0, PAGE);
	memset(huge + COPIED, 0x55, COPIED);
	run(c, dsm, iova, iova + COPIED, COPIED);
	raw_check(raw_wait(event) && status(line) >> 32 && huge[COPIED] == 0x55, "and then out of reach");
	raw_check(dfl_unmap(c->port_fd, dsm) == 0, "the page is unmapped");
	close(event);
	munmap(huge, HUGE);
	munmap(line, PAGE);
}

/* Both come at the same signal. */
static void errors(const struct card *c, const char *name)
{
	int of_port = dfl_interrupt(c->port_fd, DFL_FPGA_PORT_ERR_SET_IRQ, 0);
	int of_fme = dfl_interrupt(c->fme_fd, DFL_FPGA_FME_ERR_SET_IRQ, 0);
	char command[64];

	snprintf(command, sizeof(command), "/rig/signal %s", name);
	raw_check(system(command) == 0, "the card is told to fail");
	raw_check(raw_wait(of_port), "a port's error is told");
	raw_check(dfl_says(&c->port, "errors/errors", "0x10") &&
			  dfl_says(&c->port, "errors/first_error", "0x10"),
		  "and seen");
	raw_check(dfl_write(&c->port, "errors/errors", "0x1") == -EINVAL,
		  "who clears must say what there is");
	raw_check(dfl_write(&c->port, "errors/errors", "0x10") == 0 &&
			  dfl_says(&c->port, "errors/errors", "0x0") &&
			  dfl_says(&c->port, "errors/first_error", "0x0"),
		  "and then it is gone");
	raw_check(raw_wait(of_fme), "the engine's error is told");
	raw_check(dfl_says(&c->fme, "errors/fme_errors", "0x4"), "and seen");
	raw_check(dfl_write(&c->fme, "errors/fme_errors", "0x4") == 0 &&
			  dfl_says(&c->fme, "errors/fme_errors", "0x0"),
		  "and gone when it is cleared");
	close(of_port);
	close(of_fme);
}

static void reconfiguration(const struct card *c)
{
	raw_check(dfl_reconfigure(c->fme_fd, HELLO, 65536, c->id) == 0 && dfl_says(&c->port, "afu_id", HELLO),
		  "another accelerator is put in");
	raw_check(dfl_reconfigure(c->fme_fd, NLB0, 4096, 9) == -EINVAL, "not into a port that is not there");
	raw_check(dfl_reconfigure(c->fme_fd, NLB0, 4097, c->id) == 0 && dfl_says(&c->port, "afu_id", NLB0),
		  "and the first one again, of whatever length");
}

static void handing_out(struct card *c)
{
	int32_t none = 7;

	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_FME_PORT_RELEASE, &c->id) == -EBUSY,
		  "a port that is open is not released");
	/* The driver means ENODEV, by which it says to itself that it does not know the request. */
	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_FME_PORT_RELEASE, &none) == -EINVAL,
		  "nor one that is not there");
	raw_check(dfl_ioctl(c->fme_fd, DFL_FPGA_FME_PORT_ASSIGN, &c->id) == -EBUSY,
		  "one that is here is not assigned");
}

int main(int argc, char *argv[])
{
	struct card c = { .fme_fd = -1 };

	if (argc != 4) {
		fprintf(stderr, "usage: dfl_raw ADDRESS NAME INTERFACE\n");
		return 2;
	}
	find(&c, argv[1]);
	attributes(&c, argv[3]);
	user_clock(&c, argv[2]);
	management(&c);
	regions(&c);
	sharing(&c);
	dma(&c);
	errors(&c, argv[2]);
	reconfiguration(&c);
	handing_out(&c);
	munmap(c.afu, 0x10000);
	close(c.port_fd);
	close(c.fme_fd);
	return raw_end();
}
