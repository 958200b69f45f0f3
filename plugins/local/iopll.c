/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/iopll.h"

#include <errno.h>
#include <stddef.h>

#include "base/clock.h"

/* CMD0 and STS0 */
#define DATA_MASK UINT64_C(0xffffffff)
#define ADDRESS_SHIFT 32
#define WRITE (UINT64_C(1) << 44)
#define SEQUENCE_SHIFT 48
#define SEQUENCE_MASK 3u
#define MACHINE_RUN (UINT64_C(1) << 52) /* else what carries out the commands is held in reset */
#define RESET_INTERFACE (UINT64_C(1) << 56)
#define RESET_PLL (UINT64_C(1) << 57)
#define LOCKED (UINT64_C(1) << 60)
#define ERROR (UINT64_C(1) << 63)
/* CMD1 and STS1 */
#define HIGH_CLOCK (UINT64_C(1) << 32)
#define FREQUENCY_MASK 0x1ffffu /* 10 kHz */
#define REFERENCE_SHIFT 33
#define REFERENCE_MASK 0x3ffffu /* 10 kHz */

#define GONE UINT64_MAX

/* The PLL's own registers, of 8 bits. Of a counter: high, low, bypass, odd. */
enum {
	N_HIGH = 0x100,
	N_FLAGS = 0x101, /* odd << 7 | pump << 4 | bypass */
	N_LOW = 0x102,
	FILTER = 0x10a,
	PUMP_HIGH = 0x10d,
	CALIBRATION = 0x149,
	CALIBRATION_ENABLE = 0x14a,
};
#define CALIBRATE 0x40u
#define CALIBRATION_ENABLED 3u

static const struct counter {
	uint16_t high, low, bypass, odd;
} counter_m = { 0x104, 0x107, 0x105, 0x106 }, counter_c0 = { 0x11b, 0x11e, 0x11c, 0x11d },
  counter_c1 = { 0x11f, 0x122, 0x120, 0x121 };

#define BYPASS (1u << 16)
#define ODD (1u << 17)
#define COUNTER_MAX 510u

#define POLL_NS NS_PER_MS
#define MEASURE_NS (10 * NS_PER_MS) /* one period of the frequency counter */
#define DEADLINE_NS NS_PER_S

/* ---- which settings ---- */

#define N_MAX 10u
#define PHASE_MIN_KHZ 10000u /* of what the phase is compared at, reference / n */

/* The loop's settings, by m. Smaller and larger ones are not used. */
static const struct {
	uint32_t m_min, filter, pump, capacitance;
} loops[] = { { 8, 3, 4, 0 },  { 16, 3, 4, 2 }, { 24, 4, 4, 0 },
	      { 44, 5, 4, 2 }, { 65, 6, 4, 2 }, { 125, 6, 6, 2 } };
#define M_MIN 8u
#define M_MAX 160u

const struct iopll_family *iopll_family(unsigned int revision)
{
	static const struct iopll_family families[] = { { "Stratix 10", 600000, 600000, 1600000 },
							{ "Agilex 7", 800000, 600000, 1434000 } };

	return revision < sizeof(families) / sizeof(families[0]) ? &families[revision] : NULL;
}

uint32_t iopll_counter(uint32_t n)
{
	return n == 1 ? BYPASS : (n & 1 ? ODD : 0) | (n + 1) / 2 << 8 | n / 2;
}

static void set_loop(struct iopll_settings *s)
{
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		if (s->m >= loops[i].m_min) {
			s->filter = loops[i].filter;
			s->pump = loops[i].pump;
			s->capacitance = loops[i].capacitance;
		}
}

/* The oscillator runs at `up` / n kHz. What divides it to no more than `khz`. */
static uint32_t divider(uint64_t up, uint32_t n, uint32_t khz)
{
	uint64_t by = (uint64_t)n * khz;

	return (uint32_t)((up + by - 1) / by);
}

/* How much is missing to `khz`, in parts of 10^9. */
static uint64_t missing(uint64_t up, uint32_t n, uint32_t c, uint32_t khz)
{
	return 1000000000 - up * 1000000000 / ((uint64_t)n * c * khz);
}

/* The dividers for this m and n; returns the larger of what is missing to the two clocks. */
static uint64_t divide(struct iopll_settings *s, uint32_t reference, uint32_t high, uint32_t low)
{
	uint64_t up = (uint64_t)reference * s->m, of_high, of_low;

	s->c0 = divider(up, s->n, high);
	s->c1 = low == high ? s->c0 : low * 2 == high ? s->c0 * 2 : divider(up, s->n, low);
	if (s->c0 > COUNTER_MAX || s->c1 > COUNTER_MAX)
		return UINT64_MAX;
	of_high = missing(up, s->n, s->c0, high);
	of_low = missing(up, s->n, s->c1, low);
	return of_high > of_low ? of_high : of_low;
}

/* Of what is equally near, a small n and then a fast oscillator have the least jitter. */
bool iopll_solve(const struct iopll_family *f, uint32_t reference_khz, uint32_t high_khz, uint32_t low_khz,
		 struct iopll_settings *ret)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t n = 1; n <= N_MAX && reference_khz / n >= PHASE_MIN_KHZ; n++)
		for (uint32_t m = M_MAX; m >= M_MIN; m--) {
			struct iopll_settings s = { .m = m, .n = n };
			uint64_t vco = (uint64_t)reference_khz * m / n, off;

			if (vco < f->vco_min_khz || vco > f->vco_max_khz)
				continue;
			off = divide(&s, reference_khz, high_khz, low_khz);
			if (off >= best)
				continue;
			best = off;
			*ret = s;
		}
	if (best == UINT64_MAX)
		return false;
	set_loop(ret);
	return true;
}

/* ---- measuring ---- */

static int read_reg(const struct iopll_io *io, enum iopll_reg reg, uint64_t *ret)
{
	int rc = io->read(io->at, reg, ret);

	return rc ? rc : *ret == GONE ? -ENODEV : 0;
}

int iopll_reference(const struct iopll_io *io, uint32_t *khz)
{
	uint64_t v;
	int rc = read_reg(io, IOPLL_STS1, &v);

	if (!rc)
		*khz = (uint32_t)(v >> REFERENCE_SHIFT & REFERENCE_MASK) * 10;
	return rc;
}

static int measure_once(const struct iopll_io *io, bool high, uint64_t *ret)
{
	int rc = io->write(io->at, IOPLL_CMD1, high ? HIGH_CLOCK : 0);

	if (rc)
		return rc;
	clock_sleep_ns(MEASURE_NS);
	return read_reg(io, IOPLL_STS1, ret);
}

/*
 * The counter tells which clock it has measured: another program may have chosen the other one meanwhile. Who
 * finds that waits for a while of whatever length, or two that are in step would never get what they want.
 */
int iopll_measure(const struct iopll_io *io, bool high, uint64_t *hz)
{
	int64_t deadline = clock_deadline(DEADLINE_NS);
	uint64_t v;
	int rc = read_reg(io, IOPLL_STS0, &v);

	if (!rc && !(v & LOCKED))
		return -EAGAIN;
	while (!rc && !(rc = measure_once(io, high, &v))) {
		if (!(v & HIGH_CLOCK) == !high && v & FREQUENCY_MASK) {
			*hz = (v & FREQUENCY_MASK) * 10000;
			return 0;
		}
		if (clock_now_ns() >= deadline)
			return -ETIMEDOUT;
		clock_sleep_ns(clock_now_ns() / NS_PER_US * 7919 % (2 * MEASURE_NS));
	}
	return rc;
}

/* ---- setting ---- */

/* Commands are numbered; one is carried out when its number is not that of the last. */
struct machine {
	const struct iopll_io *io;
	unsigned int last;
	int64_t deadline;
	int rc; /* the first failure; nothing is done after it */
};

static void put(struct machine *m, uint64_t cmd0)
{
	if (!m->rc)
		m->rc = m->io->write(m->io->at, IOPLL_CMD0, cmd0);
}

static uint64_t status(struct machine *m)
{
	uint64_t v = 0;

	if (!m->rc)
		m->rc = read_reg(m->io, IOPLL_STS0, &v);
	return v;
}

static unsigned int answered(uint64_t sts0)
{
	return (unsigned int)(sts0 >> SEQUENCE_SHIFT) & SEQUENCE_MASK;
}

/* A reset of the machine makes the last number 0, but what it answered last still stands in the status. */
static unsigned int next_number(struct machine *m)
{
	unsigned int shown = answered(status(m)), n = (m->last + 1) & SEQUENCE_MASK;

	if (n == shown)
		n = (n + 1) & SEQUENCE_MASK;
	return n == m->last ? (n + 1) & SEQUENCE_MASK : n;
}

static uint32_t command(struct machine *m, uint64_t what)
{
	unsigned int n = next_number(m);
	uint64_t v;

	put(m, what | (uint64_t)n << SEQUENCE_SHIFT | MACHINE_RUN);
	m->last = n;
	while (v = status(m), !m->rc && answered(v) != n) {
		if (v & ERROR)
			m->rc = -EIO;
		else if (clock_now_ns() >= m->deadline)
			m->rc = -ETIMEDOUT;
		else
			clock_sleep_ns(10 * NS_PER_US);
	}
	return (uint32_t)(v & DATA_MASK);
}

static void write_pll(struct machine *m, uint32_t address, uint32_t value)
{
	command(m, (uint64_t)address << ADDRESS_SHIFT | WRITE | value);
}

static uint32_t read_pll(struct machine *m, uint32_t address)
{
	return command(m, (uint64_t)address << ADDRESS_SHIFT);
}

static void write_counter(struct machine *m, const struct counter *at, uint32_t n)
{
	uint32_t v = iopll_counter(n);

	write_pll(m, at->high, v >> 8 & 0xff);
	write_pll(m, at->low, v & 0xff);
	write_pll(m, at->bypass, v & BYPASS ? 1 : 0);
	write_pll(m, at->odd, v & ODD ? 1u << 7 : 0);
}

static void write_settings(struct machine *m, const struct iopll_settings *s)
{
	uint32_t n = iopll_counter(s->n);

	write_counter(m, &counter_m, s->m);
	write_pll(m, N_HIGH, n >> 8 & 0xff);
	write_pll(m, N_LOW, n & 0xff);
	write_pll(m, N_FLAGS, (n & ODD ? 1u << 7 : 0) | (s->pump & 7) << 4 | (n & BYPASS ? 1 : 0));
	write_counter(m, &counter_c0, s->c0);
	write_counter(m, &counter_c1, s->c1);
	write_pll(m, PUMP_HIGH, (s->pump >> 3 & 7) << 5);
	write_pll(m, FILTER, s->filter << 3 | s->capacitance << 1);
}

/* Each step is to last a millisecond at least. */
static void step(struct machine *m, uint64_t cmd0)
{
	put(m, cmd0);
	m->last = 0;
	if (!m->rc)
		clock_sleep_ns(NS_PER_MS);
}

static void wait_lock(struct machine *m)
{
	while (!(status(m) & LOCKED) && !m->rc) {
		if (clock_now_ns() >= m->deadline)
			m->rc = -EAGAIN;
		else
			clock_sleep_ns(POLL_NS);
	}
}

int iopll_apply(const struct iopll_io *io, const struct iopll_settings *s)
{
	struct machine m = { .io = io, .deadline = clock_deadline(DEADLINE_NS) };

	step(&m, 0); /* ends what somebody has begun, and its error */
	step(&m, MACHINE_RUN);
	write_settings(&m, s);
	step(&m, RESET_INTERFACE | RESET_PLL);
	step(&m, RESET_INTERFACE);
	step(&m, MACHINE_RUN);
	wait_lock(&m);
	write_pll(&m, CALIBRATION, read_pll(&m, CALIBRATION) | CALIBRATE);
	write_pll(&m, CALIBRATION_ENABLE, CALIBRATION_ENABLED);
	if (!m.rc)
		clock_sleep_ns(NS_PER_MS);
	wait_lock(&m);
	return m.rc;
}
