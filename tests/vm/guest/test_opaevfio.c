/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libopaevfio on real devices behind vfio-pci. Prints TAP; exit code 1 when a case failed.
 *
 *     test_opaevfio ADDRESS          QEMU's edu device: registers, buffers, DMA, interrupts, errors
 *     test_opaevfio ADDRESS few      the same device, with few huge pages: when they have run out
 *     test_opaevfio ADDRESS limit    by a user who may lock 64 KiB
 *     test_opaevfio ADDRESS stranger by a user who may not open the group
 *     test_opaevfio ADDRESS functions  a device with a virtual function, both with vfio-pci
 *
 * edu's registers are those of QEMU's docs/specs/edu.rst. It reaches addresses below 256 MiB, and its
 * transfers are shorter than 4096 bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <opae/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define HALF 2048u

#define EDU_BAR_SIZE MIB
#define EDU_ID 0x00
#define EDU_LIVENESS 0x04
#define EDU_FACTORIAL 0x08
#define EDU_STATUS 0x20
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_TARGET 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_BUFFER 0x40000u /* as its DMA sees it */
#define EDU_STATUS_IRQ 0x80u
#define EDU_DMA_RUN 1u
#define EDU_DMA_TO_MEMORY 2u

#define GUID "8f4ec0de-0000-4d5a-9c3f-0123456789ab"
#define OTHER_GUID "8f4ec0de-0000-4d5a-9c3f-0123456789ac"

static unsigned int cases, failed;

static void check(bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++cases, what);
	failed += !good;
}

/* What a call returned. */
static void is(int value, int want, const char *what)
{
	check(value == want, what);
	if (value != want)
		printf("# %d, not %d\n", value, want);
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* Mappings of VFIO's descriptors, and of huge pages. */
static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "vfio") || strstr(line, "hugepage");
	if (f)
		fclose(f);
	return n;
}

/* ---- edu ---- */

static uint32_t load(const uint8_t *bar, uint32_t at)
{
	return *(const volatile uint32_t *)(const void *)(bar + at);
}

static void store(uint8_t *bar, uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(void *)(bar + at) = value;
}

static void store64(uint8_t *bar, uint32_t at, uint64_t value)
{
	*(volatile uint64_t *)(void *)(bar + at) = value;
}

/* Waits for the end, at most 5 seconds. */
static bool dma(uint8_t *bar, uint64_t from, uint64_t to, uint32_t count, uint32_t direction)
{
	store64(bar, EDU_DMA_SOURCE, from);
	store64(bar, EDU_DMA_TARGET, to);
	store64(bar, EDU_DMA_COUNT, count);
	store64(bar, EDU_DMA_COMMAND, EDU_DMA_RUN | direction);
	for (int i = 0; i < 5000; i++) {
		if (!(load(bar, EDU_DMA_COMMAND) & EDU_DMA_RUN))
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

static bool comes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, ms) == 1 && read(fd, &n, sizeof(n)) == sizeof(n);
}

/* Memory to the device, and back to another place. */
static bool copies(uint8_t *bar, uint8_t *from, uint64_t from_iova, uint8_t *to, uint64_t to_iova)
{
	for (uint32_t i = 0; i < HALF; i++)
		from[i] = (uint8_t)(i * 7 + 3);
	memset(to, 0xee, HALF);
	return dma(bar, from_iova, EDU_BUFFER, HALF, 0) &&
	       dma(bar, EDU_BUFFER, to_iova, HALF, EDU_DMA_TO_MEMORY) && !memcmp(from, to, HALF);
}

/* ---- what is told, and registers ---- */

static void described(struct opae_vfio *v, const char *address)
{
	uint16_t ids[2] = { 0, 0 }, command = 0;

	check(!strcmp(v->cont_device, "/dev/vfio/vfio"), "the container's name");
	check(!strcmp(v->cont_pciaddr, address), "the device's address");
	check(!strncmp(v->group.group_device, "/dev/vfio/", 10), "the group's name");
	check(v->cont_fd > 2 && v->group.group_fd > 2 && v->device.device_fd > 2, "three descriptors");
	check(v->device.device_num_regions >= 9 && v->device.device_num_irqs >= 5, "regions and interrupts");
	check(v->cont_ranges && v->cont_ranges->end > v->cont_ranges->start, "addresses that it can reach");
	is((int)pread(v->device.device_fd, ids, sizeof(ids), (off_t)v->device.device_config_offset),
	   sizeof(ids), "the configuration space is where it is told");
	printf("# %04x:%04x\n", ids[0], ids[1]);
	is((int)pread(v->device.device_fd, &command, sizeof(command),
		      (off_t)v->device.device_config_offset + PCI_COMMAND), sizeof(command), "its command");
	check((command & 6) == 6, "memory and bus master are on");
}

static uint8_t *registers(struct opae_vfio *v)
{
	uint8_t *bar = NULL;
	size_t size = 0;

	is(opae_vfio_region_get(v, 0, &bar, &size), 0, "BAR 0");
	if (!bar)
		return NULL;
	check(size == EDU_BAR_SIZE, "is of 1 MiB");
	check(v->device.regions && !v->device.regions->region_sparse, "and whole");
	is(opae_vfio_region_get(v, 0, NULL, NULL), 0, "asked for nothing");
	is(opae_vfio_region_get(v, 1, &bar, &size), 2, "there is no BAR 1");
	is(opae_vfio_region_get(v, 1000, &bar, &size), 2, "nor a region 1000");
	is(opae_vfio_region_get(NULL, 0, &bar, &size), 1, "no device");
	check(load(bar, EDU_ID) == 0x010000ed, "it says that it is edu");
	store(bar, EDU_LIVENESS, 0x12345678);
	check(load(bar, EDU_LIVENESS) == ~0x12345678u, "it inverts a value");
	return bar;
}

/* ---- buffers ---- */

static void small_buffer(struct opae_vfio *v, uint8_t *bar)
{
	struct opae_vfio_buffer *b;
	uint8_t *buf = NULL;
	uint64_t iova = 0;
	size_t size = 100;

	is(opae_vfio_buffer_allocate(v, &size, &buf, &iova), 0, "a buffer of 100 bytes");
	if (!buf)
		return;
	check(size == 4096, "is a page");
	b = opae_vfio_buffer_info(v, buf);
	check(b && b->buffer_ptr == buf && b->buffer_size == size && b->buffer_iova == iova && !b->flags,
	      "is known");
	check(iova < (256u << 20), "edu reaches it");
	check(copies(bar, buf, iova, buf + HALF, iova + HALF), "DMA both ways");
	is(opae_vfio_buffer_map(v, size, buf, iova), -EEXIST, "its address is in use");
	is(opae_vfio_buffer_free(v, buf), 0, "it is freed");
	is(opae_vfio_buffer_free(v, buf), 3, "once");
	check(!opae_vfio_buffer_info(v, buf), "and not known any more");
	is(opae_vfio_buffer_unmap(v, size, iova), -ENOENT, "nor mapped");
}

static void big_buffer(struct opae_vfio *v, uint8_t *bar, size_t want, size_t get)
{
	size_t size = want;
	uint8_t *buf = NULL;
	uint64_t iova = 0;

	is(opae_vfio_buffer_allocate(v, &size, &buf, &iova), 0, "a larger buffer");
	printf("# %zu bytes for %zu, at %p, %#llx\n", size, want, (void *)buf, (unsigned long long)iova);
	if (!buf)
		return;
	check(size == get, "has the pages that it should");
	check(copies(bar, buf, iova, buf + want - HALF, iova + want - HALF), "DMA at both of its ends");
	is(opae_vfio_buffer_free(v, buf), 0, "is freed");
}

static void memory_of_ours(struct opae_vfio *v, uint8_t *bar)
{
	void *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *own = at, *odd = own + 16;
	const uint64_t place = 128 * MIB;
	size_t size = 8192;
	uint64_t iova = 0;

	is(opae_vfio_buffer_allocate_ex(v, &size, &own, &iova, OPAE_VFIO_BUF_PREALLOCATED), 0,
	   "memory of the program's");
	check(own == at && size == 8192, "stays where it is");
	check(copies(bar, own, iova, own + 5000, iova + 5000), "DMA over the edge of a page");
	is(opae_vfio_buffer_allocate_ex(v, &size, &own, &iova, OPAE_VFIO_BUF_PREALLOCATED), 5, "not twice");
	is(opae_vfio_buffer_free(v, own), 0, "it is taken back");
	check(own[5000] == own[0], "with what the device wrote");
	is(opae_vfio_buffer_allocate_ex(v, &size, &odd, &iova, OPAE_VFIO_BUF_PREALLOCATED), 4,
	   "only whole pages");

	is(opae_vfio_buffer_map(v, 8192, own, place), 0, "an address of the program's choice");
	check(copies(bar, own, place, own + 4096, place + 4096), "DMA there");
	is(opae_vfio_buffer_map(v, 8192, own, place), -EEXIST, "once");
	is(opae_vfio_buffer_unmap(v, 8192, place), 0, "it is taken back too");
	is(opae_vfio_buffer_unmap(v, 8192, place), -ENOENT, "once");
	munmap(at, 8192);
	is(opae_vfio_buffer_map(v, 8192, own, place), -EFAULT, "what is no memory any more");
}

static void buffer_errors(struct opae_vfio *v)
{
	size_t size = 4096, none = 0, all = SIZE_MAX;
	uint8_t *buf = NULL;
	uint64_t iova = 0;

	is(opae_vfio_buffer_allocate(NULL, &size, &buf, &iova), 1, "a buffer of no device");
	is(opae_vfio_buffer_allocate(v, NULL, &buf, &iova), 1, "of no size");
	is(opae_vfio_buffer_allocate(v, &none, &buf, &iova), 2, "of no bytes");
	is(opae_vfio_buffer_allocate(v, &all, &buf, &iova), 4, "of all bytes");
	is(opae_vfio_buffer_allocate_ex(v, &size, &buf, &iova, 64), 1, "with a flag that there is not");
	is(opae_vfio_buffer_free(NULL, buf), 1, "freed of no device");
	is(opae_vfio_buffer_free(v, buf), 3, "that is none");
	is(opae_vfio_buffer_map(NULL, 4096, buf, 0), 1, "mapped for no device");
	is(opae_vfio_buffer_unmap(NULL, 4096, 0), 1, "unmapped for no device");
	is(opae_vfio_buffer_allocate(v, &size, NULL, NULL), 0, "one that only closing frees");
}

/* ---- interrupts ---- */

static void msi(struct opae_vfio *v, uint8_t *bar, int event)
{
	is(opae_vfio_irq_enable(NULL, VFIO_PCI_MSI_IRQ_INDEX, 0, event), 1, "an interrupt of no device");
	is(opae_vfio_irq_enable(v, VFIO_PCI_MSI_IRQ_INDEX, 1000, event), 3, "the 1000th MSI");
	is(opae_vfio_irq_enable(v, VFIO_PCI_MSIX_IRQ_INDEX, 0, event), 4, "edu has no MSI-X");
	is(opae_vfio_irq_enable(v, VFIO_PCI_MSI_IRQ_INDEX, 0, -1), -EBADF, "no eventfd");
	is(opae_vfio_irq_enable(v, VFIO_PCI_MSI_IRQ_INDEX, 0, event), 0, "MSI");
	store(bar, EDU_STATUS, EDU_STATUS_IRQ);
	store(bar, EDU_FACTORIAL, 10);
	check(comes(event, 5000), "the factorial's end is one");
	check(load(bar, EDU_FACTORIAL) == 3628800 && load(bar, EDU_IRQ_STATUS) == 1, "10! = 3628800");
	store(bar, EDU_IRQ_ACK, 1);
	is(opae_vfio_irq_enable(v, VFIO_PCI_MSI_IRQ_INDEX, 0, event), 0, "bound once more");
	store(bar, EDU_IRQ_RAISE, 0x40);
	check(comes(event, 5000), "it comes still");
	store(bar, EDU_IRQ_ACK, 0x40);
	is(opae_vfio_irq_mask(v, VFIO_PCI_MSI_IRQ_INDEX, 0), -ENOTTY, "the kernel cannot mask it");
	is(opae_vfio_irq_disable(v, VFIO_PCI_MSI_IRQ_INDEX, 0), 0, "it is disabled");
	is(opae_vfio_irq_disable(v, VFIO_PCI_MSI_IRQ_INDEX, 0), 0, "which it may be twice");
	store(bar, EDU_IRQ_RAISE, 0x40);
	check(!comes(event, 200), "and does not come any more");
	store(bar, EDU_IRQ_ACK, 0x40);
}

static void intx(struct opae_vfio *v, uint8_t *bar, int event)
{
	is(opae_vfio_irq_enable(v, VFIO_PCI_INTX_IRQ_INDEX, 0, event), 0, "the interrupt line");
	store(bar, EDU_IRQ_RAISE, 0x20);
	check(comes(event, 5000), "comes");
	store(bar, EDU_IRQ_ACK, 0x20);
	store(bar, EDU_IRQ_RAISE, 0x10);
	check(!comes(event, 200), "once, until it is unmasked");
	is(opae_vfio_irq_unmask(v, VFIO_PCI_INTX_IRQ_INDEX, 0), 0, "which it can be");
	check(comes(event, 5000), "and then it comes");
	store(bar, EDU_IRQ_ACK, 0x10);
	is(opae_vfio_irq_unmask(v, VFIO_PCI_INTX_IRQ_INDEX, 0), 0, "unmasked again");
	is(opae_vfio_irq_mask(v, VFIO_PCI_INTX_IRQ_INDEX, 0), 0, "masked by hand");
	store(bar, EDU_IRQ_RAISE, 0x08);
	check(!comes(event, 200), "it does not come");
	store(bar, EDU_IRQ_ACK, 0x08);
	is(opae_vfio_irq_disable(v, VFIO_PCI_INTX_IRQ_INDEX, 0), 0, "it is disabled");
}

static void interrupts(struct opae_vfio *v, uint8_t *bar)
{
	int event = eventfd(0, EFD_CLOEXEC);

	msi(v, bar, event);
	intx(v, bar, event);
	close(event);
}

/* ---- opening ---- */

static void open_errors(const char *address)
{
	struct opae_vfio v;

	memset(&v, 0x5a, sizeof(v));
	is(opae_vfio_dev_busy(NULL), 1, "no address is not busy");
	is(opae_vfio_dev_busy("0000:ff:1f.7"), 1, "nor what is not there");
	is(opae_vfio_open(NULL, address), 1, "opened to nowhere");
	is(opae_vfio_open(&v, NULL), 1, "no address is opened");
	is(opae_vfio_open(&v, "0000:ff:1f.7"), 1, "nor what is not there");
	is(opae_vfio_open(&v, "0000:00:1f.0"), 1, "nor what is with another driver");
	is(opae_vfio_secure_open(&v, address, NULL), 2, "nor without a token that is needed");
	is(opae_vfio_secure_open(&v, address, "12345"), 3, "nor with one that is no GUID");
	is(opae_vfio_secure_open(&v, address, GUID), 2, "nor with one for a device that wants none");
	opae_vfio_close(&v);
	opae_vfio_close(NULL);
}

static void while_it_is_open(const char *address)
{
	struct opae_vfio second;

	is(opae_vfio_dev_busy(address), 2, "it is busy");
	is(opae_vfio_open(&second, address), 2, "and is not opened twice");
}

static bool open_and_close(const char *address)
{
	size_t size = 4096;
	struct opae_vfio v;
	bool good = !opae_vfio_open(&v, address);

	good = good && !opae_vfio_buffer_allocate(&v, &size, NULL, NULL);
	opae_vfio_close(&v);
	return good;
}

static void edu(const char *address)
{
	int fds = count_fds(), maps = count_maps();
	struct opae_vfio v;
	uint8_t *bar;
	bool good = true;

	open_errors(address);
	is(opae_vfio_dev_busy(address), 0, "it is free");
	is(opae_vfio_open(&v, address), 0, "it is opened");
	if (failed)
		return;
	described(&v, address);
	while_it_is_open(address);
	bar = registers(&v);
	if (bar) {
		small_buffer(&v, bar);
		big_buffer(&v, bar, 8192, 2 * MIB);
		big_buffer(&v, bar, 3 * MIB, 4 * MIB); /* there is no page of 1 GiB */
		memory_of_ours(&v, bar);
		buffer_errors(&v);
		interrupts(&v, bar);
	}
	opae_vfio_close(&v);
	opae_vfio_close(&v);
	is(count_fds(), fds, "no descriptor is left");
	is(count_maps(), maps, "nor a mapping");
	for (int i = 0; i < 20; i++)
		good &= open_and_close(address);
	check(good, "20 times more");
	is(count_fds(), fds, "and no descriptor is left");
	is(opae_vfio_dev_busy(address), 0, "it is free again");
}

/* ---- other users, other machines ---- */

static void few(const char *address)
{
	struct opae_vfio v;
	size_t size = 2 * MIB;
	uint8_t *bar = NULL;
	int n = 0;

	is(opae_vfio_open(&v, address), 0, "it is opened");
	if (failed)
		return;
	while (!opae_vfio_buffer_allocate(&v, &size, NULL, NULL) && n < 40) { /* size stays 2 MiB */
		FILE *f = fopen("/proc/meminfo", "re");
		char line[128];
		long left = -1;

		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "HugePages_Free: %ld", &left) == 1)
				break;
		if (f)
			fclose(f);
		n++;
		if (left <= 0)
			break;
	}
	printf("# %d huge pages\n", n);
	check(n > 1 && n < 40, "huge pages run out");
	if (!opae_vfio_region_get(&v, 0, &bar, NULL)) {
		big_buffer(&v, bar, 8192, 8192);
		big_buffer(&v, bar, 3 * MIB + 1, 3 * MIB + 4096);
	}
	opae_vfio_close(&v);
}

static void limit(const char *address)
{
	struct opae_vfio v;
	size_t size = 8 * MIB;
	uint8_t *buf = NULL;
	uint64_t iova;

	is(opae_vfio_open(&v, address), 0, "it is opened");
	if (failed)
		return;
	is(opae_vfio_buffer_allocate(&v, &size, &buf, &iova), 4, "more than may be locked");
	check(size == 8 * MIB && !buf, "changes nothing");
	size = 4096;
	is(opae_vfio_buffer_allocate(&v, &size, &buf, &iova), 0, "a page may be");
	is(opae_vfio_buffer_free(&v, buf), 0, "and is freed");
	opae_vfio_close(&v);
}

static void stranger(const char *address)
{
	struct opae_vfio v;

	is(opae_vfio_dev_busy(address), 2, "a stranger is told busy");
	is(opae_vfio_open(&v, address), 2, "and cannot open it");
}

static void functions(const char *address)
{
	char path[128], link[256] = "";
	struct opae_vfio pf, vf, other;
	const char *name;
	size_t size = 4096;
	uint8_t *buf;
	uint64_t iova = 0;
	int dead;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn0", address);
	check(readlink(path, link, sizeof(link) - 1) > 0, "there is a virtual function");
	name = strrchr(link, '/');
	if (!name)
		return;
	name++;
	printf("# %s\n", name);
	dead = opae_vfio_open(&vf, name);
	is(dead, 2, "which is not opened without a token");
	is(opae_vfio_secure_open(&pf, address, GUID), 0, "the physical function sets one");
	is(opae_vfio_secure_open(&other, name, OTHER_GUID), 2, "another one is wrong");
	is(opae_vfio_secure_open(&vf, name, GUID), 0, "this one is right");
	if (failed)
		return;
	described(&vf, name);
	check(vf.device.irqs != NULL, "it has interrupts");
	is(opae_vfio_apply_group_constraint(&vf, &pf), 0, "both shall reach the same");
	is(opae_vfio_buffer_allocate(&pf, &size, &buf, &iova), 0, "a buffer of the one");
	is(opae_vfio_buffer_map(&vf, size, buf, iova), 0, "is mapped for the other at the same address");
	is(opae_vfio_buffer_unmap(&vf, size, iova), 0, "and unmapped");
	opae_vfio_close(&vf);
	opae_vfio_close(&pf);
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(const char *address);
	} modes[] = { { "edu", edu }, { "few", few }, { "limit", limit }, { "stranger", stranger },
		      { "functions", functions } };
	const char *mode = argc == 3 ? argv[2] : "edu";

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && argc > 1 && argc < 4; i++)
		if (!strcmp(mode, modes[i].name)) {
			modes[i].run(argv[1]);
			printf("1..%u\n", cases);
			return failed != 0;
		}
	fprintf(stderr, "usage: test_opaevfio ADDRESS [few | limit | stranger | functions]\n");
	return 2;
}
