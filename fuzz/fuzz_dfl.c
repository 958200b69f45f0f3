/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Feature lists: whatever the registers say, what comes out lies inside the BARs, what is read does too,
 * and it ends. The input is a head, and writes: each puts 8 bytes into a BAR or into the configuration
 * space. A register that was written twice shows its values in turn, as one that changes between reads.
 *
 *     head: a byte for each BAR (0 absent, else its size is 2 to that), vectors, the length of the
 *           configuration space, and the read that fails (0: none), two bytes each; then what a
 *           register holds that is not written
 *     write: a byte with the BAR (7: configuration space), three with the offset, eight with the value
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "plugins/vfio/dfl.h"

#define WRITE_BYTES 12u
#define SPACE_CONFIG 7u
#define READS_MAX (DFL_MAX_FEATURES * 24u) /* a port has its header, its features, its accelerator */

struct head {
	uint8_t bar_bits[MAX_BARS];
	uint16_t vectors, config_len, failing_read;
	uint8_t fill[8];
};

struct device {
	struct dfl_io io;
	const uint8_t *writes;
	size_t num;
	uint64_t fill;
	unsigned int reads, failing_read;
	bool let_go; /* a port's control was written, and acknowledges from then on */
	uint32_t control_bar;
	uint64_t control;
};

static uint64_t number(const uint8_t *at, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, at, len);
	return v;
}

static void must(bool fine)
{
	if (!fine)
		abort();
}

static bool inside(const struct dfl_io *io, uint64_t bar, uint64_t offset, uint64_t len)
{
	return bar < MAX_BARS && len <= io->bar_size[bar] && offset <= io->bar_size[bar] - len;
}

static int on_read(void *ctx, uint32_t bar, uint64_t offset, uint64_t *value)
{
	struct device *d = ctx;
	unsigned int turn = d->reads++ % 2;

	must(d->reads <= READS_MAX && offset % 8 == 0 && inside(&d->io, bar, offset, 8));
	must(!d->failing_read || d->reads <= d->failing_read); /* nothing is asked after a failure */
	if (d->reads == d->failing_read)
		return -EIO;
	*value = d->fill;
	for (size_t i = 0; i < d->num; i++) {
		const uint8_t *w = d->writes + i * WRITE_BYTES;

		if (w[0] == bar && number(w + 1, 3) == offset) {
			*value = number(w + 4, 8);
			if (!turn)
				break;
		}
	}
	if (d->let_go && bar == d->control_bar && offset == d->control)
		*value &= ~DFL_PORT_RESET_ACK;
	return 0;
}

static int on_write(void *ctx, uint32_t bar, uint64_t offset, uint64_t value)
{
	struct device *d = ctx;

	must(offset % 8 == 0 && inside(&d->io, bar, offset, 8) && !(value & DFL_PORT_RESET));
	d->let_go = true;
	d->control_bar = bar;
	d->control = offset;
	return 0;
}

static void check_object(const struct dfl_io *io, const struct facts *f, const struct object *o)
{
	must(o->type == FPGA_DEVICE || o->type == FPGA_ACCELERATOR);
	must(o->num_mmio >= 1 && o->num_mmio <= MAX_MMIO);
	for (uint32_t i = 0; i < o->num_mmio; i++)
		must(o->mmio[i].size && inside(io, o->mmio[i].bar, o->mmio[i].offset, o->mmio[i].size));
	must(!o->head.size || inside(io, o->head.bar, o->head.offset, o->head.size));
	must(!o->errors || inside(io, o->head.bar, o->errors, 16));
	must(o->first_vector <= f->vectors && o->num_interrupts <= f->vectors - o->first_vector);
	must(o->error_vector == NO_VECTOR || o->error_vector < f->vectors);
}

static void check(const struct dfl_io *io, const struct facts *f)
{
	unsigned int engines = 0;

	must(f->num_objects <= MAX_OBJECTS && memchr(f->defect, 0, sizeof(f->defect)));
	for (uint32_t i = 0; i < f->num_objects; i++) {
		engines += f->objects[i].type == FPGA_DEVICE;
		check_object(io, f, &f->objects[i]);
	}
	must(engines <= 1);
	must(f->num_objects || *f->defect); /* nothing without a reason */
}

static int on_config(void *ctx, uint32_t at, uint32_t *word)
{
	memcpy(word, (const uint8_t *)ctx + at, sizeof(*word));
	return 0;
}

/* Memory of exactly its length. */
static unsigned int find_lists(const struct device *d, uint32_t len, struct dfl_list *lists)
{
	uint8_t *config = calloc(1, len ? len : 1);
	struct dfl_config words = { config, on_config, len };
	unsigned int n;

	if (!config)
		exit(2);
	for (size_t i = 0; i < d->num; i++) {
		const uint8_t *w = d->writes + i * WRITE_BYTES;
		uint64_t at = number(w + 1, 3);

		if (w[0] == SPACE_CONFIG && at + 8 <= len)
			memcpy(config + at, w + 4, 8);
	}
	must(!dfl_find_lists(&words, lists, &n));
	must(n <= DFL_MAX_LISTS);
	free(config);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct device d = { .io = { .ctx = &d, .read = on_read, .write = on_write } };
	struct dfl_list lists[DFL_MAX_LISTS];
	struct facts facts = { 0 };
	unsigned int n;
	struct head h;
	int rc;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	for (unsigned int i = 0; i < MAX_BARS; i++)
		d.io.bar_size[i] = h.bar_bits[i] ? UINT64_C(1) << h.bar_bits[i] % 64 : 0;
	d.writes = data + sizeof(h);
	d.num = (len - sizeof(h)) / WRITE_BYTES;
	d.failing_read = h.failing_read;
	d.fill = number(h.fill, 8);
	facts.vectors = h.vectors % 2049;
	n = find_lists(&d, h.config_len % 4097, lists);
	rc = dfl_read(&d.io, lists, n, &facts);
	must(rc == (d.failing_read && d.reads == d.failing_read ? -EIO : 0));
	if (!rc)
		check(&d.io, &facts);
	return 0;
}
