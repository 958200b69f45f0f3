/* SPDX-License-Identifier: BSD-3-Clause */
#include "args.h"

#include <errno.h>
#include <opae/ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/pci.h"

enum part { SEGMENT, BUS, DEVICE, FUNCTION, NUM_PARTS };

static const struct {
	const char *letter, *word;
	unsigned long max;
} parts[NUM_PARTS] = {
	[SEGMENT] = { "-S", "--segment", 0xffff },
	[BUS] = { "-B", "--bus", 0xff },
	[DEVICE] = { "-D", "--device", 0x1f },
	[FUNCTION] = { "-F", "--function", 7 },
};

void compat_complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

bool compat_ok(fpga_result r, const char *what)
{
	const char *detail = opaex_error_detail(), *colon = strstr(detail, ": ");

	if (r == FPGA_OK)
		return true;
	/* The reason begins with the call's name. */
	if (colon && !strncmp(detail, "fpga", 4) && !memchr(detail, ' ', (size_t)(colon - detail)))
		detail = colon + 2;
	compat_complain("%s: %s%s%s", what, fpgaErrStr(r), *detail ? ": " : "", detail);
	return false;
}

void compat_print_version(void)
{
	char api[32] = "?";

	fpgaGetOPAECVersionString(api, sizeof(api));
	printf("%s " PROJECT_VERSION ", of the OPAE C API %s\n", program_invocation_short_name, api);
}

static void set(struct compat_address *a, enum part p, unsigned long value)
{
	switch (p) {
	case SEGMENT:
		a->has_segment = true;
		a->segment = (uint16_t)value;
		break;
	case BUS:
		a->has_bus = true;
		a->bus = (uint8_t)value;
		break;
	case DEVICE:
		a->has_device = true;
		a->device = (uint8_t)value;
		break;
	default:
		a->has_function = true;
		a->function = (uint8_t)value;
	}
}

static bool set_number(struct compat_address *a, enum part p, const char *text)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long value = strtoul(digits, NULL, hex ? 16 : 10); /* what is too large is ULONG_MAX */

	if (!len || digits[len]) {
		compat_complain("%s '%s' is no number", parts[p].word, text);
		return false;
	}
	if (value > parts[p].max) {
		compat_complain("%s %s is too large; 0x%lx is the most", parts[p].word, text, parts[p].max);
		return false;
	}
	set(a, p, value);
	return true;
}

static bool set_address(struct compat_address *a, const char *text)
{
	struct pci_address pci;

	if (!pci_parse(text, &pci))
		return false;
	set(a, SEGMENT, pci.segment);
	set(a, BUS, pci.bus);
	set(a, DEVICE, pci.device);
	set(a, FUNCTION, pci.function);
	return true;
}

/* Is the word one of the options? *value: what stands behind it in the same word, or NULL. */
static bool is_option(const char *word, enum part *ret, const char **value)
{
	for (enum part p = SEGMENT; p < NUM_PARTS; p++) {
		size_t len = strlen(parts[p].word);

		*ret = p;
		*value = NULL;
		if (!strcmp(word, parts[p].letter) || !strcmp(word, parts[p].word))
			return true;
		if (!strncmp(word, parts[p].letter, 2)) {
			*value = word + 2;
			return true;
		}
		if (!strncmp(word, parts[p].word, len) && word[len] == '=') {
			*value = word + len + 1;
			return true;
		}
	}
	return false;
}

/* How many words, beginning with this one, choose a device; -1: one does, and is wrong. */
static int take(struct compat_address *a, char *const words[])
{
	const char *value;
	enum part p;
	int used = 1;

	if (!is_option(words[0], &p, &value))
		return set_address(a, words[0]) ? 1 : 0;
	if (!value) {
		value = words[1];
		used = 2;
	}
	if (!value) {
		compat_complain("%s needs a number", words[0]);
		return -1;
	}
	return set_number(a, p, value) ? used : -1;
}

/* One pass over the words. With `keep`, those that choose nothing are written there. */
static bool pass(int argc, char *argv[], struct compat_address *a, char *keep[], int *kept)
{
	bool ours = true;
	int n = argc ? 1 : 0;

	for (int i = 1; i < argc; i++) {
		int used = 0;

		ours = ours && strcmp(argv[i], "--");
		if (ours)
			used = take(a, argv + i);
		if (used < 0)
			return false;
		if (used)
			i += used - 1;
		else if (keep)
			keep[n++] = argv[i];
	}
	*kept = n;
	return true;
}

bool compat_take_address(int *argc, char *argv[], struct compat_address *ret)
{
	struct compat_address a = { 0 };
	int n;

	/* Once to judge; the second time what is kept moves to the front. */
	if (!pass(*argc, argv, &a, NULL, &n) || !pass(*argc, argv, &a, argv, &n))
		return false;
	argv[n] = NULL;
	*argc = n;
	*ret = a;
	return true;
}

fpga_result compat_filter(fpga_properties filter, const struct compat_address *a)
{
	fpga_result r = FPGA_OK;

	if (a->has_segment)
		r = fpgaPropertiesSetSegment(filter, a->segment);
	if (!r && a->has_bus)
		r = fpgaPropertiesSetBus(filter, a->bus);
	if (!r && a->has_device)
		r = fpgaPropertiesSetDevice(filter, a->device);
	if (!r && a->has_function)
		r = fpgaPropertiesSetFunction(filter, a->function);
	return r;
}
