/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-dfl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define MAX_OPENS 1024u
#define MAX_HUGE 64u
#define MAX_FDS 256
#define RELEASED "/sys/devices/released"

struct fake_dfl fake;

static char root[64];
static struct open_count {
	char path[160];
	unsigned int n;
} opens[MAX_OPENS];
static unsigned int num_opens;
/* By descriptor: 0 no node of ours, 'f' an FME's, 'p' a port's. */
static struct node {
	char kind;
	unsigned int number;
	bool exclusive;
} nodes[MAX_FDS];
static struct range {
	uintptr_t at;
	size_t len;
} huge[MAX_HUGE];
static uint64_t next_iova;

/* ---- the tree ---- */

static void below(char out[512], const char *path)
{
	assert_true(snprintf(out, 512, "%s%s", root, path) < 512);
}

void fake_dfl_folder(const char *path)
{
	char at[512];

	below(at, path);
	for (char *p = at + strlen(root) + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			assert_true(!mkdir(at, 0755) || errno == EEXIST);
			*p = '/';
		}
	assert_true(!mkdir(at, 0755) || errno == EEXIST);
}

void fake_dfl_put(const char *path, const void *text, size_t len)
{
	char at[512];
	FILE *f;

	below(at, path);
	f = fopen(at, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

void fake_dfl_remove(const char *path)
{
	char command[600], at[512];

	below(at, path);
	snprintf(command, sizeof(command), "rm -rf '%s'", at);
	assert_int_equal(system(command), 0);
}

void fake_dfl_move(const char *from, const char *to)
{
	char a[512], b[512];

	below(a, from);
	below(b, to);
	assert_int_equal(rename(a, b), 0);
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fake_dfl_put(path, text, strlen(text));
}

static void make_node(const char *name, unsigned int i)
{
	char path[64], at[512];

	snprintf(path, sizeof(path), "/dev/%s.%u", name, i);
	fake_dfl_put(path, "", 0);
	below(at, path);
	assert_int_equal(truncate(at, FAKE_AFU_SIZE + FAKE_STP_SIZE), 0);
}

static void make_pci(const char *device)
{
	char link[512], to[256];
	const char *address = strrchr(device, '/') + 1;

	fake_dfl_folder(device);
	put(device, "vendor", "0x8086\n");
	put(device, "device", "0xbcce\n");
	put(device, "subsystem_vendor", "0x8086\n");
	put(device, "subsystem_device", "0x1771\n");
	put(device, "numa_node", "1\n");
	snprintf(to, sizeof(to), "/sys/bus/pci/devices/%s", address);
	below(link, to);
	snprintf(to, sizeof(to), "../../../devices/pci0000:b0/%s", address);
	assert_int_equal(symlink(to, link), 0);
}

static void make_card(unsigned int i)
{
	char device[64], dir[160], sub[220], link[512], to[200];

	snprintf(device, sizeof(device), "/sys/devices/pci0000:b0/0000:b%u:00.0", i);
	make_pci(device);
	snprintf(dir, sizeof(dir), "%s/fpga_region/region%u/dfl-fme.%u", device, i, i);
	snprintf(sub, sizeof(sub), "%s/dfl-fme-region.9/fpga_region/region9", dir);
	fake_dfl_folder(sub);
	put(sub, "compat_id", "5bcd682f5093fc7880a1f5f4d8c5bf3d\n");
	put(dir, "bitstream_id", "0x23000410010310\n");
	put(dir, "ports_num", "1\n");
	snprintf(sub, sizeof(sub), "%s/errors", dir);
	fake_dfl_folder(sub);
	put(sub, "fme_errors", "0x0\n");
	snprintf(dir, sizeof(dir), "%s/fpga_region/region%u/dfl-port.%u", device, i, i);
	fake_dfl_folder(dir);
	snprintf(to, sizeof(to), "%s/driver", dir);
	below(link, to);
	assert_int_equal(symlink("../../bus/platform/drivers/dfl-port", link), 0);
	put(dir, "id", "0\n");
	put(dir, "afu_id", "d8424dc4a4a3c413f89e433683f9040b\n");
	snprintf(sub, sizeof(sub), "%s/errors", dir);
	fake_dfl_folder(sub);
	put(sub, "errors", "0x0\n");
	put(sub, "first_error", "0x0\n");
	snprintf(to, sizeof(to), "/sys/class/fpga_region/region%u", i);
	below(link, to);
	snprintf(to, sizeof(to), "../../devices/pci0000:b0/0000:b%u:00.0/fpga_region/region%u", i, i);
	assert_int_equal(symlink(to, link), 0);
	make_node("dfl-fme", i);
	make_node("dfl-port", i);
}

void fake_dfl_up(unsigned int cards)
{
	memset(&fake, 0, sizeof(fake));
	memset(nodes, 0, sizeof(nodes));
	fake.region_flags = DFL_PORT_REGION_READ | DFL_PORT_REGION_WRITE | DFL_PORT_REGION_MMAP;
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		fake.bound[i] = -1;
	fake.bound_error = -1;
	fake_dfl_forget_opens();
	snprintf(root, sizeof(root), "/tmp/opae-fake-dfl.XXXXXX");
	assert_non_null(mkdtemp(root));
	fake_dfl_folder("/sys/class/fpga_region");
	fake_dfl_folder("/sys/bus/pci/devices");
	fake_dfl_folder("/dev");
	for (unsigned int i = 0; i < cards; i++)
		make_card(i);
}

void fake_dfl_down(void)
{
	fake_dfl_remove("");
}

/* ---- what is opened ---- */

void fake_dfl_forget_opens(void)
{
	num_opens = 0;
}

static void count_open(const char *path)
{
	char at[512], real[4096];

	below(at, path);
	if (!realpath(at, real))
		return;
	for (unsigned int i = 0; i < num_opens; i++)
		if (!strcmp(opens[i].path, real + strlen(root))) {
			opens[i].n++;
			return;
		}
	assert_true(num_opens < MAX_OPENS);
	snprintf(opens[num_opens].path, sizeof(opens[0].path), "%.159s", real + strlen(root));
	opens[num_opens++].n = 1;
}

unsigned int fake_dfl_most_opens(char *path, size_t len)
{
	unsigned int most = 0;

	*path = 0;
	for (unsigned int i = 0; i < num_opens; i++)
		if (opens[i].n > most) {
			most = opens[i].n;
			snprintf(path, len, "%s", opens[i].path);
		}
	return most;
}

/* ---- the seam: paths ---- */

static bool ours(const char *path)
{
	return !strncmp(path, "/sys/", 5) || !strncmp(path, "/dev/dfl", 8);
}

/* As the driver does: alone, or with others that share. */
static int may_open(unsigned int port, bool exclusive)
{
	if (fake.node_errno)
		return -fake.node_errno;
	if (exclusive && fake.busy_looks) {
		fake.busy_looks--;
		return -EBUSY;
	}
	for (int i = 0; i < MAX_FDS; i++)
		if (nodes[i].kind == 'p' && nodes[i].number == port && (exclusive || nodes[i].exclusive))
			return -EBUSY;
	return 0;
}

static void log_call(char what)
{
	size_t n = strlen(fake.order);

	if (n + 1 < sizeof(fake.order))
		fake.order[n] = what;
}

/* Of an attribute. */
static int may_read(const char *path)
{
	return strstr(path, "/afu_id") ? -fake.afu_id_errno : 0;
}

static int may_write(const char *path)
{
	if (strstr(path, "userclk/frequency"))
		log_call('k');
	if (!strstr(path, "errors/errors"))
		return 0;
	log_call('e');
	return -fake.clear_errno;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	const char *port = "/dev/dfl-port.", *fme = "/dev/dfl-fme.";
	char at[512];
	int rc = 0, fd;
	struct node n = { .exclusive = flags & O_EXCL };

	if (!ours(path))
		return sys_kernel.open(path, flags, mode);
	count_open(path);
	if (!strncmp(path, port, strlen(port))) {
		n.kind = 'p';
		n.number = (unsigned int)strtoul(path + strlen(port), NULL, 10);
		rc = may_open(n.number, n.exclusive);
	} else if (!strncmp(path, fme, strlen(fme))) {
		n.kind = 'f';
	} else if ((flags & O_ACCMODE) == O_WRONLY) {
		rc = may_write(path);
	} else {
		rc = may_read(path);
	}
	if (rc)
		return rc;
	below(at, path);
	fd = sys_kernel.open(at, flags & ~O_EXCL, mode);
	if (fd >= 0 && n.kind) {
		assert_true(fd < MAX_FDS);
		nodes[fd] = n;
	}
	return fd;
}

static bool port_is_open(uint32_t port)
{
	for (int i = 0; i < MAX_FDS; i++)
		if (nodes[i].kind == 'p' && nodes[i].number == port)
			return true;
	return false;
}

/* The last one who closes a port resets it. */
static int fake_close(int fd)
{
	if (fd >= 0 && fd < MAX_FDS) {
		char kind = nodes[fd].kind;

		nodes[fd].kind = 0;
		if (kind == 'p' && !port_is_open(nodes[fd].number))
			log_call('c');
	}
	return sys_kernel.close(fd);
}

static int fake_readlink(const char *path, char *out, size_t len)
{
	char at[512];

	below(at, path);
	return sys_kernel.readlink(ours(path) ? at : path, out, len);
}

static int fake_lstat(const char *path, struct stat *st)
{
	char at[512];

	below(at, path);
	return sys_kernel.lstat(ours(path) ? at : path, st);
}

static int fake_list(const char *dir, char **ret)
{
	char at[512];

	if (!ours(dir))
		return sys_kernel.list(dir, ret);
	count_open(dir);
	below(at, dir);
	return sys_kernel.list(at, ret);
}

static int fake_access(const char *path, int mode)
{
	char at[512];

	below(at, path);
	return sys_kernel.access(ours(path) ? at : path, mode);
}

/* ---- the seam: memory ---- */

static int fake_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out)
{
	int rc;

	if (!(flags & MAP_HUGETLB))
		return sys_kernel.mmap(hint, len, prot, flags, fd, off, out);
	if (!fake.huge || flags >> 26 != 21)
		return -ENOMEM;
	rc = sys_kernel.mmap(hint, len, prot, flags & 0x03ffffff & ~MAP_HUGETLB, fd, off, out);
	for (unsigned int i = 0; !rc && i < MAX_HUGE; i++)
		if (!huge[i].len) {
			huge[i] = (struct range){ (uintptr_t)*out, len };
			break;
		}
	return rc;
}

static int fake_munmap(void *at, size_t len)
{
	for (unsigned int i = 0; i < MAX_HUGE; i++)
		if (huge[i].at == (uintptr_t)at)
			huge[i].len = 0;
	return sys_kernel.munmap(at, len);
}

static bool lies_together(uint64_t at, uint64_t len)
{
	if (len <= 4096 || fake.together)
		return true;
	for (unsigned int i = 0; i < MAX_HUGE; i++)
		if (at >= huge[i].at && len <= huge[i].len && at - huge[i].at <= huge[i].len - len)
			return len <= 2u * 1024 * 1024;
	return false;
}

/* ---- the seam: the driver ---- */

static int dma_map(struct dfl_fpga_port_dma_map *m)
{
	if (m->argsz < sizeof(*m) || m->flags > (fake.read_only ? 1u : 0u) || !m->length ||
	    m->length % 4096 || m->user_addr % 4096 || !lies_together(m->user_addr, m->length))
		return -EINVAL;
	m->iova = next_iova += 0x40000000;
	fake.maps++;
	log_call('m');
	return 0;
}

static int set_irqs(const struct dfl_fpga_irq_set *s, int *bound, uint32_t n)
{
	const int32_t *fds = (const int32_t *)(s + 1);

	if (s->start >= n || s->count > n - s->start || !s->count)
		return -EINVAL;
	for (uint32_t i = 0; i < s->count; i++)
		bound[s->start + i] = fds[i];
	return 0;
}

static int port_ioctl(unsigned long request, void *arg)
{
	struct dfl_fpga_port_region_info *region = arg;

	switch (request) {
	case DFL_FPGA_PORT_RESET:
		fake.resets++;
		log_call('r');
		return 0;
	case DFL_FPGA_PORT_GET_INFO:
		((struct dfl_fpga_port_info *)arg)->num_regions = 2;
		return 0;
	case DFL_FPGA_PORT_GET_REGION_INFO:
		region->flags = region->index ? DFL_PORT_REGION_READ | DFL_PORT_REGION_WRITE |
						DFL_PORT_REGION_MMAP : fake.region_flags;
		region->size = region->index ? FAKE_STP_SIZE : FAKE_AFU_SIZE;
		region->offset = region->index ? FAKE_AFU_SIZE : 0;
		return 0;
	case DFL_FPGA_PORT_DMA_MAP:
		return dma_map(arg);
	case DFL_FPGA_PORT_DMA_UNMAP:
		fake.maps--;
		log_call('u');
		return 0;
	case DFL_FPGA_PORT_UINT_GET_IRQ_NUM:
		*(uint32_t *)arg = FAKE_VECTORS;
		return 0;
	case DFL_FPGA_PORT_UINT_SET_IRQ:
		return set_irqs(arg, fake.bound, FAKE_VECTORS);
	case DFL_FPGA_PORT_ERR_GET_IRQ_NUM:
		*(uint32_t *)arg = 1;
		return 0;
	case DFL_FPGA_PORT_ERR_SET_IRQ:
		return set_irqs(arg, &fake.bound_error, 1);
	default:
		return -EINVAL;
	}
}

static int reconfigure(const struct dfl_fpga_fme_port_pr *pr)
{
	if (pr->argsz < sizeof(*pr) || pr->flags)
		return -EINVAL;
	log_call('P');
	fake.pr.port = pr->port_id;
	fake.pr.size = pr->buffer_size;
	fake.pr.at = (const void *)(uintptr_t)pr->buffer_address;
	fake.pr.alone = may_open(pr->port_id, false) == -EBUSY;
	return 0;
}

static int fme_ioctl(unsigned long request, void *arg)
{
	if (request == DFL_FPGA_FME_PORT_PR)
		return reconfigure(arg);
	if (request != DFL_FPGA_FME_PORT_RELEASE && request != DFL_FPGA_FME_PORT_ASSIGN)
		return request == DFL_FPGA_FME_ERR_GET_IRQ_NUM ? *(uint32_t *)arg = 0, 0 : -EINVAL;
	if ((request == DFL_FPGA_FME_PORT_RELEASE) == (fake.released != 0) ||
	    (!fake.released && may_open(*(unsigned int *)arg, true)))
		return -EBUSY;
	fake_dfl_move(fake.released ? RELEASED : FAKE_PORT, fake.released ? FAKE_PORT : RELEASED);
	if (fake.released && fake.forgets_driver)
		fake_dfl_remove(FAKE_PORT "/driver");
	fake.released = !fake.released;
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	char kind = fd >= 0 && fd < MAX_FDS ? nodes[fd].kind : 0;

	if (!kind)
		return sys_kernel.ioctl(fd, request, arg);
	if (request == fake.fail_request)
		return -fake.fail_errno;
	if (request == DFL_FPGA_GET_API_VERSION)
		return DFL_FPGA_API_VERSION;
	return kind == 'p' ? port_ioctl(request, arg) : fme_ioctl(request, arg);
}

const struct sys_ops *fake_dfl_seam(void)
{
	static struct sys_ops ops;

	ops = sys_kernel;
	ops.open = fake_open;
	ops.close = fake_close;
	ops.readlink = fake_readlink;
	ops.lstat = fake_lstat;
	ops.list = fake_list;
	ops.access = fake_access;
	ops.mmap = fake_mmap;
	ops.munmap = fake_munmap;
	ops.ioctl = fake_ioctl;
	return &ops;
}
