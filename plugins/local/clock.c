/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user clock of a port, which has three faces, of which a kernel shows one: an attribute of a driver
 * that is not in mainline, the clock's registers as attributes of the port (ports of revision 0), and the
 * same registers as a UIO device (feature 0x14 with uio_dfl). One clock is dealt with at a time in this
 * process, under a lock of this file alone; whatever is waited for has a deadline.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "dev/sysfs.h"
#include "plugins/local/iopll.h"
#include "plugins/local/local.h"

#define CLOCK_FEATURE 0x14u
#define REGISTERS 0x28u	   /* bytes of the feature */
#define UIO_MAX 0x1000000u /* nobody's feature is larger */
#define REVISION_SHIFT 12
#define REVISION_MASK 15u
#define NAME_LEN 32
#define WORST_MHZ 1200u /* above what any family can do */

enum face { FACE_NONE, FACE_FREQUENCY, FACE_PORT, FACE_UIO };

struct user_clock {
	const char *call;
	const struct dfl_device *port;
	enum face face;
	char feature[NAME_LEN]; /* "dfl_dev.3"; "": none */
	char node[NAME_LEN];	/* "/dev/uio0" */
	uint8_t *pages;		/* of the UIO device */
	size_t len;
	uint8_t *regs; /* in the pages */
	struct iopll_io io;
};

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fork_watch forks;

/* Who had the lock is not in this process. It is not waited for before a fork: it may be held for seconds. */
static void in_child(struct fork_watch *w)
{
	(void)w;
	pthread_mutex_init(&clock_lock, NULL);
}

static void watch_forks(void)
{
	forks_watch(&forks, in_child);
}

/* The first use is before the first lock. */
static pthread_mutex_t *the_lock(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	return &clock_lock;
}

/* ---- why not ---- */

static fpga_result gone(const struct user_clock *c)
{
	return say(FPGA_EXCEPTION,
		   "%s: %s is gone: the card (%s) was removed, its port released, or its driver unbound",
		   c->call, dfl_name(c->port), c->port->address);
}

/* What a register or an attribute answered, in words. */
static fpga_result failed(const struct user_clock *c, int rc, const char *what)
{
	if (rc == -ENODEV || !dfl_there(c->port))
		return gone(c);
	if (rc == -EAGAIN || (rc == -EBUSY && c->face == FACE_FREQUENCY))
		return say(FPGA_BUSY, "%s: %s: the clock's PLL is not locked; try again, or set it",
			   c->call, dfl_name(c->port));
	if (rc == -ETIMEDOUT)
		return say(FPGA_EXCEPTION, "%s: %s: the clock's registers did not answer in time: %s",
			   c->call, dfl_name(c->port), what);
	return say(err_to_result(rc), "%s: %s: %s: %s", c->call, dfl_name(c->port), what,
		   rc == -EBADMSG ? "what it holds is no such number" : strerror(-rc));
}

/* ---- the registers as attributes of the port ---- */

static const char *port_attribute(enum iopll_reg reg)
{
	return reg == IOPLL_CMD0   ? "userclk_freqcmd"
	       : reg == IOPLL_CMD1 ? "userclk_freqcntrcmd"
	       : reg == IOPLL_STS0 ? "userclk_freqsts"
				   : "userclk_freqcntrsts";
}

static int port_read(void *at, enum iopll_reg reg, uint64_t *ret)
{
	const struct user_clock *c = at;
	char text[40], *end;
	int rc = sysfs_text(text, sizeof(text), "%s/%s", c->port->dir, port_attribute(reg));

	if (rc)
		return rc;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' ? -EBADMSG : 0;
}

static int port_write(void *at, enum iopll_reg reg, uint64_t value)
{
	const struct user_clock *c = at;
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64 "\n", value);
	return sysfs_write(text, "%s/%s", c->port->dir, port_attribute(reg));
}

/* ---- the registers as a UIO device ---- */

static int uio_read(void *at, enum iopll_reg reg, uint64_t *ret)
{
	const struct user_clock *c = at;

	*ret = *(const volatile uint64_t *)(const void *)(c->regs + reg);
	return 0;
}

static int uio_write(void *at, enum iopll_reg reg, uint64_t value)
{
	const struct user_clock *c = at;

	*(volatile uint64_t *)(void *)(c->regs + reg) = value;
	return 0;
}

/* A number of the device's map. What is no number is the kernel's fault, and not the caller's. */
static int uio_number(const struct user_clock *c, const char *name, uint64_t *ret)
{
	int rc = sysfs_number(ret, "%s/%s/uio/%s/maps/map0/%s", c->port->dir, c->feature,
			      c->node + strlen("/dev/"), name);

	return rc == -EINVAL || rc == -ENAMETOOLONG ? -EBADMSG : rc;
}

/* Whole pages are mapped, of which the registers are a part: "offset" says where they begin. */
static int uio_map(struct user_clock *c)
{
	CLEANUP_CLOSE int fd = -1;
	char path[DEV_PATH_MAX];
	uint64_t size, offset;
	void *at;
	int rc = uio_number(c, "size", &size);

	if (!rc)
		rc = uio_number(c, "offset", &offset);
	if (!rc && (size < REGISTERS || size > UIO_MAX || offset > size - REGISTERS || offset % 8))
		rc = -EBADMSG;
	if (!rc)
		rc = dev_path(path, "%s", c->node);
	if (rc)
		return rc;
	fd = sys_open(path, O_RDWR, 0);
	if (fd < 0)
		return fd;
	rc = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at);
	if (rc)
		return rc;
	c->pages = at;
	c->len = size;
	c->regs = c->pages + offset;
	return 0;
}

/* ---- which face ---- */

static bool there(const char *dir, const char *name, const char *tail)
{
	char path[DEV_PATH_MAX];

	return !dev_path(path, "%s/%s%s", dir, name, tail) && !sys_access(path, F_OK);
}

static void find_uio(struct user_clock *c)
{
	CLEANUP_FREE char *names = NULL;

	if (sysfs_list(&names, "%s/%s/uio", c->port->dir, c->feature))
		return;
	for (const char *at = names; *at; at += strlen(at) + 1)
		if (!strncmp(at, "uio", 3) && strlen(at) < 16)
			snprintf(c->node, sizeof(c->node), "/dev/%.16s", at);
}

static int find_face(struct user_clock *c)
{
	CLEANUP_FREE char *names = NULL;
	uint64_t id;
	int rc = sysfs_list(&names, "%s", c->port->dir);

	for (const char *at = names; !rc && *at; at += strlen(at) + 1) {
		if (strncmp(at, "dfl", 3) || strlen(at) >= NAME_LEN)
			continue;
		if (there(c->port->dir, at, "/userclk/frequency")) {
			snprintf(c->feature, sizeof(c->feature), "%s", at);
			c->face = FACE_FREQUENCY;
			return 0;
		}
		if (!sysfs_number(&id, "%s/%s/feature_id", c->port->dir, at) && id == CLOCK_FEATURE)
			snprintf(c->feature, sizeof(c->feature), "%s", at);
	}
	if (!rc && there(c->port->dir, port_attribute(IOPLL_STS1), ""))
		c->face = FACE_PORT;
	else if (!rc && *c->feature)
		find_uio(c);
	if (*c->node)
		c->face = FACE_UIO;
	return rc;
}

static fpga_result no_face(const struct user_clock *c)
{
	if (*c->feature)
		return say(FPGA_NOT_SUPPORTED,
			   "%s: %s: its clock, %s, has no UIO device: sudo modprobe uio_dfl", c->call,
			   dfl_name(c->port), c->feature);
	return say(FPGA_NOT_SUPPORTED,
		   "%s: %s shows no user clock: it has neither dfl*/userclk/frequency, nor "
		   "userclk_freqcntrsts, nor "
		   "feature 0x14 as a UIO device",
		   c->call, dfl_name(c->port));
}

static fpga_result open_face(struct user_clock *c)
{
	int rc = find_face(c);

	if (rc)
		return failed(c, rc, c->port->dir);
	if (c->face == FACE_NONE)
		return no_face(c);
	if (c->face == FACE_PORT)
		c->io = (struct iopll_io){ port_read, port_write, c };
	if (c->face != FACE_UIO)
		return FPGA_OK;
	c->io = (struct iopll_io){ uio_read, uio_write, c };
	rc = uio_map(c);
	return rc ? failed(c, rc, c->node) : FPGA_OK;
}

static void close_face(struct user_clock *c)
{
	if (c->pages)
		sys_munmap(c->pages, c->len);
}

/* ---- getting ---- */

/* "156250 312500": the low one and the high one. */
static bool parse_pair(const char *text, uint64_t *high, uint64_t *low)
{
	unsigned int khz[2];
	int used = 0;

	if (strlen(text) > 20 || text[strspn(text, "0123456789 ")] ||
	    sscanf(text, "%9u %9u%n", &khz[0], &khz[1], &used) != 2 || text[used])
		return false;
	*low = khz[0] * UINT64_C(1000);
	*high = khz[1] * UINT64_C(1000);
	return true;
}

static fpga_result get_frequency(const struct user_clock *c, uint64_t *high, uint64_t *low)
{
	char text[64], path[DEV_PATH_MAX];
	int rc = dev_path(path, "%s/%s/userclk/frequency", c->port->dir, c->feature);

	if (!rc)
		rc = sysfs_text(text, sizeof(text), "%s/%s/userclk/frequency", c->port->dir, c->feature);
	if (rc && rc != -ENAMETOOLONG)
		return failed(c, rc, path);
	if (rc || !parse_pair(text, high, low))
		return say(FPGA_EXCEPTION, "%s: %s: %s does not hold two numbers, of kHz", c->call,
			   dfl_name(c->port), path);
	return FPGA_OK;
}

static fpga_result measure(const struct user_clock *c, uint64_t *high, uint64_t *low)
{
	const char *what = c->face == FACE_UIO ? c->node : "userclk_freqcntrcmd, userclk_freqcntrsts";
	int rc = iopll_measure(&c->io, true, high);

	if (!rc)
		rc = iopll_measure(&c->io, false, low);
	return rc ? failed(c, rc, what) : FPGA_OK;
}

static fpga_result get_clock(const struct dfl_device *port, uint64_t *high_hz, uint64_t *low_hz)
{
	struct user_clock c = { .call = "fpgaGetUserClock", .port = port };
	uint64_t high = 0, low = 0;
	SCOPED_LOCK(the_lock());
	fpga_result r = open_face(&c);

	if (r == FPGA_OK)
		r = c.face == FACE_FREQUENCY ? get_frequency(&c, &high, &low) : measure(&c, &high, &low);
	close_face(&c);
	if (r == FPGA_OK) {
		*high_hz = high;
		*low_hz = low;
	}
	return r;
}

/* ---- setting ---- */

/* The PLL behind the clock: which it is by the feature's revision, and what it is fed with. */
static fpga_result read_pll(const struct user_clock *c, const struct iopll_family **f,
			    uint32_t *reference_khz)
{
	uint64_t revision = 0, khz = 100000;
	int rc = 0;

	if (c->face == FACE_UIO) {
		revision =
		    *(const volatile uint64_t *)(const void *)c->regs >> REVISION_SHIFT & REVISION_MASK;
		rc = iopll_reference(&c->io, reference_khz);
		khz = rc ? khz : *reference_khz;
	} else {
		/* A driver that tells neither is the first one, which knew one kind. */
		if (sysfs_number(&revision, "%s/%s/feature_rev", c->port->dir, c->feature))
			revision = 0;
		sysfs_number(&khz, "%s/%s/userclk/ref_frequency", c->port->dir, c->feature);
	}
	if (rc)
		return failed(c, rc, c->node);
	*f = revision <= REVISION_MASK ? iopll_family((unsigned int)revision) : NULL;
	if (!*f)
		return say(FPGA_NOT_SUPPORTED,
			   "%s: %s: %s is of revision %" PRIu64 ", whose PLL is not known here", c->call,
			   dfl_name(c->port), c->feature, revision);
	if (khz < 10000 || khz > 1000000)
		return say(FPGA_EXCEPTION,
			   "%s: %s: the reference of the clock's PLL should be %" PRIu64 " kHz", c->call,
			   dfl_name(c->port), khz);
	*reference_khz = (uint32_t)khz;
	return FPGA_OK;
}

/* The driver takes eight numbers, as they are in memory. */
static int write_frequency(const struct user_clock *c, const struct iopll_settings *s,
			   uint32_t reference_khz)
{
	CLEANUP_CLOSE int fd = -1;
	char path[DEV_PATH_MAX];
	uint32_t v[8] = { (uint32_t)((uint64_t)reference_khz * s->m / s->n / s->c1),
			  iopll_counter(s->m),
			  iopll_counter(s->n),
			  iopll_counter(s->c1),
			  iopll_counter(s->c0),
			  s->filter << 6,
			  s->pump,
			  s->capacitance };
	int rc = dev_path(path, "%s/%s/userclk/frequency", c->port->dir, c->feature);
	ssize_t n;

	if (rc)
		return rc;
	fd = sys_open(path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	n = sys_pwrite(fd, v, sizeof(v), 0);
	return n < 0 ? (int)n : n == sizeof(v) ? 0 : -EIO;
}

static fpga_result apply(const struct user_clock *c, const struct iopll_settings *s, uint32_t reference_khz)
{
	int rc = c->face == FACE_UIO ? iopll_apply(&c->io, s) : write_frequency(c, s, reference_khz);

	return rc ? failed(c, rc, c->face == FACE_UIO ? c->node : "userclk/frequency") : FPGA_OK;
}

/*
 * A jump from one end of the range to the other does not always lock, so the way leads over a slow clock of
 * every family.
 */
struct way {
	struct iopll_settings between, wanted;
	uint32_t reference_khz;
};

static fpga_result plan(const struct user_clock *c, uint32_t high_khz, uint32_t low_khz, struct way *w)
{
	const struct iopll_family *f = NULL;
	fpga_result r = read_pll(c, &f, &w->reference_khz);

	if (r != FPGA_OK)
		return r;
	if (high_khz > f->max_khz)
		return say(FPGA_INVALID_PARAM, "%s: %s: the clocks of %s go from %u to %u MHz, not to %u",
			   c->call, dfl_name(c->port), f->name, IOPLL_HIGH_MIN_KHZ / 1000,
			   f->max_khz / 1000, high_khz / 1000);
	if (!iopll_solve(f, w->reference_khz, high_khz, low_khz, &w->wanted) ||
	    !iopll_solve(f, w->reference_khz, f->max_khz / 2, f->max_khz / 4, &w->between))
		return say(FPGA_INVALID_PARAM, "%s: %s: its PLL can't give %u and %u MHz together", c->call,
			   dfl_name(c->port), high_khz / 1000, low_khz / 1000);
	return FPGA_OK;
}

static fpga_result go(const struct user_clock *c, const struct way *w)
{
	fpga_result r = apply(c, &w->between, w->reference_khz);

	return r == FPGA_OK ? apply(c, &w->wanted, w->reference_khz) : r;
}

static fpga_result cannot_set(const struct user_clock *c)
{
	return say(FPGA_NOT_SUPPORTED,
		   "%s: %s: this kernel shows the clock's counter alone, and there is no "
		   "dfl*/userclk/frequency to set "
		   "it by; the settings of this card's PLL are not published",
		   c->call, dfl_name(c->port));
}

struct wanted {
	uint32_t high_khz, low_khz;
};

/* One of the two may be 0: then they are at 2:1, as designs that use both expect it. */
static fpga_result check_range(const struct user_clock *c, uint64_t high_mhz, uint64_t low_mhz,
			       struct wanted *ret)
{
	uint32_t high, low;

	if (high_mhz > WORST_MHZ || low_mhz > WORST_MHZ)
		return say(FPGA_INVALID_PARAM, "%s: %s: user clocks go from %u to %u MHz, not to %" PRIu64,
			   c->call, dfl_name(c->port), IOPLL_HIGH_MIN_KHZ / 1000, WORST_MHZ,
			   high_mhz > low_mhz ? high_mhz : low_mhz);
	low = low_mhz ? (uint32_t)low_mhz * 1000 : (uint32_t)high_mhz * 500;
	high = high_mhz ? (uint32_t)high_mhz * 1000 : low * 2;
	if (high < IOPLL_HIGH_MIN_KHZ || low < IOPLL_LOW_MIN_KHZ)
		return say(FPGA_INVALID_PARAM,
			   "%s: %s: the high clock has at least %u MHz, and the low one %u", c->call,
			   dfl_name(c->port), IOPLL_HIGH_MIN_KHZ / 1000, IOPLL_LOW_MIN_KHZ / 1000);
	if (low > high)
		return say(FPGA_INVALID_PARAM,
			   "%s: %s: the low clock, %u MHz, would be above the high one, %u", c->call,
			   dfl_name(c->port), low / 1000, high / 1000);
	*ret = (struct wanted){ high, low };
	return FPGA_OK;
}

static fpga_result set_clock(const struct dfl_device *port, uint64_t high_mhz, uint64_t low_mhz, bool really,
			     const char *call)
{
	struct user_clock c = { .call = call, .port = port };
	struct wanted w = { 0 };
	struct way way = { 0 };
	SCOPED_LOCK(the_lock());
	fpga_result r = check_range(&c, high_mhz, low_mhz, &w);

	if (r == FPGA_OK)
		r = open_face(&c);
	if (r == FPGA_OK)
		r = c.face == FACE_PORT ? cannot_set(&c) : plan(&c, w.high_khz, w.low_khz, &way);
	if (r == FPGA_OK && really)
		r = go(&c, &way);
	close_face(&c);
	return r;
}

fpga_result local_set_clock(const struct dfl_device *port, uint64_t high_mhz, uint64_t low_mhz,
			    const char *call)
{
	return set_clock(port, high_mhz, low_mhz, true, call);
}

fpga_result local_check_clock(const struct dfl_device *port, uint64_t high_mhz, uint64_t low_mhz,
			      const char *call)
{
	return set_clock(port, high_mhz, low_mhz, false, call);
}

/* ---- the calls ---- */

static fpga_result check_handle(const struct handle *h, int flags, const char *call)
{
	fpga_result r = alive(h, call);

	if (r != FPGA_OK)
		return r;
	if (is_fme(h))
		return say(FPGA_INVALID_PARAM, "%s: user clocks are an accelerator's, and this is a device",
			   call);
	return flags ? say(FPGA_INVALID_PARAM, "%s: there are no flags, and these are 0x%x", call,
			   (unsigned int)flags)
		     : FPGA_OK;
}

static fpga_result set_user_clock(fpga_handle handle, uint64_t high_mhz, uint64_t low_mhz, int flags)
{
	struct handle *h = handle;
	const char *call = "fpgaSetUserClock";
	fpga_result r = check_handle(h, flags, call);

	return r == FPGA_OK ? local_set_clock(&h->token.dev, high_mhz, low_mhz, call) : r;
}

static fpga_result get_user_clock(fpga_handle handle, uint64_t *high_hz, uint64_t *low_hz, int flags)
{
	struct handle *h = handle;
	fpga_result r = check_handle(h, flags, "fpgaGetUserClock");

	return r == FPGA_OK ? get_clock(&h->token.dev, high_hz, low_hz) : r;
}

void fill_clock(opae_api_adapter_table *t)
{
	t->fpgaSetUserClock = set_user_clock;
	t->fpgaGetUserClock = get_user_clock;
}
