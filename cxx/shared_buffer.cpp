/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/shared_buffer.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

shared_buffer::shared_buffer(handle::ptr_t handle, size_t len, uint8_t *virt, uint64_t wsid,
			     uint64_t io_address)
    : handle_(handle), len_(len), virt_(virt), wsid_(wsid), io_address_(io_address)
{
}

shared_buffer::~shared_buffer()
{
	release();
}

/* The object is there before the buffer is, so that nothing stays pinned when something throws. */
shared_buffer::ptr_t shared_buffer::prepare(const handle::ptr_t &handle, void *virt, size_t len,
					    int flags)
{
	ptr_t p(new shared_buffer(detail::need(handle, "the handle"), 0, nullptr, 0, 0));

	ASSERT_FPGA_OK(fpgaPrepareBuffer(handle->c_type(), len, &virt, &p->wsid_, flags));
	p->virt_ = static_cast<uint8_t *>(virt);
	p->len_ = len;
	ASSERT_FPGA_OK(fpgaGetIOAddress(handle->c_type(), p->wsid_, &p->io_address_));
	return p;
}

shared_buffer::ptr_t shared_buffer::allocate(handle::ptr_t handle, size_t len, bool read_only)
{
	return prepare(handle, nullptr, len, read_only ? FPGA_BUF_READ_ONLY : 0);
}

shared_buffer::ptr_t shared_buffer::attach(handle::ptr_t handle, uint8_t *base, size_t len,
					   bool read_only)
{
	return prepare(handle, base, len,
		       FPGA_BUF_PREALLOCATED | (read_only ? FPGA_BUF_READ_ONLY : 0));
}

/* A handle that was closed took its buffers with it. */
void shared_buffer::release()
{
	const fpga_handle h = handle_ ? handle_->c_type() : nullptr;

	if (virt_ && h)
		detail::report(fpgaReleaseBuffer(h, wsid_), "shared_buffer::release");
	virt_ = nullptr;
	len_ = 0;
	wsid_ = 0;
	io_address_ = 0;
}

void shared_buffer::fill(int c)
{
	std::memset(at(0, len_), c, len_);
}

int shared_buffer::compare(ptr_t other, size_t len) const
{
	return std::memcmp(at(0, len), detail::need(other, "the other buffer")->at(0, len), len);
}

void shared_buffer::refuse(size_t offset, size_t len) const
{
	if (!virt_)
		detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE, "the buffer was released");
	if (handle_ && !handle_->c_type())
		detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE, "the buffer's handle was closed");
	detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE,
		      "%zu bytes at offset %zu are not inside a buffer of %zu bytes", len, offset,
		      len_);
}

} // namespace types
} // namespace fpga
} // namespace opae
