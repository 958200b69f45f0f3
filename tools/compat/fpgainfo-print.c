/* SPDX-License-Identifier: BSD-3-Clause */
/* What fpgainfo prints of a device or an accelerator: the lines and their order are OPAE's. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "args.h"
#include "fpgainfo.h"
#include "tools/error-bits.h"

#define LABEL "%-32s : "
#define FORCE_TRIES 64

/* ---- properties ---- */

static const char *interface_name(fpga_interface i)
{
	static const char *const names[] = {
		[FPGA_IFC_DFL] = "DFL",
		[FPGA_IFC_VFIO] = "VFIO",
		[FPGA_IFC_SIM_DFL] = "Simulated DFL",
		[FPGA_IFC_SIM_VFIO] = "Simulated VFIO",
		[FPGA_IFC_UIO] = "UIO",
	};

	return (unsigned int)i < sizeof(names) / sizeof(names[0]) ? names[i] : "<unknown>";
}

/* A line with a property; "N/A" when it is not set. */
#define LINE(label, type, getter, format, value)                                                   \
	do {                                                                                       \
		type v;                                                                            \
                                                                                                   \
		if (getter(p, &v) == FPGA_OK)                                                      \
			printf(LABEL format "\n", label, value);                                   \
		else                                                                               \
			printf(LABEL "N/A\n", label);                                              \
	} while (0)

static void print_guid(const char *label, fpga_properties p)
{
	char text[UUID_STR_LEN];
	fpga_guid guid;

	if (fpgaPropertiesGetGUID(p, &guid) != FPGA_OK)
		return;
	uuid_unparse_lower(guid, text);
	printf(LABEL "%s\n", label, text);
}

static void print_address(fpga_properties p)
{
	uint8_t b = 0xff, d = 0xff, f = 0xff;
	uint16_t s = 0xffff;

	fpgaPropertiesGetSegment(p, &s);
	fpgaPropertiesGetBus(p, &b);
	fpgaPropertiesGetDevice(p, &d);
	fpgaPropertiesGetFunction(p, &f);
	printf(LABEL "%04X:%02X:%02X.%01X\n", "PCIe s:b:d.f", s, b, d, f);
}

static void print_own(fpga_properties p)
{
	LINE("Interface", fpga_interface, fpgaPropertiesGetInterface, "%s", interface_name(v));
	LINE("Object Id", uint64_t, fpgaPropertiesGetObjectID, "0x%2" PRIX64, v);
	print_address(p);
	LINE("Vendor Id", uint16_t, fpgaPropertiesGetVendorID, "0x%04X", v);
	LINE("Device Id", uint16_t, fpgaPropertiesGetDeviceID, "0x%04X", v);
	LINE("SubVendor Id", uint16_t, fpgaPropertiesGetSubsystemVendorID, "0x%04X", v);
	LINE("SubDevice Id", uint16_t, fpgaPropertiesGetSubsystemDeviceID, "0x%04X", v);
	LINE("Socket Id", uint8_t, fpgaPropertiesGetSocketID, "0x%02X", v);
}

static void print_version(fpga_properties p)
{
	fpga_version v = { 0 };

	fpgaPropertiesGetBBSVersion(p, &v);
	printf(LABEL "%d.%d.%d\n", "Bitstream Version", v.major, v.minor, v.patch);
}

static void print_device(fpga_properties p)
{
	LINE("Ports Num", uint32_t, fpgaPropertiesGetNumSlots, "%02u", v);
	LINE("Bitstream Id", uint64_t, fpgaPropertiesGetBBSID, "0x%" PRIX64, v);
	print_version(p);
	print_guid("Pr Interface Id", p);
}

/* Of an accelerator those of the device that it belongs to, if it is there. */
static bool print_properties(fpga_properties p)
{
	fpga_objtype type = FPGA_ACCELERATOR;
	fpga_properties device;
	fpga_token parent;

	print_own(p);
	fpgaPropertiesGetObjectType(p, &type);
	if (type == FPGA_DEVICE) {
		print_device(p);
		return true;
	}
	if (fpgaPropertiesGetParent(p, &parent) != FPGA_OK)
		return true;
	if (!compat_ok(fpgaGetProperties(parent, &device), "properties of the device"))
		return false;
	print_device(device);
	fpgaDestroyProperties(&device);
	return true;
}

bool info_print_common(const char *headline, fpga_token token)
{
	fpga_properties p;
	bool good;

	if (!compat_ok(fpgaGetProperties(token, &p), "fpgaGetProperties"))
		return false;
	printf("%s\n", headline);
	good = print_properties(p);
	fpgaDestroyProperties(&p);
	return good;
}

bool info_fme(fpga_token token, const struct info_options *o)
{
	(void)o;
	return info_print_common("//****** FME ******//", token);
}

bool info_port(fpga_token token, const struct info_options *o)
{
	fpga_properties p;

	(void)o;
	if (!info_print_common("//****** PORT ******//", token) ||
	    !compat_ok(fpgaGetProperties(token, &p), "fpgaGetProperties"))
		return false;
	print_guid("Accelerator GUID", p);
	fpgaDestroyProperties(&p);
	return true;
}

/* ---- errors ---- */

/* "pcie0_errors" is shown as "PCIe0 Errors". */
static void label_of(const char *name, char out[FPGA_ERROR_NAME_MAX])
{
	bool first = true;
	size_t i = 0;

	for (; name[i] && i < FPGA_ERROR_NAME_MAX - 1; i++) {
		out[i] = name[i] == '_' ? ' ' : name[i];
		if (first)
			out[i] = (char)toupper((unsigned char)out[i]);
		first = out[i] == ' ';
	}
	out[i] = 0;
	if (!strncmp(out, "Pci", 3))
		memcpy(out, "PCI", 3);
}

static bool print_error(fpga_token token, fpga_objtype type, int layout, uint32_t n)
{
	char label[FPGA_ERROR_NAME_MAX];
	struct fpga_error_info info;
	uint64_t v;

	if (!compat_ok(fpgaGetErrorInfo(token, n, &info), "fpgaGetErrorInfo"))
		return false;
	label_of(info.name, label);
	if (!compat_ok(fpgaReadError(token, n, &v), "fpgaReadError"))
		return false;
	printf(LABEL "0x%" PRIX64 "\n", label, v);
	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *means = error_bit(type, info.name, layout, bit);

		if (v >> bit & 1 && *means)
			printf("bit %u error:%s\n", bit, means);
	}
	return true;
}

static bool any_error(fpga_token token, uint32_t n)
{
	uint64_t v;

	for (uint32_t i = 0; i < n; i++)
		if (fpgaReadError(token, i, &v) != FPGA_OK || v)
			return true;
	return false;
}

static bool clear_errors(fpga_token token, uint32_t n, bool force)
{
	fpga_result r = fpgaClearAllErrors(token);

	for (int i = 1; force && i < FORCE_TRIES && any_error(token, n); i++)
		r = fpgaClearAllErrors(token);
	return compat_ok(r, "fpgaClearAllErrors");
}

bool info_errors(fpga_token token, const struct info_options *o)
{
	fpga_objtype type = FPGA_ACCELERATOR;
	fpga_properties p;
	uint32_t n = 0;
	bool good = true;
	int layout;

	if (!compat_ok(fpgaGetProperties(token, &p), "fpgaGetProperties"))
		return false;
	fpgaPropertiesGetObjectType(p, &type);
	if (fpgaPropertiesGetNumErrors(p, &n) != FPGA_OK)
		n = 0;
	fpgaDestroyProperties(&p);
	if (!n) /* it has none, and the original says nothing of it */
		return true;
	if (o->clear)
		good = clear_errors(token, n, o->force);
	if (type == FPGA_DEVICE)
		good &= info_print_common("//****** FME ******//", token);
	else if (!o->fme)
		good &= info_print_common("//****** PORT ******//", token);
	printf("//****** %s ERRORS ******// \n", type == FPGA_DEVICE ? "FME" : "PORT");
	layout = error_layout(token);
	for (uint32_t i = 0; i < n; i++)
		good &= print_error(token, type, layout, i);
	return good;
}

/* ---- metrics ---- */

struct metrics {
	fpga_metric_info *info;
	fpga_metric *values;
	uint64_t num;
};

static fpga_result read_metrics(fpga_handle h, struct metrics *m)
{
	uint64_t *index;
	fpga_result r = fpgaGetNumMetrics(h, &m->num);

	if (r != FPGA_OK || !m->num)
		return r == FPGA_OK ? FPGA_NOT_FOUND : r;
	m->info = calloc(m->num, sizeof(*m->info));
	m->values = calloc(m->num, sizeof(*m->values));
	index = calloc(m->num, sizeof(*index));
	r = m->info && m->values && index ? fpgaGetMetricsInfo(h, m->info, &m->num) : FPGA_NO_MEMORY;
	for (uint64_t i = 0; r == FPGA_OK && i < m->num; i++)
		index[i] = m->info[i].metric_num;
	if (r == FPGA_OK)
		r = fpgaGetMetricsByIndex(h, index, m->num, m->values);
	free(index);
	return r;
}

static void print_metric(uint64_t place, const fpga_metric_info *info, const fpga_metric *m)
{
	printf("(%2" PRIu64 ") %-50s : ", place, info->metric_name);
	if (!m->isvalid) {
		printf("N/A\n");
		return;
	}
	switch (info->metric_datatype) {
	case FPGA_METRIC_DATATYPE_INT:
		printf("%" PRId64, (int64_t)m->value.ivalue);
		break;
	case FPGA_METRIC_DATATYPE_FLOAT:
		printf("%0.2f", (double)m->value.fvalue);
		break;
	case FPGA_METRIC_DATATYPE_DOUBLE:
		printf("%0.2f", m->value.dvalue);
		break;
	case FPGA_METRIC_DATATYPE_BOOL:
		printf("%d", m->value.bvalue);
		break;
	default:
		printf("?");
	}
	printf(" %s\n", info->metric_units);
}

#define EVERY_TYPE (-1)

/* How many were printed. */
static uint64_t print_metrics(const struct metrics *m, int type)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < m->num; i++)
		if (type == EVERY_TYPE || m->info[i].metric_type == (enum fpga_metric_type)type)
			print_metric(++n, &m->info[i], &m->values[i]);
	return n;
}

/* A card without sensors is no failure: a line says so. */
static bool info_metrics(fpga_token token, const char *headline, int type, const char *what)
{
	struct metrics m = { 0 };
	bool good = info_print_common(headline, token);
	fpga_handle h;
	fpga_result r;

	if (!good || !compat_ok(fpgaOpen(token, &h, FPGA_OPEN_SHARED), "fpgaOpen"))
		return false;
	r = read_metrics(h, &m);
	if (r == FPGA_NOT_SUPPORTED || r == FPGA_NOT_FOUND || (r == FPGA_OK && !print_metrics(&m, type)))
		printf("%s is not supported\n", what);
	else
		good = compat_ok(r, "reading metrics");
	free(m.info);
	free(m.values);
	return compat_ok(fpgaClose(h), "fpgaClose") && good;
}

bool info_temp(fpga_token token, const struct info_options *o)
{
	(void)o;
	return info_metrics(token, "//****** TEMP ******//", FPGA_METRIC_TYPE_THERMAL, "temp info");
}

bool info_power(fpga_token token, const struct info_options *o)
{
	(void)o;
	return info_metrics(token, "//****** POWER ******//", FPGA_METRIC_TYPE_POWER, "power info");
}

bool info_bmc(fpga_token token, const struct info_options *o)
{
	(void)o;
	return info_metrics(token, "//****** BMC SENSORS ******//", EVERY_TYPE, "bmc info");
}
