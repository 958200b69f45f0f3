/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body that most calls share: enter the handle (or hold the token), run the plugin's function,
 * settle the reason of a failure, leave. For calls whose only checks are the object and pointers
 * that must not be NULL.
 */
#ifndef LIB_CALL_H
#define LIB_CALL_H

#include "lib/host.h"
#include "lib/wrapped.h"

#define HANDLE_CALL(call, handle, pointers_ok, ...)                                                \
	struct wrapped_handle *w = handle_enter(handle);                                           \
	fpga_result r;                                                                             \
                                                                                                   \
	if (!w)                                                                                    \
		return handle_bad(#call);                                                          \
	if (pointers_ok)                                                                           \
		r = detail_finish(w->table->call(w->plugin, __VA_ARGS__), #call,                   \
				  w->adapter->name);                                               \
	else                                                                                       \
		r = fail(FPGA_INVALID_PARAM, #call ": a pointer is NULL");                         \
	handle_leave();                                                                            \
	return r

#define TOKEN_CALL(call, token, pointers_ok, ...)                                                  \
	struct wrapped_token *t = token_ref(token);                                                \
	fpga_result r;                                                                             \
                                                                                                   \
	if (!t)                                                                                    \
		return token_bad(#call);                                                           \
	if (pointers_ok)                                                                           \
		r = detail_finish(t->adapter->table->call(t->plugin, ##__VA_ARGS__), #call,        \
				  t->adapter->name);                                               \
	else                                                                                       \
		r = fail(FPGA_INVALID_PARAM, #call ": a pointer is NULL");                         \
	token_unref(t);                                                                            \
	return r

#endif
