/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual functions of a physical one that is with vfio-pci too: the kernel gives them only to who knows the
 * token. QEMU's igb has them; $OPAE_TEST_PF is the address of the physical one.
 */
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define VF_GUID "0f0f0f0f-0000-1111-2222-333333333333"
#define OTHER_TOKEN "12345678-1234-1234-1234-123456789abc"

/* The last part of what a link of the physical function's points to. */
static void link_of(const char *name, char ret[64])
{
	char path[256], to[256] = "";

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", getenv("OPAE_TEST_PF"), name);
	assert_true(readlink(path, to, sizeof(to) - 1) > 0);
	snprintf(ret, 64, "%.63s", strrchr(to, '/') + 1);
}

/* The virtual function that `which` names, by a library that has this token (NULL: none is given). */
static void library(const char *which, const char *token)
{
	char more[256], address[64];

	link_of(which, address);
	snprintf(more, sizeof(more), "{\"device\": \"%s\", \"guid\": \"" VF_GUID "\"%s%s%s}", address,
		 token ? ", \"vf_token\": \"" : "", token ? token : "", token ? "\"" : "");
	edu_library(more);
}

static fpga_result open_it(fpga_handle *h)
{
	uint32_t n = 0;
	fpga_token t = edu_token(VF_GUID, &n), all[4];
	fpga_result r;

	if (!n) { /* of one that could not be looked at nothing is known but that it is there */
		expect(fpgaEnumerate(NULL, 0, all, 4, &n), FPGA_OK, NULL);
		assert_int_equal(n, 1);
		t = all[0];
	}
	r = fpgaOpen(t, h, 0);
	fpgaDestroyToken(&t);
	return r;
}

/* Opens, says so, and holds until it is killed. */
static _Noreturn void hold_program(void)
{
	fpga_handle h = NULL;
	fpga_result r;

	library("virtfn1", NULL);
	r = open_it(&h);
	puts(r == FPGA_OK ? "held" : opaex_error_detail());
	fflush(stdout);
	for (;;)
		pause();
}

/* What has the physical function and another token: no program of ours. */
static _Noreturn void stranger_program(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), device = -1;
	char name[128], number[64];
	int group;

	link_of("iommu_group", number);
	snprintf(name, sizeof(name), "/dev/vfio/%s", number);
	group = open(name, O_RDWR | O_CLOEXEC);
	snprintf(name, sizeof(name), "%s vf_token=" OTHER_TOKEN, getenv("OPAE_TEST_PF"));
	if (!ioctl(group, VFIO_GROUP_GET_STATUS, &status) &&
	    !ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) &&
	    !ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	puts(device >= 0 ? "held" : "failed");
	fflush(stdout);
	for (;;)
		pause();
}

static void end(pid_t pid, int out)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(out);
}

static void works(fpga_handle h)
{
	struct shared s = shared_new(h, 4096);
	uint32_t v = 0;

	expect(fpgaReadMMIO32(h, 0, 8, &v), FPGA_OK, NULL); /* its status register */
	assert_int_not_equal(v, UINT32_MAX);
	shared_free(h, &s);
}

static void two_processes_have_one_each(void **state)
{
	fpga_handle h = NULL;
	int out;
	pid_t pid;

	(void)state;
	library("virtfn0", NULL);
	expect(open_it(&h), FPGA_OK, NULL);
	works(h);
	pid = again("hold", NULL, NULL, &out);
	await_line(out, "held");
	works(h);
	edu_close(h);
	expect(open_it(&h), FPGA_OK, NULL);
	end(pid, out);
	works(h);
	edu_close(h);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
}

/* The token that this user's processes share, as the configuration takes it. */
static void read_token(char text[37])
{
	char path[256];
	uuid_t token;
	FILE *f;

	snprintf(path, sizeof(path), "%s/vf-token", getenv("OPAEX_INVENTORY_DIR"));
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(token, sizeof(token), 1, f), 1);
	fclose(f);
	uuid_unparse(token, text);
}

static void a_token_of_the_configuration(void **state)
{
	fpga_handle h = NULL;
	char token[37];

	(void)state;
	library("virtfn0", OTHER_TOKEN);
	expect(open_it(&h), FPGA_NO_ACCESS, "wants the VF token of its physical function");
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	read_token(token);
	library("virtfn0", token);
	expect(open_it(&h), FPGA_OK, NULL);
	works(h);
	edu_close(h);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
}

static void the_physical_function_is_somebody_elses(void **state)
{
	fpga_handle h = NULL;
	int out;
	pid_t pid = again("stranger", NULL, NULL, &out);

	(void)state;
	await_line(out, "held");
	library("virtfn0", NULL);
	expect(open_it(&h), FPGA_NO_ACCESS, "\"vf_token\" in the configuration");
	expect(open_it(&h), FPGA_NO_ACCESS, "is open already, in another process");
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	library("virtfn0", OTHER_TOKEN);
	expect(open_it(&h), FPGA_OK, NULL);
	works(h);
	edu_close(h);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	end(pid, out);
	library("virtfn0", NULL); /* the token is what we set again */
	expect(open_it(&h), FPGA_OK, NULL);
	edu_close(h);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processes_have_one_each),
		cmocka_unit_test(a_token_of_the_configuration),
		cmocka_unit_test(the_physical_function_is_somebody_elses),
	};
	/* Linux 6.12 asks for none when a function is opened by its own node. */
	const struct CMUnitTest without_token[] = { cmocka_unit_test(two_processes_have_one_each) };

	if (argc == 2 && !strcmp(argv[1], "hold"))
		hold_program();
	if (argc == 2)
		stranger_program();
	return strcmp(edu_way(), "iommufd") ? RUN(tests) : RUN(without_token);
}
