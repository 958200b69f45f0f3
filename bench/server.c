/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/server.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
#include "base/clock.h"
#include "bench/site.h"
#include "bench/wait.h"

#define CONNECTIONS 1024u /* all are one user's */
#define BUFFER_BYTES (UINT64_C(4) << 30) /* of a session: 1 GiB in buffers, and their twins */
#define START_NS (30 * NS_PER_S) /* on a machine that has other things to do */
#define LOOK_NS (10 * NS_PER_MS) /* between two looks at its log */

const char *const way_names[NUM_WAYS] = { "unix", "tcp", "tls", "rdma" };

/* ---- configurations ---- */

static bool write_text(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool write_text(const char *path, const char *fmt, ...)
{
	FILE *f = fopen(path, "we");
	bool good;
	va_list ap;

	va_start(ap, fmt);
	good = f && vfprintf(f, fmt, ap) >= 0;
	va_end(ap);
	if (f && fclose(f))
		good = false;
	return good || bench_fail("%s: %s", path, strerror(errno));
}

static bool configure_client(struct run *r, const char *plugin, const char *hosts, const char *more,
			     char *setting, size_t len)
{
	static const char name[] = "LIBOPAE_CFGFILE=";
	char dir[CARDS_DIR_MAX];

	if (!run_directory(r, dir, sizeof(dir)))
		return false;
	snprintf(setting, len, "%s%s/opae.cfg", name, dir);
	return write_text(setting + strlen(name),
			  "{\"configurations\": {\"far\": {\"configuration\": {\"hosts\": [%s]%s},"
			  " \"enabled\": true, \"plugin\": \"%s\"}}, \"plugins\": [\"far\"]}\n",
			  hosts, more, plugin);
}

bool client_config(struct run *r, const char *hosts, const char *more, char *setting, size_t len)
{
	return configure_client(r, "libtcp-opae.so", hosts, more, setting, len);
}

bool server_client_config(struct run *r, const struct server *s, enum way way, const char *more,
			  char *setting, size_t len)
{
	char host[SITE_TEXT_MAX + 64], all[128], tls[SITE_TEXT_MAX] = "";

	if (way == WAY_TLS)
		site_client_text(r->site, tls);
	if (way == WAY_UNIX)
		snprintf(host, sizeof(host), "{\"unix\": \"%s\"}", s->unix_path);
	else
		snprintf(host, sizeof(host), "{\"host\": \"%s\", \"port\": %u%s}",
			 way == WAY_TLS ? SITE_ADDRESS : "127.0.0.1",
			 way == WAY_TLS ? s->tls_port : way == WAY_RDMA ? s->rdma_port : s->port, tls);
	/* So many workers may start at once that one waits for a core. */
	snprintf(all, sizeof(all), ", \"connect_ms\": 20000%s", more);
	return configure_client(r, way == WAY_RDMA ? "librdma-opae.so" : "libtcp-opae.so", host, all, setting,
				len);
}

void server_address(const struct server *s, enum way way, char *text, size_t len)
{
	if (way == WAY_UNIX)
		snprintf(text, len, "unix:%s", s->unix_path);
	else
		snprintf(text, len, "%s:%u", way == WAY_TLS ? SITE_ADDRESS : "127.0.0.1",
			 way == WAY_TLS ? s->tls_port : s->port);
}

/* ---- the daemon ---- */

static bool write_daemon_config(const struct run *r, const struct server *s, const char *path,
				const char *plugins)
{
	char tls[SITE_TEXT_MAX] = "";

	if (*r->site)
		site_listener_text(r->site, tls);
	return write_text(path,
			  "{\"listen\": [{\"unix\": \"%s\"},"
			  " {\"tcp\": \"127.0.0.1:0\", \"clear\": true}%s%s],\n"
			  " \"policy\": [{\"principal\": \"*\", \"see\": [\"*\"], \"allow\": [\"*\"]}],\n"
			  " \"limits\": {\"connections\": %u, \"connections_per_principal\": %u,"
			  " \"buffer_bytes\": %llu},\n"
			  " \"plugins\": %s%s}\n",
			  s->unix_path, tls,
			  r->rdma ? ", {\"rdma\": \"127.0.0.1:0\", \"clear\": true}" : "",
			  CONNECTIONS, CONNECTIONS, (unsigned long long)BUFFER_BYTES, plugins,
			  r->rdma ? ", \"rdma\": {\"provider\": \"tcp\"}" : "");
}

/* Its log tells each place in a line, in their order, when connections are taken. False: not all yet. */
static bool find_ports(struct server *s, bool tls, bool rdma)
{
	char line[256];
	FILE *f = fopen(s->log, "re");
	unsigned int told = 0;

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "listening on ");

		if (!at || !strchr(at, '\n'))
			continue;
		if (told++)
			*(strstr(at, "rdma:") ? &s->rdma_port : told == 2 ? &s->port : &s->tls_port) =
				(unsigned int)strtoul(strrchr(at, ':') + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return told == 2u + tls + rdma;
}

static void show_log(const struct server *s)
{
	FILE *f = fopen(s->log, "re");
	int c;

	while (f && (c = fgetc(f)) != EOF)
		fputc(c, stderr);
	if (f)
		fclose(f);
}

static bool await_listening(struct server *s, bool tls, bool rdma)
{
	int64_t deadline = clock_deadline(START_NS);

	while (!find_ports(s, tls, rdma)) {
		struct pollfd ended = { .fd = s->opaed.out }; /* POLLHUP */

		if (wait_for(&ended, 1, clock_deadline(LOOK_NS)) || clock_now_ns() >= deadline) {
			show_log(s);
			return bench_fail("opaed does not take connections");
		}
	}
	return true;
}

static bool start_daemon(struct run *r, struct server *s, const char *plugins, int cpu)
{
	static const char *const places[] = { ".", "../daemon" };
	char dir[CARDS_DIR_MAX], config[CARDS_DIR_MAX + 24], path[PATH_MAX], emu[CONFIG_MAX];
	char inventory[CONFIG_MAX];
	const char *argv[] = { "opaed", "--config", config, NULL };
	const char *settings[] = { emu, inventory, "LIBOPAE_LOG=0", "LIBOPAE_LOGFILE=", NULL };

	if (!beside_find(places, 2, "opaed", path, sizeof(path)))
		return bench_fail("there is no opaed beside this program");
	if (!run_directory(r, dir, sizeof(dir)))
		return false;
	snprintf(s->unix_path, sizeof(s->unix_path), "%s/opaed.sock", dir);
	snprintf(s->log, sizeof(s->log), "%s/opaed.log", dir);
	snprintf(config, sizeof(config), "%s/opaed.cfg", dir);
	snprintf(emu, sizeof(emu), "OPAEX_EMU_DIR=%s", s->cards.dir);
	snprintf(inventory, sizeof(inventory), "OPAEX_INVENTORY_DIR=%s", dir);
	return write_daemon_config(r, s, config, plugins) &&
	       program_start(&s->opaed, "opaed", path, argv,
			     &(struct program_frame){ settings, s->log, cpu }) &&
	       await_listening(s, *r->site, r->rdma);
}

bool server_start(struct run *r, struct server *s, const struct cards_kind *kind, unsigned int num,
		  bool pinned)
{
	*s = (struct server){ .cards = { .num = 0 } };
	return run_cards(r, &s->cards, kind, num, pinned) &&
	       start_daemon(r, s, run_local_config, pinned ? r->cpu[1] : -1);
}

bool server_start_device(struct run *r, struct server *s)
{
	static const char *const places[] = { BENCH_RAW_DIR "/..", "../bench/device" };
	char path[PATH_MAX], plugins[PATH_MAX + 160];

	*s = (struct server){ .cards = { .num = 0 } };
	if (!beside_find(places, 2, "libbench-device.so", path, sizeof(path)))
		return bench_fail("the device to measure with is missing; it is installed as "
				  "%s/../libbench-device.so, seen from this program", BENCH_RAW_DIR);
	snprintf(plugins, sizeof(plugins),
		 "{\"configurations\": {\"device\": {\"configuration\": {}, \"enabled\": true,"
		 " \"plugin\": \"%s\"}}, \"plugins\": [\"device\"]}", path);
	return run_directory(r, s->cards.dir, sizeof(s->cards.dir)) &&
	       start_daemon(r, s, plugins, r->cpu[1]);
}

bool server_end(struct server *s)
{
	bool good = true;

	if (s->opaed.pid) {
		kill(s->opaed.pid, SIGTERM);
		good = program_end(&s->opaed);
		if (!good) {
			show_log(s);
			bench_fail("opaed did not end well");
		}
	}
	return cards_end(&s->cards, NULL) && good;
}

/* 0: there is no such process (any more). */
static pid_t parent_of(const char *pid)
{
	char path[64], line[512], *end;
	int parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL; /* the name may have any character */
	if (end && sscanf(end, ") %*c %d", &parent) != 1)
		parent = 0;
	fclose(f);
	return parent;
}

unsigned int server_processes(const struct server *s, pid_t *pids, unsigned int max)
{
	DIR *proc = opendir("/proc");
	unsigned int n = 0;
	struct dirent *e;

	if (max)
		pids[n++] = s->opaed.pid;
	while (proc && n < max && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) && parent_of(e->d_name) == s->opaed.pid)
			pids[n++] = (pid_t)strtol(e->d_name, NULL, 10);
	if (proc)
		closedir(proc);
	return n;
}
