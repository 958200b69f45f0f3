/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/server/buffers.h"
#include "rpc/server/events.h"

static char none;
struct session_buffers *buffers_new(struct rpc_session *s, struct session_handle *h) { (void)s; (void)h; return (void *)&none; }
void buffers_free(struct session_buffers *b) { (void)b; }
int buffers_tell(struct session_buffers *b) { (void)b; return 0; }
void buffers_started(struct session_buffers *b) { (void)b; }
void *buffers_place(struct session_buffers *b, uint64_t w, uint64_t o, size_t l) { (void)b; (void)w; (void)o; (void)l; return NULL; }
uint64_t buffers_pinned(const struct rpc_session *s) { (void)s; return 0; }
struct session_events *events_new(struct rpc_session *s) { (void)s; return (void *)&none; }
void events_drop_handle(struct session_events *e, struct session_handle *h) { (void)e; (void)h; }
void events_free(struct session_events *e) { (void)e; }
fpga_result serve_PREPARE(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_RELEASE(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_PUSH(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_PULL(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_PIN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_UNPIN(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_EVENT_REGISTER(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
fpga_result serve_EVENT_UNREGISTER(struct rpc_session *s, struct request *q) { (void)s; return request_fail(q, FPGA_NOT_SUPPORTED, "not yet"); }
