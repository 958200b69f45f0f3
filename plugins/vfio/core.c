/* SPDX-License-Identifier: BSD-3-Clause */
/* The core's face to the plugin round it: its words, its beginning and end, its part of the table. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"
#include "plugins/vfio/inventory.h"
#include "plugins/vfio/vfio.h"

/* The same for every instance, and written once; all else is in the instance. */
static const struct opae_host *host;
static const char *log_name = "";

void core_begin(opae_api_adapter_table *table, const char *name)
{
	if (host)
		return;
	host = table->host;
	log_name = name;
	sys_set(host->find("sys", SYS_OPS_VERSION));
}

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
	host->vlog(OPAE_LOG_DEBUG, log_name, fmt, ap);
	va_end(ap);
}

void core_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vlog(OPAE_LOG_ERROR, log_name, fmt, ap);
	va_end(ap);
}

int core_initialize(struct instance *inst, bool alone)
{
	if (!inst->inventory)
		inst->inventory = alone ? inventory_new_private() : inventory_new();
	return inst->inventory ? 0 : (int)say(FPGA_NO_MEMORY, "no memory for the inventory");
}

void core_finalize(struct instance *inst)
{
	inventory_free(inst->inventory);
	inst->inventory = NULL;
}

void core_fill(opae_api_adapter_table *t, struct instance *inst)
{
	t->instance = inst;
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
