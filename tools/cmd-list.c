/* SPDX-License-Identifier: BSD-3-Clause */
/* opae list, opae info: what there is, for a glance and in full. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/emu-dir.h"
#include "doctor.h"
#include "opae.h"

/* AFUs that many boards carry, so that a list reads as names and not as numbers. */
static const struct {
	const char *guid, *name;
} known_afus[] = {
	{ "d8424dc4-a4a3-c413-f89e-433683f9040b", "NLB0 loopback" },
	{ "850adcc2-6ceb-4b22-9722-d43375b61c66", "hello_afu" },
	{ "56e203e9-864f-49a7-b94b-12284c31e02b", "HE-LB" },
	{ "8568ab4e-6ba5-4616-bb65-2a578330a8eb", "HE-MEM" },
	{ "d1db1b15-92cd-4b6d-b837-abf910213b89", "script" },
	{ "a572c2c2-324b-4afb-8d23-3022bd035404", "poller" },
};

const char *afu_name(const char *guid)
{
	for (size_t i = 0; i < sizeof(known_afus) / sizeof(known_afus[0]); i++)
		if (!strcmp(guid, known_afus[i].guid))
			return known_afus[i].name;
	return "";
}

static const char *interface_name(fpga_interface ifc)
{
	static const char *const names[] = { [FPGA_IFC_DFL] = "dfl",
					     [FPGA_IFC_VFIO] = "vfio",
					     [FPGA_IFC_SIM_DFL] = "sim-dfl",
					     [FPGA_IFC_SIM_VFIO] = "sim-vfio",
					     [FPGA_IFC_UIO] = "uio" };

	return (unsigned int)ifc < sizeof(names) / sizeof(names[0]) ? names[ifc] : "?";
}

/* Why the property that was just asked for is not set. */
static void read_why(char *out, size_t len)
{
	static const char before[] = "not set: ";
	const char *why = strstr(opaex_error_detail(), before);

	if (why)
		snprintf(out, len, "%s", why + strlen(before));
}

/* An accelerator that this user may not look at is listed all the same. */
static void read_state(fpga_properties p, struct token_row *row)
{
	fpga_accelerator_state state;

	if (fpgaPropertiesGetAcceleratorState(p, &state) == FPGA_OK)
		row->state = state == FPGA_ACCELERATOR_ASSIGNED ? "in use" : "free";
	else
		read_why(row->why, sizeof(row->why));
}

void token_row_read(fpga_properties p, struct token_row *row)
{
	fpga_interface ifc;
	uint8_t b = 0, d = 0, f = 0;
	uint32_t slots;
	uint16_t s = 0;
	fpga_guid guid;

	memset(row, 0, sizeof(*row));
	row->state = row->interface = "-";
	memcpy(row->address, "-", 2);
	memcpy(row->guid, "-", 2);
	if (fpgaPropertiesGetSegment(p, &s) == FPGA_OK && fpgaPropertiesGetBus(p, &b) == FPGA_OK &&
	    fpgaPropertiesGetDevice(p, &d) == FPGA_OK &&
	    fpgaPropertiesGetFunction(p, &f) == FPGA_OK)
		snprintf(row->address, sizeof(row->address), "%04x:%02x:%02x.%x", s, b, d, f);
	fpgaPropertiesGetObjectType(p, &row->type);
	fpgaPropertiesGetObjectID(p, &row->object_id);
	if (fpgaPropertiesGetGUID(p, &guid) == FPGA_OK)
		uuid_unparse_lower(guid, row->guid);
	else if (row->type == FPGA_ACCELERATOR) /* a device may have none */
		read_why(row->guid_why, sizeof(row->guid_why));
	if (fpgaPropertiesGetInterface(p, &ifc) == FPGA_OK)
		row->interface = interface_name(ifc);
	if (fpgaPropertiesGetHostname(p, row->host, sizeof(row->host)) != FPGA_OK)
		*row->host = 0;
	if (row->type == FPGA_ACCELERATOR)
		read_state(p, row);
	if (row->type == FPGA_DEVICE && fpgaPropertiesGetNumSlots(p, &slots) == FPGA_OK)
		snprintf(row->name, sizeof(row->name), "%u slot%s", slots, slots == 1 ? "" : "s");
	else
		snprintf(row->name, sizeof(row->name), "%s", afu_name(row->guid));
}

const char *type_name(fpga_objtype t)
{
	return t == FPGA_DEVICE ? "device" : "accelerator";
}

/* Adds a number when the property is set. */
#define ADD(obj, key, type, getter)                                                                \
	do {                                                                                       \
		type v_;                                                                           \
		if (getter(p, &v_) == FPGA_OK)                                                     \
			json_object_object_add(obj, key, json_u64((uint64_t)v_));                  \
	} while (0)

static struct json_object *properties_json(fpga_properties p)
{
	struct json_object *o = json_object_new_object();
	struct token_row row;

	token_row_read(p, &row);
	json_object_object_add(o, "address", json_object_new_string(row.address));
	json_object_object_add(o, "type", json_object_new_string(type_name(row.type)));
	json_object_object_add(o, "guid", json_object_new_string(row.guid));
	if (*row.guid_why)
		json_object_object_add(o, "guid_reason", json_object_new_string(row.guid_why));
	json_object_object_add(o, "state", json_object_new_string(row.state));
	if (*row.why)
		json_object_object_add(o, "state_reason", json_object_new_string(row.why));
	json_object_object_add(o, "interface", json_object_new_string(row.interface));
	if (row.object_id)
		json_add_object_id(o, row.object_id);
	ADD(o, "vendor_id", uint16_t, fpgaPropertiesGetVendorID);
	ADD(o, "device_id", uint16_t, fpgaPropertiesGetDeviceID);
	ADD(o, "subsystem_vendor_id", uint16_t, fpgaPropertiesGetSubsystemVendorID);
	ADD(o, "subsystem_device_id", uint16_t, fpgaPropertiesGetSubsystemDeviceID);
	ADD(o, "socket_id", uint8_t, fpgaPropertiesGetSocketID);
	ADD(o, "num_errors", uint32_t, fpgaPropertiesGetNumErrors);
	if (row.type == FPGA_DEVICE) {
		ADD(o, "num_slots", uint32_t, fpgaPropertiesGetNumSlots);
		ADD(o, "bbs_id", uint64_t, fpgaPropertiesGetBBSID);
	} else {
		ADD(o, "num_mmio", uint32_t, fpgaPropertiesGetNumMMIO);
		ADD(o, "num_interrupts", uint32_t, fpgaPropertiesGetNumInterrupts);
	}
	if (*row.host)
		json_object_object_add(o, "hostname", json_object_new_string(row.host));
	return o;
}

/* ---- at a glance ---- */

#define LINE_MAX_COLUMNS 100u
#define BEFORE_NAME (12u + 1 + 11 + 1 + 6 + 1 + 36 + 2)

/* How lines look: hosts are told when one is not this machine, and then the interface has no room. */
struct columns {
	bool hosts, beside; /* in the line itself, for there is room */
	int name;
};

static void measure(fpga_token *list, uint32_t n, struct columns *c)
{
	size_t name = sizeof("NAME") - 1, host = 0;
	struct token_row row;
	fpga_properties p;

	for (uint32_t i = 0; i < n; i++) {
		if (fpgaGetProperties(list[i], &p) != FPGA_OK)
			continue;
		token_row_read(p, &row);
		fpgaDestroyProperties(&p);
		name = strlen(row.name) > name ? strlen(row.name) : name;
		host = strlen(row.host) > host ? strlen(row.host) : host;
	}
	c->hosts = host > 0;
	c->beside = BEFORE_NAME + name + 2 + host <= LINE_MAX_COLUMNS;
	c->name = (int)name;
}

static void print_line(const struct columns *c, const char *address, const char *type, const char *state,
		       const char *interface, const char *guid, const char *name, const char *host)
{
	if (!c->hosts)
		printf("%-14s %-12s %-7s %-9s %s%s%s\n", address, type, state, interface, guid,
		       *name ? "  " : "", name);
	else if (c->beside)
		printf("%-12s %-11s %-6s %-36s  %-*s  %s\n", address, type, state, guid, c->name, name,
		       *host ? host : "-");
	else
		printf("%-12s %-11s %-6s %-36s%s%s\n%-12s on %s\n", address, type, state, guid,
		       *name ? "  " : "", name, "", *host ? host : "this machine");
}

static void print_head(const struct columns *c)
{
	if (c->hosts && c->beside)
		print_line(c, "ADDRESS", "TYPE", "STATE", "", "GUID", "NAME", "HOST");
}

static void print_glance(fpga_properties p, const struct columns *c)
{
	struct token_row row;

	token_row_read(p, &row);
	print_line(c, row.address, type_name(row.type), row.state, row.interface, row.guid, row.name,
		   row.host);
	if (*row.why)
		printf("%-14s %s\n", "", row.why);
	if (*row.guid_why)
		printf("%-14s %s\n", "", row.guid_why);
}

/* The same as another key, in another form. */
static bool is_for_json_alone(const char *key)
{
	size_t len = strlen(key);

	return len > 4 && !strcmp(key + len - 4, "_hex");
}

static void print_full(fpga_properties p, const struct columns *c)
{
	struct json_object *o = properties_json(p);

	(void)c;
	json_object_object_foreach(o, key, value)
	{
		if (is_for_json_alone(key))
			continue;
		if (json_object_is_type(value, json_type_string))
			printf("%-20s %s\n", key, json_object_get_string(value));
		else if (strstr(key, "_id"))
			printf("%-20s 0x%" PRIx64 "\n", key, json_object_get_uint64(value));
		else
			printf("%-20s %" PRIu64 "\n", key, json_object_get_uint64(value));
	}
	printf("\n");
	json_object_put(o);
}

/* A plugin that does not work may be why. */
static void say_what_failed(void)
{
	struct opaex_plugin p;

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++)
		if (!strcmp(p.state, "failed"))
			fprintf(stderr, "The plugin \"%s\" failed: %s\n", p.name, p.reason);
}

/* One that is there, but of which nothing could be learned, and nobody has said why. */
static bool is_unknown(fpga_properties p)
{
	struct token_row row;

	token_row_read(p, &row);
	return row.type == FPGA_ACCELERATOR && !strcmp(row.guid, "-") && !*row.guid_why;
}

/* Does one of the plugins ask other machines? */
static bool asks_hosts(void)
{
	struct opaex_plugin p;
	const char *json;
	uint32_t i = 0;

	while (remote_plugin_next(&i, &p, &json))
		if (!strcmp(p.state, "ready"))
			return true;
	return false;
}

/* An emulated card is proposed where one can be started, and would be seen. */
static void say_nothing_found(const struct selector *sel)
{
	char dir[EMU_DIR_MAX];
	bool can_start = !asks_hosts() && emu_dir_path(dir, sizeof(dir)) &&
			 (emu_dir_trusted(dir) || (access(dir, F_OK) && errno == ENOENT));

	if (sel->address || sel->guid || sel->object)
		fprintf(stderr, "Nothing that fits was found. `opae list` shows what there is; `opae "
				"doctor` tells why a card is not shown.\n");
	else
		fprintf(stderr, "No accelerator was found. `opae doctor` tells why%s.\n",
			can_start ? "; `opae emu start` gives you an emulated card" : "");
}

/* Which hosts did not answer: the enumeration is none the worse for them. */
static void say_who_is_silent(void)
{
	if (asks_hosts() && *opaex_error_detail())
		fprintf(stderr, "opae: %s\n", opaex_error_detail());
}

static int show(const struct selector *sel, bool json,
		void (*print)(fpga_properties p, const struct columns *c))
{
	struct json_object *array = json ? json_object_new_array() : NULL;
	struct columns columns = { 0 };
	uint32_t n, unknown = 0;
	fpga_token *list;

	if (!tokens_find(sel, &list, &n)) {
		json_object_put(array);
		return EXIT_FAILED;
	}
	say_who_is_silent();
	if (!json && print == print_glance) {
		measure(list, n, &columns);
		print_head(&columns);
	}
	for (uint32_t i = 0; i < n; i++) {
		fpga_properties p;

		if (!ok(fpgaGetProperties(list[i], &p), "properties"))
			continue;
		unknown += is_unknown(p);
		if (json)
			json_object_array_add(array, properties_json(p));
		else
			print(p, &columns);
		fpgaDestroyProperties(&p);
	}
	tokens_free(list, n);
	if (json)
		print_json("devices", array);
	else if (!n)
		say_nothing_found(sel);
	if (unknown && !json)
		fprintf(stderr, "What is in %u of them could not be told: somebody has it, it is not for "
				"you, or it was too slow. `opae doctor` tells why.\n", unknown);
	if (!n || unknown)
		say_what_failed();
	return n ? EXIT_OK : EXIT_NOTHING_FOUND;
}

static int parse(int argc, char *argv[], struct selector *sel, bool *json)
{
	int rc = EXIT_OK;

	sel->type = -1;
	for (int i = 1; i < argc && !rc; i++) {
		if (!strcmp(argv[i], "--json"))
			*json = true;
		else if (argv[i][0] == '-')
			rc = usage_error("%s has no option '%s'", argv[0], argv[i]);
		else
			rc = selector_add(sel, argv[i]);
	}
	return rc;
}

int cmd_list(int argc, char *argv[])
{
	struct selector sel = { 0 };
	bool json = false;
	int rc = parse(argc, argv, &sel, &json);

	return rc ? rc : show(&sel, json, print_glance);
}

int cmd_info(int argc, char *argv[])
{
	struct selector sel = { 0 };
	bool json = false;
	int rc = parse(argc, argv, &sel, &json);

	return rc ? rc : show(&sel, json, print_full);
}
