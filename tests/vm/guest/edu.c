/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/vm/guest/edu.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"

#define USER 1000
#define CONFIG_SPACE ((off_t)7 << 40) /* vfio-pci: a region's index stands above bit 40 */
#define PATIENCE_S 10

/* ---- the library ---- */

const char *edu_way(void)
{
	const char *way = getenv("OPAE_TEST_WAY");

	return way ? way : "auto";
}

/* The first of several processes makes it. Nothing is cleaned up: the guest ends. */
void edu_own_inventory(void)
{
	static char dir[] = "/tmp/edu.XXXXXX";

	if (!getenv("OPAEX_INVENTORY_DIR") && mkdtemp(dir))
		setenv("OPAEX_INVENTORY_DIR", dir, 1);
}

void edu_library(const char *more)
{
	char path[] = "/tmp/opae.cfg.XXXXXX";
	int fd = mkstemp(path);

	edu_own_inventory();
	assert_true(fd >= 0);
	dprintf(fd,
		"{\"configurations\": {\"vfio\": {\"enabled\": true, \"plugin\": \"libv-opae.so\", "
		"\"configuration\": {\"sockets\": [], \"kernel\": \"%s\", \"devices\": "
		"[{\"device\": \"1234:11e8\", \"guid\": \"" EDU_GUID "\"}%s%s]}}}, \"plugins\": [\"vfio\"]}",
		edu_way(), more ? ", " : "", more ? more : "");
	close(fd);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	unlink(path);
}

fpga_token edu_token(const char *guid, uint32_t *num)
{
	fpga_properties filter = NULL;
	fpga_token list[4] = { NULL };
	fpga_guid id;

	assert_int_equal(uuid_parse(guid, id), 0);
	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetGUID(filter, id), FPGA_OK);
	assert_int_equal(fpgaEnumerate((const fpga_properties *)&filter, 1, list, 4, num), FPGA_OK);
	fpgaDestroyProperties(&filter);
	for (uint32_t i = 1; i < *num && i < 4; i++)
		fpgaDestroyToken(&list[i]);
	return list[0];
}

fpga_handle edu_open(const char *guid)
{
	uint32_t num = 0;
	fpga_token t = edu_token(guid, &num);
	fpga_handle h = NULL;

	assert_int_equal(num, 1);
	if (fpgaOpen(t, &h, 0) != FPGA_OK)
		fail_msg("fpgaOpen: %s", opaex_error_detail());
	fpgaDestroyToken(&t);
	return h;
}

void edu_close(fpga_handle h)
{
	expect(fpgaClose(h), FPGA_OK, NULL);
}

void expect(fpga_result r, fpga_result want, const char *text)
{
	if (r != want)
		fail_msg("%d instead of %d: %s", (int)r, (int)want, opaex_error_detail());
	if (text && !strstr(opaex_error_detail(), text))
		fail_msg("\"%s\" is not in: %s", text, opaex_error_detail());
}

/* ---- registers and DMA ---- */

uint32_t edu_read(fpga_handle h, uint64_t offset)
{
	uint32_t v = 0;

	expect(fpgaReadMMIO32(h, 0, offset, &v), FPGA_OK, NULL);
	return v;
}

void edu_write(fpga_handle h, uint64_t offset, uint32_t v)
{
	expect(fpgaWriteMMIO32(h, 0, offset, v), FPGA_OK, NULL);
}

void edu_start(fpga_handle h, uint64_t io, uint32_t bytes, uint32_t command)
{
	bool to_ram = command & EDU_TO_RAM;

	assert_true(io + bytes <= EDU_REACH && bytes < 4096);
	write64(h, EDU_DMA_SRC, to_ram ? EDU_BUFFER : io);
	write64(h, EDU_DMA_DST, to_ram ? io : EDU_BUFFER);
	write64(h, EDU_DMA_COUNT, bytes);
	write64(h, EDU_DMA_CMD, command | EDU_START);
}

void edu_wait(fpga_handle h)
{
	await_register(h, EDU_DMA_CMD, EDU_START, 0);
}

void edu_dma(fpga_handle h, uint64_t io, uint32_t bytes, uint32_t command)
{
	edu_start(h, io, bytes, command);
	edu_wait(h);
}

void edu_copy(fpga_handle h, uint64_t from, uint64_t to, uint32_t bytes)
{
	edu_dma(h, from, bytes, 0);
	edu_dma(h, to, bytes, EDU_TO_RAM);
}

/* ---- what the process has ---- */

uint64_t pinned_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v, sum = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %llu", &v) == 1 || sscanf(line, "VmPin: %llu", &v) == 1)
			sum += v;
	fclose(f);
	return sum;
}

int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* "anon_inode:[vfio-device]" of a group's device, "/dev/vfio/devices/vfio0" by its own node. */
static bool is_device(const char *fd)
{
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%.16s", fd);
	return readlink(path, link, sizeof(link) - 1) > 0 &&
	       (strstr(link, "[vfio-device]") || strstr(link, "/vfio/devices/"));
}

int vfio_fd(uint16_t vendor, uint16_t device)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;
	int found = -1;

	assert_non_null(d);
	while (found < 0 && (e = readdir(d))) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		uint16_t id[2];

		if (is_device(e->d_name) && pread(fd, id, sizeof(id), CONFIG_SPACE) == sizeof(id) &&
		    id[0] == vendor && id[1] == device)
			found = fd;
	}
	closedir(d);
	return found;
}

void memory_off(int fd)
{
	uint16_t command;

	assert_int_equal(pread(fd, &command, sizeof(command), CONFIG_SPACE + PCI_COMMAND), sizeof(command));
	command &= (uint16_t)~PCI_COMMAND_MEMORY;
	assert_int_equal(pwrite(fd, &command, sizeof(command), CONFIG_SPACE + PCI_COMMAND), sizeof(command));
}

/* ---- what needs root ---- */

static int to_root = -1, from_root = -1;

static void serve(int in, int out)
{
	char script[1024];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((n = read(in, script, sizeof(script) - 1)) > 0) {
		int status;

		script[n] = 0;
		status = system(script);
		if (write(out, &status, sizeof(status)) != sizeof(status))
			break;
	}
	_exit(0);
}

void root_leave(void)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		abort();
	if (fork() == 0)
		serve(there[0], back[1]);
	close(there[0]);
	close(back[1]);
	to_root = there[1];
	from_root = back[0];
	/* /proc/self stays readable. */
	if (setgid(USER) || setuid(USER) || prctl(PR_SET_DUMPABLE, 1))
		abort();
}

void root_begin(const char *script)
{
	size_t n = strlen(script);

	assert_int_equal(write(to_root, script, n), n);
}

bool root_wait(int timeout_ms, int *code)
{
	struct pollfd p = { .fd = from_root, .events = POLLIN };
	int status = 0;

	if (poll(&p, 1, timeout_ms) != 1)
		return false;
	assert_int_equal(read(from_root, &status, sizeof(status)), sizeof(status));
	*code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return true;
}

int root(const char *script)
{
	int code = -1;

	root_begin(script);
	if (!root_wait(PATIENCE_S * 1000, &code))
		fail_msg("not done within %d s: %s", PATIENCE_S, script);
	return code;
}

/* ---- another process ---- */

pid_t again(const char *argument, const char *variable, const char *value, int *out)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (variable)
			setenv(variable, value, 1);
		dup2(ends[1], 1);
		execl("/proc/self/exe", "again", argument, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	close(ends[1]);
	*out = ends[0];
	return pid;
}

void await_line(int fd, const char *line)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char got[256] = "";
	size_t n = 0;

	while (n < sizeof(got) - 1 && poll(&p, 1, PATIENCE_S * 1000) == 1 && read(fd, got + n, 1) == 1 &&
	       got[n] != '\n')
		n++;
	got[n] = 0;
	assert_string_equal(got, line);
}
