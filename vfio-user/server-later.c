/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads whose answers the author gives later. What is known of each waits in a short table; its answer goes
 * out beside the replies to commands, for vfio-user matches a reply to its command by number, not by order.
 */
#include <errno.h>
#include <string.h>

#include "vfio-user/server-internal.h"

uint64_t vu_later_add(struct vu_server *s, const struct vu_header *head, const struct vu_access *a)
{
	if (s->num_later == VU_SERVER_MAX_LATER)
		return 0;
	s->later[s->num_later++] = (struct vu_later){ ++s->last_ticket, *head, *a };
	return s->last_ticket;
}

static struct vu_later *find(struct vu_server *s, uint64_t ticket)
{
	for (unsigned int i = 0; i < s->num_later; i++)
		if (s->later[i].ticket == ticket)
			return &s->later[i];
	return NULL;
}

static void forget(struct vu_server *s, struct vu_later *l)
{
	*l = s->later[--s->num_later];
}

void vu_later_forget(struct vu_server *s, uint64_t ticket)
{
	struct vu_later *l = find(s, ticket);

	if (l)
		forget(s, l);
}

static int put_answer(struct vu_outbox *o, const struct vu_later *l, int error, const void *data)
{
	size_t body = error ? 0 : sizeof(l->access) + l->access.count;
	struct vu_header h = { .id = l->head.id,
			       .command = l->head.command,
			       .size = (uint32_t)(sizeof(h) + body),
			       .flags = VU_FLAG_REPLY | (error ? VU_FLAG_ERROR : 0u),
			       .error = (uint32_t)-error };
	int rc = vu_outbox_reserve(o, o->len + h.size);
	unsigned char *at;

	if (rc)
		return rc;
	at = o->buf + o->len;
	memcpy(at, &h, sizeof(h));
	if (body) {
		memcpy(at + sizeof(h), &l->access, sizeof(l->access));
		memcpy(at + sizeof(h) + sizeof(l->access), data, l->access.count);
	}
	o->len += h.size;
	return 0;
}

int vu_server_read_done(struct vu_server *s, uint64_t ticket, int rc, const void *data)
{
	struct vu_later *found = find(s, ticket), l;

	if (!found)
		return -ENOENT;
	l = *found;
	forget(s, found);
	if (l.head.flags & VU_FLAG_NO_REPLY)
		return 0;
	rc = put_answer(&s->answers, &l, rc, data);
	if (!rc && vu_server_flush(s) < 0)
		return 0; /* the end of the connection is noticed where it is read from */
	return rc;
}
