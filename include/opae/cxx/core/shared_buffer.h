/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_SHARED_BUFFER_H
#define OPAE_CXX_CORE_SHARED_BUFFER_H

#include <opae/buffer.h>
#include <opae/cxx/core/except.h>
#include <opae/cxx/core/handle.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace opae
{
namespace fpga
{
namespace types
{

/**
 * Memory that program and accelerator share. It holds its handle, and is taken from the device when
 * the last reference goes.
 *
 * After release(), and once the handle was closed, accesses through this object throw
 * invalid_param. A pointer that c_type() gave is nobody's then.
 */
class OPAECXX_API shared_buffer
{
public:
	typedef std::size_t size_t;
	typedef std::shared_ptr<shared_buffer> ptr_t;

	shared_buffer(const shared_buffer &) = delete;
	shared_buffer &operator=(const shared_buffer &) = delete;
	virtual ~shared_buffer();

	/**
	 * Memory of the library's own, zeroed.
	 * @param len bytes, not 0
	 * @param read_only the device may only read it
	 * @throws invalid_param; no_memory; not_supported; exception
	 */
	static shared_buffer::ptr_t allocate(handle::ptr_t handle, size_t len,
					     bool read_only = false);

	/**
	 * Memory of the caller's, who keeps it until this buffer is released.
	 * @throws as allocate()
	 */
	static shared_buffer::ptr_t attach(handle::ptr_t handle, uint8_t *base, size_t len,
					   bool read_only = false);

	/** Takes it from the device now; allocated memory is freed, attached memory stays. */
	void release();

	/** The memory; NULL after release(). */
	volatile uint8_t *c_type() const
	{
		return virt_;
	}
	handle::ptr_t owner() const
	{
		return handle_;
	}
	/** Bytes. */
	size_t size() const
	{
		return len_;
	}
	/** The id that the C API knows it by. */
	uint64_t wsid() const
	{
		return wsid_;
	}
	/** The address (bytes) by which the accelerator reaches it. */
	uint64_t io_address() const
	{
		return io_address_;
	}

	/** Sets every byte. */
	void fill(int c);

	/** As memcmp() of the first len bytes. @throws invalid_param: one is shorter than that */
	int compare(ptr_t other, size_t len) const;

	/**
	 * The T at an offset in bytes. A number that is aligned is read by one access that the
	 * compiler neither drops nor repeats, so a loop may watch it.
	 * @throws invalid_param: not all of it is inside the buffer
	 */
	template <typename T> T read(size_t offset) const
	{
		return load<T>(at(offset, sizeof(T)), std::is_scalar<T>());
	}

	/** Writes a T likewise. */
	template <typename T> void write(const T &value, size_t offset)
	{
		store(value, at(offset, sizeof(T)), std::is_scalar<T>());
	}

protected:
	/** For derived classes; without a handle release() gives nothing back: a part of a buffer. */
	shared_buffer(handle::ptr_t handle, size_t len, uint8_t *virt, uint64_t wsid,
		      uint64_t io_address);

	handle::ptr_t handle_;
	size_t len_;
	uint8_t *virt_;
	uint64_t wsid_;
	uint64_t io_address_;

private:
	static ptr_t prepare(const handle::ptr_t &handle, void *virt, size_t len, int flags);

	/** The len bytes at offset, if they are there and can be touched. */
	uint8_t *at(size_t offset, size_t len) const
	{
		if (!virt_ || (handle_ && !handle_->c_type()) || len > len_ || offset > len_ - len)
			refuse(offset, len);
		return virt_ + offset;
	}
	[[noreturn]] void refuse(size_t offset, size_t len) const;

	template <typename T> static bool aligned(const uint8_t *p)
	{
		return reinterpret_cast<uintptr_t>(p) % alignof(T) == 0;
	}

	template <typename T> static T load(const uint8_t *p, std::true_type)
	{
		T value;

		if (aligned<T>(p))
			return *reinterpret_cast<const volatile T *>(p);
		std::memcpy(&value, p, sizeof(T));
		return value;
	}
	template <typename T> static T load(const uint8_t *p, std::false_type)
	{
		alignas(T) uint8_t copy[sizeof(T)];

		std::memcpy(copy, p, sizeof(T));
		return *reinterpret_cast<const T *>(copy);
	}

	template <typename T> static void store(const T &value, uint8_t *p, std::true_type)
	{
		if (aligned<T>(p))
			*reinterpret_cast<volatile T *>(p) = value;
		else
			std::memcpy(p, &value, sizeof(T));
	}
	template <typename T> static void store(const T &value, uint8_t *p, std::false_type)
	{
		std::memcpy(p, static_cast<const void *>(&value), sizeof(T));
	}
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
