/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_HANDLE_H
#define OPAE_CXX_CORE_HANDLE_H

#include <opae/cxx/core/token.h>
#include <opae/enum.h>
#include <opae/types.h>

#include <atomic>
#include <memory>
#include <vector>

namespace opae
{
namespace fpga
{
namespace types
{

/**
 * An open device or accelerator. All calls may come from several threads at once; after close()
 * they throw invalid_param.
 */
class OPAECXX_API handle
{
public:
	typedef std::shared_ptr<handle> ptr_t;

	handle(const handle &) = delete;
	handle &operator=(const handle &) = delete;

	/** Closes, unless close() did. */
	virtual ~handle();

	/** The C handle, which stays this object's; NULL once closed. */
	fpga_handle c_type() const
	{
		return handle_.load(std::memory_order_relaxed);
	}
	operator fpga_handle() const
	{
		return c_type();
	}

	/**
	 * Partial reconfiguration of a device.
	 * @param bitstream,size a GBS file's bytes
	 * @param flags of enum fpga_reconf_flags
	 * @throws invalid_param: also a bitstream for another interface; busy; reconf_error;
	 *         not_supported; exception
	 */
	void reconfigure(uint32_t slot, const uint8_t *bitstream, size_t size, int flags);

	/**
	 * Registers of an accelerator.
	 * @param offset bytes, a multiple of the access's size, inside the region
	 * @param csr_space the MMIO region
	 * @throws invalid_param; exception: the device is gone
	 */
	uint32_t read_csr32(uint64_t offset, uint32_t csr_space = 0) const;
	void write_csr32(uint64_t offset, uint32_t value, uint32_t csr_space = 0);
	uint64_t read_csr64(uint64_t offset, uint32_t csr_space = 0) const;
	void write_csr64(uint64_t offset, uint64_t value, uint32_t csr_space = 0);
	/** From 64 bytes. @throws not_supported besides: this CPU or region has no such store */
	void write_csr512(uint64_t offset, const void *value, uint32_t csr_space = 0);

	/**
	 * Registers as memory, good until close(); access them through volatile.
	 * @throws not_supported: accesses to this region are messages; invalid_param: also an
	 *         offset that is past the region
	 */
	uint8_t *mmio_ptr(uint64_t offset, uint32_t csr_space = 0) const;

	/**
	 * Opens what a token names.
	 * @param flags 0, or FPGA_OPEN_SHARED
	 * @throws busy; no_access; no_driver; not_found: it is gone; exception; ...
	 */
	static handle::ptr_t open(fpga_token token, int flags);
	static handle::ptr_t open(token::ptr_t token, int flags);

	/** Resets the accelerator. */
	virtual void reset();

	/**
	 * Closes now. The buffers go with it: memory that shared_buffer::allocate() made is no
	 * longer there.
	 * @return FPGA_OK; FPGA_EXCEPTION: it was closed before
	 */
	fpga_result close();

	/** A token of what is open; also after close(). */
	token::ptr_t get_token() const;

	/** Shares the process's whole address space with the accelerator: its PASID. */
	uint32_t bind_sva();

private:
	handle(fpga_handle h);

	std::atomic<fpga_handle> handle_;
	fpga_token token_;
	std::atomic<uint32_t> pasid_;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
