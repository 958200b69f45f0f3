/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel's DFL driver does when a card is not there as it was: a reconfiguration that fails, a
 * port that is given away and back, the driver unbound and the card removed under open descriptors. As root.
 *
 *     dfl_odd ADDRESS      prints TAP; what differs between kernels is a comment
 *
 * Seen with 6.1.192 and 6.12.107, of a device whose driver was unbound, by a descriptor of before:
 *
 *   - GET_API_VERSION answers as before. PORT_RESET, PORT_UINT_ and PORT_ERR_ and all of the FME's: EINVAL.
 *   - PORT_GET_INFO, PORT_GET_REGION_INFO, PORT_DMA_MAP, PORT_DMA_UNMAP and mmap() of a port make the
 *     kernel read through a null pointer, with a lock held for which the end of the process then waits: it
 *     stays for good, and so does who waits for it. They are not tried here.
 *   - A mapping of registers stays and reads and writes the card.
 *   - The last close() of a port frees the interrupts that were freed before. With more than two of them
 *     that is an access to a pointer that is none: the calling thread is ended by SIGSEGV, and where it is
 *     the process's end that closes, the process stays for good. Here a child does it that has nothing
 *     else to lose. The card can be bound again afterwards.
 *   - The last close() of an FME goes well as long as what it frees for a second time was not used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/raw/dfl.h"

#define NLB0 "d8424dc4a4a3c413f89e433683f9040b"
#define UNKNOWN "00112233445566778899aabbccddeeff"
#define GUID_LOW 0x08
#define GUID_LOW_NLB0 UINT64_C(0xf89e433683f9040b)
#define DRIVER "/sys/bus/pci/drivers/dfl-pci/"

static const char *address;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!good)
		printf("# %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

static void find(struct dfl *fme, struct dfl *port)
{
	raw_check(dfl_find(address, "dfl-fme", 0, fme) && dfl_find(address, "dfl-port", 0, port),
		  "the card has its nodes");
	raw_check(dfl_says(port, "afu_id", NLB0), "and an accelerator that is not held in reset");
}

static void rebind(void)
{
	raw_check(put(DRIVER "unbind", address), "the driver is unbound");
	raw_check(put(DRIVER "bind", address), "and bound");
}

/* The driver counts what it disables, and after a failure it does not count back. */
static void failed_reconfiguration(void)
{
	struct dfl fme, port;
	char text[64];
	int fd;

	find(&fme, &port);
	fd = dfl_open(&fme, 0);
	raw_check(dfl_reconfigure(fd, UNKNOWN, 4096, 0) == -EIO, "an accelerator that no card knows");
	raw_check(dfl_read(&port, "afu_id", text, sizeof(text)) == -EBUSY, "and the port is in reset");
	raw_check(dfl_reconfigure(fd, NLB0, 4096, 0) == 0, "one that it knows");
	printf("# afterwards: %s\n",
	       dfl_read(&port, "afu_id", text, sizeof(text)) < 0 ? "still held in reset" : text);
	close(fd);
	rebind();
	find(&fme, &port);
}

static void given_away(void)
{
	struct dfl fme, port;
	int32_t id = 0;
	int fd, again;

	find(&fme, &port);
	fd = dfl_open(&fme, 0);
	raw_check(dfl_ioctl(fd, DFL_FPGA_FME_PORT_RELEASE, &id) == 0, "a port is released");
	raw_check(access(port.node, F_OK) && access(port.path, F_OK), "and its node is gone");
	raw_check(dfl_ioctl(fd, DFL_FPGA_FME_PORT_RELEASE, &id) == -EBUSY, "once");
	raw_check(dfl_ioctl(fd, DFL_FPGA_FME_PORT_ASSIGN, &id) == 0, "it is assigned");
	raw_check(!access(port.node, F_OK) && !access(port.path, F_OK), "and its node is there again");
	raw_check(dfl_ioctl(fd, DFL_FPGA_FME_PORT_ASSIGN, &id) == -EBUSY, "once");
	again = dfl_try_open(&port, 0);
	/* 6.1 and 6.12 add the same device a second time, which it takes for one that is going. */
	printf("# opening it: %s\n", again < 0 ? strerror(-again) : "done");
	raw_check(again >= 0 || again == -ENXIO, "with its driver, or without");
	if (again >= 0)
		close(again);
	close(fd);
	rebind();
	find(&fme, &port);
}

/* The parent's descriptor is not the last one then. */
static void last_close(int fd)
{
	int ends[2], status = 0;
	pid_t child;
	char c;

	if (pipe(ends))
		exit(1);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 && close(fd) == 0 ? 0 : 1);
	}
	close(fd);
	close(ends[0]);
	close(ends[1]);
	raw_check(child > 0 && waitpid(child, &status, 0) == child, "a child closes the port, and ends");
	printf("# by %s\n", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "itself");
}

/* How the card goes, with its nodes open; it comes back by another file. */
static void gone(const char *how, const char *text, const char *back, const char *text_back)
{
	void *page = dfl_memory(4096, 0);
	struct dfl fme, port;
	uint64_t size, iova;
	unsigned char *afu;
	int fme_fd, port_fd;
	char told[64];

	find(&fme, &port);
	fme_fd = dfl_open(&fme, 0);
	port_fd = dfl_open(&port, 0);
	afu = dfl_map_region(port_fd, DFL_PORT_REGION_INDEX_AFU, &size);
	raw_check(dfl_map(port_fd, page, 4096, &iova) == 0, "a page is mapped");
	raw_check(put(how, text), "the card goes under open nodes");
	raw_check(access(port.node, F_OK) && access(fme.node, F_OK), "the nodes are gone");
	raw_check(dfl_read(&port, "afu_id", told, sizeof(told)) == -ENOENT, "and the attributes");
	raw_check(dfl_ioctl(port_fd, DFL_FPGA_GET_API_VERSION, NULL) == 0, "the version is still told");
	raw_check(dfl_ioctl(port_fd, DFL_FPGA_PORT_RESET, NULL) == -EINVAL, "no reset");
	raw_check(dfl_ioctl(fme_fd, DFL_FPGA_FME_PORT_RELEASE, &(int32_t){ 0 }) == -EINVAL, "no release");
	raw_check(dfl_reconfigure(fme_fd, NLB0, 4096, 0) == -EINVAL, "no reconfiguration");
	raw_check(dfl_load64(afu, GUID_LOW) == GUID_LOW_NLB0, "the mapped registers are there");
	munmap(afu, size);
	close(fme_fd);
	last_close(port_fd);
	munmap(page, 4096);
	raw_check(put(back, text_back), "the card comes back");
	find(&fme, &port);
}

int main(int argc, char *argv[])
{
	char remove[128];

	if (argc != 2) {
		fprintf(stderr, "usage: dfl_odd ADDRESS\n");
		return 2;
	}
	address = argv[1];
	snprintf(remove, sizeof(remove), "/sys/bus/pci/devices/%s/remove", address);
	failed_reconfiguration();
	given_away();
	gone(DRIVER "unbind", address, DRIVER "bind", address);
	gone(remove, "1", "/sys/bus/pci/rescan", "1");
	return raw_end();
}
