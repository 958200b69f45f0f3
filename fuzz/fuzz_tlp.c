/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An AFU on PCIe SS streams that does anything. Each step is an opcode and what it needs:
 *
 *   bits 2:0  0 nothing, 1 a beat of the input on TX-A, 2 the same on TX-B, 3 a packet on TX-A, 4 on TX-B,
 *             5 an access to a register, 6 reset, 7 tvalid falls
 *   bits 7:3  cycles to run; what is ready, answered and refused in them depends on the cycle's number
 *
 * Whatever comes, the host is asked for nothing that its port does not have, and the adapter takes and
 * answers again after a reset.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "sim/tlp/header.h"
#include "sim/tlp/tlp.h"
#include "tests/unit/fake-port.h"

struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
}

/* A header that is right but for what the input changes. */
static void packet(struct input *in, struct axis *a)
{
	static const uint8_t types[16] = { TLP_MRD32, TLP_MRD64, TLP_MWR32, TLP_MWR64, TLP_CPL, TLP_CPLD,
		TLP_INTERRUPT, TLP_FETCH_ADD32, TLP_SWAP64, TLP_CAS32, TLP_CAS64, TLP_MRD64, TLP_MWR64, 0x04,
		0x74, TLP_FETCH_ADD64 };
	uint8_t b[8];
	struct tlp_header h;

	take(in, b, sizeof(b));
	h = (struct tlp_header){ .type = types[b[0] & 15], .dm = b[0] >> 4 & 1, .tag = b[1],
		.vf_active = true,
		.first_be = b[2] & 0xf, .last_be = b[2] >> 4, .length = b[3] * 4u, .requester = 0x10,
		.byte_count = b[3] * 4u, .low_address = b[4], .vector = b[4] };
	h.address = (tlp_is_64(h.type) ? FAKE_HIGH : 0) + ((uint64_t)b[4] << 8) + b[5];
	tlp_header_pack(&h, a->beat.data);
	a->valid = true;
	a->beat.user = h.dm;
	a->beat.keep = b[6] ? UINT64_MAX : axis_keep(TLP_HEADER + h.length);
	a->beat.last = b[7] & 1;
}

static void beat(struct input *in, struct axis *a)
{
	uint8_t b[4];

	take(in, b, sizeof(b));
	take(in, a->beat.data, b[0] & 63);
	a->valid = true;
	a->beat.last = b[1] & 1;
	a->beat.user = b[2];
	a->beat.keep = b[3] ? axis_keep(b[3]) : UINT64_MAX;
}

static void access_register(struct input *in, struct fake_port *f)
{
	uint8_t b[3];

	take(in, b, sizeof(b));
	f->access_waits = true;
	f->access = (struct host_mmio){ .write = b[0] & 1, .address = b[1] * 64u,
		.bytes = 4u << (b[0] >> 1 & 1), .tag = b[2] % HOST_MMIO_TAGS };
}

static void cycle(struct tlp *t, struct fake_port *f, struct tlp_pins *pins)
{
	f->hold_writes = f->port.cycle >> 5 & 1;
	f->hold_reads = f->port.cycle >> 6 & 1;
	f->full = f->port.cycle % 199 > 190;
	fake_port_cycle(f);
	tlp_drive(t, &f->port, pins);
	pins->rx_a.ready = f->port.cycle >> 3 & 1;
	pins->rx_b.ready = f->port.cycle >> 4 & 1;
	tlp_sample(t, &f->port, pins);
}

static void step(struct input *in, struct tlp *t, struct fake_port *f, struct tlp_pins *pins)
{
	uint8_t op;

	take(in, &op, 1);
	f->port.reset = (op & 7) == 6;
	if ((op & 7) == 1 || (op & 7) == 2)
		beat(in, (op & 7) == 1 ? &pins->tx_a : &pins->tx_b);
	else if ((op & 7) == 3 || (op & 7) == 4)
		packet(in, (op & 7) == 3 ? &pins->tx_a : &pins->tx_b);
	else if ((op & 7) == 5)
		access_register(in, f);
	else if ((op & 7) == 7)
		pins->tx_a.valid = pins->tx_b.valid = false;
	if (f->port.reset)
		f->read_num = f->write_num = f->read_at = 0;
	for (unsigned int i = 0; i <= op >> 3; i++) {
		cycle(t, f, pins);
		pins->tx_a.valid &= !pins->tx_a.ready;
		pins->tx_b.valid &= !pins->tx_b.ready;
	}
}

/* After a reset, a read is completed, with data or without. */
static void must_work(struct tlp *t, struct fake_port *f, struct tlp_pins *pins)
{
	const struct tlp_header h = { .type = TLP_MRD32, .length = 4, .first_be = 0xf, .vf_active = true };
	bool answered = false, sent = false;

	f->port.reset = true;
	f->read_num = f->write_num = f->read_at = 0;
	f->access_waits = false;
	f->port.read_full = f->port.write_full = false;
	pins->tx_a.valid = pins->tx_b.valid = false;
	cycle(t, f, pins);
	f->port.reset = false;
	tlp_header_pack(&h, pins->tx_a.beat.data);
	pins->tx_a.beat.user = 0;
	pins->tx_a.beat.last = true;
	pins->tx_a.beat.keep = axis_keep(TLP_HEADER);
	for (unsigned int i = 0; i < 500 && !answered; i++) {
		pins->tx_a.valid = !sent;
		cycle(t, f, pins);
		sent |= pins->tx_a.ready;
		answered = pins->rx_a.valid && pins->rx_a.ready && tlp_is_completion(pins->rx_a.beat.data[3]);
	}
	if (!answered)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fake_port fake;
	struct input in = { data, len };
	struct tlp_pins pins = { 0 };
	struct tlp_options options = { 0 };
	struct tlp *t;
	uint8_t b[2];

	fake_port_init(&fake);
	take(&in, b, sizeof(b));
	options.seed = b[0];
	options.stall = b[1] >> 4;
	options.split = b[1] & 15;
	fake.port.shuffle = b[0] & 1;
	t = tlp_new(&options);
	if (!t)
		return 0;
	while (in.left)
		step(&in, t, &fake, &pins);
	must_work(t, &fake, &pins);
	tlp_free(t);
	return 0;
}
