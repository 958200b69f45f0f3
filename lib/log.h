/* SPDX-License-Identifier: BSD-3-Clause */
/* The log behind opae_print: level from LIBOPAE_LOG, file from LIBOPAE_LOGFILE. */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>

void log_open(void);
void log_close(void);
void log_plugin(int level, const char *plugin, const char *fmt, va_list ap);

#endif
