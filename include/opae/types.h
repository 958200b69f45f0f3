/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_TYPES_H
#define OPAE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <opae/types_enum.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @file types.h
 * @brief Types of the API. Layouts are OPAE 2.14's on x86-64 and are part of the ABI.
 *
 * The five object types are opaque. What the library hands out is an id and never a pointer to
 * anything; one that was destroyed, closed or is foreign is answered with FPGA_INVALID_PARAM.
 */

/** A set of properties; also a filter of fpgaEnumerate(). */
typedef void *fpga_properties;
/** Names a device or an accelerator without opening it. */
typedef void *fpga_token;
/** An open device or accelerator. Its calls may come from several threads. */
typedef void *fpga_handle;
/** What an event is waited for with. */
typedef void *fpga_event_handle;
/** A value or a container of values of a device, as sysfs shows them. */
typedef void *fpga_object;

/** A UUID in text order: byte 0 is the most significant. */
typedef uint8_t fpga_guid[16];

/** A version: 4 bytes. */
typedef struct fpga_version {
	uint8_t major;
	uint8_t minor;
	uint16_t patch;
} fpga_version;

/** Room for an error's name, the NUL included. */
#define FPGA_ERROR_NAME_MAX 64

/** One error register; see fpgaGetErrorInfo(). */
struct fpga_error_info {
	char name[FPGA_ERROR_NAME_MAX];
	bool can_clear; /**< fpgaClearError() works on it */
};

/** Room for each text of a metric, the NUL included. */
#define FPGA_METRIC_STR_SIZE 256

/** A metric's value; fpga_metric_info::metric_datatype names the member. */
typedef union metric_value {
	uint64_t ivalue;
	double dvalue;
	float fvalue;
	bool bvalue;
} metric_value;

/** What a metric is: 1056 bytes. */
typedef struct fpga_metric_info {
	uint64_t metric_num; /**< its index */
	fpga_guid metric_guid;
	char qualifier_name[FPGA_METRIC_STR_SIZE];
	char group_name[FPGA_METRIC_STR_SIZE];
	char metric_name[FPGA_METRIC_STR_SIZE];
	char metric_units[FPGA_METRIC_STR_SIZE];
	enum fpga_metric_datatype metric_datatype;
	enum fpga_metric_type metric_type;
} fpga_metric_info;

/** A metric as read: 24 bytes. */
typedef struct fpga_metric {
	uint64_t metric_num;
	metric_value value;
	bool isvalid; /**< false: could not be read */
} fpga_metric;

/** One limit of a metric: 272 bytes. */
typedef struct threshold {
	char threshold_name[FPGA_METRIC_STR_SIZE];
	uint32_t is_valid;
	double value;
} threshold;

/** All limits of a metric: nr not recoverable, c critical, nc not critical. 2160 bytes. */
typedef struct metric_threshold {
	char metric_name[FPGA_METRIC_STR_SIZE];
	threshold upper_nr_threshold;
	threshold upper_c_threshold;
	threshold upper_nc_threshold;
	threshold lower_nr_threshold;
	threshold lower_c_threshold;
	threshold lower_nc_threshold;
	threshold hysteresis;
} metric_threshold;

/**
 * How a token of OPAE's own plugins begins: 64 bytes. Here for programs that name the type; tokens
 * of this library are ids and begin with nothing.
 */
typedef struct fpga_token_header {
	uint64_t magic;
	uint16_t vendor_id;
	uint16_t device_id;
	uint16_t segment;
	uint8_t bus;
	uint8_t device;
	uint8_t function;
	fpga_interface interface;
	fpga_objtype objtype;
	uint64_t object_id;
	fpga_guid guid;
	uint16_t subsystem_vendor_id;
	uint16_t subsystem_device_id;
} fpga_token_header;

/** Is one header's FPGA_DEVICE at the same PCI device as the other's FPGA_ACCELERATOR? */
#define fpga_is_parent_child(__parent_h, __child_h)                                               \
	(((__parent_h)->objtype == FPGA_DEVICE) && ((__child_h)->objtype == FPGA_ACCELERATOR) &&   \
	 ((__parent_h)->segment == (__child_h)->segment) &&                                        \
	 ((__parent_h)->bus == (__child_h)->bus) && ((__parent_h)->device == (__child_h)->device))

#ifdef __cplusplus
}
#endif

#endif
