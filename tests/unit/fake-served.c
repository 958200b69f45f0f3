/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/check.h"

#define FAKE_COPY_MAX (64u << 20)
#define HOLD_NS (20 * NS_PER_S) /* a test that forgot to let go */

struct fake fake;

static _Thread_local char detail[256];

fpga_result fake_say(fpga_result r, const char *what)
{
	snprintf(detail, sizeof(detail), "model: %s", what);
	return r;
}

static const char *fake_detail(void)
{
	return detail;
}

void fake_log_locked(const char *what)
{
	size_t len = strlen(fake.log);

	snprintf(fake.log + len, sizeof(fake.log) - len, "%s ", what);
}

void fake_log(const char *what)
{
	SCOPED_LOCK(&fake.lock);

	fake_log_locked(what);
}

static void hold(void)
{
	int64_t until = clock_deadline(HOLD_NS);

	atomic_store(&fake.held, true);
	while (atomic_load(&fake.hold) && clock_now_ns() < until)
		clock_sleep_ns(NS_PER_MS);
	atomic_store(&fake.held, false);
}

static void hold_if(enum fake_slow what)
{
	if (atomic_load(&fake.slow) & what)
		hold();
}

void fake_await_held(void)
{
	int64_t until = clock_deadline(HOLD_NS);

	while (!atomic_load(&fake.held)) {
		assert_true(clock_now_ns() < until);
		clock_sleep_ns(NS_PER_MS);
	}
}

uint64_t fake_device_id(uint32_t card)
{
	return 0xd000 + card;
}

uint64_t fake_accelerator_id(uint32_t card)
{
	return 0xa000 + card;
}

/* ---- properties ---- */

static fpga_result props_new(fpga_properties *ret)
{
	*ret = calloc(1, sizeof(struct opae_props));
	atomic_fetch_add(&fake.props, 1);
	return FPGA_OK;
}

static fpga_result props_write(fpga_properties prop, const struct opae_props *values)
{
	memcpy(prop, values, sizeof(*values));
	return FPGA_OK;
}

static fpga_result props_read(fpga_properties prop, struct opae_props *values)
{
	memcpy(values, prop, sizeof(*values));
	return FPGA_OK;
}

static fpga_result props_destroy(fpga_properties *prop)
{
	free(*prop);
	*prop = NULL;
	atomic_fetch_sub(&fake.props, 1);
	return FPGA_OK;
}

static const char *props_why(fpga_properties prop, uint32_t bit)
{
	(void)prop;
	return bit == OPAE_PROP_BBS_ID ? "the model has no blue bitstream" : "";
}

static void fill(const struct fake_token *t, struct opae_props *p)
{
	const struct fake_card *c = &fake.cards[t->card % FAKE_CARDS];

	*p = (struct opae_props){ .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_OBJECT_ID | OPAE_PROP_BUS |
					   OPAE_PROP_GUID | OPAE_PROP_NUM_ERRORS,
				  .bus = (uint8_t)t->card,
				  .num_errors = 3 };
	if (!t->accelerator) {
		p->objtype = FPGA_DEVICE;
		p->object_id = t->card < FAKE_CARDS ? fake_device_id(t->card)
						    : FAKE_GHOST + t->card - FAKE_CARDS;
		p->valid |= OPAE_PROP_NUM_SLOTS;
		p->num_slots = 1;
		p->guid[15] = 0xd0;
		return;
	}
	p->objtype = FPGA_ACCELERATOR;
	p->object_id = fake_accelerator_id(t->card);
	p->valid |= OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS;
	p->guid[0] = c->guid0;
	p->guid[15] = 0xa0;
	p->state = atomic_load(&c->handles[1]) ? FPGA_ACCELERATOR_ASSIGNED : FPGA_ACCELERATOR_UNASSIGNED;
	p->num_mmio = 2;
	p->num_interrupts = 4;
}

static fpga_result props_of(const struct fake_token *t, fpga_properties *prop)
{
	struct opae_props p;

	fill(t, &p);
	props_new(prop);
	return props_write(*prop, &p);
}

/* ---- tokens ---- */

static fpga_token token_new(uint32_t card, bool accelerator)
{
	struct fake_token *t = malloc(sizeof(*t));

	*t = (struct fake_token){ card, accelerator };
	atomic_fetch_add(&fake.tokens, 1);
	return t;
}

static bool matches(const struct fake_token *t, const fpga_properties *filters, uint32_t num)
{
	struct opae_props p;

	fill(t, &p);
	for (uint32_t i = 0; i < num; i++) {
		const struct opae_props *f = filters[i];

		if ((!(f->valid & OPAE_PROP_OBJTYPE) || f->objtype == p.objtype) &&
		    (!(f->valid & OPAE_PROP_BUS) || f->bus == p.bus))
			return true;
	}
	return !num;
}

static fpga_result enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			     fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	uint32_t num = 0;

	assert_ptr_equal(instance, &fake);
	atomic_fetch_add(&fake.enumerations, 1);
	hold_if(FAKE_SLOW_ENUMERATE);
	if (fake.enumerate_result != FPGA_OK)
		return fake_say(fake.enumerate_result, "enumeration fails");
	for (uint32_t i = 0; i < 2 * fake.num_cards; i++) {
		struct fake_token t = { i / 2, i % 2 };

		if (fake.cards[t.card].gone || !matches(&t, filters, num_filters))
			continue;
		if (num < max_tokens)
			tokens[num] = token_new(t.card, t.accelerator);
		num++;
	}
	for (uint32_t i = 0; i < fake.ghosts && !num_filters; i++, num++)
		if (num < max_tokens)
			tokens[num] = token_new(FAKE_CARDS + i, false);
	*num_matches = num;
	return FPGA_OK;
}

static fpga_result clone_token(fpga_token src, fpga_token *dst)
{
	const struct fake_token *t = src;

	*dst = token_new(t->card, t->accelerator);
	return FPGA_OK;
}

static fpga_result destroy_token(fpga_token *token)
{
	free(*token);
	*token = NULL;
	atomic_fetch_sub(&fake.tokens, 1);
	return FPGA_OK;
}

static fpga_result get_properties(fpga_token token, fpga_properties *prop)
{
	const struct fake_token *t = token;

	if (t->card < FAKE_CARDS && fake.cards[t->card].gone)
		return fake_say(FPGA_NOT_FOUND, "the card is gone");
	return props_of(t, prop);
}

static fpga_result parent_of(fpga_token token, fpga_token *parent)
{
	const struct fake_token *t = token;

	if (!t->accelerator)
		return FPGA_NOT_FOUND;
	*parent = token_new(t->card, false);
	return FPGA_OK;
}

/* ---- handles ---- */

static fpga_result open_token(fpga_token token, fpga_handle *handle, int flags)
{
	const struct fake_token *t = token;
	struct fake_card *c = &fake.cards[t->card];
	struct fake_handle *h;

	hold_if(FAKE_SLOW_OPEN);
	if (fake.open_result != FPGA_OK)
		return fake_say(fake.open_result, "opening fails");
	if (flags & ~FPGA_OPEN_SHARED)
		return fake_say(FPGA_INVALID_PARAM, "flags that are not known");
	if (!flags && atomic_load(&c->handles[t->accelerator]))
		return fake_say(FPGA_BUSY, "somebody has it open");
	h = malloc(sizeof(*h));
	h->of = *t;
	atomic_fetch_add(&c->opens[t->accelerator], 1);
	atomic_fetch_add(&c->handles[t->accelerator], 1);
	atomic_fetch_add(&fake.handles, 1);
	fake_log("open");
	*handle = h;
	return FPGA_OK;
}

static fpga_result close_handle(fpga_handle handle)
{
	struct fake_handle *h = handle;

	hold_if(FAKE_SLOW_CLOSE);
	fake_memory_unpin_all(h);
	atomic_fetch_sub(&fake.cards[h->of.card].handles[h->of.accelerator], 1);
	atomic_fetch_sub(&fake.handles, 1);
	fake_log("close");
	free(h);
	return FPGA_OK;
}

static struct fake_card *card_of(fpga_handle handle)
{
	return &fake.cards[((const struct fake_handle *)handle)->of.card];
}

static fpga_result reset(fpga_handle handle)
{
	struct fake_card *c = card_of(handle);

	for (size_t i = 0; i < FAKE_REGION / 8; i++)
		atomic_store_explicit(&c->regs[i], 0, memory_order_relaxed);
	atomic_fetch_add(&c->resets, 1);
	fake_log("reset");
	return FPGA_OK;
}

static fpga_result quiesce(fpga_handle handle)
{
	hold_if(FAKE_SLOW_QUIESCE);
	if (fake.quiesce_result != FPGA_OK)
		return fake_say(fake.quiesce_result, "nothing to quiesce with");
	atomic_fetch_add(&card_of(handle)->quiesced, 1);
	fake_log("quiesce");
	return FPGA_OK;
}

static fpga_result handle_properties(fpga_handle handle, fpga_properties *prop)
{
	return props_of(&((const struct fake_handle *)handle)->of, prop);
}

/* ---- registers ---- */

static _Atomic uint64_t *reg_at(fpga_handle handle, uint32_t region, uint64_t offset, uint64_t width)
{
	const struct fake_handle *h = handle;
	struct fake_card *c = card_of(handle);
	uint64_t size = region ? FAKE_REGION1 : FAKE_REGION;

	if (!h->of.accelerator || region > 1 || offset % width || offset > size - width)
		return NULL;
	return region ? &c->regs1[offset / 8] : &c->regs[offset / 8];
}

static void copy(struct fake_card *c)
{
	uint64_t len = atomic_load(&c->regs[FAKE_LEN / 8]);
	CLEANUP_FREE unsigned char *data = len <= FAKE_COPY_MAX ? malloc(len + 1) : NULL;

	if (data && fake_dma_read(atomic_load(&c->regs[FAKE_SRC / 8]), data, len) &&
	    fake_dma_write(atomic_load(&c->regs[FAKE_DST / 8]), data, len))
		atomic_fetch_add(&c->regs[FAKE_DONE / 8], 1);
}

static void fire_all(const struct fake_handle *h, uint64_t count)
{
	for (unsigned int t = FPGA_EVENT_INTERRUPT; t <= FPGA_EVENT_POWER_THERMAL; t++)
		fake_fire(h->of.card, (fpga_event_type)t, count);
}

static fpga_result read64(fpga_handle handle, uint32_t region, uint64_t offset, uint64_t *value)
{
	_Atomic uint64_t *reg = reg_at(handle, region, offset, 8);

	if (!reg)
		return fake_say(FPGA_INVALID_PARAM, "no such register");
	if (!region && offset == FAKE_FAILS)
		return fake_say(FPGA_EXCEPTION, "a register that fails");
	if (!region && offset == FAKE_WAITS)
		hold();
	*value = !region && offset == FAKE_COUNTS ? atomic_fetch_add(reg, 1) + 1 : atomic_load(reg);
	return FPGA_OK;
}

static fpga_result write64(fpga_handle handle, uint32_t region, uint64_t offset, uint64_t value)
{
	_Atomic uint64_t *reg = reg_at(handle, region, offset, 8);

	if (!reg)
		return fake_say(FPGA_INVALID_PARAM, "no such register");
	if (!region && offset == FAKE_FAILS)
		return fake_say(FPGA_EXCEPTION, "a register that fails");
	atomic_store(reg, value);
	if (!region && offset == FAKE_GO)
		copy(card_of(handle));
	if (!region && offset == FAKE_FIRE)
		fire_all(handle, value);
	return FPGA_OK;
}

static fpga_result read32(fpga_handle handle, uint32_t region, uint64_t offset, uint32_t *value)
{
	_Atomic uint64_t *reg = reg_at(handle, region, offset, 4);

	if (!reg)
		return fake_say(FPGA_INVALID_PARAM, "no such register");
	if (!region && offset == FAKE_FAILS)
		return fake_say(FPGA_EXCEPTION, "a register that fails");
	*value = (uint32_t)(atomic_load(reg) >> (offset % 8 ? 32 : 0));
	return FPGA_OK;
}

static fpga_result write32(fpga_handle handle, uint32_t region, uint64_t offset, uint32_t value)
{
	_Atomic uint64_t *reg = reg_at(handle, region, offset, 4);
	uint64_t shift = offset % 8 ? 32 : 0;

	if (!reg)
		return fake_say(FPGA_INVALID_PARAM, "no such register");
	if (!region && offset == FAKE_FAILS)
		return fake_say(FPGA_EXCEPTION, "a register that fails");
	atomic_store(reg, (atomic_load(reg) & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift);
	return FPGA_OK;
}

static fpga_result write512(fpga_handle handle, uint32_t region, uint64_t offset, const void *value)
{
	uint64_t words[8];

	if (!reg_at(handle, region, offset, 64))
		return fake_say(FPGA_INVALID_PARAM, "no such register");
	memcpy(words, value, sizeof(words));
	for (size_t i = 0; i < 8; i++)
		atomic_store(reg_at(handle, region, offset + 8 * i, 8), words[i]);
	return FPGA_OK;
}

static fpga_result read_block(fpga_handle handle, uint32_t region, uint64_t offset, void *buffer, size_t len)
{
	fpga_result r = FPGA_OK;

	for (size_t at = 0; at < len && r == FPGA_OK; at += 8) {
		uint64_t value = 0;

		r = read64(handle, region, offset + at, &value);
		memcpy((char *)buffer + at, &value, sizeof(value));
	}
	return r;
}

static fpga_result mmio_info(fpga_handle handle, uint32_t region, struct opaex_mmio_info *info)
{
	if (region > 1 || !((const struct fake_handle *)handle)->of.accelerator)
		return fake_say(FPGA_INVALID_PARAM, "no such region");
	*info = (struct opaex_mmio_info){ .size = region ? FAKE_REGION1 : FAKE_REGION,
					  .flags = OPAEX_MMIO_MAPPED | OPAEX_MMIO_READ | OPAEX_MMIO_WRITE };
	return FPGA_OK;
}

/* Takes as long as fake.hold says. */
static fpga_result set_clock(fpga_handle handle, uint64_t high, uint64_t low, int flags)
{
	(void)flags;
	hold();
	if (low > high)
		return fake_say(FPGA_INVALID_PARAM, "the low clock is above the high one");
	atomic_store(&card_of(handle)->regs1[0], high);
	return FPGA_OK;
}

/* ---- life ---- */

static const opae_api_adapter_table model = {
	.size = sizeof(model),
	.instance = &fake,
	.enumerate = enumerate,
	.fpgaCloneToken = clone_token,
	.fpgaDestroyToken = destroy_token,
	.fpgaGetProperties = get_properties,
	.parent_of = parent_of,
	.fpgaOpen = open_token,
	.fpgaClose = close_handle,
	.fpgaReset = reset,
	.fpgaGetPropertiesFromHandle = handle_properties,
	.quiesce = quiesce,
	.fpgaReadMMIO64 = read64,
	.fpgaWriteMMIO64 = write64,
	.fpgaReadMMIO32 = read32,
	.fpgaWriteMMIO32 = write32,
	.fpgaWriteMMIO512 = write512,
	.mmio_info = mmio_info,
	.read_mmio_block = read_block,
	.fpgaSetUserClock = set_clock,
};

void fake_up(void)
{
	memset(&fake, 0, sizeof(fake));
	pthread_mutex_init(&fake.lock, NULL);
	fake.num_cards = 2;
	fake.table = model;
	fake_memory_fill(&fake.table);
	fake.served = (struct rpc_served){ .table = &fake.table,
					   .props_new = props_new,
					   .props_write = props_write,
					   .props_read = props_read,
					   .props_destroy = props_destroy,
					   .props_why = props_why,
					   .detail = fake_detail };
}

uint32_t fake_left(void)
{
	return atomic_load(&fake.tokens) + atomic_load(&fake.handles) + atomic_load(&fake.props) +
	       atomic_load(&fake.buffers) + atomic_load(&fake.events);
}

void fake_down(void)
{
	assert_int_equal(atomic_load(&fake.tokens), 0);
	assert_int_equal(atomic_load(&fake.handles), 0);
	assert_int_equal(atomic_load(&fake.props), 0);
	assert_int_equal(atomic_load(&fake.buffers), 0);
	assert_int_equal(atomic_load(&fake.events), 0);
	pthread_mutex_destroy(&fake.lock);
}
