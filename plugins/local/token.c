/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dev/sysfs.h"
#include "plugins/local/local.h"
#include "plugins/local/snapshot.h"

/* How long the first who asks for properties after an enumeration gets what that saw. */
#define FRESH_NS (1000 * NS_PER_MS)

/* ---- making ---- */

static struct token *token_from(const struct token *src)
{
	struct token *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	t->inst = src->inst;
	t->dev = src->dev;
	t->seen = src->seen;
	atomic_init(&t->told, atomic_load(&src->told));
	return t;
}

struct token *token_new(struct instance *inst, const struct dfl_device *d)
{
	struct token *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->inst = inst;
	t->dev = *d;
	atomic_init(&t->told, true);
	return t;
}

static fpga_result clone_token(fpga_token src, fpga_token *dst)
{
	struct token *t = token_from(src);

	if (!t)
		return say(FPGA_NO_MEMORY, "fpgaCloneToken: no memory");
	*dst = t;
	return FPGA_OK;
}

static fpga_result destroy_token(fpga_token *token)
{
	free(*token);
	*token = NULL;
	return FPGA_OK;
}

/* ---- enumeration ---- */

static struct token *look(struct instance *inst, const struct dfl_device *d, struct card *card)
{
	struct token *t = token_new(inst, d);

	if (!t)
		return NULL;
	snapshot_read(inst, &t->dev, card, &t->seen);
	atomic_store(&t->told, false);
	return t;
}

static bool is_ours(const struct instance *inst, const struct dfl_device *d, struct card *card)
{
	if (inst->rules)
		snapshot_read_card(d, card);
	return config_has(inst, card);
}

/* They are listed by address, so that each card is looked at once. */
static fpga_result list_devices(struct instance *inst, const struct dfl_device *devices, size_t n,
				fpga_token *tokens, uint32_t max, uint32_t *found)
{
	struct card card = { .address = "" };
	uint32_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_ours(inst, &devices[i], &card) || kept++ >= max)
			continue;
		tokens[kept - 1] = look(inst, &devices[i], &card);
		if (tokens[kept - 1])
			continue;
		while (--kept > 0)
			destroy_token(&tokens[kept - 1]);
		return say(FPGA_NO_MEMORY, "fpgaEnumerate: no memory");
	}
	*found = kept;
	return FPGA_OK;
}

static fpga_result enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			     fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	struct dfl_device *devices;
	fpga_result r;
	size_t n;
	int rc = dfl_list(&devices, &n);

	(void)filters; /* all are listed; the shell judges */
	(void)num_filters;
	if (rc)
		return say(rc == -ENOMEM ? FPGA_NO_MEMORY : FPGA_EXCEPTION, "fpgaEnumerate: " DFL_CLASS ": "
			   "%s",
			   strerror(-rc));
	r = list_devices(instance, devices, n, tokens, max_tokens, num_matches);
	free(devices);
	return r;
}

/* ---- properties ---- */

/* What the enumeration saw answers one question: the shell's own, or that of who enumerated just now. */
static bool take_seen(struct token *t)
{
	return !atomic_exchange(&t->told, true) && clock_now_ns() - t->seen.read_at < FRESH_NS;
}

static fpga_result update_properties(fpga_token token, fpga_properties prop)
{
	struct token *t = token;
	struct card card = { .address = "" };
	struct snapshot now;

	if (take_seen(t))
		return snapshot_write(&t->seen, prop);
	if (!dfl_there(&t->dev))
		return say(FPGA_NOT_FOUND, "%s of the card %s is not there any more; enumerate again",
			   dfl_name(&t->dev), t->dev.address);
	snapshot_read(t->inst, &t->dev, &card, &now);
	return snapshot_write(&now, prop);
}

static fpga_result get_properties(fpga_token token, fpga_properties *prop)
{
	fpga_result r = local_host()->props_new(prop);

	return r == FPGA_OK ? update_properties(token, *prop) : r;
}

static bool same_token(fpga_token a, fpga_token b)
{
	const struct token *x = a, *y = b;

	return !strcmp(x->dev.address, y->dev.address) && !strcmp(x->dev.dir, y->dev.dir);
}

/* ---- the card's other devices ---- */

/* Is it of the same card: the same function, or the physical one of a virtual function? */
static bool of_card(const struct dfl_device *d, const struct dfl_device *port, const char *physfn)
{
	return !strcmp(d->address, port->address) || (*physfn && !strcmp(d->address, physfn));
}

static fpga_result parent_of(fpga_token token, fpga_token *parent)
{
	const struct token *t = token;
	struct dfl_device *devices;
	char physfn[PCI_ADDRESS_LEN];
	struct token *found = NULL;
	bool any = false;
	size_t n;
	int rc;

	if (t->dev.kind == DFL_FME)
		return say(FPGA_NOT_FOUND, "an FPGA_DEVICE has no parent");
	if (sysfs_link(physfn, sizeof(physfn), "/sys/bus/pci/devices/%s/physfn", t->dev.address))
		*physfn = 0;
	rc = dfl_list(&devices, &n);
	if (rc)
		return say(FPGA_NOT_FOUND, "the accelerator's FPGA_DEVICE: " DFL_CLASS ": %s", strerror(-rc));
	for (size_t i = 0; i < n && !any; i++)
		if (devices[i].kind == DFL_FME && of_card(&devices[i], &t->dev, physfn)) {
			any = true;
			found = token_new(t->inst, &devices[i]);
		}
	free(devices);
	if (!any)
		return say(FPGA_NOT_FOUND, "there is no FPGA_DEVICE of this accelerator");
	if (!found)
		return say(FPGA_NO_MEMORY, "no memory for a token");
	*parent = found;
	return FPGA_OK;
}

int token_port_of(const struct token *fme, uint32_t slot, struct dfl_device *ret)
{
	struct dfl_device *devices;
	uint64_t id;
	size_t n;
	int rc = dfl_list(&devices, &n), found = -ENOENT;

	for (size_t i = 0; !rc && i < n && found; i++)
		if (devices[i].kind == DFL_PORT && !strcmp(devices[i].address, fme->dev.address) &&
		    !sysfs_number(&id, "%s/id", devices[i].dir) && id == slot) {
			*ret = devices[i];
			found = 0;
		}
	free(devices);
	return rc ? rc : found;
}

void fill_tokens(opae_api_adapter_table *t)
{
	t->enumerate = enumerate;
	t->fpgaCloneToken = clone_token;
	t->fpgaDestroyToken = destroy_token;
	t->fpgaGetProperties = get_properties;
	t->fpgaUpdateProperties = update_properties;
	t->parent_of = parent_of;
	t->same_token = same_token;
}
