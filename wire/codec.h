/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Typed puts and gets with a sticky error: ten of them, and one look at the end. A put that finds no room, or
 * a get that finds too little, sets `bad`; all that follow do nothing, and gets return 0. Builds with
 * assertions (b_ndebug=false) also hold each put and get against the message's row in ops.def.
 *
 * A reader's strings and bytes point into the frame and live as long as it does.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/limits.h"

struct wire_writer {
	unsigned char *at; /* the caller's room */
	size_t len, room;
	bool bad;
	const char *form, *form_at; /* the body's types, and which is next; NULL: not checked */
};

struct wire_reader {
	const unsigned char *at;
	size_t len, room; /* bytes read, bytes there are */
	bool bad;
	const char *form, *form_at;
};

struct wire_text {
	const char *at; /* without a NUL at the end */
	size_t len;
};

/* form: a body of ops.def, or NULL. */
void wire_writer_init(struct wire_writer *w, void *at, size_t room, const char *form);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_guid(struct wire_writer *w, const uint8_t guid[16]);
/* Cut at WIRE_STRING_MAX, and at no half character; bytes that are no UTF-8 become question marks. */
void wire_put_text(struct wire_writer *w, const char *s);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);
/* The length alone: the bytes themselves follow the body on their own way. */
void wire_put_bytes_len(struct wire_writer *w, size_t len);
/* Room for len bytes that the caller fills; NULL: no room. */
void *wire_put_bytes_room(struct wire_writer *w, size_t len);
/* A block of properties, type p. */
void wire_put_block(struct wire_writer *w, const void *data, size_t len);

void wire_reader_init(struct wire_reader *r, const void *at, size_t room, const char *form);
uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
void wire_get_guid(struct wire_reader *r, uint8_t guid[16]);
/* Empty when bad. Text that is longer than WIRE_STRING_MAX, has a NUL or is no UTF-8 makes the reader bad. */
struct wire_text wire_get_text(struct wire_reader *r);
/* The same with its NUL in the caller's room; longer text makes the reader bad. */
void wire_get_string(struct wire_reader *r, char *out, size_t room);
const void *wire_get_bytes(struct wire_reader *r, size_t *len); /* NULL when bad */
const void *wire_get_block(struct wire_reader *r, size_t *len); /* NULL when bad */
/* Is there another group of the form's (...)? False when bad, and at the end. */
bool wire_more(const struct wire_reader *r);

#endif
