/* SPDX-License-Identifier: BSD-3-Clause */
/* What a test without any code of ours says and waits for. */
#ifndef RAW_TAP_H
#define RAW_TAP_H

#include <stdbool.h>

double raw_now_us(void);

/* Whether the eventfd was signalled within 5 s. */
bool raw_wait(int event);

/* One line of TAP. raw_end prints the plan; 0 if all were good. */
void raw_check(bool good, const char *what);
int raw_end(void);

#endif
