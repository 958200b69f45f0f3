/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae doctor: why is my FPGA not shown.
 *
 * Each thing that is looked at (a configuration, a card's socket, a PCI device) is a subject. A
 * subject goes through an ordered list of checks, each a step from the device towards the token; the
 * first that is wrong ends the list and says how to mend it. The report is JSON from the beginning, of
 * which the text for a person is a printing.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <limits.h>

#include "dev/pci.h"
#include "opae.h"

struct doctor {
	const char *only;             /* the one device that is asked for; NULL: all */
	const char *host;	      /* the same of a host; then only is NULL */
	struct json_object *subjects; /* the report */
	struct token_row *tokens;     /* what fpgaEnumerate shows, once it was asked */
	uint32_t num_tokens;
	bool enumerated;
	unsigned int num_hosts; /* that were asked */
};

struct subject {
	struct json_object *o, *steps;
	bool wrong;
	char shell[PATH_MAX]; /* the name, as a shell takes it for one word */
};

/* doctor-report.c */
#define DOCTOR_PRINTF __attribute__((format(printf, 3, 4)))
/* kind: "configuration", "directory"; "socket", "simulation" and "pci" are devices; "host" has some. */
struct subject subject_new(struct doctor *d, const char *kind, const char *name);
/* The results of a step. The first two return true: the list goes on. step_wrong returns false. */
bool step_ok(struct subject *s, const char *step, const char *fmt, ...) DOCTOR_PRINTF;
bool step_note(struct subject *s, const char *step, const char *fmt, ...) DOCTOR_PRINTF;
bool step_wrong(struct subject *s, const char *step, const char *fmt, ...) DOCTOR_PRINTF;
/* A command that mends what is wrong with the subject; the first counts. Returns false. */
bool fix(struct subject *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Quotes what a shell would take for something else; what does not fit is cut off. */
void shell_quote(const char *text, char *out, size_t len);
/* This device has a token: the verdict counts it. */
void subject_shown(struct subject *s);
/* Prints all; the exit code. */
int report_finish(struct doctor *d, bool json);

/* doctor-config.c */
void doctor_config(struct doctor *d);
/* The configuration file, or where one would be, as a shell takes it. */
const char *config_name(void);
/* The name of the first plugin that is disabled; false: none is. */
bool disabled_plugin(char *out, size_t len);
/* What stands before a plugin's state in a sentence: it is foreign, it has failed. */
const char *verb_of(const char *state);
/* The configuration of each v-opae, in turn: false, there are no more. Begin with *index 0. */
bool vfio_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json);
/* The same of each plugin of simulations, and of remote hosts. */
bool ase_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json);
bool remote_plugin_next(uint32_t *index, struct opaex_plugin *p, const char **json);
/*
 * Are cards of this machine looked for? Not when plugins of remote hosts or simulations alone are in force,
 * for that is meant: then it is noted for the subject, and the result is false. A device that is asked for
 * by name is looked at all the same.
 */
bool check_local(const struct doctor *d, struct subject *s);
bool hosts_alone(void);
/* Checks: is a plugin ready that serves sockets and vfio-pci; that serves the kernel's driver. */
bool check_vfio_plugin(struct subject *s);
bool check_kernel_plugin(struct subject *s, const char *address);
bool kernel_plugin_ready(void);

/* doctor-socket.c, doctor-places.c */
enum place_origin { PLACE_CONFIGURED, PLACE_IN_DIRECTORY, PLACE_ASKED, PLACE_SIMULATION };

struct place {
	char *path;
	char address[24]; /* "": no working plugin looks there */
	enum place_origin origin;
	bool scans; /* a plugin looks in the emulator directory */
};

void doctor_sockets(struct doctor *d);
/* Where cards' sockets may be. The caller frees by places_free. */
void places_find(struct doctor *d, struct place **list, size_t *n);
void places_free(struct place *list, size_t n);
bool check_places(struct subject *s, const struct place *p);
/* Is it there, does somebody serve it, is it an FPGA. */
bool check_socket(struct subject *s, const struct place *p);

/* doctor-simulation.c: of the ASE plugin, when it is in force. True: it is what was asked for. */
bool doctor_simulation(struct doctor *d);

/* doctor-host.c: the hosts of the plugins tcp and vsock; kind "host". */
void doctor_hosts(struct doctor *d);
/* Does the text name a host: as the configuration calls it, or as an address that is no device's? */
bool doctor_names_host(const char *text);

/*
 * doctor-buffers.c: by which tracker the buffers of a host's accelerators are kept. tracker: what is
 * configured; automatic: content travels by itself; server_can: that server serves tracked ones.
 */
bool check_buffers(struct subject *s, const char *tracker, bool automatic, bool server_can);

/* doctor-inventory.c: is what the plugin remembers of cards of any use. Never wrong, at most a note. */
void doctor_inventory(struct doctor *d);

/* doctor-devices.c: what the configurations of v-opae say of a PCI device. */
struct doctor_said {
	bool ready;		  /* those of working plugins; otherwise of all there are */
	bool served;		  /* it is ours, for its entry in "devices" or for its ids */
	bool named, has_guid;	  /* it has an entry, with a "guid" */
	bool by_group, by_device; /* "kernel" allows this way */
};

struct doctor_said doctor_said_of(const char *address, const struct pci_id *id);
/* Notes entries of "devices" that no device fits. */
void doctor_note_devices(struct subject *s);

/* doctor-pci.c, doctor-vfio.c */
struct doctor_pci {
	const char *address;
	struct pci_info info;
	struct doctor_said said;
	bool by_group, by_device; /* the nodes of this way are there */
};

void doctor_pci(struct doctor *d);
/* All PCI devices; the caller frees. */
size_t doctor_pci_list(char (**ret)[PCI_ADDRESS_LEN]);
bool check_vfio_node(struct subject *s, struct doctor_pci *p);
bool check_vfio_permission(struct subject *s, struct doctor_pci *p);
bool check_vfio_holder(struct subject *s, struct doctor_pci *p);
bool check_vfio_token(struct subject *s, struct doctor_pci *p);
/* A node: may this user read and write it; whose it is, "/dev/x is of uid 0, gid 0, mode 0600". */
bool doctor_may_open(const char *node);
void doctor_describe(const char *node, char *out, size_t len);
bool check_memlock(struct subject *s, struct doctor_pci *p);
bool check_hugepages(struct subject *s, struct doctor_pci *p);

/* doctor-dfl.c: a device that the kernel's FPGA driver has; does that driver know this id. */
bool check_dfl(struct subject *s, struct doctor_pci *p);
bool doctor_dfl_takes(const struct pci_id *id);

/* doctor-token.c: the last check of every device. host: where it is, by the property; "": on this machine. */
bool check_token(struct doctor *d, struct subject *s, const char *host, const char *address);
bool has_token(struct doctor *d, const char *address); /* on this machine */

#endif
