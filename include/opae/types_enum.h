/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OPAE_TYPES_ENUM_H
#define OPAE_TYPES_ENUM_H

/**
 * @file types_enum.h
 * @brief Every enumeration of the API. The numbers are OPAE's and are part of the ABI.
 */

/** What a call answers. opaex_error_detail() (opae/ext.h) tells why. */
typedef enum fpga_result {
	FPGA_OK = 0,        /**< done */
	FPGA_INVALID_PARAM, /**< a NULL, closed, foreign or senseless argument */
	FPGA_BUSY,          /**< somebody else holds it */
	FPGA_EXCEPTION,     /**< the device, its driver or the way to it failed */
	FPGA_NOT_FOUND,     /**< no such thing, or a property that is not set */
	FPGA_NO_MEMORY,     /**< memory, or a limit on locked memory, has run out */
	FPGA_NOT_SUPPORTED, /**< this plugin or device cannot do it */
	FPGA_NO_DRIVER,     /**< no kernel driver is bound */
	FPGA_NO_DAEMON,     /**< the daemon for this is not running */
	FPGA_NO_ACCESS,     /**< permissions are missing */
	FPGA_RECONF_ERROR,  /**< reconfiguration failed */
} fpga_result;

/** What an event handle can be registered for. */
typedef enum fpga_event_type {
	FPGA_EVENT_INTERRUPT = 0, /**< an interrupt of the accelerator */
	FPGA_EVENT_ERROR,         /**< an error of the device or the port */
	FPGA_EVENT_POWER_THERMAL, /**< a power or temperature limit was passed */
} fpga_event_type;

/** Is an accelerator open somewhere? */
typedef enum fpga_accelerator_state {
	FPGA_ACCELERATOR_ASSIGNED = 0, /**< somebody has it open */
	FPGA_ACCELERATOR_UNASSIGNED,   /**< free */
} fpga_accelerator_state;

/** The two kinds of objects that enumeration yields. */
typedef enum fpga_objtype {
	FPGA_DEVICE = 0,  /**< the FPGA: management, reconfiguration */
	FPGA_ACCELERATOR, /**< an accelerator in it: MMIO, buffers */
} fpga_objtype;

/** By what interface the device's host reaches it. */
typedef enum fpga_interface {
	FPGA_IFC_DFL = 0,  /**< the kernel's DFL driver */
	FPGA_IFC_VFIO,     /**< VFIO */
	FPGA_IFC_SIM_DFL,  /**< simulation of the first */
	FPGA_IFC_SIM_VFIO, /**< simulation of the second */
	FPGA_IFC_UIO,      /**< UIO */
} fpga_interface;

/** Flags of fpgaPrepareBuffer(). */
enum fpga_buffer_flags {
	FPGA_BUF_PREALLOCATED = (1u << 0), /**< the memory is the caller's */
	FPGA_BUF_QUIET = (1u << 1),        /**< log no failure */
	FPGA_BUF_READ_ONLY = (1u << 2),    /**< the device may only read */
};

/** Flags of fpgaOpen(). */
enum fpga_open_flags {
	FPGA_OPEN_SHARED = (1u << 0),         /**< others may open it too, where the driver can */
	FPGA_OPEN_HAS_PARENT_AFU = (1u << 1), /**< used inside the library */
};

/** Flags of fpgaReconfigureSlot(). */
enum fpga_reconf_flags {
	FPGA_RECONF_FORCE = (1u << 0),       /**< also when the accelerator is in use */
	FPGA_RECONF_SKIP_USRCLK = (1u << 1), /**< leave the user clock alone */
};

/** Flags of the sysobject calls. */
enum fpga_sysobject_flags {
	FPGA_OBJECT_SYNC = (1u << 0),        /**< read anew, not from the copy */
	FPGA_OBJECT_GLOB = (1u << 1),        /**< the name is a glob(7) pattern */
	FPGA_OBJECT_RAW = (1u << 2),         /**< bytes as they are, not text */
	FPGA_OBJECT_RECURSE_ONE = (1u << 3), /**< load the children */
	FPGA_OBJECT_RECURSE_ALL = (1u << 4), /**< load all below */
};

/** What a sysobject is. */
enum fpga_sysobject_type {
	FPGA_OBJECT_CONTAINER = (1u << 0), /**< a directory or a list */
	FPGA_OBJECT_ATTRIBUTE = (1u << 1), /**< a value */
};

/** What a metric measures. */
enum fpga_metric_type {
	FPGA_METRIC_TYPE_POWER,
	FPGA_METRIC_TYPE_THERMAL,
	FPGA_METRIC_TYPE_PERFORMANCE_CTR,
	FPGA_METRIC_TYPE_AFU,
	FPGA_METRIC_TYPE_UNKNOWN,
};

/** Which member of metric_value holds the value. */
enum fpga_metric_datatype {
	FPGA_METRIC_DATATYPE_INT,
	FPGA_METRIC_DATATYPE_FLOAT,
	FPGA_METRIC_DATATYPE_DOUBLE,
	FPGA_METRIC_DATATYPE_BOOL,
	FPGA_METRIC_DATATYPE_UNKNOWN,
};

#endif
