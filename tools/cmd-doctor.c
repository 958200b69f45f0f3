/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/sysfs.h"
#include "doctor.h"

/* The device that is asked for: an address in its usual form, or a socket's whole path. NULL: neither. */
static char *what_is_asked(const char *text)
{
	char address[24], *path = realpath(text, NULL), *folder;

	if (!path && address_normal(text, address, sizeof(address)))
		return strdup(address);
	if (path || *text == '/')
		return path ? path : strdup(text);
	if (strchr(text, ':') && !text[strspn(text, "0123456789abcdefABCDEF:.")])
		return NULL;
	folder = realpath(".", NULL); /* what is not there yet has no real path */
	if (asprintf(&path, "%s/%s", !folder ? "." : strcmp(folder, "/") ? folder : "", text) < 0)
		path = NULL;
	free(folder);
	return path;
}

int cmd_doctor(int argc, char *argv[])
{
	struct doctor d = { 0 };
	char *only = NULL;
	bool json = false;
	int rc;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (argv[i][0] == '-' || !*argv[i] || only) {
			free(only);
			return usage_error("doctor has no argument '%s'", argv[i]);
		} else if (doctor_names_host(argv[i])) {
			only = strdup(argv[i]);
			d.host = only;
		} else {
			only = what_is_asked(argv[i]);
			if (!only)
				return usage_error("'%s' is no PCI address, [ssss:]bb:dd.f, no socket "
						   "and no host", argv[i]);
		}
	}
	dev_set_root(secure_getenv("OPAEX_DOCTOR_ROOT"));
	d.only = d.host ? NULL : only;
	d.subjects = json_object_new_array();
	doctor_config(&d);
	if (!d.host) {
		doctor_inventory(&d);
		if (!doctor_simulation(&d))
			doctor_sockets(&d);
		doctor_pci(&d);
	}
	doctor_hosts(&d);
	rc = report_finish(&d, json);
	json_object_put(d.subjects);
	free(d.tokens);
	free(only);
	return rc;
}
