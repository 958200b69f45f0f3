/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_EXCEPT_H
#define OPAE_CXX_CORE_EXCEPT_H

#include <opae/types_enum.h>

#include <cstddef>
#include <cstdint>
#include <exception>

/* What is caught or called across the library's border is seen there, whatever -fvisibility says. */
#define OPAECXX_API __attribute__((visibility("default")))

namespace opae
{
namespace fpga
{
namespace types
{

/** A line of a source file. The texts are not copied: literals are meant. */
class OPAECXX_API src_location
{
public:
	src_location(const char *file, const char *fn, int line) noexcept;
	src_location(const src_location &other) noexcept;
	src_location &operator=(const src_location &other) noexcept;

	/** The file's name without its folders. */
	const char *file() const noexcept;
	const char *fn() const noexcept
	{
		return fn_;
	}
	int line() const noexcept
	{
		return line_;
	}

private:
	const char *file_;
	const char *fn_;
	int line_;
};

/** The line on which it stands. */
#define OPAECXX_HERE opae::fpga::types::src_location(__FILE__, __func__, __LINE__)

namespace detail
{
struct raiser;
}

/**
 * What every failure of the API throws: a result code, why, and where. The classes derived from it
 * are one for each code, so that a program can catch what it knows how to handle.
 */
class OPAECXX_API except : public std::exception
{
public:
	/** Room for what(), the NUL included. */
	static const std::size_t MAX_EXCEPT = 256;

	/** With FPGA_EXCEPTION. */
	except(src_location loc) noexcept;
	except(fpga_result res, src_location loc) noexcept;
	/** @param msg one line; it is copied into what() */
	except(fpga_result res, const char *msg, src_location loc) noexcept;

	/**
	 * One line: the code in words, the reason that the library gave, and the place. A reason
	 * without end is cut; opaex_error_detail() has it whole until the thread's next call.
	 */
	const char *what() const noexcept override;

	/** The code. */
	operator fpga_result() const noexcept
	{
		return res_;
	}

protected:
	fpga_result res_;
	const char *msg_;
	src_location loc_;
	mutable char buf_[MAX_EXCEPT];

private:
	friend struct detail::raiser;
	void compose(const char *reason) noexcept;
};

/** FPGA_INVALID_PARAM: a closed, foreign or senseless argument. */
class OPAECXX_API invalid_param : public except
{
public:
	invalid_param(src_location loc) noexcept : except(FPGA_INVALID_PARAM, loc)
	{
	}
};

/** FPGA_BUSY: somebody else holds it. */
class OPAECXX_API busy : public except
{
public:
	busy(src_location loc) noexcept : except(FPGA_BUSY, loc)
	{
	}
};

/** FPGA_EXCEPTION: the device, its driver or the way to it failed. */
class OPAECXX_API exception : public except
{
public:
	exception(src_location loc) noexcept : except(FPGA_EXCEPTION, loc)
	{
	}
};

/** FPGA_NOT_FOUND: no such thing, or a property that is not set. */
class OPAECXX_API not_found : public except
{
public:
	not_found(src_location loc) noexcept : except(FPGA_NOT_FOUND, loc)
	{
	}
};

/** FPGA_NO_MEMORY: memory, or a limit on locked memory, has run out. */
class OPAECXX_API no_memory : public except
{
public:
	no_memory(src_location loc) noexcept : except(FPGA_NO_MEMORY, loc)
	{
	}
};

/** FPGA_NOT_SUPPORTED: this plugin or device cannot do it. */
class OPAECXX_API not_supported : public except
{
public:
	not_supported(src_location loc) noexcept : except(FPGA_NOT_SUPPORTED, loc)
	{
	}
};

/** FPGA_NO_DRIVER: no kernel driver is bound. */
class OPAECXX_API no_driver : public except
{
public:
	no_driver(src_location loc) noexcept : except(FPGA_NO_DRIVER, loc)
	{
	}
};

/** FPGA_NO_DAEMON: the daemon for this is not running. */
class OPAECXX_API no_daemon : public except
{
public:
	no_daemon(src_location loc) noexcept : except(FPGA_NO_DAEMON, loc)
	{
	}
};

/** FPGA_NO_ACCESS: permissions are missing. */
class OPAECXX_API no_access : public except
{
public:
	no_access(src_location loc) noexcept : except(FPGA_NO_ACCESS, loc)
	{
	}
};

/** FPGA_RECONF_ERROR: reconfiguration failed. */
class OPAECXX_API reconf_error : public except
{
public:
	reconf_error(src_location loc) noexcept : except(FPGA_RECONF_ERROR, loc)
	{
	}
};

namespace detail
{

/** Throws the class of the code, with the reason of the thread's last failed call. */
[[noreturn]] OPAECXX_API void raise(fpga_result result, const src_location &loc);
/** Throws the class of the code; the format and what follows are the reason. */
[[noreturn]] OPAECXX_API void raise(fpga_result result, const src_location &loc, const char *format,
				    ...) __attribute__((format(printf, 3, 4)));

inline void assert_fpga_ok(fpga_result result, const src_location &loc)
{
	if (result != FPGA_OK)
		raise(result, loc);
}

} // namespace detail

/**
 * Throws the exception of a result code that is not FPGA_OK. Meant for the answer of the call just
 * made, whose reason goes into what(). The semicolon at its end is for programs that write none.
 */
#define ASSERT_FPGA_OK(r)                                                                          \
	do {                                                                                       \
		const fpga_result opaecxx_result_ = (r);                                           \
		if (opaecxx_result_ != FPGA_OK)                                                    \
			opae::fpga::types::detail::raise(opaecxx_result_, OPAECXX_HERE);           \
	} while (0);

} // namespace types
} // namespace fpga
} // namespace opae

#endif
