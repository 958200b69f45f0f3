/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the plugin share: the instance, tokens, handles. The plugin drives what the kernel's
 * DFL driver has taken: sysfs tells of it, its nodes take ioctls (linux/fpga-dfl.h) and are mapped.
 */
#ifndef PLUGINS_LOCAL_LOCAL_H
#define PLUGINS_LOCAL_LOCAL_H

#include <opae/plugin.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dev/dfl.h"
#include "dev/forks.h"
#include "dev/pci-rule.h"
#include "plugins/local/alarm.h"
#include "plugins/local/buffer.h"
#include "plugins/local/event.h"
#include "plugins/local/metrics.h"

#define MAX_MMIO 2u	 /* the accelerator's registers, the signal tap's */
#define MAX_VECTORS 2048u
#define MAX_NOTES OPAE_PROPS_REASONS

struct card;
struct handle;
struct watch;

struct instance {
	/* Constant after configure: whose devices are listed; NULL: all that the driver has. */
	struct pci_rule *rules;
	size_t num_rules;

	/* Guards the events of all handles: one may take an interrupt from another. Taken before `lock`. */
	pthread_mutex_t events_lock;

	pthread_mutex_t lock;	/* guards the rest */
	struct handle *handles; /* that are open */
	struct fork_watch forks; /* its lock is set at the first open */
	struct watch *watch;	/* looks whether their devices stay; NULL: none was opened yet */
};

/* Why some of the properties are not set. */
struct note {
	uint32_t bits;
	char text[OPAE_PROPS_REASON_MAX];
};

/* What sysfs and the node told of an FME or a port, at one moment. */
struct snapshot {
	struct opae_props props;
	struct note notes[MAX_NOTES];
	uint32_t num_notes;
	int64_t read_at; /* clock_now_ns() */
};

struct token {
	struct instance *inst;
	struct dfl_device dev;
	struct snapshot seen;
	/* what was seen has answered fpgaGetProperties once; the next time is looked anew */
	atomic_bool told;
};

/* An MMIO region, mapped from open to close. */
struct mmio {
	uint64_t size; /* bytes */
	uint8_t *at;   /* NULL: the kernel does not let it be mapped */
	bool read, write;
};

struct handle {
	struct instance *inst;
	struct token token; /* a copy: what was opened */
	bool shared;
	int fd;		  /* of the node */
	pid_t pid;	  /* of the process that opened it */
	bool forked;	  /* and that is not this one; the handle is dead */
	atomic_bool dead; /* the device went away or lost its driver; mmio reads as all-ones */
	uint64_t identity; /* of the device, as dfl_identity() */
	struct mmio mmio[MAX_MMIO];
	uint32_t num_mmio;
	uint32_t num_vectors; /* of FPGA_EVENT_INTERRUPT */
	bool avx512;
	struct buffers buffers;
	struct events events;
	struct alarms alarms;
	struct metrics metrics;
	struct handle *next; /* of the instance's; its lock guards it */
};

/* ---- plugin.c: reasons ---- */

const struct opae_host *local_host(void);
/* Sets the reason and returns the code. */
fpga_result say(fpga_result r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A negative errno of the kernel's for a call on a handle: "CALL: dfl-port.0: reason". What has gone is
 * FPGA_EXCEPTION, whatever the errno was. */
fpga_result say_errno(const struct handle *h, int rc, const char *call);
/* FPGA_OK; FPGA_EXCEPTION with the reason: the handle's device has gone. */
fpga_result alive(const struct handle *h, const char *call);

/* ---- config.c ---- */

/* Says what is wrong. Rules that were read are the instance's in any case. */
fpga_result config_read(struct instance *inst, const char *json);
/* Is this card the instance's? One whose ids cannot be read can be named by its address alone. */
bool config_has(const struct instance *inst, const struct card *card);

/* ---- open.c ---- */

/*
 * Who only looks has the node open with others for some microseconds, and closing it then resets the port,
 * for which the kernel's driver takes a millisecond at most. Where many look on a busy machine it is more.
 */
#define LOOK_NS (200 * NS_PER_MS)
#define LOOK_AGAIN_NS (NS_PER_MS / 4)

static inline bool is_fme(const struct handle *h)
{
	return h->token.dev.kind == DFL_FME;
}

/* "dfl-port.0", for texts. */
const char *dfl_name(const struct dfl_device *d);
/*
 * An ioctl of the handle's node: 0 or a positive value, or a negative errno. -ENODEV: the device has gone,
 * and the kernel was not asked, for it would still take some calls for a device that is no longer there.
 */
int handle_ioctl(struct handle *h, unsigned long request, void *arg);
/* Opens a node, alone (O_EXCL) or not. The look of an enumeration, here or in another process, makes it busy
 * for some microseconds: that is waited for, and so an answer of -EBUSY takes 200 ms where others share it. A
 * descriptor or a negative errno. */
int node_open(const struct dfl_device *d, bool exclusive);

/* ---- token.c ---- */

/* A token for a device; NULL: no memory. The caller destroys it. */
struct token *token_new(struct instance *inst, const struct dfl_device *d);
/* The port of an FME that has this number in the card ("slot"); -ENOENT: it has none, or it is released. */
int token_port_of(const struct token *fme, uint32_t slot, struct dfl_device *ret);

/* ---- clock.c: in MHz; where one is 0 they are at 2:1. The reason is set, and begins with `call` ---- */

/* Of a port, by its folder in sysfs; needs no handle, and keeps none from working. */
fpga_result local_set_clock(const struct dfl_device *port, uint64_t high_mhz, uint64_t low_mhz,
			    const char *call);
/* What that would refuse before it touches the clock. */
fpga_result local_check_clock(const struct dfl_device *port, uint64_t high_mhz, uint64_t low_mhz,
			      const char *call);

/* ---- the functions of the table, one filler for each file that has some ---- */

void fill_tokens(opae_api_adapter_table *t);
void fill_handles(opae_api_adapter_table *t);
void fill_mmio(opae_api_adapter_table *t);
void fill_buffers(opae_api_adapter_table *t);
void fill_events(opae_api_adapter_table *t);
void fill_manage(opae_api_adapter_table *t);
void fill_reconf(opae_api_adapter_table *t);
void fill_clock(opae_api_adapter_table *t);
void fill_errors(opae_api_adapter_table *t);
void fill_objects(opae_api_adapter_table *t);
void fill_metrics(opae_api_adapter_table *t);

#endif
