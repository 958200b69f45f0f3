/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OPAE_TEST_DEVICES has a word for each card: address;name;board;mmio;afu;faults, each as opae-emu takes it
 * and empty where it has none. OPAE_TEST_KERNEL is "kernel" of v-opae's configuration, group or iommufd; or
 * it is dfl, and then the cards are those of the kernel's FPGA driver and the plugin is libxfpga.
 */
#include "tests/card/machine.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

#define MOST 16
#define FIRST_PID 0x40000000 /* no process has such an id */

enum { ADDRESS, NAME, BOARD, MMIO, AFU, FAULTS, FIELDS };

struct device {
	char *field[FIELDS];
	bool taken;
};

static struct device devices[MOST];
static unsigned int count;

static void read_device(char *word)
{
	struct device *d = &devices[count++];

	assert_true(count <= MOST);
	for (int i = 0; i < FIELDS; i++) {
		d->field[i] = strsep(&word, ";");
		assert_non_null(d->field[i]);
	}
}

bool machine_is(void)
{
	const char *given = getenv("OPAE_TEST_DEVICES");
	char *rest, *word;

	if (count || !given)
		return given;
	rest = strdup(given); /* stays */
	assert_non_null(rest);
	while ((word = strsep(&rest, " ")))
		if (*word)
			read_device(word);
	assert_true(count > 0);
	return true;
}

static bool same(const char *field, const char *want)
{
	return !strcmp(field, want ? want : "");
}

pid_t machine_take(const struct machine_card *want)
{
	for (unsigned int i = 0; i < count; i++) {
		struct device *d = &devices[i];

		if (d->taken || !same(d->field[BOARD], want->board) ||
		    !same(d->field[MMIO], want->mmio) || !same(d->field[AFU], want->afu) ||
		    !same(d->field[FAULTS], want->faults))
			continue;
		d->taken = true;
		return FIRST_PID + (pid_t)i;
	}
	return -1;
}

static struct device *of(pid_t card)
{
	assert_true(card >= FIRST_PID && card < FIRST_PID + (pid_t)count);
	return &devices[card - FIRST_PID];
}

void machine_give_back(pid_t card)
{
	assert_true(of(card)->taken);
	of(card)->taken = false;
}

void machine_give_all_back(void)
{
	for (unsigned int i = 0; i < count; i++)
		devices[i].taken = false;
}

void machine_signal(pid_t card)
{
	char command[128];

	snprintf(command, sizeof(command), "/rig/signal %s", of(card)->field[NAME]);
	assert_int_equal(system(command), 0);
}

bool machine_has_driver(void)
{
	const char *way = getenv("OPAE_TEST_KERNEL");

	return machine_is() && way && !strcmp(way, "dfl");
}

static void write_devices(FILE *f)
{
	const char *comma = "";

	for (unsigned int i = 0; i < count; i++)
		if (devices[i].taken) {
			fprintf(f, "%s\"%s\"", comma, devices[i].field[ADDRESS]);
			comma = ", ";
		}
}

/* The kernel's driver answers at once, so its plugin has none of the parameters that tests set. */
void machine_configure(FILE *f, const char *configuration)
{
	fprintf(f, "{\"devices\": [");
	write_devices(f);
	fprintf(f, "]");
	if (!machine_has_driver())
		fprintf(f, ", \"sockets\": [], \"kernel\": \"%s\"%s%s", getenv("OPAE_TEST_KERNEL"),
			configuration[1] == '}' ? "" : ", ", configuration + 1);
	else
		fprintf(f, "}");
}
