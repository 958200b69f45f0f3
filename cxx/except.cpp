/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of an exception is made when the exception is: the thread's reason may be another one by
 * the time somebody asks, and an exception may be looked at from two threads. The place comes last
 * in it but is provided for first, so that a long reason does not push it out.
 */
#include <opae/cxx/core/except.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

/* ---- src_location ---- */

src_location::src_location(const char *file, const char *fn, int line) noexcept
    : file_(file), fn_(fn), line_(line)
{
}

src_location::src_location(const src_location &other) noexcept
    : file_(other.file_), fn_(other.fn_), line_(other.line_)
{
}

src_location &src_location::operator=(const src_location &other) noexcept
{
	file_ = other.file_;
	fn_ = other.fn_;
	line_ = other.line_;
	return *this;
}

const char *src_location::file() const noexcept
{
	const char *slash = file_ ? std::strrchr(file_, '/') : nullptr;

	return slash ? slash + 1 : file_;
}

/* ---- except ---- */

const std::size_t except::MAX_EXCEPT;

except::except(src_location loc) noexcept : except(FPGA_EXCEPTION, nullptr, loc)
{
}

except::except(fpga_result res, src_location loc) noexcept : except(res, nullptr, loc)
{
}

except::except(fpga_result res, const char *msg, src_location loc) noexcept
    : res_(res), msg_(msg), loc_(loc), buf_()
{
	compose(msg);
}

void except::compose(const char *reason) noexcept
{
	const bool some = reason && *reason;
	const std::size_t room = MAX_EXCEPT - 1;
	char place[MAX_EXCEPT / 2];
	std::size_t used, tail;

	std::snprintf(place, sizeof(place), " [%s:%d %s()]", loc_.file() ? loc_.file() : "?",
		      loc_.line(), loc_.fn() ? loc_.fn() : "?");
	std::snprintf(buf_, sizeof(buf_), "%s%s%s", fpgaErrStr(res_), some ? ": " : "",
		      some ? reason : "");
	used = std::strlen(buf_);
	tail = std::strlen(place);
	if (used + tail > room) {
		used = room - tail;
		std::memcpy(buf_ + used - 3, "...", 3);
	}
	std::memcpy(buf_ + used, place, tail + 1);
}

const char *except::what() const noexcept
{
	return buf_;
}

/* ---- from a result code to its class ---- */

namespace detail
{

struct raiser {
	template <typename E> [[noreturn]] static void now(E e, const char *reason)
	{
		e.compose(reason);
		throw e;
	}
};

[[noreturn]] static void raise_because(fpga_result result, const src_location &loc,
				       const char *reason)
{
	switch (result) {
	case FPGA_INVALID_PARAM:
		raiser::now(invalid_param(loc), reason);
	case FPGA_BUSY:
		raiser::now(busy(loc), reason);
	case FPGA_EXCEPTION:
		raiser::now(exception(loc), reason);
	case FPGA_NOT_FOUND:
		raiser::now(not_found(loc), reason);
	case FPGA_NO_MEMORY:
		raiser::now(no_memory(loc), reason);
	case FPGA_NOT_SUPPORTED:
		raiser::now(not_supported(loc), reason);
	case FPGA_NO_DRIVER:
		raiser::now(no_driver(loc), reason);
	case FPGA_NO_DAEMON:
		raiser::now(no_daemon(loc), reason);
	case FPGA_NO_ACCESS:
		raiser::now(no_access(loc), reason);
	case FPGA_RECONF_ERROR:
		raiser::now(reconf_error(loc), reason);
	case FPGA_OK: /* nobody raises it */
		break;
	}
	raiser::now(except(result, loc), reason); /* a code of a library newer than this one */
}

void raise(fpga_result result, const src_location &loc)
{
	raise_because(result, loc, opaex_error_detail());
}

void raise(fpga_result result, const src_location &loc, const char *format, ...)
{
	char reason[except::MAX_EXCEPT];
	va_list ap;

	va_start(ap, format);
	std::vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	raise_because(result, loc, reason);
}

} // namespace detail
} // namespace types
} // namespace fpga
} // namespace opae
