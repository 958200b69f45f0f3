/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/tlp-rig.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

void tlp_rig_up(struct tlp_rig *r, const struct tlp_options *options)
{
	memset(r, 0, sizeof(*r));
	r->fake = malloc(sizeof(*r->fake));
	assert_non_null(r->fake);
	fake_port_init(r->fake);
	r->tlp = tlp_new(options);
	assert_non_null(r->tlp);
	r->pins.rx_a.ready = r->pins.rx_b.ready = true;
	r->fake->port.reset = true;
	tlp_rig_cycle(r);
	assert_true(r->pins.reset);
	r->fake->port.reset = false;
	tlp_rig_cycle(r);
	assert_false(r->pins.reset);
}

void tlp_rig_down(struct tlp_rig *r)
{
	tlp_free(r->tlp);
	free(r->fake);
}

/* The beats of a packet must be full but for the last, without holes. */
static bool receive(struct rig_packet *k, bool *in, const struct axis *a)
{
	uint32_t from = *in ? 0 : TLP_HEADER, n = (uint32_t)__builtin_popcountll(a->beat.keep);

	assert_int_equal(a->beat.keep & (a->beat.keep + 1), 0);
	assert_true(a->beat.last || n == AXIS_BYTES);
	if (!*in) {
		tlp_header_unpack(a->beat.data, a->beat.user & AXIS_USER_DM, &k->header);
		k->user = a->beat.user;
		k->bytes = 0;
	}
	assert_true(n >= from && k->bytes + n - from <= sizeof(k->data));
	memcpy(k->data + k->bytes, a->beat.data + from, n - from);
	k->bytes += n - from;
	*in = !a->beat.last;
	return a->beat.last;
}

void tlp_rig_cycle(struct tlp_rig *r)
{
	fake_port_cycle(r->fake);
	tlp_drive(r->tlp, &r->fake->port, &r->pins);
	if (r->pins.rx_a.valid && r->pins.rx_a.ready && receive(&r->a, &r->in_a, &r->pins.rx_a)) {
		r->last_a = r->a;
		r->num_a++;
	}
	if (r->pins.rx_b.valid && r->pins.rx_b.ready && receive(&r->b, &r->in_b, &r->pins.rx_b)) {
		r->last_b = r->b;
		r->num_b++;
	}
	tlp_sample(r->tlp, &r->fake->port, &r->pins);
}

void tlp_rig_beat(struct tlp_rig *r, struct axis *stream, const struct axis_beat *b)
{
	stream->valid = true;
	stream->beat = *b;
	for (unsigned int i = 0; i < RIG_CYCLES; i++) {
		tlp_rig_cycle(r);
		if (stream->ready) {
			stream->valid = false;
			return;
		}
	}
	fail_msg("tready was not set for %u cycles", RIG_CYCLES);
}

void tlp_rig_send(struct tlp_rig *r, struct axis *stream, const struct tlp_header *h, const void *data)
{
	uint8_t bytes[TLP_HEADER + 4 * TLP_MAX_PAYLOAD] = { 0 };
	uint32_t size = TLP_HEADER + (tlp_has_data(h->type) ? h->length : 0);
	struct axis_beat b = { .user = h->dm };

	assert_true(size <= sizeof(bytes));
	tlp_header_pack(h, bytes);
	if (size > TLP_HEADER)
		memcpy(bytes + TLP_HEADER, data, size - TLP_HEADER);
	for (uint32_t at = 0; at < size; at += AXIS_BYTES) {
		b.last = size - at <= AXIS_BYTES;
		b.keep = axis_keep(size - at);
		memcpy(b.data, bytes + at, AXIS_BYTES);
		tlp_rig_beat(r, stream, &b);
	}
}

void tlp_rig_run(struct tlp_rig *r, unsigned int cycles)
{
	while (cycles--)
		tlp_rig_cycle(r);
}

void tlp_rig_await_a(struct tlp_rig *r, unsigned int n)
{
	for (unsigned int i = 0; i < RIG_CYCLES && r->num_a < n; i++)
		tlp_rig_cycle(r);
	assert_int_equal(r->num_a, n);
}

void tlp_rig_await_b(struct tlp_rig *r, unsigned int n)
{
	for (unsigned int i = 0; i < RIG_CYCLES && r->num_b < n; i++)
		tlp_rig_cycle(r);
	assert_int_equal(r->num_b, n);
}
