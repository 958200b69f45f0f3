/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A closed handle keeps a NULL handle, which the C API refuses by name: so every call says
 * invalid_param without a check of its own.
 */
#include <opae/buffer.h>
#include <opae/cxx/core/handle.h>
#include <opae/manage.h>
#include <opae/mmio.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

handle::handle(fpga_handle h) : handle_(h), token_(nullptr), pasid_(0)
{
}

handle::~handle()
{
	const fpga_handle h = handle_.exchange(nullptr);

	if (h)
		detail::report(fpgaClose(h), "~handle");
	if (token_)
		detail::report(fpgaDestroyToken(&token_), "~handle");
}

/* The object is there before the handle is, so that nothing is left open when something throws. */
handle::ptr_t handle::open(fpga_token token, int flags)
{
	ptr_t p(new handle(nullptr));
	fpga_handle h = nullptr;

	ASSERT_FPGA_OK(fpgaCloneToken(token, &p->token_));
	ASSERT_FPGA_OK(fpgaOpen(p->token_, &h, flags));
	p->handle_ = h;
	return p;
}

handle::ptr_t handle::open(token::ptr_t token, int flags)
{
	return open(detail::need(token, "the token")->c_type(), flags);
}

fpga_result handle::close()
{
	const fpga_handle h = handle_.exchange(nullptr);

	if (!h)
		return FPGA_EXCEPTION;
	ASSERT_FPGA_OK(fpgaClose(h));
	return FPGA_OK;
}

void handle::reset()
{
	ASSERT_FPGA_OK(fpgaReset(c_type()));
}

void handle::reconfigure(uint32_t slot, const uint8_t *bitstream, size_t size, int flags)
{
	ASSERT_FPGA_OK(fpgaReconfigureSlot(c_type(), slot, bitstream, size, flags));
}

uint32_t handle::read_csr32(uint64_t offset, uint32_t csr_space) const
{
	uint32_t value = 0;

	ASSERT_FPGA_OK(fpgaReadMMIO32(c_type(), csr_space, offset, &value));
	return value;
}

void handle::write_csr32(uint64_t offset, uint32_t value, uint32_t csr_space)
{
	ASSERT_FPGA_OK(fpgaWriteMMIO32(c_type(), csr_space, offset, value));
}

uint64_t handle::read_csr64(uint64_t offset, uint32_t csr_space) const
{
	uint64_t value = 0;

	ASSERT_FPGA_OK(fpgaReadMMIO64(c_type(), csr_space, offset, &value));
	return value;
}

void handle::write_csr64(uint64_t offset, uint64_t value, uint32_t csr_space)
{
	ASSERT_FPGA_OK(fpgaWriteMMIO64(c_type(), csr_space, offset, value));
}

void handle::write_csr512(uint64_t offset, const void *value, uint32_t csr_space)
{
	ASSERT_FPGA_OK(fpgaWriteMMIO512(c_type(), csr_space, offset, value));
}

uint8_t *handle::mmio_ptr(uint64_t offset, uint32_t csr_space) const
{
	struct opaex_mmio_info info;
	uint64_t *base = nullptr;

	ASSERT_FPGA_OK(fpgaMapMMIO(c_type(), csr_space, &base));
	ASSERT_FPGA_OK(opaex_mmio_info(c_type(), csr_space, &info));
	if (offset >= info.size)
		detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE,
			      "offset 0x%llx is past MMIO region %u, which has 0x%llx bytes",
			      static_cast<unsigned long long>(offset), csr_space,
			      static_cast<unsigned long long>(info.size));
	return reinterpret_cast<uint8_t *>(base) + offset;
}

token::ptr_t handle::get_token() const
{
	return token::ptr_t(new token(token_));
}

uint32_t handle::bind_sva()
{
	uint32_t pasid = pasid_;

	if (!pasid) {
		ASSERT_FPGA_OK(fpgaBindSVA(c_type(), &pasid));
		pasid_ = pasid;
	}
	return pasid;
}

} // namespace types
} // namespace fpga
} // namespace opae
