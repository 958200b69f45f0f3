/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/attribute.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "dev/sysfs.h"
#include "plugins/local/local.h"

fpga_result attribute_device(const struct dfl_device *d, const char *call)
{
	return dfl_there(d) ? FPGA_OK :
			      say(FPGA_NOT_FOUND, "%s: %s of %s is no longer there", call, dfl_name(d),
				  d->address);
}

/* Root cannot do either what an attribute is not made for: it has no such bit then. */
static bool is_made_for(const struct dfl_device *d, const char *name, bool write)
{
	mode_t mode;

	return sysfs_mode(&mode, "%s/%s", d->dir, name) || mode & (write ? 0222 : 0444);
}

static fpga_result no_access(const struct dfl_device *d, const char *name, bool write,
			     const char *call)
{
	if (!is_made_for(d, name, write))
		return say(FPGA_NO_ACCESS, "%s: %s can only be %s", call, name,
			   write ? "read" : "written");
	return say(FPGA_NO_ACCESS, "%s: you are uid %u, and may not %s %s/%s; root can allow it by chown "
				   "or chmod", call, (unsigned int)geteuid(), write ? "write" : "read",
		   d->dir, name);
}

fpga_result attribute_failed(const struct dfl_device *d, const char *name, int rc, bool write,
			     const char *call)
{
	fpga_result r = err_to_result(rc);

	switch (-rc) {
	case EACCES:
	case EPERM:
		return no_access(d, name, write, call);
	case ENOENT:
	case ENODEV:
	case ENXIO:
		if (attribute_device(d, call) != FPGA_OK)
			return FPGA_NOT_FOUND;
		return say(FPGA_NOT_FOUND, "%s: %s has no \"%s\"", call, dfl_name(d), name);
	case EINVAL: /* the program gave no value that a driver could refuse when it reads */
		return say(write ? r : FPGA_EXCEPTION, "%s: %s: the driver %s", call, name,
			   write ? "refuses this value" : "gives no value");
	case EFBIG:
		return say(FPGA_EXCEPTION, "%s: %s is larger than any attribute", call, name);
	case E2BIG:
		return say(r, "%s: \"%s\" is more than can be loaded at once", call, name);
	default:
		return say(r, "%s: %s: %s", call, name, strerror(-rc));
	}
}
