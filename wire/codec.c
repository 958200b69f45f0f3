/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/codec.h"

#include <assert.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/utf8.h"

/*
 * Holds one put or get against the row. A group may be entered, repeated or passed over; it stands at the end
 * of a form, so its first type tells.
 */
static bool form_step(const char *form, const char **at, char type)
{
	if (!form)
		return true;
	if (**at == '(')
		(*at)++;
	else if (**at == ')')
		*at = strchr(form, '(') + 1;
	if (**at != type)
		return false;
	(*at)++;
	return true;
}

#define STEP(x, type) assert(form_step((x)->form, &(x)->form_at, type))

/* ---- writing ---- */

void wire_writer_init(struct wire_writer *w, void *at, size_t room, const char *form)
{
	*w = (struct wire_writer){ .at = at, .room = room, .form = form, .form_at = form };
}

static unsigned char *take(struct wire_writer *w, size_t len)
{
	unsigned char *at = w->at + w->len;

	if (w->bad || len > w->room - w->len) {
		w->bad = true;
		return NULL;
	}
	w->len += len;
	return at;
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	unsigned char *at = take(w, 1);

	STEP(w, 'y');
	if (at)
		*at = v;
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	unsigned char *at = take(w, 2);

	STEP(w, 'q');
	if (at)
		bytes_put16(at, v);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	unsigned char *at = take(w, 4);

	STEP(w, 'u');
	if (at)
		bytes_put32(at, v);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	unsigned char *at = take(w, 8);

	STEP(w, 't');
	if (at)
		bytes_put64(at, v);
}

void wire_put_guid(struct wire_writer *w, const uint8_t guid[16])
{
	unsigned char *at = take(w, 16);

	STEP(w, 'g');
	if (at)
		memcpy(at, guid, 16);
}

void wire_put_text(struct wire_writer *w, const char *s)
{
	size_t len = utf8_fit(s, WIRE_STRING_MAX);
	unsigned char *at = take(w, 2 + len);

	STEP(w, 's');
	if (!at)
		return;
	bytes_put16(at, (uint16_t)len);
	utf8_clean((char *)at + 2, s, len);
}

void wire_put_bytes_len(struct wire_writer *w, size_t len)
{
	unsigned char *at = take(w, 4);

	STEP(w, 'b');
	if (at)
		bytes_put32(at, (uint32_t)len);
}

void *wire_put_bytes_room(struct wire_writer *w, size_t len)
{
	unsigned char *at;

	STEP(w, 'b');
	at = len > WIRE_FRAME_MAX ? NULL : take(w, 4 + len);
	if (!at) {
		w->bad = true;
		return NULL;
	}
	bytes_put32(at, (uint32_t)len);
	return at + 4;
}

void wire_put_bytes(struct wire_writer *w, const void *data, size_t len)
{
	void *at = wire_put_bytes_room(w, len);

	if (at && len)
		memcpy(at, data, len);
}

void wire_put_block(struct wire_writer *w, const void *data, size_t len)
{
	unsigned char *at = len > UINT16_MAX ? NULL : take(w, 2 + len);

	STEP(w, 'p');
	if (!at) {
		w->bad = true;
		return;
	}
	bytes_put16(at, (uint16_t)len);
	memcpy(at + 2, data, len);
}

/* ---- reading ---- */

void wire_reader_init(struct wire_reader *r, const void *at, size_t room, const char *form)
{
	*r = (struct wire_reader){ .at = at, .room = room, .form = form, .form_at = form };
}

static const unsigned char *give(struct wire_reader *r, size_t len)
{
	const unsigned char *at = r->at + r->len;

	if (r->bad || len > r->room - r->len) {
		r->bad = true;
		return NULL;
	}
	r->len += len;
	return at;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
	const unsigned char *at = give(r, 1);

	STEP(r, 'y');
	return at ? *at : 0;
}

uint16_t wire_get_u16(struct wire_reader *r)
{
	const unsigned char *at = give(r, 2);

	STEP(r, 'q');
	return at ? bytes_get16(at) : 0;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	const unsigned char *at = give(r, 4);

	STEP(r, 'u');
	return at ? bytes_get32(at) : 0;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	const unsigned char *at = give(r, 8);

	STEP(r, 't');
	return at ? bytes_get64(at) : 0;
}

void wire_get_guid(struct wire_reader *r, uint8_t guid[16])
{
	const unsigned char *at = give(r, 16);

	STEP(r, 'g');
	if (at)
		memcpy(guid, at, 16);
	else
		memset(guid, 0, 16);
}

struct wire_text wire_get_text(struct wire_reader *r)
{
	const unsigned char *head = give(r, 2), *at;
	size_t len = head ? bytes_get16(head) : 0;

	STEP(r, 's');
	at = give(r, len);
	if (!at || len > WIRE_STRING_MAX || memchr(at, 0, len) || !utf8_valid((const char *)at, len)) {
		r->bad = true;
		return (struct wire_text){ "", 0 };
	}
	return (struct wire_text){ (const char *)at, len };
}

void wire_get_string(struct wire_reader *r, char *out, size_t room)
{
	struct wire_text t = wire_get_text(r);

	if (t.len >= room) {
		r->bad = true;
		t.len = 0;
	}
	memcpy(out, t.at, t.len);
	out[t.len] = '\0';
}

const void *wire_get_bytes(struct wire_reader *r, size_t *len)
{
	const unsigned char *head = give(r, 4), *at;

	STEP(r, 'b');
	*len = head ? bytes_get32(head) : 0;
	at = give(r, *len);
	if (!at)
		*len = 0;
	return at;
}

const void *wire_get_block(struct wire_reader *r, size_t *len)
{
	const unsigned char *head = give(r, 2), *at;

	STEP(r, 'p');
	*len = head ? bytes_get16(head) : 0;
	at = give(r, *len);
	if (!at)
		*len = 0;
	return at;
}

bool wire_more(const struct wire_reader *r)
{
	return !r->bad && r->len < r->room;
}
