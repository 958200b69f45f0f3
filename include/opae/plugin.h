/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file plugin.h
 * @brief What a plugin of libopae-c provides and what it gets.
 *
 * A plugin is a shared object that exports two symbols: the constant ::opae_plugin_info, which the
 * loader reads before it calls anything, and opae_plugin_configure(), which fills a table of
 * functions. A plugin never links libopae-c; all that it needs of the host comes in
 * struct opae_host.
 *
 * Versions. The major number changes when an old plugin could not work; such a plugin is refused.
 * The minor number grows with every appended member; the table begins with its size, so a plugin
 * that was built against a shorter or a longer table works with any host of the same major number.
 *
 * ABI history: 1.0 first version; 1.1 mmio_window; 1.2 the host's props_unset; 1.3 push_buffer, pull_buffer,
 * known_properties.
 */
#ifndef OPAE_PLUGIN_H
#define OPAE_PLUGIN_H

#include <opae/ext.h>
#include <opae/fpga.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OPAE_PLUGIN_MAGIC UINT64_C(0x6e6967756c504f41) /* "AOPlugin", little-endian */
#define OPAE_PLUGIN_ABI_MAJOR 1
/* 1: mmio_window; 2: props_unset; 3: push_buffer, pull_buffer, known_properties */
#define OPAE_PLUGIN_ABI_MINOR 3
/** A table larger than this is taken for garbage and refused. */
#define OPAE_PLUGIN_TABLE_MAX 65536u

/**
 * A part of an MMIO region that the plugin has mapped. Aligned accesses of 4 and 8 bytes that begin in it are
 * made by the shell itself, by one volatile load or store, without a call of the plugin. All of it stays
 * as it is until fpgaClose() is called.
 */
struct opae_mmio_window {
	volatile unsigned char *at; /**< of the window's first byte, at a line of 64 bytes */
	uint64_t offset;	    /**< of that byte in the region: a multiple of 64 */
	uint64_t len;		    /**< bytes, a multiple of 64 */
	/** Not 0: the device is gone. Looked at after each access, which itself must not fault: a plugin
	 * handles SIGBUS in its windows. */
	const volatile unsigned char *dead;
	/** Called with the handle after an access that found it so: sets the reason, returns the code. */
	fpga_result (*gone)(fpga_handle handle);
};

/** One configuration parameter, for people: `opae plugins` prints it. */
struct opae_plugin_param {
	const char *name;     /**< JSON key; NULL ends the list */
	const char *type;     /**< "string", "integer", "boolean", "array of ..." */
	const char *fallback; /**< text of the default */
	const char *help;     /**< one line */
};

/** The constant `opae_plugin_info`. */
struct opae_plugin_info {
	uint64_t magic; /**< OPAE_PLUGIN_MAGIC */
	uint16_t abi_major;
	uint16_t abi_minor;
	uint32_t table_size; /**< sizeof(struct opae_api_adapter_table) the plugin was built with */
	const char *name;
	const char *description;                /**< one line */
	const struct opae_plugin_param *params; /**< may be NULL */
};

/** Which members of struct opae_props are set. Bit numbers are of this header alone. */
enum opae_prop_bit {
	OPAE_PROP_OBJTYPE = 1u << 0,
	OPAE_PROP_SEGMENT = 1u << 1,
	OPAE_PROP_BUS = 1u << 2,
	OPAE_PROP_DEVICE = 1u << 3,
	OPAE_PROP_FUNCTION = 1u << 4,
	OPAE_PROP_SOCKET_ID = 1u << 5,
	OPAE_PROP_VENDOR_ID = 1u << 6,
	OPAE_PROP_DEVICE_ID = 1u << 7,
	OPAE_PROP_GUID = 1u << 8,
	OPAE_PROP_OBJECT_ID = 1u << 9,
	OPAE_PROP_NUM_ERRORS = 1u << 10,
	OPAE_PROP_INTERFACE = 1u << 11,
	OPAE_PROP_SUBSYSTEM_VENDOR_ID = 1u << 12,
	OPAE_PROP_SUBSYSTEM_DEVICE_ID = 1u << 13,
	OPAE_PROP_HOSTNAME = 1u << 14,
	OPAE_PROP_PARENT = 1u << 15,
	/* FPGA_DEVICE only */
	OPAE_PROP_NUM_SLOTS = 1u << 16,
	OPAE_PROP_BBS_ID = 1u << 17,
	OPAE_PROP_BBS_VERSION = 1u << 18,
	/* FPGA_ACCELERATOR only */
	OPAE_PROP_STATE = 1u << 20,
	OPAE_PROP_NUM_MMIO = 1u << 21,
	OPAE_PROP_NUM_INTERRUPTS = 1u << 22,
};

/** The values of a properties object, as plugins write and read them. */
struct opae_props {
	uint32_t valid; /**< enum opae_prop_bit */
	fpga_objtype objtype;
	uint16_t segment;
	uint8_t bus, device, function, socket_id;
	uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_device_id;
	fpga_guid guid;
	uint64_t object_id;
	uint32_t num_errors;
	fpga_interface interface;
	uint32_t num_slots;
	fpga_version bbs_version;
	uint64_t bbs_id;
	fpga_accelerator_state state;
	uint32_t num_mmio, num_interrupts;
	/** In a filter that reaches a plugin: the plugin's own token, or NULL when the parent is
	 * another plugin's. In properties that a plugin writes: not read; see parent_of. */
	fpga_token parent;
	char hostname[OPAEX_HOSTNAME_MAX];
};

#define OPAE_PROPS_REASONS 6u
#define OPAE_PROPS_REASON_MAX 120u

/** What the host offers to a plugin. Valid from configure until the process ends. */
struct opae_host {
	size_t size; /**< sizeof of the host's struct; members are only appended */
	/** Log one line; level as in opae/log.h. Plugins log at OPAE_LOG_DEBUG; what went wrong in a
	 * call belongs in detail. */
	void (*vlog)(int level, const char *plugin, const char *fmt, va_list ap);
	/** Sets the calling thread's text for opaex_error_detail(). */
	void (*vdetail)(const char *fmt, va_list ap);
	/** Makes an empty properties object. */
	fpga_result (*props_new)(fpga_properties *ret);
	/** Replaces all values of an object. A hostname is cut at its array's end. */
	fpga_result (*props_write)(fpga_properties prop, const struct opae_props *values);
	fpga_result (*props_read)(fpga_properties prop, struct opae_props *values);
	/** Further services by name and version ("sys" 1: the syscall seam); NULL when absent. */
	const void *(*find)(const char *name, uint32_t version);
	/**
	 * Since ABI 1.2 (look at size first): why these of a properties object (enum opae_prop_bit) are not
	 * set, for who asks for one of them: fpgaPropertiesGet...() then gives this reason. After
	 * props_write(); the last OPAE_PROPS_REASONS of them are kept, each cut at OPAE_PROPS_REASON_MAX.
	 */
	fpga_result (*props_unset)(fpga_properties prop, uint32_t bits, const char *why);
};

/**
 * The table that a plugin fills. The host zeroes it and fills the head. Functions without an
 * `instance` have the signatures of the public API and get the plugin's own tokens and handles.
 * A function that stays NULL answers FPGA_NOT_SUPPORTED.
 */
typedef struct _opae_api_adapter_table {
	size_t size; /**< bytes the host has room for; a plugin writes no further */
	uint16_t abi_major, abi_minor;
	uint32_t reserved;
	const struct opae_host *host;
	void *instance; /**< the plugin's own; handed back to the functions marked (i) */

	/** @name First level and life (i) */
	/**@{*/
	/** No network, no thread, no device is opened here. 0 or a fpga_result. */
	int (*initialize)(void *instance);
	int (*finalize)(void *instance);
	/** May a filter with this interface find something here: "dfl", "vfio", "uio", "sim_dfl",
	 * "sim_vfio". Missing: yes. */
	bool (*supports_device)(void *instance, const char *device_type);
	/** The same for a host name. Missing: no, for a plugin of local devices. */
	bool (*supports_host)(void *instance, const char *hostname);
	/** Lists devices. The filters are hints: the shell matches again. *num_matches is the number
	 * of devices found, at most max_tokens of them written. A token lives until
	 * fpgaDestroyToken. */
	fpga_result (*enumerate)(void *instance, const fpga_properties *filters,
				 uint32_t num_filters, fpga_token *tokens, uint32_t max_tokens,
				 uint32_t *num_matches);
	/**@}*/

	/** @name Tokens */
	/**@{*/
	fpga_result (*fpgaCloneToken)(fpga_token src, fpga_token *dst);
	fpga_result (*fpgaDestroyToken)(fpga_token *token);
	fpga_result (*fpgaGetProperties)(fpga_token token, fpga_properties *prop);
	fpga_result (*fpgaUpdateProperties)(fpga_token token, fpga_properties prop);
	/** A new token for the FPGA_DEVICE that an accelerator belongs to; FPGA_NOT_FOUND if none. */
	fpga_result (*parent_of)(fpga_token token, fpga_token *parent);
	/** Do two tokens of this plugin name the same object? Missing: compares object ids. */
	bool (*same_token)(fpga_token a, fpga_token b);
	fpga_result (*fpgaReadError)(fpga_token token, uint32_t error_num, uint64_t *value);
	fpga_result (*fpgaClearError)(fpga_token token, uint32_t error_num);
	fpga_result (*fpgaClearAllErrors)(fpga_token token);
	fpga_result (*fpgaGetErrorInfo)(fpga_token token, uint32_t error_num,
					struct fpga_error_info *error_info);
	/**@}*/

	/** @name Handles */
	/**@{*/
	fpga_result (*fpgaOpen)(fpga_token token, fpga_handle *handle, int flags);
	/** The handle is gone afterwards whatever the result. */
	fpga_result (*fpgaClose)(fpga_handle handle);
	fpga_result (*fpgaReset)(fpga_handle handle);
	fpga_result (*fpgaGetPropertiesFromHandle)(fpga_handle handle, fpga_properties *prop);
	fpga_result (*quiesce)(fpga_handle handle);
	/**@}*/

	/** @name MMIO: no lock and no allocation in the first five */
	/**@{*/
	fpga_result (*fpgaReadMMIO64)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				      uint64_t *value);
	fpga_result (*fpgaWriteMMIO64)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				       uint64_t value);
	fpga_result (*fpgaReadMMIO32)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				      uint32_t *value);
	fpga_result (*fpgaWriteMMIO32)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				       uint32_t value);
	fpga_result (*fpgaWriteMMIO512)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
					const void *value);
	fpga_result (*fpgaMapMMIO)(fpga_handle handle, uint32_t mmio_num, uint64_t **mmio_ptr);
	fpga_result (*fpgaUnmapMMIO)(fpga_handle handle, uint32_t mmio_num);
	fpga_result (*mmio_info)(fpga_handle handle, uint32_t mmio_num,
				 struct opaex_mmio_info *info);
	/** Missing: the shell reads in a loop. Called with timeouts of up to 100 ms, so that fpgaClose() by
	 * another thread need not wait longer. */
	fpga_result (*poll_mmio)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				 uint64_t mask, uint64_t expected, uint64_t interval_us,
				 uint64_t timeout_us, uint64_t *value);
	/** Missing: the shell reads word by word. */
	fpga_result (*read_mmio_block)(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				       void *buffer, size_t len);
	/**@}*/

	/** @name Buffers */
	/**@{*/
	fpga_result (*fpgaPrepareBuffer)(fpga_handle handle, uint64_t len, void **buf_addr,
					 uint64_t *wsid, int flags);
	fpga_result (*fpgaReleaseBuffer)(fpga_handle handle, uint64_t wsid);
	fpga_result (*fpgaGetIOAddress)(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr);
	fpga_result (*fpgaBindSVA)(fpga_handle handle, uint32_t *pasid);
	/** Maps memory of the caller at an IO address that the shell chose, for AFUs with several
	 * ports; and takes it back. */
	fpga_result (*pin_buffer)(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
	fpga_result (*unpin_buffer)(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr);
	fpga_result (*get_ws_info)(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf,
				   uint64_t *len);
	/**@}*/

	/** @name Events. Event handles are bound to a plugin when first registered. (i) */
	/**@{*/
	fpga_result (*create_event)(void *instance, fpga_event_handle *event_handle);
	fpga_result (*fpgaDestroyEventHandle)(fpga_event_handle *event_handle);
	fpga_result (*fpgaGetOSObjectFromEventHandle)(const fpga_event_handle eh, int *fd);
	fpga_result (*fpgaRegisterEvent)(fpga_handle handle, fpga_event_type event_type,
					 fpga_event_handle event_handle, uint32_t flags);
	fpga_result (*fpgaUnregisterEvent)(fpga_handle handle, fpga_event_type event_type,
					   fpga_event_handle event_handle);
	/**@}*/

	/** @name Management */
	/**@{*/
	fpga_result (*fpgaAssignPortToInterface)(fpga_handle fpga, uint32_t interface_num,
						 uint32_t slot_num, int flags);
	fpga_result (*fpgaAssignToInterface)(fpga_handle fpga, fpga_token accelerator,
					     uint32_t host_interface, int flags);
	fpga_result (*fpgaReleaseFromInterface)(fpga_handle fpga, fpga_token accelerator);
	fpga_result (*fpgaReconfigureSlot)(fpga_handle fpga, uint32_t slot,
					   const uint8_t *bitstream, size_t bitstream_len,
					   int flags);
	fpga_result (*fpgaSetUserClock)(fpga_handle handle, uint64_t high_clk, uint64_t low_clk,
					int flags);
	fpga_result (*fpgaGetUserClock)(fpga_handle handle, uint64_t *high_clk, uint64_t *low_clk,
					int flags);
	/**@}*/

	/** @name Objects. One that came from a handle is destroyed before its handle is closed. */
	/**@{*/
	fpga_result (*fpgaTokenGetObject)(fpga_token token, const char *name, fpga_object *object,
					  int flags);
	fpga_result (*fpgaHandleGetObject)(fpga_handle handle, const char *name,
					   fpga_object *object, int flags);
	fpga_result (*fpgaObjectGetObject)(fpga_object parent, const char *name,
					   fpga_object *object, int flags);
	fpga_result (*fpgaObjectGetObjectAt)(fpga_object parent, size_t idx, fpga_object *object);
	fpga_result (*fpgaDestroyObject)(fpga_object *object);
	fpga_result (*fpgaObjectRead)(fpga_object object, uint8_t *buffer, size_t offset,
				      size_t len, int flags);
	fpga_result (*fpgaObjectRead64)(fpga_object object, uint64_t *value, int flags);
	fpga_result (*fpgaObjectGetSize)(fpga_object object, uint32_t *value, int flags);
	fpga_result (*fpgaObjectGetType)(fpga_object object, enum fpga_sysobject_type *type);
	fpga_result (*fpgaObjectWrite64)(fpga_object object, uint64_t value, int flags);
	/**@}*/

	/** @name Metrics */
	/**@{*/
	fpga_result (*fpgaGetNumMetrics)(fpga_handle handle, uint64_t *num_metrics);
	fpga_result (*fpgaGetMetricsInfo)(fpga_handle handle, fpga_metric_info *metric_info,
					  uint64_t *num_metrics);
	fpga_result (*fpgaGetMetricsByIndex)(fpga_handle handle, uint64_t *metric_num,
					     uint64_t num_metric_indexes, fpga_metric *metrics);
	fpga_result (*fpgaGetMetricsByName)(fpga_handle handle, char **metrics_names,
					    uint64_t num_metric_names, fpga_metric *metrics);
	fpga_result (*fpgaGetMetricsThresholdInfo)(fpga_handle handle,
						   struct metric_threshold *metric_thresholds,
						   uint32_t *num_thresholds);
	/**@}*/

	/** @name Since ABI 1.1 */
	/**@{*/
	/** What of a region the shell may access itself; asked once, after fpgaOpen. Any code but FPGA_OK:
	 * nothing, and each access is a call. Missing: the same. */
	fpga_result (*mmio_window)(fpga_handle handle, uint32_t mmio_num,
				   struct opae_mmio_window *window);
	/**@}*/

	/** @name Since ABI 1.3 */
	/**@{*/
	/** opaex_push(), opaex_pull(). Missing: the memory is the device's as well; the shell asks
	 * get_ws_info whether there is such a part, and that is all. */
	fpga_result (*push_buffer)(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);
	fpga_result (*pull_buffer)(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);
	/** The properties as the plugin knows them, for fpgaGetProperties() and for what an enumeration
	 * is matched with: a plugin that would have to ask another machine answers from memory here, and
	 * asks in fpgaUpdateProperties. Missing: fpgaUpdateProperties. */
	fpga_result (*known_properties)(fpga_token token, fpga_properties prop);
	/**@}*/
} opae_api_adapter_table;

/**
 * Called once for every configured instance. `json` is the text of the "configuration" object.
 * Returns 0, or a fpga_result when the instance cannot work (with the reason in the host's detail).
 */
int opae_plugin_configure(opae_api_adapter_table *table, const char *json);

#ifdef __cplusplus
}
#endif
#endif
