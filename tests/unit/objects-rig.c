/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/objects-rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "plugins/local/object.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"

opae_api_adapter_table table;
struct token token;
struct instance inst;
struct handle handle;

int objects_up(void **state)
{
	(void)state;
	fill_objects(&table);
	card_make();
	put_text(CARD_FME "/bitstream_id", "0x501020222df1b7a\n");
	put_text(CARD_FME "/dev", "240:0\n");
	put_text(CARD_FME "/errors/fme_errors", "0x4\n");
	put_text(CARD_FME "/errors/pcie0_errors", "0x0\n");
	put_text(CARD_FME "/hwmon/hwmon0/temp1_input", "45000\n");
	put_text(CARD_FME "/hwmon/hwmon0/temp2_input", "-5000\n");
	put_text(CARD_FME "/hwmon/hwmon1/power1_input", "9000000\n");
	put_link(CARD_FME "/hwmon/hwmon0/device", "../../../dfl-fme.0");
	put_link(CARD_FME "/subsystem", "../../../../../../class/fpga_region");
	put_link(CARD_FME "/linked_id", "bitstream_id");
	token = card_token(DFL_FME);
	handle = card_handle(&inst, DFL_FME);
	inst.handles = &handle;
	return 0;
}

int objects_down(void **state)
{
	(void)state;
	sys_set(NULL);
	fake_tree_remove();
	return 0;
}

/* ---- short forms ---- */

fpga_object from_token(const char *name, int flags)
{
	fpga_object o = NULL;
	fpga_result r = table.fpgaTokenGetObject(&token, name, &o, flags);

	if (r != FPGA_OK)
		fail_msg("%s: %d: %s", name, r, said);
	return o;
}

fpga_object from_handle(const char *name, int flags)
{
	fpga_object o = NULL;
	fpga_result r = table.fpgaHandleGetObject(&handle, name, &o, flags);

	if (r != FPGA_OK)
		fail_msg("%s: %d: %s", name, r, said);
	return o;
}

fpga_result try_name(const char *name, int flags)
{
	fpga_object o = (fpga_object)&token;
	fpga_result r;

	memset(said, 0, sizeof(said));
	r = table.fpgaTokenGetObject(&token, name, &o, flags);
	if (r == FPGA_OK)
		table.fpgaDestroyObject(&o);
	else
		assert_ptr_equal(o, &token); /* only written on success */
	return r;
}

uint32_t size_of(fpga_object o)
{
	uint32_t n = 12345;

	assert_int_equal(table.fpgaObjectGetSize(o, &n, 0), FPGA_OK);
	return n;
}

bool is_container(fpga_object o)
{
	enum fpga_sysobject_type t;

	assert_int_equal(table.fpgaObjectGetType(o, &t), FPGA_OK);
	return t == FPGA_OBJECT_CONTAINER;
}

/* Compares the text, and destroys it. */
void is_text(fpga_object o, const char *want)
{
	uint32_t n = size_of(o);
	char *text = calloc(1, n + 1u);

	assert_non_null(text);
	assert_false(is_container(o));
	assert_int_equal(n, strlen(want));
	assert_int_equal(table.fpgaObjectRead(o, (uint8_t *)text, 0, n, 0), FPGA_OK);
	assert_string_equal(text, want);
	free(text);
	table.fpgaDestroyObject(&o);
	assert_null(o);
}

fpga_object child(fpga_object parent, size_t i)
{
	fpga_object o = NULL;

	assert_int_equal(table.fpgaObjectGetObjectAt(parent, i, &o), FPGA_OK);
	return o;
}

void destroy(fpga_object o)
{
	assert_int_equal(table.fpgaDestroyObject(&o), FPGA_OK);
}
