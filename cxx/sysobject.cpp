/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/sysobject.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

sysobject::sysobject(fpga_object sysobj, token::ptr_t token, handle::ptr_t hnd)
    : sysobject_(sysobj), token_(token), handle_(hnd)
{
}

sysobject::~sysobject()
{
	if (sysobject_)
		detail::report(fpgaDestroyObject(&sysobject_), "~sysobject");
}

sysobject::ptr_t sysobject::get(token::ptr_t t, const std::string &name, int flags)
{
	ptr_t p(new sysobject(nullptr, detail::need(t, "the token"), nullptr));

	ASSERT_FPGA_OK(fpgaTokenGetObject(t->c_type(), name.c_str(), &p->sysobject_, flags));
	return p;
}

sysobject::ptr_t sysobject::get(handle::ptr_t h, const std::string &name, int flags)
{
	ptr_t p(new sysobject(nullptr, nullptr, detail::need(h, "the handle")));

	ASSERT_FPGA_OK(fpgaHandleGetObject(h->c_type(), name.c_str(), &p->sysobject_, flags));
	return p;
}

sysobject::ptr_t sysobject::get(const std::string &name, int flags)
{
	ptr_t p(new sysobject(nullptr, token_, handle_));

	ASSERT_FPGA_OK(fpgaObjectGetObject(sysobject_, name.c_str(), &p->sysobject_, flags));
	return p;
}

sysobject::ptr_t sysobject::get(int index)
{
	ptr_t p(new sysobject(nullptr, token_, handle_));

	if (index < 0)
		detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE, "index %d is negative", index);
	ASSERT_FPGA_OK(fpgaObjectGetObjectAt(sysobject_, static_cast<std::size_t>(index),
					     &p->sysobject_));
	return p;
}

uint32_t sysobject::size() const
{
	uint32_t value = 0;

	ASSERT_FPGA_OK(fpgaObjectGetSize(sysobject_, &value, 0));
	return value;
}

uint64_t sysobject::read64(int flags) const
{
	uint64_t value = 0;

	ASSERT_FPGA_OK(fpgaObjectRead64(sysobject_, &value, flags));
	return value;
}

void sysobject::write64(uint64_t value, int flags) const
{
	ASSERT_FPGA_OK(fpgaObjectWrite64(sysobject_, value, flags));
}

/* What FPGA_OBJECT_SYNC asks for is done once, by the call that tells the size. */
std::vector<uint8_t> sysobject::bytes(int flags) const
{
	uint32_t size = 0;

	ASSERT_FPGA_OK(fpgaObjectGetSize(sysobject_, &size, flags));
	return bytes(0, size, flags & ~static_cast<int>(FPGA_OBJECT_SYNC));
}

std::vector<uint8_t> sysobject::bytes(uint32_t offset, uint32_t size, int flags) const
{
	std::vector<uint8_t> all(size);

	ASSERT_FPGA_OK(fpgaObjectRead(sysobject_, all.data(), offset, size, flags));
	return all;
}

enum fpga_sysobject_type sysobject::type() const
{
	enum fpga_sysobject_type value = FPGA_OBJECT_ATTRIBUTE;

	ASSERT_FPGA_OK(fpgaObjectGetType(sysobject_, &value));
	return value;
}

} // namespace types
} // namespace fpga
} // namespace opae
