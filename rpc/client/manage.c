/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports, reconfiguration, user clock of a far device.
 *
 * A bitstream goes in posted pieces, announced before and loaded by one answered call behind them; if a piece
 * is refused, the next call says so. One of four pieces is a call: so no more than these stand in the way of
 * other threads' calls. The last call may take as long as the far side says that it is at it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "rpc/client/table.h"

#define PIECES 4u  /* on their way at a time */
#define SILENCES 2 /* times a call's time: how long a far side that reconfigures may say nothing */

/* ---- ports ---- */

static fpga_result assign_port(fpga_handle fpga, uint32_t interface_num, uint32_t slot_num, int flags)
{
	const struct remote_handle *h = fpga;
	struct call c;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_ASSIGN_PORT, h->id);
	wire_put_u32(&c.body, interface_num);
	wire_put_u32(&c.body, slot_num);
	wire_put_u32(&c.body, (uint32_t)flags);
	return call_end(&c, call_run(&c));
}

/* Both must be of one host: the token's id means nothing to another. */
static fpga_result check_both(const struct remote_handle *h, const struct remote_token *t)
{
	fpga_result r = handle_check(h);

	if (r != FPGA_OK || t->host == h->host)
		return r;
	return say(FPGA_INVALID_PARAM, "the accelerator is at host %s, and the FPGA_DEVICE at host %s",
		   t->host->config->name, h->host->config->name);
}

static fpga_result assign(fpga_handle fpga, fpga_token accelerator, uint32_t host_interface, int flags)
{
	const struct remote_token *t = accelerator;
	const struct remote_handle *h = fpga;
	struct call c;
	fpga_result r = check_both(h, t);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_ASSIGN, h->id);
	wire_put_u64(&c.body, t->id);
	wire_put_u32(&c.body, host_interface);
	wire_put_u32(&c.body, (uint32_t)flags);
	return call_end(&c, call_run(&c));
}

static fpga_result unassign(fpga_handle fpga, fpga_token accelerator)
{
	const struct remote_token *t = accelerator;
	const struct remote_handle *h = fpga;
	struct call c;
	fpga_result r = check_both(h, t);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_UNASSIGN, h->id);
	wire_put_u64(&c.body, t->id);
	return call_end(&c, call_run(&c));
}

/* ---- reconfiguration ---- */

static fpga_result announce(const struct remote_handle *h, uint32_t slot, size_t len, int flags)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_RECONF_BEGIN, h->id);
	wire_put_u32(&c.body, slot);
	wire_put_u64(&c.body, len);
	wire_put_u32(&c.body, (uint32_t)flags);
	return call_end(&c, call_run(&c));
}

static fpga_result send_piece(const struct remote_handle *h, uint64_t offset, const uint8_t *data, size_t len,
			      bool awaited)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_RECONF_DATA, h->id);
	c.timeout_ns *= SILENCES;
	wire_put_u64(&c.body, offset);
	wire_put_bytes_len(&c.body, len);
	c.data = data;
	c.data_len = len;
	return call_end(&c, awaited ? call_run(&c) : call_post(&c));
}

/*
 * By a copy: the bitstream may lie in a buffer whose pages somebody must bring when they are touched, and he
 * could not while a send is under way.
 */
static fpga_result stream(const struct remote_handle *h, const uint8_t *bitstream, size_t len)
{
	size_t piece = conn_bulk(h->conn), n;
	CLEANUP_FREE uint8_t *copy = malloc(piece);
	unsigned int sent = 0;
	fpga_result r = FPGA_OK;

	if (!copy)
		return say(FPGA_NO_MEMORY, "fpgaReconfigureSlot: no memory");

	for (size_t at = 0; r == FPGA_OK && at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		memcpy(copy, bitstream + at, n);
		r = send_piece(h, at, copy, n, ++sent % PIECES == 0);
	}
	return r;
}

static fpga_result load(struct remote_handle *h)
{
	struct call c;

	atomic_store(&h->progress_at, clock_now_ns());
	call_begin(&c, h->conn, WIRE_RECONF_RUN, h->id);
	c.timeout_ns *= SILENCES;
	c.alive_at = &h->progress_at;
	return call_end(&c, call_run(&c));
}

static fpga_result reconfigure_slot(fpga_handle fpga, uint32_t slot, const uint8_t *bitstream,
				    size_t bitstream_len, int flags)
{
	struct remote_handle *h = fpga;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	if (bitstream_len > WIRE_BITSTREAM_MAX)
		return say(FPGA_INVALID_PARAM, "fpgaReconfigureSlot: a bitstream of %zu bytes; at most %u go "
			   "to another host", bitstream_len, WIRE_BITSTREAM_MAX);
	if (atomic_exchange(&h->reconfigures, true))
		return say_host(h->conn, FPGA_BUSY, "another thread reconfigures by this handle");
	r = announce(h, slot, bitstream_len, flags);
	if (r == FPGA_OK)
		r = stream(h, bitstream, bitstream_len);
	if (r == FPGA_OK)
		r = load(h);
	atomic_store(&h->reconfigures, false);
	return r;
}

/* ---- user clock ---- */

static fpga_result set_user_clock(fpga_handle handle, uint64_t high_clk, uint64_t low_clk, int flags)
{
	const struct remote_handle *h = handle;
	struct call c;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_CLOCK_SET, h->id);
	wire_put_u64(&c.body, high_clk);
	wire_put_u64(&c.body, low_clk);
	wire_put_u32(&c.body, (uint32_t)flags);
	return call_end(&c, call_run(&c));
}

static fpga_result get_user_clock(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk, int flags)
{
	const struct remote_handle *h = handle;
	uint64_t high = 0, low = 0;
	struct call c;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_CLOCK_GET, h->id);
	wire_put_u32(&c.body, (uint32_t)flags);
	r = call_run(&c);
	if (r == FPGA_OK) {
		high = wire_get_u64(&c.reply);
		low = wire_get_u64(&c.reply);
	}
	r = call_end(&c, r);
	if (r != FPGA_OK)
		return r;
	*high_clk = high;
	*low_clk = low;
	return FPGA_OK;
}

void client_fill_manage(opae_api_adapter_table *t)
{
	t->fpgaAssignPortToInterface = assign_port;
	t->fpgaAssignToInterface = assign;
	t->fpgaReleaseFromInterface = unassign;
	t->fpgaReconfigureSlot = reconfigure_slot;
	t->fpgaSetUserClock = set_user_clock;
	t->fpgaGetUserClock = get_user_clock;
}
