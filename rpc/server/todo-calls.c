/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/server/buffers.h"
#include "rpc/server/events.h"

fpga_result serve_ERROR_READ(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_ERROR_CLEAR(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_ERROR_CLEAR_ALL(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_ERROR_INFO(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_ASSIGN_PORT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_ASSIGN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_UNASSIGN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_RECONF_BEGIN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_RECONF_DATA(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_RECONF_RUN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_CLOCK_SET(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_CLOCK_GET(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_TOKEN_OBJECT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_HANDLE_OBJECT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_OBJECT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_AT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_SIZE(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_READ(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_READ64(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_WRITE64(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_OBJECT_DESTROY(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_METRIC_COUNT(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_METRIC_INFO(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_METRIC_READ(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_METRIC_READ_NAMED(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_METRIC_LIMITS(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
struct session_object *objects_find(struct rpc_session *s, uint64_t id) { (void)s; (void)id; return NULL; }
uint32_t objects_rights(const struct session_object *o) { (void)o; return 0; }
void objects_drop_handle(struct rpc_session *s, struct session_handle *h) { (void)s; (void)h; }
void objects_drop_all(struct rpc_session *s) { (void)s; }
