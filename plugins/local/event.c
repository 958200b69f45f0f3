/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/event.h"

#include <errno.h>
#include <linux/fpga-dfl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/local/local.h"

/* ---- events ---- */

void event_ref(struct event *e)
{
	atomic_fetch_add(&e->refs, 1);
}

void event_unref(struct event *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	sys_close(e->fd);
	free(e);
}

static fpga_result create_event(void *instance, fpga_event_handle *eh)
{
	struct event *e = calloc(1, sizeof(*e));

	(void)instance;
	if (!e)
		return say(FPGA_NO_MEMORY, "no memory for an event");
	e->fd = sys_eventfd(0, 0);
	if (e->fd < 0) {
		free(e);
		return say(FPGA_NO_MEMORY, "no descriptor is left for an eventfd; see ulimit -n");
	}
	atomic_init(&e->refs, 1);
	*eh = e;
	return FPGA_OK;
}

static fpga_result destroy_event(fpga_event_handle *eh)
{
	event_unref(*eh);
	*eh = NULL;
	return FPGA_OK;
}

static fpga_result event_fd(const fpga_event_handle eh, int *fd)
{
	const struct event *e = eh;

	*fd = e->fd;
	return FPGA_OK;
}

/* ---- the driver's interrupts ---- */

/* A device without the feature for it does not know the question. */
static bool is_unknown(int rc)
{
	return rc == -EINVAL || rc == -ENOTTY;
}

int port_vectors(int fd, uint32_t *n)
{
	int rc;

	*n = 0;
	rc = sys_ioctl(fd, DFL_FPGA_PORT_UINT_GET_IRQ_NUM, n);
	if (*n > MAX_VECTORS)
		*n = MAX_VECTORS;
	return rc < 0 && !is_unknown(rc) && rc != -ENODEV ? rc : 0;
}

/* fd -1: nobody is told any more. */
static int bind_vector(struct handle *h, fpga_event_type type, uint32_t vector, int fd)
{
	struct {
		struct dfl_fpga_irq_set set;
		int32_t fd;
	} one = { .set = { .start = type == FPGA_EVENT_INTERRUPT ? vector : 0, .count = 1 }, .fd = fd };
	unsigned long request = is_fme(h)		       ? DFL_FPGA_FME_ERR_SET_IRQ :
				type == FPGA_EVENT_INTERRUPT ? DFL_FPGA_PORT_UINT_SET_IRQ :
							       DFL_FPGA_PORT_ERR_SET_IRQ;
	int rc = handle_ioctl(h, request, &one);

	return rc < 0 ? rc : 0;
}

/* ---- what can be registered ---- */

static fpga_result check_interrupt(const struct handle *h, uint32_t vector, const char *call)
{
	if (is_fme(h))
		return say(FPGA_INVALID_PARAM, "%s: FPGA_EVENT_INTERRUPT is an accelerator's; an FPGA_DEVICE "
			   "has FPGA_EVENT_ERROR and FPGA_EVENT_POWER_THERMAL", call);
	if (vector >= h->num_vectors)
		return say(FPGA_INVALID_PARAM, "%s: vector %u; the accelerator has %u interrupt vectors",
			   call,
			   vector, h->num_vectors);
	return FPGA_OK;
}

/* One that has gone does not know the question either: handle_ioctl() tells the two apart. */
static fpga_result check_error(struct handle *h, const char *call)
{
	uint32_t n = 0;
	unsigned long request = is_fme(h) ? DFL_FPGA_FME_ERR_GET_IRQ_NUM : DFL_FPGA_PORT_ERR_GET_IRQ_NUM;
	int rc = handle_ioctl(h, request, &n);

	if (rc < 0 && !is_unknown(rc))
		return say_errno(h, rc, call);
	if (!n)
		return say(FPGA_NOT_SUPPORTED, "%s: %s has no interrupt for errors", call,
			   dfl_name(&h->token.dev));
	return FPGA_OK;
}

static fpga_result check_type(struct handle *h, fpga_event_type type, uint32_t flags, const char *call)
{
	fpga_result r = alive(h, call);

	if (r != FPGA_OK)
		return r;
	switch (type) {
	case FPGA_EVENT_INTERRUPT:
		return check_interrupt(h, flags, call);
	case FPGA_EVENT_ERROR:
		return check_error(h, call);
	case FPGA_EVENT_POWER_THERMAL:
		return FPGA_OK; /* alarm_add() looks whether there is any */
	default:
		return say(FPGA_INVALID_PARAM, "%s: there is no event type %d", call, (int)type);
	}
}

/* ---- registering ---- */

/* Lock held. */
static void forget(struct registration **at)
{
	struct registration *r = *at;

	*at = r->next;
	event_unref(r->event);
	free(r);
}

/* Lock held. */
static void forget_same(struct events *events, const struct registration *now)
{
	for (struct registration **at = &events->list; *at;)
		if ((*at)->type == now->type && (*at)->vector == now->vector)
			forget(at);
		else
			at = &(*at)->next;
}

/*
 * A vector tells one event: who comes later has it, by whichever handle on the device, and the end of the
 * former one must not take it away. Lock held.
 */
static void forget_former(struct handle *h, const struct registration *now)
{
	SCOPED_LOCK(&h->inst->lock);

	for (struct handle *other = h->inst->handles; other; other = other->next)
		if (other->identity == h->identity && !strcmp(other->token.dev.dir, h->token.dev.dir))
			forget_same(&other->events, now);
}

static fpga_result register_vector(struct handle *h, fpga_event_type type, uint32_t vector, struct event *e)
{
	struct registration *new = calloc(1, sizeof(*new));
	int rc;

	if (!new)
		return say(FPGA_NO_MEMORY, "fpgaRegisterEvent: no memory");
	*new = (struct registration){ .type = type, .vector = vector, .event = e };
	SCOPED_LOCK(&h->inst->events_lock);
	rc = bind_vector(h, type, vector, e->fd);
	if (rc) {
		free(new);
		return say_errno(h, rc, "fpgaRegisterEvent");
	}
	event_ref(e);
	forget_former(h, new);
	new->next = h->events.list;
	h->events.list = new;
	return FPGA_OK;
}

static fpga_result register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				  uint32_t flags)
{
	struct handle *h = handle;
	fpga_result r = check_type(h, type, flags, "fpgaRegisterEvent");

	if (r != FPGA_OK)
		return r;
	if (type == FPGA_EVENT_POWER_THERMAL)
		return alarm_add(h, eh);
	return register_vector(h, type, type == FPGA_EVENT_INTERRUPT ? flags : 0, eh);
}

/* False: it has none. The last failure is *ret. */
static bool unregister_vectors(struct handle *h, fpga_event_type type, const struct event *e, int *ret)
{
	bool found = false;
	SCOPED_LOCK(&h->inst->events_lock);

	for (struct registration **at = &h->events.list; *at;) {
		int rc;

		if ((*at)->type != type || (*at)->event != e) {
			at = &(*at)->next;
			continue;
		}
		found = true;
		rc = bind_vector(h, type, (*at)->vector, -1);
		*ret = rc ? rc : *ret;
		forget(at);
	}
	return found;
}

static fpga_result unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh)
{
	struct handle *h = handle;
	int rc = 0;
	bool found = type == FPGA_EVENT_POWER_THERMAL ? alarm_remove(h, eh) :
							unregister_vectors(h, type, eh, &rc);

	if (!found)
		return say(FPGA_INVALID_PARAM,
			   "fpgaUnregisterEvent: the event is not registered with this handle");
	return rc ? say_errno(h, rc, "fpgaUnregisterEvent") : FPGA_OK;
}

void events_done(struct handle *h)
{
	SCOPED_LOCK(&h->inst->events_lock);

	while (h->events.list) {
		bind_vector(h, h->events.list->type, h->events.list->vector, -1);
		forget(&h->events.list);
	}
}

void fill_events(opae_api_adapter_table *t)
{
	t->create_event = create_event;
	t->fpgaDestroyEventHandle = destroy_event;
	t->fpgaGetOSObjectFromEventHandle = event_fd;
	t->fpgaRegisterEvent = register_event;
	t->fpgaUnregisterEvent = unregister_event;
}
