/* SPDX-License-Identifier: BSD-3-Clause */
#include "dfh.h"

#include <stddef.h>

static uint64_t bits(uint64_t v, unsigned int high, unsigned int low)
{
	return v << (63 - high) >> (63 - high + low);
}

struct dfh dfh_decode(uint64_t raw)
{
	return (struct dfh){
		.type = (unsigned int)bits(raw, 63, 60),
		.version = (unsigned int)bits(raw, 59, 52),
		.eol = bits(raw, 40, 40),
		.next = (uint32_t)bits(raw, 39, 16),
		.revision = (unsigned int)bits(raw, 15, 12),
		.id = (unsigned int)bits(raw, 11, 0),
	};
}

struct dfh_param dfh_decode_param(uint64_t raw)
{
	return (struct dfh_param){
		.id = (unsigned int)bits(raw, 15, 0),
		.version = (unsigned int)bits(raw, 31, 16),
		.last = bits(raw, 32, 32),
		.next = 8 * bits(raw, 63, 35),
	};
}

const char *dfh_type_name(unsigned int type)
{
	static const char *const names[] = { [DFH_AFU] = "AFU",
					     [DFH_BBB] = "BBB",
					     [DFH_PRIVATE] = "private",
					     [DFH_FIU] = "FIU" };

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "?";
}

#define ANY (-1)

static const struct {
	unsigned int id;
	int fiu;
	const char *name;
} private_features[] = {
	{ 0x01, ANY, "thermal management" },
	{ 0x02, ANY, "power management" },
	{ 0x03, ANY, "performance, integrated" },
	{ 0x04, ANY, "global error" },
	{ 0x05, ANY, "partial reconfiguration" },
	{ 0x06, ANY, "HSSI, first kind" },
	{ 0x07, ANY, "performance, discrete" },
	{ 0x08, ANY, "QSPI flash" },
	{ 0x09, ANY, "external memory (EMIF)" },
	{ 0x0e, ANY, "SPI" },
	{ 0x10, DFH_FME, "Ethernet group" },
	{ 0x10, ANY, "port error" },
	{ 0x11, DFH_FME, "trusted compute" },
	{ 0x11, ANY, "UMsg" },
	{ 0x12, DFH_FME, "board controller (PMCI)" },
	{ 0x12, ANY, "user interrupt" },
	{ 0x13, DFH_FME, "QSFP controller" },
	{ 0x13, ANY, "signal tap" },
	{ 0x14, DFH_FME, "ST2MM" },
	{ 0x14, ANY, "user clock" },
	{ 0x15, ANY, "HSSI subsystem" },
	{ 0x20, ANY, "PCIe subsystem" },
	{ 0x22, ANY, "time of day" },
	{ 0x23, ANY, "known by its GUID" },
	{ 0x24, ANY, "virtual UART" },
};

const char *dfh_name(const struct dfh *d, int fiu)
{
	if (d->type == DFH_FIU)
		return d->id == DFH_FME ? "FME" : d->id == DFH_PORT ? "port" : "";
	for (size_t i = 0; d->type == DFH_PRIVATE &&
			   i < sizeof(private_features) / sizeof(private_features[0]); i++)
		if (private_features[i].id == d->id &&
		    (private_features[i].fiu == ANY || private_features[i].fiu == fiu))
			return private_features[i].name;
	return "";
}
