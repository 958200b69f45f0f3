/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * v-opae: accelerators that are driven the VFIO way. The plugin's face: its constant, its
 * configuration, its table.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"
#include "plugins/vfio/inventory.h"
#include "plugins/vfio/vfio.h"

#define VISIBLE __attribute__((visibility("default")))

/* The same for every instance, and written once; all else is in the instance. */
static const struct opae_host *host;

static const struct opae_plugin_param params[] = {
	{ "sockets", "array of string or object",
	  "the sockets in the emulator directory, see `opae emu`",
	  "vfio-user devices: \"/path\" or {\"path\": \"/path\", \"address\": \"0000:b1:00.0\"}" },
	{ "devices", "array of string or object", "those whose ids are known as FPGAs'",
	  "devices bound to vfio-pci: \"0000:b1:00.0\", \"8086:bcce\" or {\"device\": one of them, \"guid\": "
	  "what all of BAR0 is, \"vf_token\": of its physical function}" },
	{ "kernel", "string", "auto",
	  "how these are reached: \"group\" (a type1 container), \"iommufd\", or \"auto\"" },
	{ "timeout_ms", "integer", "5000", "how long a device may take to answer" },
	{ "spin_us", "integer", "50", "how long a wait spins before it sleeps" },
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "vfio",
	.description = "v-opae: accelerators behind VFIO, and emulated ones behind vfio-user",
	.params = params,
};

const struct opae_host *vfio_host(void)
{
	return host;
}

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vdetail(fmt, ap);
	va_end(ap);
	return r;
}

fpga_result say_device(struct vdev *d, int rc, const char *what)
{
	char why[VDEV_WHY_MAX] = "";

	d->ops->why(d, why, sizeof(why));
	/* A dead device is an exception, whatever the call that found out was told. */
	if (atomic_load(&d->dead))
		return say(FPGA_EXCEPTION, "%s: the device is gone: %s", what, why);
	return say(err_to_result(rc), "%s: %s", what, *why ? why : strerror(-rc));
}

void debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vlog(OPAE_LOG_DEBUG, "vfio", fmt, ap);
	va_end(ap);
}

static bool supports_device(void *instance, const char *type)
{
	(void)instance;
	return !strcmp(type, "vfio");
}

static int finalize(void *instance)
{
	struct instance *inst = instance;

	inventory_free(inst->inventory);
	inst->inventory = NULL;
	if (!inst->cards) { /* what is open still needs its spaces */
		dev_vfio_spaces_done(&inst->spaces);
		dev_vfio_spaces_init(&inst->spaces);
	}
	return 0;
}

/* Touches no file: that waits for the first enumeration. */
static int initialize(void *instance)
{
	struct instance *inst = instance;

	if (!inst->inventory)
		inst->inventory = inventory_new();
	return inst->inventory ? 0 : (int)say(FPGA_NO_MEMORY, "no memory for the inventory");
}

static void fill(opae_api_adapter_table *t)
{
	t->initialize = initialize;
	t->finalize = finalize;
	t->supports_device = supports_device;
	t->enumerate = vfio_enumerate;
	t->fpgaCloneToken = vfio_clone_token;
	t->fpgaDestroyToken = vfio_destroy_token;
	t->fpgaGetProperties = vfio_get_properties;
	t->fpgaUpdateProperties = vfio_update_properties;
	t->parent_of = vfio_parent_of;
	t->same_token = vfio_same_token;
	t->fpgaOpen = vfio_open;
	t->fpgaClose = vfio_close;
	t->fpgaReset = vfio_reset;
	t->fpgaGetPropertiesFromHandle = vfio_properties_from_handle;
	t->fpgaReadError = vfio_read_error;
	t->fpgaClearError = vfio_clear_error;
	t->fpgaClearAllErrors = vfio_clear_all_errors;
	t->fpgaGetErrorInfo = vfio_get_error_info;
	t->fpgaTokenGetObject = vfio_token_get_object;
	t->fpgaHandleGetObject = vfio_handle_get_object;
	t->fpgaObjectGetObject = vfio_object_get_object;
	t->fpgaObjectGetObjectAt = vfio_object_get_object_at;
	t->fpgaDestroyObject = vfio_destroy_object;
	t->fpgaObjectGetType = vfio_object_get_type;
	t->fpgaObjectGetSize = vfio_object_get_size;
	t->fpgaObjectRead = vfio_object_read;
	t->fpgaObjectRead64 = vfio_object_read64;
	t->fpgaObjectWrite64 = vfio_object_write64;
	t->quiesce = vfio_quiesce;
	t->fpgaReadMMIO64 = vfio_read64;
	t->fpgaWriteMMIO64 = vfio_write64;
	t->fpgaReadMMIO32 = vfio_read32;
	t->fpgaWriteMMIO32 = vfio_write32;
	t->fpgaWriteMMIO512 = vfio_write512;
	t->fpgaMapMMIO = vfio_map_mmio;
	t->fpgaUnmapMMIO = vfio_unmap_mmio;
	t->mmio_info = vfio_mmio_info;
	t->mmio_window = vfio_mmio_window;
	t->fpgaPrepareBuffer = vfio_prepare_buffer;
	t->fpgaReleaseBuffer = vfio_release_buffer;
	t->fpgaGetIOAddress = vfio_get_ioaddress;
	t->pin_buffer = vfio_pin_buffer;
	t->unpin_buffer = vfio_unpin_buffer;
	t->get_ws_info = vfio_get_ws_info;
	t->create_event = vfio_create_event;
	t->fpgaDestroyEventHandle = vfio_destroy_event;
	t->fpgaGetOSObjectFromEventHandle = vfio_event_fd;
	t->fpgaRegisterEvent = vfio_register_event;
	t->fpgaUnregisterEvent = vfio_unregister_event;
}

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	struct instance *inst;
	fpga_result r;

	if (!host) {
		host = table->host;
		sys_set(host->find("sys", SYS_OPS_VERSION));
	}
	inst = calloc(1, sizeof(*inst));
	if (!inst)
		return (int)say(FPGA_NO_MEMORY, "no memory for the instance");
	pthread_mutex_init(&inst->lock, NULL);
	dev_vfio_spaces_init(&inst->spaces);
	r = config_read(json, inst);
	if (r != FPGA_OK) {
		free(inst->places);
		free(inst->rules);
		free(inst);
		return (int)r;
	}
	table->instance = inst;
	fill(table);
	return 0;
}
