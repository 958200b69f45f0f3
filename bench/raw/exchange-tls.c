/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exchange.c over TLS 1.3, by OpenSSL alone on TCP sockets: AES-128-GCM, and a key and a certificate that
 * are made here and that nobody checks, for the handshake is no part of it.
 *     exchange-tls tls OUT BACK COUNT CPU
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SPIN_US 50.0
#define TRIES 8 /* receive attempts between two offers of the core to the other side */
#define ROOM 65536

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int tcp_pair(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (void *)&a, len) || listen(l, 1) || getsockname(l, (void *)&a, &len) ||
	    connect(fd[0], (void *)&a, len) || (fd[1] = accept(l, NULL, NULL)) < 0)
		return -1;
	for (int i = 0; i < 2; i++) { /* cubic: the default may be one that paces */
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd[i], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	}
	return close(l);
}

static int certify(SSL_CTX *c)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	return key && x && X509_set_pubkey(x, key) && X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), 86400) && X509_sign(x, key, EVP_sha256()) &&
	       SSL_CTX_use_certificate(c, x) && SSL_CTX_use_PrivateKey(c, key);
}

/* One system call fills the buffer with all that is there: OpenSSL by itself makes two for each record. */
static SSL *shake_hands(int fd, int server)
{
	SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	int on = 1;
	SSL *s;

	if (!c || !SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) || !SSL_CTX_set_num_tickets(c, 0) ||
	    !SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") || (server && !certify(c)))
		return NULL;
	SSL_CTX_set_read_ahead(c, 1), SSL_CTX_set_default_read_buffer_len(c, ROOM);
	s = SSL_new(c);
	SSL_CTX_free(c);
	if (!s || !SSL_set_fd(s, fd) || (server ? SSL_accept(s) : SSL_connect(s)) != 1)
		return NULL;
	return ioctl(fd, FIONBIO, &on) ? NULL : s;
}

static void receive(SSL *s, char *at, size_t len)
{
	struct pollfd p = { .fd = SSL_get_fd(s), .events = POLLIN };
	double end = now() + SPIN_US;
	size_t n;

	for (unsigned int i = 1; len; i++) {
		if (SSL_read_ex(s, at, len, &n))
			at += n, len -= n, end = now() + SPIN_US;
		else if (SSL_get_error(s, 0) != SSL_ERROR_WANT_READ)
			_exit(0); /* the other process has ended */
		else if (i % TRIES == 0)
			now() < end ? sched_yield() : poll(&p, 1, -1);
	}
}

static void transmit(SSL *s, const char *at, size_t len)
{
	struct pollfd p = { .fd = SSL_get_fd(s), .events = POLLOUT };

	for (size_t n; len; at += n, len -= n)
		for (n = 0; !SSL_write_ex(s, at, len < ROOM ? len : ROOM, &n); n = 0)
			if (SSL_get_error(s, 0) != SSL_ERROR_WANT_WRITE || poll(&p, 1, -1) < 0)
				_exit(1);
}

int main(int argc, char *argv[])
{
	size_t out = argc == 6 ? strtoul(argv[2], NULL, 10) : 0, back = out ? strtoul(argv[3], NULL, 10) : 0;
	long count = back ? strtol(argv[4], NULL, 10) : 0, cpu = count ? strtol(argv[5], NULL, 10) : -1;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL, begin;
	char *there = calloc(1, out), *here = calloc(1, back), line[8];
	cpu_set_t set;
	SSL *s;
	int fd[2];

	if (!us || tcp_pair(fd))
		return fprintf(stderr, "usage: exchange-tls tls OUT BACK COUNT CPU\n"), 1;
	if (!fork()) {
		close(fd[0]);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if ((cpu >= 0 && sched_setaffinity(0, sizeof(set), &set)) || !(s = shake_hands(fd[1], 1)))
			return 1;
		for (;; transmit(s, here, back))
			receive(s, there, out);
	}
	close(fd[1]);
	if (!(s = shake_hands(fd[0], 0)))
		return fprintf(stderr, "exchange-tls: the handshake failed\n"), 1;
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			begin = now();
			transmit(s, there, out);
			receive(s, here, back);
			us[i] = now() - begin;
		}
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	return SSL_free(s), free(us), free(there), free(here), 0;
}
