/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual functions. While their physical function is with vfio-pci too, the kernel opens one only for who
 * knows a token that was set through the physical function, for whoever has that can do as it likes with
 * them. All processes of a user that share an inventory have one token, which lies beside it, so that several
 * of them can have a function each.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/inventory-dir.h"
#include "dev/sysfs.h"
#include "dev/vf-token.h"
#include "plugins/vfio/v-opae.h"

#define PATIENCE_NS (20 * NS_PER_MS)
#define PAUSE_NS (2 * NS_PER_MS)

/* The user's token, and where it lies. */
static int users_token(uint8_t token[VF_TOKEN_LEN], char path[VF_TOKEN_PATH_MAX])
{
	char dir[INVENTORY_DIR_MAX];
	bool there = inventory_dir_make(dir, sizeof(dir));

	snprintf(path, VF_TOKEN_PATH_MAX, "%s/" VF_TOKEN_FILE, there ? dir : "(no directory)");
	return there ? vf_token_get(path, token) : -ENOENT;
}

/* Opening the physical function with a token sets it, as long as nobody uses one of its virtual ones. */
static int set_token(const struct vdev_options *opt, const char *physfn, const char *address, char *why,
		     size_t why_len)
{
	struct vdev_options look = *opt;
	struct vdev *pf;
	char reason[256];
	int rc;

	look.to_use = false;
	rc = way_kernel.open(physfn, &look, reason, sizeof(reason), &pf);
	if (!rc) {
		way_kernel.close(pf);
		return 0;
	}
	snprintf(why, why_len,
		 "%s is a virtual function, whose VF token is set through its physical one: %s; whoever "
		 "has that knows the token, which \"vf_token\" in the configuration takes", address,
		 reason);
	return rc;
}

/*
 * Others of this user may be setting it just now. Who has the physical function for longer may have set
 * another: then the virtual one is not busy, but not for us.
 */
static int set_token_patiently(const struct vdev_options *opt, const char *physfn, const char *address,
			       char *why, size_t why_len)
{
	int64_t end = clock_deadline(PATIENCE_NS);
	int rc = set_token(opt, physfn, address, why, why_len);

	while (rc == -EBUSY && clock_now_ns() < end) {
		clock_sleep_ns(PAUSE_NS);
		rc = set_token(opt, physfn, address, why, why_len);
	}
	return rc == -EBUSY ? -EKEYREJECTED : rc;
}

enum function { PLAIN, VIRTUAL, PHYSICAL };

/* What the device is in the matter of tokens. Of a virtual function *physfn is its physical one. */
static enum function kind_of(const char *address, char physfn[PCI_ADDRESS_LEN])
{
	struct pci_info vf, pf;
	uint64_t vfs;

	if (!sysfs_number(&vfs, "/sys/bus/pci/devices/%s/sriov_totalvfs", address) && vfs)
		return PHYSICAL;
	if (pci_read(address, &vf) || !*vf.physfn || pci_read(vf.physfn, &pf) ||
	    !strstr(pf.driver, "vfio"))
		return PLAIN; /* also a virtual one of another driver's: nobody asks it for a token */
	memcpy(physfn, vf.physfn, PCI_ADDRESS_LEN);
	return VIRTUAL;
}

static int rejected(const char *address, const char *path, char *why, size_t why_len)
{
	snprintf(why, why_len,
		 "%s has virtual functions in use, under another VF token than this user's in %s; "
		 "\"vf_token\" in the configuration takes it", address, path);
	return -EKEYREJECTED;
}

/* A physical function gets the token when it is opened: then its virtual ones can be opened beside it. */
static int open_physical(const struct place *p, struct vdev_options *opt, char *why, size_t why_len,
			 struct vdev **ret)
{
	uint8_t token[VF_TOKEN_LEN];
	char path[VF_TOKEN_PATH_MAX];
	int rc;

	opt->vf_token = users_token(token, path) ? NULL : token; /* it can do without */
	rc = way_kernel.open(p->path, opt, why, why_len, ret);
	opt->vf_token = NULL;
	return rc == -EKEYREJECTED ? rejected(p->path, path, why, why_len) : rc;
}

static int open_virtual(const struct place *p, struct vdev_options *opt, const char *physfn, char *why,
			size_t why_len, struct vdev **ret)
{
	uint8_t token[VF_TOKEN_LEN];
	char path[VF_TOKEN_PATH_MAX];
	int rc = users_token(token, path);

	if (rc) {
		snprintf(why, why_len,
			 "%s is a virtual function, and a VF token for it cannot be kept in %s: %s",
			 p->path, path, strerror(-rc));
		return rc;
	}
	opt->vf_token = token;
	rc = way_kernel.open(p->path, opt, why, why_len, ret);
	if (rc == -EKEYREJECTED) {
		rc = set_token_patiently(opt, physfn, p->path, why, why_len);
		if (!rc)
			rc = way_kernel.open(p->path, opt, why, why_len, ret);
	}
	opt->vf_token = NULL;
	return rc;
}

int kernel_open(struct v_opae *v, const struct place *p, struct vdev_options *opt, char *why,
		size_t why_len, struct vdev **ret)
{
	char physfn[PCI_ADDRESS_LEN];
	enum function kind = p->has_token ? PLAIN : kind_of(p->path, physfn);

	opt->kernel_way = v->kernel_way;
	opt->spaces = &v->spaces;
	opt->vf_token = p->has_token ? p->vf_token : NULL;
	if (kind == PHYSICAL)
		return open_physical(p, opt, why, why_len, ret);
	if (kind == VIRTUAL)
		return open_virtual(p, opt, physfn, why, why_len, ret);
	return way_kernel.open(p->path, opt, why, why_len, ret);
}
