/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/card/remote.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

static pid_t opaed;
static char socket_path[108], config_path[128];
static unsigned int port; /* tcp */
static int log_fd = -1;	  /* its lines; the pipe holds those of a test */

#define LOG_BYTES (1 << 20)
#define VSOCK_PORT 8447u

/* Of "rdma": the provider, and where both ends are; as for tests/unit. */
static char provider[16] = "tcp", host[46] = "127.0.0.1";

static void read_fabric(void)
{
	const char *text = getenv("OPAE_TEST_FABRIC");

	if (text)
		assert_int_equal(sscanf(text, "%15s %45s", provider, host), 2);
}

bool remote_is(void)
{
	return getenv("OPAE_TEST_REMOTE");
}

static bool by(const char *way)
{
	return !strcmp(getenv("OPAE_TEST_REMOTE"), way);
}

/* Content goes by RDMA; of the second way, all goes by it. */
static bool by_rdma(void)
{
	return by("rdma") || by("rdma-plugin");
}

static void copy_file(FILE *to, const char *path)
{
	FILE *from = fopen(path, "re");
	int c;

	assert_non_null(from);
	while ((c = fgetc(from)) != EOF)
		fputc(c, to);
	fclose(from);
}

static void write_tls(FILE *f, const char *name)
{
	const char *pki = getenv("OPAE_TEST_PKI");

	assert_non_null(pki);
	fprintf(f, "\"tls\": {\"ca\": \"%s/ca.crt\", \"crl\": \"%s/ca.crl\", ", pki, pki);
	fprintf(f, "\"cert\": \"%s/issued/%s/%s.crt\", ", pki, name, name);
	fprintf(f, "\"key\": \"%s/issued/%s/%s.key\"}", pki, name, name);
}

static void write_config(const char *local)
{
	FILE *f = fopen(config_path, "we");

	assert_non_null(f);
	fputs("{\"listen\": [{", f);
	if (by("tls")) {
		fputs("\"tcp\": \"127.0.0.1:0\", ", f);
		write_tls(f, "localhost");
	} else if (by("tcp") || by("rdma")) {
		fprintf(f, "\"tcp\": \"%s:0\", \"clear\": true, \"public\": true", host);
	} else if (by("rdma-plugin")) {
		fprintf(f, "\"rdma\": \"%s:0\", \"clear\": true, \"public\": true", host);
	} else if (by("vsock")) {
		fprintf(f, "\"vsock\": %u", VSOCK_PORT);
	} else {
		fprintf(f, "\"unix\": \"%s\"", socket_path);
	}
	fputs("}], ", f);
	if (by_rdma())
		fprintf(f, "\"rdma\": {\"provider\": \"%s\", \"least\": 64, \"data_in_clear\": true}, ",
			provider);
	fprintf(f, "\"policy\": [{\"principal\": \"*\", \"see\": [\"*\"], \"allow\": [\"*\"]}], "
		"\"plugins\": ");
	copy_file(f, local);
	fputs("}", f);
	fclose(f);
}

/* Each listener is told in a line, when connections are taken. */
static void await_listener(int fd)
{
	static const char ready[] = "listening on ";
	char lines[1024] = "", *at;
	size_t have = 0;

	while (!(at = strstr(lines, ready)) || !strchr(at, '\n')) {
		ssize_t n = read(fd, lines + have, sizeof(lines) - 1 - have);

		if (n <= 0)
			fail_msg("opaed does not listen: %s", lines);
		have += (size_t)n;
		lines[have] = '\0';
	}
	if (by("rdma-plugin"))
		at = strchr(at, ':') + 1; /* "rdma:", and the address */
	if (by("tcp") || by("tls") || by_rdma())
		port = (unsigned int)strtoul(strchr(at, ':') + 1, NULL, 10);
}

void remote_start(const char *dir, const char *local)
{
	int out[2];

	read_fabric();
	remote_stop(false);
	snprintf(socket_path, sizeof(socket_path), "%s/opaed", dir);
	snprintf(config_path, sizeof(config_path), "%s/opaed.cfg", dir);
	write_config(local);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fcntl(out[0], F_SETPIPE_SZ, LOG_BYTES);
	opaed = fork();
	if (!opaed) {
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that fails leaves nothing behind */
		dup2(out[1], 2);
		execl(getenv("OPAE_TEST_OPAED"), "opaed", "--config", config_path, NULL);
		_exit(127);
	}
	assert_true(opaed > 0);
	close(out[1]);
	log_fd = out[0];
	await_listener(log_fd);
}

static const char *tracker(void)
{
	const char *t = getenv("OPAE_TEST_TRACKER");

	return t ? t : "auto";
}

bool remote_is_fabric(void)
{
	return by("rdma-plugin");
}

bool remote_is_slow(void)
{
	read_fabric();
	return remote_is() && strcmp(provider, "tcp") != 0;
}

bool remote_is_eager(void)
{
	return remote_is() && !strcmp(tracker(), "eager");
}

void remote_configure(FILE *f)
{
	fprintf(f, "{\"configurations\": {\"far\": {\"configuration\": {\"connect_ms\": 60000, "
		"\"tracker\": \"%s\", \"timeout_ms\": 60000, %s\"hosts\": [", tracker(),
		by_rdma() ? "\"data\": \"rdma\", \"data_in_clear\": true, \"rdma_least\": 1, " : "");
	if (by("tls")) {
		/* No name is looked up, for that takes a thread, and a child of fork must not need one. */
		fprintf(f, "{\"host\": \"127.0.0.1\", \"port\": %u, ", port);
		write_tls(f, "alice");
		fputs("}", f);
	} else if (by("tcp") || by_rdma()) {
		fprintf(f, "{\"host\": \"%s\", \"port\": %u}", host, port);
	} else if (by("vsock")) {
		fprintf(f, "{\"cid\": 1, \"port\": %u}", VSOCK_PORT);
	} else {
		fprintf(f, "{\"unix\": \"%s\"}", socket_path);
	}
	fprintf(f, "]}, \"enabled\": true, \"plugin\": \"lib%s-opae.so\"}}, \"plugins\": [\"far\"]}",
		by("vsock") ? "vsock" : by("rdma-plugin") ? "rdma" : "tcp");
}

/* What it said is of interest after a failure; what a sanitizer says of it or of a worker is one. */
static bool tell_log(bool failed)
{
	FILE *f = fdopen(log_fd, "r");
	bool found = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		found |= strstr(line, "Sanitizer: ") || strstr(line, "runtime error: ");
		if (failed || found)
			print_message("# %s", line);
	}
	fclose(f);
	log_fd = -1;
	return found;
}

void remote_stop(bool after_failure)
{
	int status = 0;
	bool found;

	if (!opaed)
		return;
	kill(opaed, SIGTERM);
	assert_int_equal(waitpid(opaed, &status, 0), opaed);
	opaed = 0;
	unlink(config_path);
	found = tell_log(after_failure || status);
	if (!after_failure) { /* anything else was found by a sanitizer, or crashed */
		assert_int_equal(status, 0);
		assert_false(found);
	}
}
