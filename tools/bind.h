/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae bind and opae release: a PCI device is given to vfio-pci and its nodes to a user, and back.
 *
 * What was before is noted in a record, a file per device, before the first change. Undoing compares the
 * record with what is there now and changes what differs: so it mends a bind that failed half-way or was
 * killed as well as one that went well, and can be repeated.
 */
#ifndef TOOLS_BIND_H
#define TOOLS_BIND_H

#include <sys/types.h>

#include "dev/pci.h"
#include "dev/sysfs.h"
#include "opae.h"

#define VFIO_PCI "vfio-pci"
#define BIND_DIR "/run/opae/bind"
#define UDEV_RULES "/etc/udev/rules.d/90-vfio.rules"
#define BIND_MANY 64 /* devices in one call */
#define DEVICE "/sys/bus/pci/devices/%s"

struct bind_node {
	char path[64]; /* without the root of dev_set_root() */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* How a device was before, and what was done to it. */
struct bind_record {
	char address[PCI_ADDRESS_LEN];
	char pf[PCI_ADDRESS_LEN]; /* the device it was bound along with, as one of its VFs; "" otherwise */
	struct pci_id id;
	char boot[64];
	uid_t user;
	bool device;	      /* it is bound itself; otherwise its VFs alone are */
	bool complete;	      /* nothing was left to do */
	bool module;	      /* vfio-pci was loaded for it */
	char driver[64];      /* "": none */
	char override[64];    /* "": none */
	struct bind_node nodes[2];
	size_t num_nodes;
	unsigned int vfs;     /* that were made; there were none before */
	bool autoprobe;	      /* sriov_drivers_autoprobe was on and is to be on again */
};

/* One call of the tool. Each change is a step, which is kept as the command that a person would type. */
struct bind_run {
	const char *verb;
	bool dry, json;
	bool tree; /* it is about a made tree, not this machine: no module is loaded for it */
	struct json_object *steps, *notes, *devices;
};

/* bind-steps.c: each returns 0 or a negative errno, and says what failed and what helps. */
int step_write(struct bind_run *r, const char *value, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int step_owner(struct bind_run *r, const char *node, uid_t uid, gid_t gid); /* gid -1: stays */
int step_mode(struct bind_run *r, const char *node, mode_t mode);
int step_modprobe(struct bind_run *r, bool load);
/* Waits until the driver has the device, and with vfio-pci until its nodes are there. */
int step_wait(struct bind_run *r, const char *address, const char *driver, const char *mend);
int step_unbind(struct bind_run *r, const char *address);
/* A line of a dry run that is no command. */
void step_remark(struct bind_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void step_command(struct bind_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bind_note(struct bind_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Says why it is not done, and how to mend it; false. */
bool bind_refuse(const char *address, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* bind-record.c */
/* 0; -ENOENT: there is none; else it says why it cannot be read. One of another boot is none. */
int record_load(const char *address, struct bind_record *ret);
int record_save(struct bind_run *r, const struct bind_record *rec);
int record_remove(struct bind_run *r, const char *address);
/* The addresses that have one; the caller frees. */
size_t record_list(char (**ret)[PCI_ADDRESS_LEN]);
/* Makes the folder and takes its lock, for as long as the process lives; says what failed. */
bool record_lock(void);
/* A fresh one of the device as it is now, of which nothing is done yet. */
struct bind_record record_new(const char *address, const struct pci_info *info, uid_t user);
/* Is it the same device that is there now; says what is wrong. */
bool record_fits(const struct bind_record *rec, const struct pci_id *now);
/* The first record but these devices' that has the node; false: there is none. */
bool record_with_node(const char (*but)[PCI_ADDRESS_LEN], size_t n, const char *node,
		      struct bind_record *ret);

/* bind-nodes.c */
bool bind_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The driver bound now, and driver_override; "" for none. */
void bind_driver(const char *address, char out[64]);
void bind_override(const char *address, char out[64]);
/* The nodes of a device that vfio-pci has; how many. */
size_t bind_nodes(const char *address, struct bind_node out[2]);
int bind_node_stat(const char *path, struct bind_node *ret);
bool bind_may_use(const struct bind_node *node, uid_t user);
/* Does a process hold the device; says which, as far as that can be seen. */
bool bind_held(const char *address, char *who, size_t len);
/* Does a process have a node open that the kernel's FPGA driver has made for the device. */
bool bind_fpga_held(const char *address, char *who, size_t len);
/* A VF's address; false: there is none. */
bool bind_vf(const char *pf, unsigned int i, char out[PCI_ADDRESS_LEN]);

/* bind-check.c: each says what is against it. */
bool bind_check(const char (*all)[PCI_ADDRESS_LEN], size_t n, const char *address,
		const struct pci_info *info);
bool bind_check_vfs(const char *pf, const struct pci_info *info, unsigned int n);
/* bind-use.c */
bool bind_check_use(const char *address);

/* bind-mend.c: what is wrong and the command that mends it, as bind and the doctor tell it. */
void mend_iommu(char *why, size_t why_len, char *mend, size_t mend_len);
/* A node that all devices share is closed to the user. */
void mend_shared_node(const char *node, uid_t user, char *mend, size_t len);

/* bind-undo.c */
int bind_undo(struct bind_run *r, struct bind_record *rec);
/* That of the VFs alone. */
int bind_undo_vfs(struct bind_run *r, struct bind_record *rec);

/* bind-do.c: all of them, or none. pf: whose VFs they are, when they are bound as such; "" otherwise. */
bool bind_devices(struct bind_run *r, const char (*all)[PCI_ADDRESS_LEN], size_t n, uid_t user,
		  const char *pf);
/* bind-vfs.c */
bool bind_vfs(struct bind_run *r, const char *pf, unsigned int n, uid_t user);

#endif
