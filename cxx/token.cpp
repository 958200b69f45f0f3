/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/cxx/core/token.h>

#include "cxx/internal.h"

namespace opae
{
namespace fpga
{
namespace types
{

namespace
{

/* C tokens, destroyed with the list. */
class token_list
{
public:
	/* Cards come and go: what is found may be more than what was counted. */
	explicit token_list(const std::vector<fpga_properties> &filters)
	{
		const fpga_properties *f = filters.empty() ? nullptr : filters.data();
		const uint32_t n = static_cast<uint32_t>(filters.size());
		uint32_t matches = 0;

		ASSERT_FPGA_OK(fpgaEnumerate(f, n, nullptr, 0, &matches));
		while (matches > list_.size()) {
			destroy();
			list_.assign(matches, nullptr);
			ASSERT_FPGA_OK(fpgaEnumerate(f, n, list_.data(), matches, &matches));
		}
		if (matches < list_.size())
			list_.resize(matches);
	}

	token_list(const token_list &) = delete;
	token_list &operator=(const token_list &) = delete;

	~token_list()
	{
		destroy();
	}

	const std::vector<fpga_token> &get() const
	{
		return list_;
	}

private:
	void destroy()
	{
		for (fpga_token &t : list_)
			if (t)
				detail::report(fpgaDestroyToken(&t), "token::enumerate");
		list_.clear();
	}

	std::vector<fpga_token> list_;
};

} // namespace

std::vector<token::ptr_t> token::enumerate(const std::vector<properties::ptr_t> &props)
{
	std::vector<fpga_properties> filters;
	std::vector<ptr_t> tokens;

	for (const properties::ptr_t &p : props)
		filters.push_back(detail::need(p, "a filter")->c_type());
	const token_list found(filters);

	tokens.reserve(found.get().size());
	for (fpga_token t : found.get())
		tokens.push_back(ptr_t(new token(t)));
	return tokens;
}

token::token(fpga_token tok) : token_(nullptr)
{
	ASSERT_FPGA_OK(fpgaCloneToken(tok, &token_));
}

token::~token()
{
	detail::report(fpgaDestroyToken(&token_), "~token");
}

token::ptr_t token::get_parent() const
{
	const properties::ptr_t props = properties::get(token_);
	fpga_token parent = nullptr;
	const fpga_result r = props->parent.get_value(parent);

	if (r == FPGA_NOT_FOUND || r == FPGA_INVALID_PARAM) /* not set, or nothing that has one */
		return ptr_t();
	ASSERT_FPGA_OK(r);
	return ptr_t(new token(parent));
}

} // namespace types
} // namespace fpga
} // namespace opae
