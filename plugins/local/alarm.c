/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching alarms. Each alarm's attribute is kept open and read again and again: when poll(2) says that
 * it changed, for drivers that tell (sysfs_notify), and every ALARM_PERIOD_MS for those that do not, of
 * which the FME's is one. An attribute whose device has gone is given up; one that fails otherwise says
 * nothing this time.
 */
#include "plugins/local/alarm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "plugins/local/local.h"

struct alarm {
	int fd;	  /* -1: the device has gone */
	bool now; /* as the thread has read it last */
	bool on;  /* as it was told of; the lock guards it */
};

void alarms_init(struct alarms *a)
{
	*a = (struct alarms){ .stop = -1 };
	pthread_mutex_init(&a->calls, NULL);
	pthread_mutex_init(&a->lock, NULL);
}

/* ---- the thread ---- */

static void read_alarm(struct alarm *alarm, struct pollfd *wait)
{
	char text[16];
	double v;
	ssize_t n = alarm->fd < 0 ? -ENODEV : sys_pread(alarm->fd, text, sizeof(text) - 1, 0);

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n >= 0) {
		text[n] = 0;
		if (!hwmon_parse(text, HWMON_TEMP, HWMON_ALARM, &v))
			alarm->now = v != 0;
		return;
	}
	/* poll calls a file ready for ever once its device has gone, or as long as it cannot be read. */
	wait->fd = -1;
	if (n == -ENODEV && alarm->fd >= 0) {
		sys_close(alarm->fd);
		alarm->fd = -1;
	}
}

/* A program that has filled the counter of its eventfd would have the thread wait for it. */
static void write_event(const struct event *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLOUT };

	if (sys_poll(&p, 1, 0) > 0 && (p.revents & POLLOUT))
		eventfd_write(e->fd, 1);
}

/* Tells of what went on since the last time. */
static void tell(struct alarms *a)
{
	SCOPED_LOCK(&a->lock);
	bool rose = false;

	for (uint32_t i = 0; i < a->num; i++) {
		rose |= a->list[i].now && !a->list[i].on;
		a->list[i].on = a->list[i].now;
	}
	for (uint32_t i = 0; rose && i < a->num_events; i++)
		write_event(a->events[i]);
}

static void read_all(struct alarms *a)
{
	for (uint32_t i = 0; i < a->num; i++)
		read_alarm(&a->list[i], &a->waits[1 + i]);
}

static void *watch(void *arg)
{
	struct alarms *a = arg;

	for (;;) {
		int n = sys_poll(a->waits, 1 + a->num, ALARM_PERIOD_MS);

		if (n < 0) /* more descriptors than the process may have: by time alone */
			n = sys_poll(a->waits, 1, ALARM_PERIOD_MS);
		if (n > 0 && a->waits[0].revents)
			return NULL;
		read_all(a);
		tell(a);
	}
}

/* ---- from the first registration to the last ---- */

/* The FME of the handle's card; -ENOENT. */
static int fme_of(const struct handle *h, struct dfl_device *ret)
{
	CLEANUP_FREE struct dfl_device *list = NULL;
	size_t n;
	int rc = is_fme(h) ? 0 : dfl_list(&list, &n);

	if (is_fme(h)) {
		*ret = h->token.dev;
		return 0;
	}
	for (size_t i = 0; !rc && i < n; i++)
		if (list[i].kind == DFL_FME && !strcmp(list[i].address, h->token.dev.address)) {
			*ret = list[i];
			return 0;
		}
	return rc ? rc : -ENOENT;
}

static int add_alarm(struct alarms *a, const struct hwmon_sensor *s, enum hwmon_attr attr)
{
	struct alarm *grown = reallocarray(a->list, a->num + 1, sizeof(*grown));
	char path[DEV_PATH_MAX];
	int rc;

	if (!grown)
		return -ENOMEM;
	a->list = grown;
	rc = hwmon_path(path, s, attr);
	if (!rc)
		rc = sys_open(path, O_RDONLY, 0);
	if (rc < 0) {
		debug("%s cannot be watched: %s", path, strerror(-rc));
		return 0;
	}
	grown[a->num++] = (struct alarm){ .fd = rc };
	return 0;
}

static int list_alarms(struct alarms *a, const struct dfl_device *fme)
{
	CLEANUP_FREE struct hwmon_sensor *sensors = NULL;
	size_t n;
	int rc = hwmon_list(&sensors, &n, fme->dir);

	for (size_t i = 0; i < n && !rc; i++)
		for (int attr = HWMON_ALARM; attr < HWMON_ATTRS && !rc; attr++)
			if (hwmon_has(&sensors[i], (enum hwmon_attr)attr))
				rc = add_alarm(a, &sensors[i], (enum hwmon_attr)attr);
	return rc;
}

/* The thread has ended, or belongs to another process. */
static void forget(struct alarms *a)
{
	for (uint32_t i = 0; i < a->num; i++)
		if (a->list[i].fd >= 0)
			sys_close(a->list[i].fd);
	if (a->stop >= 0)
		sys_close(a->stop);
	free(a->list);
	free(a->waits);
	a->list = NULL;
	a->waits = NULL;
	a->num = 0;
	a->stop = -1;
	a->owner = 0;
}

static int run(struct alarms *a)
{
	int rc;

	a->waits = calloc(1 + a->num, sizeof(*a->waits));
	if (!a->waits)
		return -ENOMEM;
	a->stop = sys_eventfd(0, 0);
	if (a->stop < 0)
		return a->stop;
	a->waits[0] = (struct pollfd){ .fd = a->stop, .events = POLLIN };
	for (uint32_t i = 0; i < a->num; i++)
		a->waits[1 + i] = (struct pollfd){ .fd = a->list[i].fd, .events = POLLPRI };
	read_all(a);
	for (uint32_t i = 0; i < a->num; i++)
		a->list[i].on = a->list[i].now;
	rc = thread_start(&a->thread, NULL, watch, a);
	if (!rc)
		a->owner = getpid();
	return rc;
}

static fpga_result start(struct handle *h)
{
	struct alarms *a = &h->alarms;
	const char *name = dfl_name(&h->token.dev);
	struct dfl_device fme;
	int rc = fme_of(h, &fme);

	if (rc == -ENOENT)
		return say(FPGA_NOT_SUPPORTED, "fpgaRegisterEvent: %s: the card's FME, which has the "
			   "sensors, is not to be seen from here", name);
	if (!rc)
		rc = list_alarms(a, &fme);
	if (!rc && !a->num)
		return say(FPGA_NOT_SUPPORTED, "fpgaRegisterEvent: %s: no sensor of the card's has an alarm "
			   "(hwmon's *_alarm below %s)", name, fme.dir);
	if (!rc)
		rc = run(a);
	if (!rc)
		return FPGA_OK;
	forget(a);
	return say_errno(h, rc, "fpgaRegisterEvent");
}

/* A child of fork does not have the thread. */
static void stop(struct alarms *a)
{
	if (a->owner == getpid()) {
		eventfd_write(a->stop, 1);
		pthread_join(a->thread, NULL);
	}
	forget(a);
}

/* ---- what event.c calls ---- */

static bool is_on(const struct alarms *a)
{
	for (uint32_t i = 0; i < a->num; i++)
		if (a->list[i].on)
			return true;
	return false;
}

/* By `calls` alone the events do not change. */
static bool is_added(const struct alarms *a, const struct event *e)
{
	for (uint32_t i = 0; i < a->num_events; i++)
		if (a->events[i] == e)
			return true;
	return false;
}

static int append(struct alarms *a, struct event *e)
{
	SCOPED_LOCK(&a->lock);
	struct event **grown = reallocarray(a->events, a->num_events + 1, sizeof(struct event *));

	if (!grown)
		return -ENOMEM;
	a->events = grown;
	event_ref(e);
	grown[a->num_events++] = e;
	if (is_on(a))
		write_event(e);
	return 0;
}

fpga_result alarm_add(struct handle *h, struct event *e)
{
	struct alarms *a = &h->alarms;
	SCOPED_LOCK(&a->calls);
	fpga_result r = alive(h, "fpgaRegisterEvent");
	int rc;

	if (r == FPGA_OK && a->owner && a->owner != getpid())
		return say(FPGA_EXCEPTION, "fpgaRegisterEvent: %s: the handle is of the process that this "
			   "one was forked from", dfl_name(&h->token.dev));
	if (r == FPGA_OK && is_added(a, e))
		return FPGA_OK;
	if (r == FPGA_OK && !a->owner)
		r = start(h);
	if (r != FPGA_OK)
		return r;
	rc = append(a, e);
	if (!rc)
		return FPGA_OK;
	if (!a->num_events)
		stop(a);
	return say_errno(h, rc, "fpgaRegisterEvent");
}

static void take_out(struct alarms *a, uint32_t i)
{
	struct event *e = a->events[i];

	a->events[i] = a->events[--a->num_events];
	event_unref(e);
}

bool alarm_remove(struct handle *h, struct event *e)
{
	struct alarms *a = &h->alarms;
	SCOPED_LOCK(&a->calls);
	bool added = is_added(a, e);

	if (a->owner && a->owner != getpid())
		stop(a);
	pthread_mutex_lock(&a->lock);
	for (uint32_t i = a->num_events; i-- > 0;)
		if (a->events[i] == e)
			take_out(a, i);
	pthread_mutex_unlock(&a->lock);
	if (a->owner && !a->num_events)
		stop(a);
	return added;
}

void alarms_done(struct handle *h)
{
	struct alarms *a = &h->alarms;

	if (a->owner)
		stop(a);
	while (a->num_events)
		take_out(a, a->num_events - 1);
	free(a->events);
	a->events = NULL;
	pthread_mutex_destroy(&a->calls);
	pthread_mutex_destroy(&a->lock);
}
