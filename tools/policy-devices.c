/* SPDX-License-Identifier: BSD-3-Clause */
/* This machine's accelerators as opaed's workers find them: by the plugins of its configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opae/init.h>

#include "base/cleanup.h"
#include "dev/pci.h"
#include "policy.h"

bool policy_props_address(const char *address, struct opae_props *ret)
{
	struct pci_address a;

	if (!pci_parse(address, &a))
		return false;
	ret->valid |= OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION;
	ret->segment = a.segment;
	ret->bus = a.bus;
	ret->device = a.device;
	ret->function = a.function;
	return true;
}

bool policy_props_guid(const char *guid, struct opae_props *ret)
{
	if (uuid_parse(guid, ret->guid))
		return false;
	ret->valid |= OPAE_PROP_GUID;
	return true;
}

/* The library begins anew, with what a worker is told. */
static bool use_plugins(const char *json)
{
	CLEANUP_CLOSE int fd = sys_memfd("opaed-plugins", 0);
	size_t len = strlen(json);
	char path[32];

	if (fd < 0 || sys_pwrite(fd, json, len, 0) != (ssize_t)len)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fpgaFinalize();
	return ok(fpgaInitialize(path), "the plugins of opaed's configuration");
}

static void read_device(fpga_token token, struct policy_device *ret)
{
	fpga_properties p = NULL;

	memset(ret, 0, sizeof(*ret));
	if (fpgaGetProperties(token, &p) != FPGA_OK)
		return;
	token_row_read(p, &ret->row);
	policy_props_address(ret->row.address, &ret->props);
	policy_props_guid(ret->row.guid, &ret->props);
	fpgaDestroyProperties(&p);
}

struct policy_device *policy_devices(const struct daemon_config *c, size_t *n)
{
	const struct selector all = { .type = -1 };
	struct policy_device *list = NULL;
	fpga_token *tokens;
	uint32_t num = 0;

	*n = 0;
	if (!use_plugins(c->plugins) || !tokens_find(&all, &tokens, &num))
		return NULL;
	list = calloc(num ? num : 1, sizeof(*list));
	for (uint32_t i = 0; list && i < num; i++)
		read_device(tokens[i], &list[i]);
	*n = list ? num : 0;
	tokens_free(tokens, num);
	return list;
}
