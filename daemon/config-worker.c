/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/config-worker.h"

#include <pwd.h>
#include <string.h>

#define NOBODY 65534 /* where no file of users says more */

void config_worker_default(struct daemon_config *c)
{
	const struct passwd *pw = getpwnam("nobody");

	c->worker_uid = pw ? pw->pw_uid : NOBODY;
	c->worker_gid = pw ? pw->pw_gid : NOBODY;
}

static void read_sandbox(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	const char *text = NULL;

	json_get_text(p, "the configuration", top, "sandbox", &text);
	c->sandbox_required = text && !strcmp(text, "required");
	if (text && !c->sandbox_required && strcmp(text, "available") != 0)
		problem(p, "\"sandbox\": \"%.80s\" is neither \"required\" nor \"available\"", text);
}

void config_read_worker(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	const char *name = NULL;
	const struct passwd *pw;

	config_worker_default(c);
	read_sandbox(p, top, c);
	json_get_text(p, "the configuration", top, "worker_user", &name);
	if (!name)
		return;
	pw = getpwnam(name);
	if (!pw)
		problem(p, "\"worker_user\": there is no user \"%.80s\"; name one that has nothing on this "
			"machine, or leave it away for \"nobody\"", name);
	else if (!pw->pw_uid || !pw->pw_gid)
		problem(p, "\"worker_user\": \"%.80s\" has the privileges of root; name a user without, or "
			"leave it away for \"nobody\"", name);
	else {
		c->worker_uid = pw->pw_uid;
		c->worker_gid = pw->pw_gid;
	}
}
