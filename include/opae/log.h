/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_LOG_H
#define OPAE_LOG_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file log.h
 * @brief The library's log, for programs that want to write to it.
 *
 * Lines up to the level of the environment variable LIBOPAE_LOG (default 0) are written: errors to
 * stderr, others to the file that LIBOPAE_LOGFILE names, or stdout.
 */
enum opae_loglevel {
	OPAE_LOG_ERROR = 0,
	OPAE_LOG_MESSAGE = 1,
	OPAE_LOG_DEBUG = 2
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void opae_print(int loglevel, const char *fmt, ...);

/* A format and its arguments in one __VA_ARGS__, so that no compiler extension is needed. */
#define OPAE_LOG_AT_(level, kind, ...)                                                             \
	do {                                                                                       \
		opae_print((level), "%s:%u:%s() **%s** : ", __FILE__, (unsigned)__LINE__, __func__, \
			   kind);                                                                  \
		opae_print((level), __VA_ARGS__);                                                  \
		opae_print((level), "\n");                                                         \
	} while (0)

#define OPAE_MSG(...) OPAE_LOG_AT_(OPAE_LOG_MESSAGE, "MESSAGE", __VA_ARGS__)
#define OPAE_ERR(...) OPAE_LOG_AT_(OPAE_LOG_ERROR, "ERROR", __VA_ARGS__)
#ifdef LIBOPAE_DEBUG
#define OPAE_DBG(...) OPAE_LOG_AT_(OPAE_LOG_DEBUG, "DEBUG", __VA_ARGS__)
#else
#define OPAE_DBG(...)                                                                              \
	do {                                                                                       \
	} while (0)
#endif

#ifdef __cplusplus
}
#endif

#endif
