/* SPDX-License-Identifier: BSD-3-Clause */
#include "samples/afu/afu.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define WAIT_S 60

bool afu_ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	fprintf(stderr, "%s: %s\n", what, fpgaErrStr(r));
	return false;
}

static bool find(const char *text, fpga_token *token)
{
	fpga_properties filter = NULL;
	uint32_t matches = 0;
	fpga_guid guid;
	bool good;

	good = !uuid_parse(text, guid) && afu_ok(fpgaGetProperties(NULL, &filter), "properties") &&
	       afu_ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type") &&
	       afu_ok(fpgaPropertiesSetGUID(filter, guid), "guid") &&
	       afu_ok(fpgaEnumerate(&filter, 1, token, 1, &matches), "enumerate");
	if (filter)
		fpgaDestroyProperties(&filter);
	if (good && !matches)
		fprintf(stderr, "no accelerator %s was found\n", text);
	return good && matches;
}

/* A device without interrupts can be asked instead. */
static void listen(struct afu *a)
{
	if (fpgaCreateEventHandle(&a->event) != FPGA_OK) {
		a->event = NULL;
	} else if (fpgaRegisterEvent(a->handle, FPGA_EVENT_INTERRUPT, a->event, 0) != FPGA_OK) {
		fpgaDestroyEventHandle(&a->event);
		a->event = NULL;
	}
}

bool afu_open(struct afu *a, const char *guid)
{
	fpga_token token;
	bool opened;

	*a = (struct afu){ 0 };
	if (!find(guid, &token))
		return false;
	opened = afu_ok(fpgaOpen(token, &a->handle, 0), "open");
	fpgaDestroyToken(&token);
	if (!opened)
		return false;
	if (!afu_ok(fpgaMapMMIO(a->handle, 0, NULL), "map the registers") ||
	    !afu_ok(fpgaReset(a->handle), "reset")) {
		fpgaClose(a->handle);
		return false;
	}
	listen(a);
	return true;
}

bool afu_close(struct afu *a)
{
	if (a->event) {
		fpgaUnregisterEvent(a->handle, FPGA_EVENT_INTERRUPT, a->event);
		fpgaDestroyEventHandle(&a->event);
	}
	fpgaUnmapMMIO(a->handle, 0);
	return afu_ok(fpgaClose(a->handle), "close");
}

bool afu_buffer(struct afu *a, uint64_t size, struct afu_buffer *ret)
{
	*ret = (struct afu_buffer){ .size = size };
	if (!afu_ok(fpgaPrepareBuffer(a->handle, size, &ret->data, &ret->wsid, 0), "buffer"))
		return false;
	if (afu_ok(fpgaGetIOAddress(a->handle, ret->wsid, &ret->io_address), "its address"))
		return true;
	afu_release(a, ret);
	return false;
}

void afu_release(struct afu *a, const struct afu_buffer *b)
{
	fpgaReleaseBuffer(a->handle, b->wsid);
}

bool afu_write(struct afu *a, uint64_t offset, uint64_t value)
{
	return afu_ok(fpgaWriteMMIO64(a->handle, 0, offset, value), "write a register");
}

bool afu_read(struct afu *a, uint64_t offset, uint64_t *ret)
{
	return afu_ok(fpgaReadMMIO64(a->handle, 0, offset, ret), "read a register");
}

static void pause_for(struct afu *a)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	uint64_t times;

	if (a->event && fpgaGetOSObjectFromEventHandle(a->event, &p.fd) != FPGA_OK)
		p.fd = -1;
	if (poll(&p, 1, a->event ? 100 : 1) == 1 && read(p.fd, &times, sizeof(times)) < 0)
		perror("the event");
}

bool afu_wait(struct afu *a, uint64_t offset, uint64_t mask, uint64_t value)
{
	time_t end = time(NULL) + WAIT_S;
	uint64_t now;

	for (;;) {
		if (!afu_read(a, offset, &now))
			return false;
		if ((now & mask) == value)
			return true;
		if (now == UINT64_MAX) {
			fprintf(stderr, "register 0x%" PRIx64 " reads as ones: the device is gone\n", offset);
			return false;
		}
		if (time(NULL) > end)
			break;
		pause_for(a);
	}
	fprintf(stderr, "register 0x%" PRIx64 " is still 0x%" PRIx64 " after %d s\n", offset, now, WAIT_S);
	return false;
}

bool afu_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < min || value > max) {
		fprintf(stderr, "'%s' is no number from %" PRIu64 " to %" PRIu64 "\n", text, min, max);
		return false;
	}
	*ret = value;
	return true;
}

int afu_finish(bool good)
{
	printf("Test %s\n", good ? "PASSED" : "FAILED");
	if (!fflush(stdout) && !ferror(stdout))
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	fprintf(stderr, "the output could not be written: %s\n", strerror(errno));
	return EXIT_FAILURE;
}
