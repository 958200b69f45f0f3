/* SPDX-License-Identifier: BSD-3-Clause */
/* Error registers of a token. */
#include "rpc/server/calls.h"

fpga_result serve_ERROR_READ(struct rpc_session *s, struct request *q)
{
	uint32_t num = wire_get_u32(&q->in);
	uint64_t value = 0;
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaReadError(q->token->token, num, &value);
	if (r == FPGA_OK)
		wire_put_u64(&q->out, value);
	return r;
}

fpga_result serve_ERROR_CLEAR(struct rpc_session *s, struct request *q)
{
	uint32_t num = wire_get_u32(&q->in);
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaClearError(q->token->token, num);
	return r;
}

fpga_result serve_ERROR_CLEAR_ALL(struct rpc_session *s, struct request *q)
{
	return session_served(s)->table->fpgaClearAllErrors(q->token->token);
}

fpga_result serve_ERROR_INFO(struct rpc_session *s, struct request *q)
{
	uint32_t num = wire_get_u32(&q->in);
	struct fpga_error_info info = { .can_clear = false };
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaGetErrorInfo(q->token->token, num, &info);
	if (r == FPGA_OK) {
		put_label(&q->out, info.name, sizeof(info.name));
		wire_put_u8(&q->out, info.can_clear);
	}
	return r;
}
