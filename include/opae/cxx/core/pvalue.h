/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_CXX_CORE_PVALUE_H
#define OPAE_CXX_CORE_PVALUE_H

#include <opae/cxx/core/except.h>
#include <opae/properties.h>
#include <opae/utils.h>

/* Programs have come to find uuid_parse() through this header; the layer itself needs none of it. */
#ifdef __has_include
#if __has_include(<uuid/uuid.h>)
#include <uuid/uuid.h>
#endif
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <string>
#include <type_traits>

namespace opae
{
namespace fpga
{
namespace types
{

namespace detail
{

/** Text to 16 bytes; false when it is no UUID. */
OPAECXX_API bool guid_from_text(const char *text, uint8_t *guid) noexcept;
OPAECXX_API std::string guid_to_text(const uint8_t *guid);

/** The longest text that a property has, the NUL included. */
enum { TEXT_MAX = 256 };

template <typename T>
fpga_result fetch(fpga_result (*get)(fpga_properties, T *), fpga_properties props, T &value)
{
	return get(props, &value);
}

inline fpga_result fetch(fpga_result (*get)(fpga_properties, char *), fpga_properties props,
			 std::string &value)
{
	char text[TEXT_MAX] = "";
	const fpga_result r = get(props, text);

	text[TEXT_MAX - 1] = 0;
	if (r == FPGA_OK)
		value = text;
	return r;
}

template <typename T> const T &as_argument(const T &value)
{
	return value;
}

inline char *as_argument(const std::string &value)
{
	return const_cast<char *>(value.c_str());
}

template <typename A, typename B> bool same(const A &a, const B &b)
{
	return a == b;
}

inline bool same(const fpga_version &a, const fpga_version &b)
{
	return a.major == b.major && a.minor == b.minor && a.patch == b.patch;
}

/* The plus makes numbers of uint8_t and of enumerations. */
template <typename T> void print(std::ostream &out, const T &value)
{
	out << +value;
}

inline void print(std::ostream &out, const std::string &value)
{
	out << value;
}

inline void print(std::ostream &out, const fpga_version &v)
{
	out << +v.major << '.' << +v.minor << '.' << v.patch;
}

/* What a property that is not set looks like in a stream. */
inline bool printable(std::ostream &out, fpga_result r)
{
	if (r == FPGA_NOT_FOUND)
		out << "(not set)";
	else
		ASSERT_FPGA_OK(r);
	return r == FPGA_OK;
}

} // namespace detail

/**
 * The GUID among the members of a properties object. It reads and writes that object and keeps a
 * copy of the last value seen; is_set() tells whether there is one. Good for as long as the
 * properties object is.
 */
struct guid_t {
	guid_t(fpga_properties *p) : props_(p), is_set_(false), data_()
	{
	}
	guid_t(const guid_t &other) = default;

	/** Reads it. @throws not_found: it is not set */
	void update()
	{
		is_set_ = false;
		ASSERT_FPGA_OK(fetch());
		is_set_ = true;
	}

	/** Reads it; the 16 bytes are good for as long as this object. @throws not_found */
	operator uint8_t *()
	{
		update();
		return data_.data();
	}

	/** The copy, which is read first if there is none; zeros when the GUID is not set. */
	const uint8_t *c_type() const
	{
		if (!is_set_ && fetch() != FPGA_OK)
			data_.fill(0);
		return data_.data();
	}

	/** Sets it to 16 bytes. @throws invalid_param */
	guid_t &operator=(const uint8_t *g)
	{
		if (!g)
			detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE, "the GUID is a null pointer");
		std::copy(g, g + sizeof(fpga_guid), data_.begin());
		store();
		return *this;
	}

	/** Sets it to another object's GUID. @throws not_found: that one has none */
	guid_t &operator=(const guid_t &other)
	{
		ASSERT_FPGA_OK(other.fetch());
		data_ = other.data_;
		store();
		return *this;
	}

	/** Is the object's GUID this one? One that is not set equals nothing. */
	bool operator==(const fpga_guid &g) const
	{
		return fetch() == FPGA_OK && !std::memcmp(data_.data(), g, data_.size());
	}
	/** With a pointer to 16 bytes, which would otherwise be compared as a pointer. */
	template <typename P>
	typename std::enable_if<std::is_same<P, uint8_t *>::value ||
					std::is_same<P, const uint8_t *>::value,
				bool>::type
	operator==(const P &g) const
	{
		return g && fetch() == FPGA_OK && !std::memcmp(data_.data(), g, data_.size());
	}
	bool operator==(const guid_t &other) const
	{
		return other.fetch() == FPGA_OK && *this == other.data_.data();
	}
	template <typename U> bool operator!=(const U &other) const
	{
		return !(*this == other);
	}

	/** Sets it from text, as "d8424dc4-a4a3-c413-f89e-433683f9040b". @throws invalid_param */
	void parse(const char *str)
	{
		is_set_ = false;
		if (!str || !detail::guid_from_text(str, data_.data()))
			detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE, "\"%s\" is no GUID; "
				      "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx is one", str ? str : "");
		store();
	}

	/** Writes it as text, or "(not set)". */
	friend std::ostream &operator<<(std::ostream &ostr, const guid_t &g)
	{
		if (detail::printable(ostr, g.fetch()))
			ostr << detail::guid_to_text(g.data_.data());
		return ostr;
	}

	/** Is there a copy of it here? */
	bool is_set() const
	{
		return is_set_;
	}

	/** Forgets the copy; the properties object keeps its value. */
	void invalidate()
	{
		is_set_ = false;
	}

private:
	fpga_result fetch() const
	{
		return fpgaPropertiesGetGUID(*props_,
					     reinterpret_cast<fpga_guid *>(data_.data()));
	}

	void store()
	{
		is_set_ = false;
		ASSERT_FPGA_OK(fpgaPropertiesSetGUID(*props_, data_.data()));
		is_set_ = true;
	}

	fpga_properties *props_;
	bool is_set_;
	mutable std::array<uint8_t, 16> data_;
};

/**
 * A member of a properties object: assigning calls the setter, converting calls the getter. Beside
 * that it keeps a copy of the last value seen; is_set() tells whether there is one.
 *
 * What is not set: converting and update() throw not_found, comparing is false, a stream gets
 * "(not set)". A member that the object's type does not have is invalid_param.
 */
template <typename T> struct pvalue {
	typedef typename std::conditional<std::is_same<T, char *>::value,
					  fpga_result (*)(fpga_properties, T),
					  fpga_result (*)(fpga_properties, T *)>::type getter_t;
	typedef fpga_result (*setter_t)(fpga_properties, T);
	/** What is kept: T itself, or a std::string of a char *. */
	typedef typename std::conditional<std::is_same<T, char *>::value, std::string, T>::type
		copy_t;

	/** Belongs to no object; all that it does is invalid_param. */
	pvalue() : props_(nullptr), is_set_(false), get_(nullptr), set_(nullptr), copy_()
	{
	}
	pvalue(fpga_properties *p, getter_t g, setter_t s)
	    : props_(p), is_set_(false), get_(g), set_(s), copy_()
	{
	}
	/** The same member of the same object. */
	pvalue(const pvalue &other) = default;

	/** Sets it. @throws invalid_param; not_supported */
	pvalue<T> &operator=(const T &v)
	{
		is_set_ = false;
		if (!props_)
			unbound();
		ASSERT_FPGA_OK(set_(*props_, v));
		copy_ = v;
		is_set_ = true;
		return *this;
	}

	/**
	 * Sets it to another object's value; one that belongs to no object becomes the same member
	 * of the same object. @throws not_found: that one has no value
	 */
	pvalue<T> &operator=(const pvalue &other)
	{
		copy_t value = copy_t();

		if (!props_)
			return bind(other);
		ASSERT_FPGA_OK(other.get_value(value));
		return *this = detail::as_argument(value);
	}

	bool operator==(const T &other) const
	{
		copy_t value = copy_t();

		return get_value(value) == FPGA_OK && detail::same(value, other);
	}
	/** With a number of another type, as a literal is. */
	template <typename U>
	typename std::enable_if<std::is_integral<U>::value && std::is_integral<T>::value, bool>::type
	operator==(const U &other) const
	{
		return static_cast<U>(static_cast<T>(other)) == other &&
		       *this == static_cast<T>(other);
	}
	bool operator==(const pvalue &other) const
	{
		copy_t value = copy_t();

		return other.get_value(value) == FPGA_OK && *this == detail::as_argument(value);
	}
	template <typename U> bool operator!=(const U &other) const
	{
		return !(*this == other);
	}

	/** Reads it. */
	void update()
	{
		is_set_ = false;
		ASSERT_FPGA_OK(get_value(copy_));
		is_set_ = true;
	}

	/** Reads it. */
	operator copy_t()
	{
		update();
		return copy_;
	}

	/** Reads it into value and says how that went; value is written only on FPGA_OK. */
	fpga_result get_value(copy_t &value) const
	{
		if (!props_)
			unbound();
		return detail::fetch(get_, *props_, value);
	}

	/** Writes it (uint8_t as a number), or "(not set)". */
	friend std::ostream &operator<<(std::ostream &ostr, const pvalue<T> &p)
	{
		copy_t value = copy_t();

		if (detail::printable(ostr, p.get_value(value)))
			detail::print(ostr, value);
		return ostr;
	}

	/** Is there a copy of it here? */
	bool is_set() const
	{
		return is_set_;
	}

	/** Forgets the copy; the properties object keeps its value. */
	void invalidate()
	{
		is_set_ = false;
	}

private:
	pvalue<T> &bind(const pvalue &other)
	{
		props_ = other.props_;
		is_set_ = other.is_set_;
		get_ = other.get_;
		set_ = other.set_;
		copy_ = other.copy_;
		return *this;
	}

	[[noreturn]] static void unbound()
	{
		detail::raise(FPGA_INVALID_PARAM, OPAECXX_HERE,
			      "this pvalue belongs to no properties object");
	}

	fpga_properties *props_;
	bool is_set_;
	getter_t get_;
	setter_t set_;
	copy_t copy_;
};

} // namespace types
} // namespace fpga
} // namespace opae

#endif
