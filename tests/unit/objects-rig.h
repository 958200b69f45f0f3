/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin's sysobjects over a fake card: its FME has some attributes, sensors, and links that
 * lead elsewhere. */
#ifndef TESTS_UNIT_OBJECTS_RIG_H
#define TESTS_UNIT_OBJECTS_RIG_H

#include "tests/unit/local-host.h"

extern opae_api_adapter_table table;
extern struct token token;
extern struct handle handle;

int objects_up(void **state);
int objects_down(void **state);

/* One that is there. */
fpga_object from_token(const char *name, int flags);
fpga_object from_handle(const char *name, int flags);
fpga_object child(fpga_object parent, size_t i);
/* What a token answers; an object is destroyed again. */
fpga_result try_name(const char *name, int flags);
uint32_t size_of(fpga_object o);
bool is_container(fpga_object o);
/* An attribute with this text, which is destroyed. */
void is_text(fpga_object o, const char *want);
void destroy(fpga_object o);

#endif
