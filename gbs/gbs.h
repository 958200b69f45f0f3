/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GBS files: a bitstream for partial reconfiguration, and what it says of itself.
 *
 *	offset 0    16 bytes   the format's GUID
 *	       16    4 bytes   n, the length of the metadata, little-endian; 0: there are none
 *	       20    n bytes   the metadata: JSON, in UTF-8
 *	       20 + n          the payload, to the end: what the FPGA takes
 *
 * Of the metadata these are read; what else is in them is passed over:
 *
 *	{"version": 1, "platform-name": "...",
 *	 "afu-image": {"magic-no": 488605312, "interface-uuid": "...", "power": 0,
 *	               "clock-frequency-high": 312, "clock-frequency-low": 156,
 *	               "accelerator-clusters": [{"accelerator-type-uuid": "...", "name": "...",
 *	                                         "total-contexts": 1}]}}
 *
 * afu-image, magic-no and interface-uuid must be there. A file comes from anywhere: nothing is read
 * before it is proved to be there, and what is wrong is refused in words that name it.
 *
 * All functions may be called by any thread; one struct gbs is one thread's at a time.
 */
#ifndef GBS_GBS_H
#define GBS_GBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GBS_HEAD_BYTES 20u
#define GBS_METADATA_MAX 8191u		 /* bytes of JSON */
#define GBS_FILE_MAX (UINT64_C(1) << 30) /* bytes of a file that gbs_read_file() takes */
#define GBS_MAGIC_NO 488605312
#define GBS_WHY_MAX 256u /* bytes of a reason, with its NUL */

struct json_object;

/* A user clock. "auto" means what the design's timing allows; the packager puts the number in its place. */
struct gbs_clock {
	uint32_t mhz;	  /* 1 to 10000; rounded down; 0: no number is given */
	const char *text; /* "auto...", where that was left; else NULL */
};

struct gbs_accelerator {
	uint8_t guid[16];
	const char *name;  /* "": it has none. No control characters. */
	uint32_t contexts; /* 0: not said */
};

struct gbs {
	bool has_metadata; /* the next ones are set; else they are zero, and the texts "" */
	uint8_t interface_id[16];
	struct gbs_accelerator *accelerators; /* the clusters */
	size_t num_accelerators;	      /* may be 0 */
	struct gbs_clock clock_high, clock_low;
	uint32_t power;	      /* W; 0: not said */
	uint32_t version;     /* of the metadata; 0: not said */
	const char *platform; /* "": not said. No control characters. */
	struct json_object *metadata; /* all of them; NULL: there are none */

	const uint8_t *payload; /* in the caller's bytes, and no copy of them; at any alignment */
	size_t payload_len;	/* not 0 */
};

/*
 * Reads a GBS in memory. *ret points into `data`, which must stay as long as its payload is used; the
 * rest is its own, until gbs_done().
 *
 * 0; -EINVAL: it is no GBS that can be used, and `why` says what is wrong, and where; -ENOMEM, with a
 * reason too. Written only on success: *ret; only on failure: why.
 */
int gbs_parse(const void *data, size_t len, struct gbs *ret, char why[GBS_WHY_MAX]);

/* Frees what gbs_parse() made; also of a struct of zeros. */
void gbs_done(struct gbs *g);

/* What stands before a payload to make a GBS of it. */
struct gbs_recipe {
	uint8_t interface_id[16], accelerator[16];
	const char *name;     /* of the accelerator; NULL: none */
	const char *platform; /* NULL: none */
	uint32_t clock_high, clock_low; /* MHz, at most 10000; 0: none */
	uint32_t power;			/* W, at most 1000000; 0: none */
};

/*
 * Makes the head and the metadata, of at most GBS_HEAD_BYTES + GBS_METADATA_MAX bytes; the payload goes
 * behind them. The caller frees *ret. 0; -EINVAL with the reason: a text that gbs_parse() would refuse,
 * or too long a one; -ENOMEM.
 */
int gbs_head(const struct gbs_recipe *r, uint8_t **ret, size_t *len, char why[GBS_WHY_MAX]);

/*
 * Reads a whole file, so that what happens to the file afterwards changes nothing; the caller frees *ret.
 *
 * 0; -EINVAL: it is no regular file, is empty, or has more than GBS_FILE_MAX bytes; -EIO: it became
 * shorter while it was read; -ENOMEM; or why it cannot be opened or read. Each with a reason, which
 * does not name the file.
 */
int gbs_read_file(const char *path, uint8_t **ret, size_t *len, char why[GBS_WHY_MAX]);

#endif
