/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One plugin, compiled many times: ODD names the way in which it goes wrong (GOOD: it does not). The
 * good one is a model of devices in memory: {"devices": N, "segment": S} makes an FPGA_DEVICE and N
 * accelerators, each with 64 KiB of registers.
 */
#include <json-c/json.h>
#include <opae/plugin.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/loader/odd_objects.h"
#include "tests/loader/rig.h"

/* For the preprocessor, so no enum. */
#define GOOD 0
#define NO_SYMBOL 1 /* neither of the two symbols */
#define FOREIGN 2 /* the original's shape: configure alone */
#define NO_CONFIGURE 3 /* the constant alone */
#define BAD_MAGIC 4
#define WRONG_ABI 5
#define BAD_SIZE 6 /* a table of a gigabyte */
#define TINY 7 /* a table that ends inside its head */
#define SMALLER 8 /* a table that ends before fpgaReset */
#define LARGER 9 /* a longer table, and writes to its end */
#define CONFIGURE_FAILS 10
#define CONFIGURE_OVERRUNS 11
#define INITIALIZE_FAILS 12
#define FINALIZE_FAILS 13
#define COUNTS_GARBAGE 14
#define COUNTS_NULLS 15 /* more tokens than it writes */
#define OVERRUNS_TOKENS 16
#define CALLS_BACK 17 /* into the API, from everywhere */
#define ENUMERATE_FAILS 18
#define EMPTY 19 /* fills in nothing */
#define WINDOWS 20 /* a part of the registers is the shell's to access */
#define BAD_WINDOWS 21 /* parts that no shell should believe in */
#define FAR_AWAY 22 /* polls by itself, and its buffers are not the device's memory */

#define REGS 65536u
#define BUFFERS 16u

#if ODD != NO_SYMBOL && ODD != FOREIGN
extern const struct opae_plugin_info opae_plugin_info;
const struct opae_plugin_info opae_plugin_info = {
	.magic = ODD == BAD_MAGIC ? 0x1234 : OPAE_PLUGIN_MAGIC,
	.abi_major = ODD == WRONG_ABI ? 9 : OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = ODD == WRONG_ABI ? 2 : OPAE_PLUGIN_ABI_MINOR,
	.table_size = ODD == BAD_SIZE ? 1u << 30 :
		      ODD == TINY     ? 8 :
		      ODD == SMALLER  ? offsetof(opae_api_adapter_table, fpgaReset) :
		      ODD == LARGER   ? sizeof(opae_api_adapter_table) + 256 :
					sizeof(opae_api_adapter_table),
	.name = "odd",
	.description = "a plugin for tests",
};
#else
int odd_something_else;
int odd_something_else = 1;
#endif

#if ODD != NO_SYMBOL && ODD != NO_CONFIGURE

struct model {
	struct model *next; /* all are kept, so that what a host forgets is no leak of the test */
	const struct opae_host *host;
	uint32_t devices;
	uint16_t segment;
	char hostname[OPAEX_HOSTNAME_MAX];
};

/* index 0 is the FPGA_DEVICE, 1.. are its accelerators. */
struct odd_token {
	struct odd_token *next;
	struct model *m;
	uint32_t index;
};

struct odd_handle {
	struct odd_token token;
	uint8_t regs[REGS];
	void *buffers[BUFFERS];
	volatile unsigned char dead;
};

static struct model *models;
static struct odd_token *forgotten; /* tokens of the variant that overruns: nobody may touch them */

static void call_back(void)
{
	static _Thread_local bool inside; /* what we call may call us */
	fpga_result (*initialize)(const char *) =
		(fpga_result(*)(const char *))(uintptr_t)dlsym(RTLD_DEFAULT, "fpgaInitialize");
	fpga_result (*enumerate)(const fpga_properties *, uint32_t, fpga_token *, uint32_t,
				 uint32_t *) =
		(fpga_result(*)(const fpga_properties *, uint32_t, fpga_token *, uint32_t,
				uint32_t *))(uintptr_t)dlsym(RTLD_DEFAULT, "fpgaEnumerate");
	uint32_t n;

	if (inside)
		return;
	inside = true;
	if (initialize)
		initialize(NULL);
	if (enumerate)
		enumerate(NULL, 0, NULL, 0, &n);
	inside = false;
}

static int odd_initialize(void *instance)
{
	(void)instance;
	if (ODD == CALLS_BACK)
		call_back();
	return ODD == INITIALIZE_FAILS ? FPGA_NO_DRIVER : 0;
}

static int odd_finalize(void *instance)
{
	if (ODD == CALLS_BACK)
		call_back();
	(void)instance;
	return ODD == FINALIZE_FAILS ? FPGA_EXCEPTION : 0;
}

static bool odd_supports_host(void *instance, const char *hostname)
{
	struct model *m = instance;

	return !strcmp(hostname, m->hostname);
}

static fpga_result new_token(struct model *m, uint32_t index, fpga_token *ret)
{
	struct odd_token *t = malloc(sizeof(*t));

	if (!t)
		return FPGA_NO_MEMORY;
	*t = (struct odd_token){ .m = m, .index = index };
	if (ODD == OVERRUNS_TOKENS) {
		t->next = forgotten;
		forgotten = t;
	}
	*ret = t;
	return FPGA_OK;
}

static fpga_result odd_enumerate(void *instance, const fpga_properties *filters, uint32_t n,
				 fpga_token *tokens, uint32_t max, uint32_t *matches)
{
	struct model *m = instance;

	(void)filters;
	(void)n;
	if (ODD == CALLS_BACK)
		call_back();
	if (ODD == ENUMERATE_FAILS)
		return FPGA_EXCEPTION;
	if (ODD == COUNTS_GARBAGE) {
		*matches = UINT32_MAX;
		return FPGA_OK;
	}
	if (ODD == COUNTS_NULLS) {
		*matches = 5;
		return FPGA_OK;
	}
	for (uint32_t i = 0; i <= m->devices && i < max; i++)
		if (new_token(m, i, &tokens[i]) != FPGA_OK)
			return FPGA_NO_MEMORY;
	if (ODD == OVERRUNS_TOKENS)
		new_token(m, 0, &tokens[max]);
	*matches = m->devices + 1;
	return FPGA_OK;
}

static fpga_result odd_clone(fpga_token src, fpga_token *dst)
{
	const struct odd_token *t = src;

	return new_token(t->m, t->index, dst);
}

static fpga_result odd_destroy(fpga_token *token)
{
	if (ODD == CALLS_BACK)
		call_back();
	free(*token);
	return FPGA_OK;
}

static void describe(const struct odd_token *t, struct opae_props *v)
{
	memset(v, 0, sizeof(*v));
	v->valid = OPAE_PROP_OBJTYPE | OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE |
		   OPAE_PROP_FUNCTION | OPAE_PROP_OBJECT_ID | OPAE_PROP_INTERFACE | OPAE_PROP_GUID;
	v->segment = t->m->segment;
	v->bus = 1;
	v->function = (uint8_t)(t->index % 8);
	v->object_id = (uint64_t)t->m->segment << 32 | t->index;
	v->interface = FPGA_IFC_DFL;
	v->guid[15] = (uint8_t)t->index;
	if (*t->m->hostname) {
		v->valid |= OPAE_PROP_HOSTNAME;
		memcpy(v->hostname, t->m->hostname, sizeof(v->hostname));
	}
	if (!t->index) {
		v->objtype = FPGA_DEVICE;
		v->valid |= OPAE_PROP_NUM_SLOTS | OPAE_PROP_BBS_ID;
		v->num_slots = 3;
		v->bbs_id = 0xb0b;
	} else {
		v->objtype = FPGA_ACCELERATOR;
		v->valid |= OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS;
		v->state = FPGA_ACCELERATOR_UNASSIGNED;
		v->num_mmio = 1;
		v->num_interrupts = t->index;
	}
}

static fpga_result odd_update(fpga_token token, fpga_properties prop)
{
	const struct odd_token *t = token;
	struct opae_props v;

	fpga_result r;

	describe(t, &v);
	r = t->m->host->props_write(prop, &v);
	for (unsigned int i = 0; i < OPAE_PROPS_REASONS && r == FPGA_OK; i++)
		r = t->m->host->props_unset(prop, OPAE_PROP_BBS_VERSION, "a reason for something else");
	if (r == FPGA_OK)
		r = t->m->host->props_unset(prop, OPAE_PROP_NUM_ERRORS, "nobody has counted them");
	return r;
}

/* What is known without asking differs from what an update finds. */
static fpga_result odd_known(fpga_token token, fpga_properties prop)
{
	const struct odd_token *t = token;
	struct opae_props v;

	describe(t, &v);
	v.valid |= OPAE_PROP_SOCKET_ID;
	v.socket_id = 77;
	return t->m->host->props_write(prop, &v);
}

static fpga_result odd_from_handle(fpga_handle handle, fpga_properties *prop)
{
	struct odd_handle *h = handle;
	fpga_result r = h->token.m->host->props_new(prop);

	return r == FPGA_OK ? odd_update(&h->token, *prop) : r;
}

static fpga_result odd_parent(fpga_token token, fpga_token *parent)
{
	const struct odd_token *t = token;

	return t->index ? new_token(t->m, 0, parent) : FPGA_NOT_FOUND;
}

static fpga_result odd_open(fpga_token token, fpga_handle *handle, int flags)
{
	struct odd_handle *h = calloc(1, sizeof(*h));

	(void)flags;
	if (!h)
		return FPGA_NO_MEMORY;
	h->token = *(struct odd_token *)token;
	*handle = h;
	return FPGA_OK;
}

static fpga_result odd_close(fpga_handle handle)
{
	struct odd_handle *h = handle;

	if (ODD == CALLS_BACK)
		call_back();
	for (unsigned int i = 0; i < BUFFERS; i++)
		free(h->buffers[i]);
	free(h);
	return FPGA_OK;
}

static fpga_result odd_read64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t *value)
{
	struct odd_handle *h = handle;

	if (num || offset % 8 || offset > REGS - 8)
		return FPGA_INVALID_PARAM;
	*value = __atomic_load_n((uint64_t *)(void *)(h->regs + offset), __ATOMIC_RELAXED);
	if (ODD == WINDOWS || ODD == BAD_WINDOWS)
		*value ^= ODD_CALLED; /* so that a test sees who read */
	return FPGA_OK;
}

static fpga_result odd_write64(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t value)
{
	struct odd_handle *h = handle;

	if (num || offset % 8 || offset > REGS - 8)
		return FPGA_INVALID_PARAM;
	__atomic_store_n((uint64_t *)(void *)(h->regs + offset), value, __ATOMIC_RELAXED);
	if (ODD == WINDOWS && offset == REGS - 8)
		h->dead = 1;
	return FPGA_OK;
}

static fpga_result odd_gone(fpga_handle handle)
{
	(void)handle;
	return FPGA_RECONF_ERROR; /* one that nobody else would answer with */
}

static fpga_result odd_window(fpga_handle handle, uint32_t num, struct opae_mmio_window *window)
{
	struct odd_handle *h = handle;

	if (num)
		return FPGA_NOT_SUPPORTED;
	*window = (struct opae_mmio_window){ .at = h->regs + 64, .offset = 64, .len = 128,
					     .dead = &h->dead, .gone = odd_gone };
	if (ODD == BAD_WINDOWS)
		window->len = 100;
	return FPGA_OK;
}

/* Its registers tell at ODD_ASKED what was asked for: the longest time, or the buffer's part. */
static void tell(struct odd_handle *h, unsigned int i, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(h->regs + ODD_ASKED + 8 * i), v, __ATOMIC_RELAXED);
}

static fpga_result odd_poll(fpga_handle handle, uint32_t num, uint64_t offset, uint64_t mask,
			    uint64_t expected, uint64_t interval_us, uint64_t timeout_us, uint64_t *value)
{
	struct odd_handle *h = handle;
	uint64_t longest = 0;

	(void)interval_us;
	odd_read64(handle, 0, ODD_ASKED, &longest);
	if (timeout_us > longest)
		tell(h, 0, timeout_us);
	for (uint64_t us = 0;; us += 1000) {
		fpga_result r = odd_read64(handle, num, offset, value);

		if (r != FPGA_OK || (*value & mask) == expected)
			return r;
		if (us >= timeout_us)
			return FPGA_BUSY;
		usleep(1000);
	}
}

static fpga_result odd_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	tell(handle, 1, wsid);
	tell(handle, 2, offset);
	tell(handle, 3, len);
	return FPGA_OK;
}

static fpga_result odd_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	odd_push(handle, wsid, offset, len);
	return FPGA_RECONF_ERROR; /* one that nobody else would answer with */
}

static fpga_result odd_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info)
{
	(void)handle;
	if (num)
		return FPGA_INVALID_PARAM;
	*info = (struct opaex_mmio_info){ .size = REGS,
					  .flags = OPAEX_MMIO_TRAPPED | OPAEX_MMIO_READ |
						   OPAEX_MMIO_WRITE };
	return FPGA_OK;
}

static fpga_result odd_reset(fpga_handle handle)
{
	memset(((struct odd_handle *)handle)->regs, 0, REGS);
	return FPGA_OK;
}

static fpga_result odd_prepare(fpga_handle handle, uint64_t len, void **buf, uint64_t *wsid,
			       int flags)
{
	struct odd_handle *h = handle;

	if (!buf || !len || flags)
		return FPGA_INVALID_PARAM;
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (!h->buffers[i]) {
			h->buffers[i] = len > ODD_BUFFER ? NULL : malloc(ODD_BUFFER);
			*wsid = i + 1;
			*buf = h->buffers[i];
			return h->buffers[i] ? FPGA_OK : FPGA_NO_MEMORY;
		}
	return FPGA_NO_MEMORY;
}

static fpga_result odd_release(fpga_handle handle, uint64_t wsid)
{
	struct odd_handle *h = handle;

	if (!wsid || wsid > BUFFERS || !h->buffers[wsid - 1])
		return FPGA_INVALID_PARAM;
	free(h->buffers[wsid - 1]);
	h->buffers[wsid - 1] = NULL;
	return FPGA_OK;
}

static fpga_result odd_io_address(fpga_handle handle, uint64_t wsid, uint64_t *io)
{
	struct odd_handle *h = handle;

	if (!wsid || wsid > BUFFERS || !h->buffers[wsid - 1])
		return FPGA_NOT_FOUND;
	*io = wsid << 20;
	return FPGA_OK;
}

static fpga_result odd_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *io, void **buf, uint64_t *len)
{
	fpga_result r = odd_io_address(handle, wsid, io);

	if (r != FPGA_OK)
		return r;
	*buf = ((struct odd_handle *)handle)->buffers[wsid - 1];
	*len = ODD_BUFFER;
	return FPGA_OK;
}

static fpga_result odd_pin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	(void)buf;
	odd_push(handle, 0, len, ioaddr);
	return FPGA_OK;
}

static fpga_result odd_unpin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	(void)buf;
	odd_push(handle, 1, len, ioaddr);
	return FPGA_OK;
}

static fpga_result odd_event(void *instance, fpga_event_handle *eh)
{
	int *fd = malloc(sizeof(*fd));

	(void)instance;
	if (!fd)
		return FPGA_NO_MEMORY;
	*fd = eventfd(0, EFD_CLOEXEC);
	*eh = fd;
	return FPGA_OK;
}

static fpga_result odd_destroy_event(fpga_event_handle *eh)
{
	close(*(int *)*eh);
	free(*eh);
	return FPGA_OK;
}

static fpga_result odd_event_fd(const fpga_event_handle eh, int *fd)
{
	*fd = *(const int *)eh;
	return FPGA_OK;
}

static fpga_result odd_register(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				uint32_t flags)
{
	(void)handle;
	(void)eh;
	(void)flags;
	return type == FPGA_EVENT_INTERRUPT ? FPGA_OK : FPGA_NOT_SUPPORTED;
}

static fpga_result odd_unregister(fpga_handle handle, fpga_event_type type, fpga_event_handle eh)
{
	return odd_register(handle, type, eh, 0);
}

static fpga_result odd_destroy_object(fpga_object *object)
{
	if (ODD == CALLS_BACK)
		call_back();
	free(*object);
	return FPGA_OK;
}

static void fill(opae_api_adapter_table *t)
{
	t->initialize = odd_initialize;
	t->finalize = odd_finalize;
	t->enumerate = odd_enumerate;
	t->fpgaCloneToken = odd_clone;
	t->fpgaDestroyToken = odd_destroy;
	t->fpgaUpdateProperties = odd_update;
	if (ODD == WINDOWS)
		t->known_properties = odd_known;
	t->parent_of = odd_parent;
	t->fpgaOpen = odd_open;
	t->fpgaClose = odd_close;
	if (ODD == SMALLER)
		return;
	t->fpgaReset = odd_reset;
	t->fpgaGetPropertiesFromHandle = odd_from_handle;
	t->fpgaReadMMIO64 = odd_read64;
	t->fpgaWriteMMIO64 = odd_write64;
	t->mmio_info = odd_info;
	if (ODD == WINDOWS || ODD == BAD_WINDOWS)
		t->mmio_window = odd_window;
	t->fpgaPrepareBuffer = odd_prepare;
	t->fpgaReleaseBuffer = odd_release;
	t->fpgaGetIOAddress = odd_io_address;
	t->get_ws_info = odd_ws_info;
	t->pin_buffer = odd_pin;
	t->unpin_buffer = odd_unpin;
	if (ODD == FAR_AWAY) {
		t->poll_mmio = odd_poll;
		t->push_buffer = odd_push;
		t->pull_buffer = odd_pull;
	}
	t->create_event = odd_event;
	t->fpgaDestroyEventHandle = odd_destroy_event;
	t->fpgaGetOSObjectFromEventHandle = odd_event_fd;
	t->fpgaRegisterEvent = odd_register;
	t->fpgaUnregisterEvent = odd_unregister;
	t->fpgaDestroyObject = odd_destroy_object;
	odd_fill_objects(t);
}

static void read_config(struct model *m, const char *json)
{
	struct json_object *top = json_tokener_parse(json), *o;

	m->devices = 1;
	if (json_object_object_get_ex(top, "devices", &o))
		m->devices = (uint32_t)json_object_get_int(o);
	if (json_object_object_get_ex(top, "segment", &o))
		m->segment = (uint16_t)json_object_get_int(o);
	if (json_object_object_get_ex(top, "hostname", &o))
		strncpy(m->hostname, json_object_get_string(o), sizeof(m->hostname) - 1);
	json_object_put(top);
}

int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	struct model *m;

	if (ODD == CONFIGURE_FAILS)
		return FPGA_NO_DRIVER;
	if (ODD == EMPTY)
		return 0;
	if (ODD == CALLS_BACK)
		call_back();
	m = calloc(1, sizeof(*m));
	if (!m)
		return FPGA_NO_MEMORY;
	m->next = models;
	models = m;
	m->host = table->host;
	read_config(m, json);
	table->instance = m;
	fill(table);
	if (ODD == SMALLER)
		table->supports_host = NULL;
	else
		table->supports_host = *m->hostname ? odd_supports_host : NULL;
	if (ODD == LARGER)
		memset((char *)table + sizeof(*table), 0xff, 256);
	if (ODD == CONFIGURE_OVERRUNS)
		memset((char *)table + sizeof(*table), 0, 8);
	return 0;
}

#endif
