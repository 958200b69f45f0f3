/* SPDX-License-Identifier: BSD-3-Clause */
/* Error registers of a far token. */
#include "rpc/client/call.h"
#include "rpc/client/table.h"

static fpga_result read_error(fpga_token token, uint32_t error_num, uint64_t *value)
{
	const struct remote_token *t = token;
	struct conn *conn;
	struct call c;
	uint64_t v;
	fpga_result r = token_conn(t, &conn);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, conn, WIRE_ERROR_READ, t->id);
	wire_put_u32(&c.body, error_num);
	r = call_run(&c);
	v = r == FPGA_OK ? wire_get_u64(&c.reply) : 0;
	r = call_end(&c, r);
	conn_put(conn);
	if (r == FPGA_OK)
		*value = v;
	return r;
}

static fpga_result clear_error(fpga_token token, uint32_t error_num)
{
	const struct remote_token *t = token;
	struct conn *conn;
	struct call c;
	fpga_result r = token_conn(t, &conn);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, conn, WIRE_ERROR_CLEAR, t->id);
	wire_put_u32(&c.body, error_num);
	r = call_end(&c, call_run(&c));
	conn_put(conn);
	return r;
}

static fpga_result clear_all_errors(fpga_token token)
{
	const struct remote_token *t = token;
	struct conn *conn;
	struct call c;
	fpga_result r = token_conn(t, &conn);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, conn, WIRE_ERROR_CLEAR_ALL, t->id);
	r = call_end(&c, call_run(&c));
	conn_put(conn);
	return r;
}

static fpga_result get_error_info(fpga_token token, uint32_t error_num, struct fpga_error_info *error_info)
{
	const struct remote_token *t = token;
	struct fpga_error_info info = { .can_clear = false };
	struct conn *conn;
	struct call c;
	fpga_result r = token_conn(t, &conn);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, conn, WIRE_ERROR_INFO, t->id);
	wire_put_u32(&c.body, error_num);
	r = call_run(&c);
	if (r == FPGA_OK) {
		wire_get_string(&c.reply, info.name, sizeof(info.name));
		info.can_clear = wire_get_u8(&c.reply);
	}
	r = call_end(&c, r);
	conn_put(conn);
	if (r == FPGA_OK)
		*error_info = info;
	return r;
}

void client_fill_errors(opae_api_adapter_table *t)
{
	t->fpgaReadError = read_error;
	t->fpgaClearError = clear_error;
	t->fpgaClearAllErrors = clear_all_errors;
	t->fpgaGetErrorInfo = get_error_info;
}
