/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tlp/send.h"

#include <string.h>

void tlp_send_begin(struct tlp_send *s, const struct tlp_header *h, const void *payload)
{
	uint32_t length = tlp_has_data(h->type) ? h->length : 0;

	tlp_header_pack(h, s->bytes);
	if (length)
		memcpy(s->bytes + TLP_HEADER, payload, length);
	s->size = TLP_HEADER + length;
	s->sent = 0;
	s->user = h->dm ? AXIS_USER_DM : 0;
	s->shown = false;
}

void tlp_send_drive(struct tlp_send *s, struct axis *a, bool pause)
{
	uint32_t left = s->size - s->sent;
	uint32_t n = left < AXIS_BYTES ? left : AXIS_BYTES;

	a->valid = tlp_send_busy(s) && (s->shown || !pause);
	if (!a->valid || s->shown)
		return;
	s->shown = true;
	a->beat.last = n == left;
	a->beat.user = s->user;
	a->beat.keep = axis_keep(n);
	memset(a->beat.data, 0, sizeof(a->beat.data));
	memcpy(a->beat.data, s->bytes + s->sent, n);
}

bool tlp_send_taken(struct tlp_send *s)
{
	s->shown = false;
	s->sent += AXIS_BYTES;
	if (s->sent < s->size)
		return false;
	s->size = 0;
	return true;
}
