/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae mmio walk: the chain of device feature headers of a region.
 *
 * The device may hold anything. Each step goes forward by at least a header, inside the region, and
 * both the chain and the parameters of a header are bounded; whatever ends the walk early is said.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dfh.h"
#include "mmio.h"

#define MAX_FEATURES 256u
#define MAX_PARAMS 32u
#define MAX_CHILDREN 32u

struct feature {
	uint64_t offset;
	struct dfh head;
	const char *name;
	char guid[UUID_STR_LEN];          /* "": it has none */
	uint64_t next_afu;                /* of an FIU, from its header; 0: none */
	uint64_t csr_address, size_group; /* of version 1, as read */
	struct json_object *params;       /* of version 1; NULL: none */
};

struct walk {
	const struct mmio_region *region;
	int fiu;                  /* below which we are; -1: none so far */
	struct json_object *list; /* NULL: lines are printed */
	char why[200];            /* what is wrong with the chain */
};

static bool broken(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool broken(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- reading ---- */

static bool read_word(struct walk *w, uint64_t offset, uint64_t *ret)
{
	const struct mmio_region *r = w->region;
	fpga_result result;

	if (r->size < 8 || offset > r->size - 8)
		return broken(w, "0x%" PRIx64 " is past the end of the region, 0x%" PRIx64, offset,
			      r->size);
	result = fpgaReadMMIO64(r->handle, r->index, offset, ret);
	return result == FPGA_OK || broken(w, "0x%" PRIx64 " cannot be read: %s: %s", offset,
					   fpgaErrStr(result), opaex_error_detail());
}

/* The text of the GUID whose low half is at the offset. */
static bool read_guid(struct walk *w, uint64_t offset, char *ret)
{
	uint64_t low, high;
	uuid_t guid;

	if (!read_word(w, offset, &low) || !read_word(w, offset + 8, &high))
		return false;
	for (unsigned int i = 0; i < 8; i++) {
		guid[i] = (uint8_t)(high >> (56 - 8 * i));
		guid[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	uuid_unparse_lower(guid, ret);
	return true;
}

static bool read_children(struct walk *w, uint64_t at, uint64_t end, struct json_object *param)
{
	struct json_object *list = json_object_new_array();
	char guid[UUID_STR_LEN];

	json_object_object_add(param, "children", list);
	for (unsigned int i = 0; i < MAX_CHILDREN && at + 16 <= end; i++, at += 16) {
		if (!read_guid(w, at, guid))
			return false;
		json_object_array_add(list, json_object_new_string(guid));
	}
	return true;
}

/* The block at the offset, and what is in it, as far as its id is known. */
static bool read_param(struct walk *w, const struct feature *f, uint64_t at,
		       const struct dfh_param *p)
{
	struct json_object *o = json_object_new_object();
	uint64_t data = 0;

	json_object_array_add(f->params, o);
	json_object_object_add(o, "id", json_u64(p->id));
	json_object_object_add(o, "version", json_u64(p->version));
	if (p->next)
		json_object_object_add(o, "size", json_u64(p->next - 8));
	if (f->head.type == DFH_AFU && p->id == DFH_PARAM_CHILDREN)
		return read_children(w, at + 8, at + p->next, o);
	if (p->next == 8)
		return true;
	if (!read_word(w, at + 8, &data))
		return false;
	json_object_object_add(o, "data", json_u64(data));
	if (p->id == DFH_PARAM_MSIX) {
		json_object_object_add(o, "msix_start", json_u64(data & UINT32_MAX));
		json_object_object_add(o, "msix_count", json_u64(data >> 32));
	}
	return true;
}

static bool read_params(struct walk *w, struct feature *f)
{
	uint64_t at = f->offset + DFH_PARAMS, raw;

	f->params = json_object_new_array();
	for (unsigned int i = 0; i < MAX_PARAMS; i++) {
		struct dfh_param p;

		if (!read_word(w, at, &raw))
			return false;
		p = dfh_decode_param(raw);
		if (raw == UINT64_MAX)
			return broken(w, "the parameter block at 0x%" PRIx64 " is all ones", at);
		if (!read_param(w, f, at, &p))
			return false;
		if (p.last)
			return true;
		if (!p.next)
			return broken(w, "the parameter block at 0x%" PRIx64
					 " is not the last, but names no next one", at);
		at += p.next;
	}
	return broken(w, "the feature at 0x%" PRIx64 " has more than %u parameter blocks",
		      f->offset, MAX_PARAMS);
}

static bool read_version_1(struct walk *w, struct feature *f)
{
	return read_word(w, f->offset + DFH_CSR_ADDRESS, &f->csr_address) &&
	       read_word(w, f->offset + DFH_CSR_SIZE_GROUP, &f->size_group) &&
	       (!(f->size_group >> 31 & 1) || read_params(w, f));
}

/* What was read before something turned out wrong stays in f, to be shown. */
static bool read_feature(struct walk *w, uint64_t raw, struct feature *f)
{
	f->head = dfh_decode(raw);
	if (f->head.type == DFH_FIU)
		w->fiu = (int)f->head.id;
	f->name = dfh_name(&f->head, w->fiu);
	if ((f->head.version || f->head.type != DFH_PRIVATE) &&
	    !read_guid(w, f->offset + DFH_GUID_LOW, f->guid))
		return false;
	if (!*f->name)
		f->name = afu_name(f->guid);
	if (f->head.version)
		return read_version_1(w, f);
	if (f->head.type == DFH_FIU && !read_word(w, f->offset + DFH_NEXT_AFU, &f->next_afu))
		return false;
	f->next_afu &= 0xffffff;
	return true;
}

/* ---- showing ---- */

static uint64_t number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_uint64(v) : 0;
}

static void print_param(struct json_object *o)
{
	struct json_object *children;
	uint64_t count = number(o, "msix_count"), start = number(o, "msix_start");

	if (json_object_object_get_ex(o, "children", &children)) {
		for (size_t i = 0; i < json_object_array_length(children); i++)
			printf("          child %s\n",
			       json_object_get_string(json_object_array_get_idx(children, i)));
	} else if (json_object_object_get_ex(o, "msix_count", NULL)) {
		printf("          MSI-X: %" PRIu64 " vectors from %" PRIu64 " on\n", count, start);
	} else {
		printf("          parameter 0x%" PRIx64 ", version %" PRIu64 ", data 0x%016" PRIx64
		       "\n", number(o, "id"), number(o, "version"), number(o, "data"));
	}
}

/* As Linux reads it (drivers/fpga/dfl.c): bits 63:1 are the offset from the header; of an absolute
 * address they are its own bits 63:1. */
static uint64_t csr_at(const struct feature *f)
{
	return f->csr_address & 1 ? f->csr_address & ~UINT64_C(1) : f->csr_address >> 1;
}

static void print_version_1(const struct feature *f)
{
	bool absolute = f->csr_address & 1;

	printf("          registers at %s0x%" PRIx64 ", 0x%" PRIx64 " bytes; instance %u, group %u"
	       "\n", absolute ? "address " : "+", csr_at(f),
	       f->size_group >> 32, (unsigned int)(f->size_group & 0xffff),
	       (unsigned int)(f->size_group >> 16 & 0x7fff));
	for (size_t i = 0; f->params && i < json_object_array_length(f->params); i++)
		print_param(json_object_array_get_idx(f->params, i));
}

static void print_feature(const struct feature *f)
{
	char next[24] = "-";

	if (f->head.next)
		snprintf(next, sizeof(next), "+0x%" PRIx32, f->head.next);
	printf("0x%06" PRIx64 "  v%u %-8s 0x%03x  %-24s rev %-2u next %-10s %-4s%s%s\n", f->offset,
	       f->head.version, dfh_type_name(f->head.type), f->head.id,
	       *f->name ? f->name : "-", f->head.revision, next, f->head.eol ? "EOL" : "",
	       *f->guid ? " " : "", f->guid);
	if (f->next_afu)
		printf("          its AFU is at 0x%" PRIx64 "\n", f->offset + f->next_afu);
	if (f->head.version)
		print_version_1(f);
}

static void add_version_1(struct json_object *o, const struct feature *f)
{
	json_object_object_add(o, "csr_address", json_u64(csr_at(f)));
	json_object_object_add(o, "csr_absolute", json_object_new_boolean(f->csr_address & 1));
	json_object_object_add(o, "csr_size", json_u64(f->size_group >> 32));
	json_object_object_add(o, "instance", json_u64(f->size_group & 0xffff));
	json_object_object_add(o, "group", json_u64(f->size_group >> 16 & 0x7fff));
	if (f->params)
		json_object_object_add(o, "parameters", json_object_get(f->params));
}

static struct json_object *feature_json(const struct feature *f)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "offset", json_u64(f->offset));
	json_object_object_add(o, "version", json_u64(f->head.version));
	json_object_object_add(o, "type", json_object_new_string(dfh_type_name(f->head.type)));
	json_object_object_add(o, "type_number", json_u64(f->head.type));
	json_object_object_add(o, "id", json_u64(f->head.id));
	json_object_object_add(o, "name", json_object_new_string(f->name));
	json_object_object_add(o, "revision", json_u64(f->head.revision));
	json_object_object_add(o, "next", json_u64(f->head.next));
	json_object_object_add(o, "eol", json_object_new_boolean(f->head.eol));
	if (*f->guid)
		json_object_object_add(o, "guid", json_object_new_string(f->guid));
	if (f->next_afu)
		json_object_object_add(o, "afu", json_u64(f->offset + f->next_afu));
	if (f->head.version)
		add_version_1(o, f);
	return o;
}

static void show(struct walk *w, const struct feature *f)
{
	if (w->list)
		json_object_array_add(w->list, feature_json(f));
	else
		print_feature(f);
}

/* ---- the chain ---- */

/* The feature at the offset. False: the walk ends here, well or, when why is set, not. */
static bool step(struct walk *w, uint64_t *offset)
{
	struct feature f = { .offset = *offset };
	uint64_t raw;
	bool good;

	if (!read_word(w, *offset, &raw))
		return false;
	if (raw == UINT64_MAX)
		return broken(w, "the header at 0x%" PRIx64 " is all ones: nothing answers there",
			      *offset);
	if (!raw)
		return broken(w, "the header at 0x%" PRIx64 " is zero: no feature is there", *offset);
	good = read_feature(w, raw, &f);
	show(w, &f);
	json_object_put(f.params);
	if (!good || f.head.eol || !f.head.next)
		return false;
	if (f.head.next % 8)
		return broken(w, "the feature at 0x%" PRIx64 " names a next one at +0x%" PRIx32
				 ", which is no multiple of 8", *offset, f.head.next);
	if (f.head.next > w->region->size - *offset - 8)
		return broken(w, "the feature at 0x%" PRIx64 " names a next one at 0x%" PRIx64
				 ", past the end of the region, 0x%" PRIx64, *offset,
			      *offset + f.head.next, w->region->size);
	*offset += f.head.next;
	return true;
}

static void chain(struct walk *w, uint64_t offset)
{
	unsigned int n = 0;

	while (step(w, &offset))
		if (++n == MAX_FEATURES) {
			broken(w, "the chain has not ended after %u features", n);
			return;
		}
}

int mmio_walk(const struct mmio_region *r, struct mmio_args *a)
{
	struct walk w = { .region = r, .fiu = -1 };
	struct json_object *o;

	if (!mmio_offset_ok(r, a->offset))
		return EXIT_FAILED;
	if (a->json)
		w.list = json_object_new_array();
	chain(&w, a->offset);
	if (*w.why) {
		fflush(stdout); /* what was found comes before what is wrong */
		fprintf(stderr, "opae: walk: %s\n", w.why);
	}
	if (a->json) {
		o = json_object_new_object();
		json_object_object_add(o, "region", json_u64(r->index));
		json_object_object_add(o, "size", json_u64(r->size));
		json_object_object_add(o, "features", w.list);
		json_object_object_add(o, "problem",
				       *w.why ? json_object_new_string(w.why) : NULL);
		print_json("walk", o);
	}
	return *w.why ? EXIT_FAILED : EXIT_OK;
}
