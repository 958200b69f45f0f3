/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks for tests in C++. What fails throws, so that destructors run; cmocka, which leaves a test
 * by longjmp, hears of it when none is left on the stack.
 */
#ifndef TESTS_CXX_CHECK_H
#define TESTS_CXX_CHECK_H

#include <opae/cxx/core.h>

#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <typeinfo>

extern "C" {
#include "tests/unit/check.h"
}

struct check_failed : std::runtime_error {
	using std::runtime_error::runtime_error;
};

[[noreturn]] inline void check_fail(const char *file, int line, const std::string &what)
{
	throw check_failed(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			check_fail(__FILE__, __LINE__, #condition);                                \
	} while (0)

template <typename A, typename B>
void check_equal(const A &a, const B &b, const char *text, const char *file, int line)
{
	std::ostringstream out;

	if (a == b)
		return;
	out << text << ": " << a << " is not " << b;
	check_fail(file, line, out.str());
}
#define CHECK_EQ(a, b) check_equal(a, b, #a, __FILE__, __LINE__)

template <typename E, typename F>
std::string check_thrown(F action, const char *text, const char *file, int line)
{
	try {
		action();
	} catch (const E &e) {
		if (typeid(e) != typeid(E))
			check_fail(file, line, std::string(text) + " threw a derived class");
		return e.what();
	} catch (const std::exception &e) {
		check_fail(file, line, std::string(text) + " threw: " + e.what());
	}
	check_fail(file, line, std::string(text) + " threw nothing");
}
/* The text of the exception, of exactly this class, that an expression throws. */
#define THROWN(type, ...)                                                                          \
	check_thrown<type>([&] { (void)(__VA_ARGS__); }, #__VA_ARGS__, __FILE__, __LINE__)

inline bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

template <typename T> std::string shown(const T &value)
{
	std::ostringstream out;

	out << value;
	return out.str();
}

template <void (*body)()> void test_body(void **)
{
	static char why[512];

	try {
		body();
		return;
	} catch (const std::exception &e) {
		std::snprintf(why, sizeof(why), "%s", e.what());
	}
	fail_msg("%s", why);
}

#define TEST_WITH(t, up, down)                                                                     \
	{                                                                                          \
		#t, test_body<t>, up, down, nullptr                                                \
	}
#define TEST(t) TEST_WITH(t, nullptr, nullptr)

#endif
