/* SPDX-License-Identifier: BSD-3-Clause */
/* opaed's configuration: what is read, and that each mistake is named together with what mends it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config-rdma.h"
#include "daemon/config.h"
#include "tests/unit/check.h"
#include "transport/tls-config.h"
#include "wire/ops.h"

#define UNIX_ALONE "\"listen\": [{\"unix\": \"/run/x.sock\"}]"
#define ALL_MAY "\"policy\": [{\"principal\": \"*\", \"see\": [\"*\"], \"allow\": [\"*\"]}]"

static struct daemon_config good(const char *text)
{
	struct daemon_config c;
	char *problems;
	int rc = config_parse_text(text, strlen(text), &c, &problems);

	if (problems)
		print_error("%s", problems);
	assert_int_equal(rc, 0);
	assert_null(problems);
	return c;
}

/* Each word stands in what is said, which is so many lines. */
static void bad(const char *text, unsigned int lines, const char *word, const char *fix)
{
	struct daemon_config c;
	char *problems = NULL;
	unsigned int n = 0;

	assert_int_equal(config_parse_text(text, strlen(text), &c, &problems), -EINVAL);
	assert_non_null(problems);
	for (const char *at = problems; *at; at++)
		n += *at == '\n';
	if (n != lines || !strstr(problems, word) || !strstr(problems, fix))
		print_error("%s\n-> %s\n", text, problems);
	assert_int_equal(n, lines);
	assert_non_null(strstr(problems, word));
	assert_non_null(strstr(problems, fix));
	assert_null(c.listen);
	assert_null(c.plugins);
	free(problems);
}

static void everything(void **state)
{
	struct daemon_config c = good(
		"{\"listen\": [{\"unix\": \"/run/opae/opaed.sock\", \"mode\": \"0660\"},"
		" {\"tcp\": \"127.0.0.1:8447\", \"clear\": true},"
		" {\"tcp\": \"[::]:9000\", \"clear\": true, \"public\": true}, {\"vsock\": 8447},"
		" {\"unix\": \"/run/vm4.sock_8447\", \"principal\": \"vsock:4\"}],"
		"\"policy\": [{\"principal\": \"unix:1000\", \"see\": [\"0000:b1:00.0\"],"
		"  \"allow\": [\"mmio-read\", \"admin\"]},"
		" {\"principal\": \"unix:1001\", \"see\": [], \"allow\": []},"
		" {\"principal\": \"*\", \"see\": [\"*\"], \"allow\": [\"*\"]}],"
		"\"plugins\": {\"plugins\": [\"v\"], \"configurations\": {\"v\": {\"plugin\":"
		"  \"libv-opae.so\", \"enabled\": true, \"configuration\":"
		"  {\"sockets\": [\"/a.sock\", {\"path\": \"/b.sock\"}]}}}},"
		"\"limits\": {\"connections\": 8, \"hello_ms\": 1000, \"spin_us\": 0, \"handles\": 3,"
		"  \"objects\": 4, \"calls\": 5, \"events\": 6, \"buffer_bytes\": 1099511627776}}");

	(void)state;
	assert_int_equal(c.num_listen, 5);
	assert_int_equal(c.listen[0].address.kind, ADDRESS_UNIX);
	assert_string_equal(c.listen[0].address.path, "/run/opae/opaed.sock");
	assert_int_equal(c.listen[0].mode, 0660);
	assert_int_equal(c.listen[1].address.port, 8447);
	assert_int_equal(c.listen[3].address.kind, ADDRESS_VSOCK);
	assert_string_equal(c.listen[4].principal, "vsock:4");
	assert_int_equal(c.listen[4].mode, 0600);
	assert_int_equal(c.policy.num_rules, 3);
	assert_int_equal(c.policy.rules[0].allow, WIRE_RIGHT_MMIO_READ | WIRE_RIGHT_ADMIN);
	assert_int_equal(c.policy.rules[0].num_see, 1);
	assert_int_equal(c.policy.rules[1].num_see, 0);
	assert_int_equal(c.policy.rules[2].allow, WIRE_RIGHTS_ALL);
	assert_int_equal(c.limits.connections, 8);
	assert_int_equal(c.limits.per_principal, 8);
	assert_int_equal(c.limits.hello_ms, 1000);
	assert_int_equal(c.limits.spin_us, 0);
	assert_int_equal(c.limits.calls, 5);
	assert_int_equal(c.limits.events, 6);
	assert_true(c.limits.buffer_bytes == UINT64_C(1) << 40);
	assert_true(c.limits.watch_bytes == UINT64_C(1) << 39); /* as much as can have twins */
	assert_non_null(strstr(c.plugins, "/a.sock"));
	assert_string_equal(c.paths[0], "/a.sock");
	assert_string_equal(c.paths[1], "/b.sock");
	assert_null(c.paths[2]);
	config_done(&c);
}

/* Without more than a socket its owner alone is let in, and plugins of this machine are loaded. */
static void little(void **state)
{
	struct daemon_config c = good("{" UNIX_ALONE "}");
	char owner[32];

	(void)state;
	snprintf(owner, sizeof(owner), "unix:%u", geteuid());
	assert_int_equal(c.policy.num_rules, 1);
	assert_string_equal(c.policy.rules[0].principal, owner);
	assert_null(policy_find(&c.policy, "unix:4242"));
	assert_non_null(strstr(c.plugins, "libv-opae.so"));
	assert_null(strstr(c.plugins, "tcp"));
	assert_int_equal(c.listen[0].mode, 0600);
	config_done(&c);
}

static void nothing(void **state)
{
	struct daemon_config c;

	(void)state;
	assert_int_equal(config_default(&c), 0);
	assert_int_equal(c.num_listen, 1);
	assert_int_equal(c.listen[0].address.kind, ADDRESS_UNIX);
	assert_int_equal(c.listen[0].mode, 0600);
	assert_int_equal(c.policy.num_rules, 1);
	config_done(&c);
}

static void no_json(void **state)
{
	(void)state;
	bad("", 1, "line 1", "not JSON");
	bad("{\"listen\": [", 1, "line 1", "not JSON");
	bad("{\n\n\"listen\": oops}", 1, "line 3", "not JSON");
	bad("{" UNIX_ALONE "} more", 1, "not JSON", "line 1");
	bad("[]", 1, "the configuration", "{...}");
	bad("{}", 1, "\"listen\"", "/run/opae/opaed.sock");
}

static void keys(void **state)
{
	(void)state;
	bad("{" UNIX_ALONE ", \"polcy\": []}", 1, "\"polcy\"", "\"policy\"");
	bad("{\"listen\": [{\"unix\": \"/x\", \"clar\": true}]}", 1, "listen[0]", "\"clear\"");
	bad("{" UNIX_ALONE ", \"policy\": [{\"who\": 1, \"principal\": \"*\", \"see\": [], "
	    "\"allow\": []}]}", 1, "policy[0]", "\"principal\"");
	bad("{" UNIX_ALONE ", \"limits\": {\"conections\": 1}}", 1, "limits", "\"connections\"");
	bad("{" UNIX_ALONE ", \"plugins\": {\"tcp\": {}, \"configurations\": {}, \"plugins\": []}}", 1,
	    "plugins", "\"configurations\"");
	bad("{\"lisen\": 1, \"polcy\": 2}", 3, "\"lisen\"", "\"polcy\"");
}

static void listeners(void **state)
{
	(void)state;
	bad("{\"listen\": []}", 1, "\"listen\"", "something in it");
	bad("{\"listen\": [5]}", 1, "listen[0]", "{...}");
	bad("{\"listen\": [{}]}", 1, "listen[0]", "\"vsock\": PORT");
	bad("{\"listen\": [{\"unix\": \"/x\", \"tcp\": \"127.0.0.1:1\"}]}", 1, "listen[0]", "one of");
	bad("{\"listen\": [{\"unix\": \"x.sock\"}]}", 1, "x.sock", "absolute");
	bad("{\"listen\": [{\"unix\": 5}]}", 1, "\"unix\"", "text");
	bad("{\"listen\": [{\"tcp\": \"127.0.0.1:8447\"}], " ALL_MAY "}", 1, "listen[0]", "\"clear\": true");
	bad("{\"listen\": [{\"tcp\": \"0.0.0.0:8447\", \"clear\": true}], " ALL_MAY "}", 1, "0.0.0.0",
	    "\"public\": true");
	bad("{\"listen\": [{\"tcp\": \"somewhere:8447\", \"clear\": true}], " ALL_MAY "}", 1, "somewhere",
	    "127.0.0.1:8447");
	bad("{\"listen\": [{\"tcp\": \"127.0.0.1:99999\", \"clear\": true}], " ALL_MAY "}", 1, "99999",
	    "127.0.0.1:8447");
	bad("{\"listen\": [{\"vsock\": 0}], " ALL_MAY "}", 1, "\"vsock\"", "from 1");
	bad("{\"listen\": [{\"unix\": \"/x\", \"mode\": \"0777\"}]}", 1, "0777", "\"0600\"");
	bad("{\"listen\": [{\"unix\": \"/x\", \"mode\": \"660\"}]}", 1, "\"660\"", "as \"0660\"");
	bad("{\"listen\": [{\"vsock\": 1, \"mode\": \"0600\"}], " ALL_MAY "}", 1, "\"mode\"", "remove");
	bad("{\"listen\": [{\"unix\": \"/x\", \"principal\": \"*\"}]}", 1, "principal", "one principal");
	bad("{\"listen\": [{\"unix\": \"/x\", \"principal\": \"tls:x\"}]}", 1, "principal", "certificate");
	bad("{\"listen\": [{\"unix\": \"/x\"}, {\"unix\": \"/x\"}]}", 1, "listen[1]", "listen[0]");
	bad("{\"listen\": [{\"unix\": \"/x\", \"clear\": 1}]}", 1, "\"clear\"", "true or false");
}

#define RDMA(listen, more) "{\"listen\": [" listen "], \"rdma\": {" more "}, " ALL_MAY "}"
#define AT(where) "{\"rdma\": \"" where "\", \"clear\": true, \"public\": true}"

/* The rest of its keys: tests/py/test_rdma_spare.py and test_rdma_listen.py. */
static void rdma(void **state)
{
	struct daemon_config c = good(RDMA(AT("[::1]") ", " AT("127.0.0.1:8447") ", {\"tcp\": \"127.0.0.1\", "
					   "\"clear\": true}", "\"address\": \"10.0.0.7\""));
	struct address at;

	(void)state;
	assert_true(c.listen[0].rdma && c.listen[1].rdma && !c.listen[2].rdma);
	assert_string_equal(c.listen[0].text, "rdma:[::1]:8448");
	assert_string_equal(c.listen[1].text, "rdma:127.0.0.1:8447");
	assert_int_equal(c.listen[2].address.port, 8447);
	assert_int_equal(c.rdma_spare, 1);
	assert_true(config_rdma_at(&c, &c.listen[0], &at));
	assert_string_equal(at.host, "::1");
	assert_true(config_rdma_at(&c, &c.listen[2], &at));
	assert_string_equal(at.host, "10.0.0.7");
	config_done(&c);
	bad("{\"listen\": [" AT("10.0.0.7") "], " ALL_MAY "}", 1, "listen[0]", "{\"provider\": \"tcp\"}");
	bad(RDMA(AT("::"), ""), 1, "listen[0]", "several addresses");
	bad(RDMA(AT("127.0.0.1:0") ", " AT("127.0.0.1:0"), ""), 1, "listen[1]", "listen[0]");
}

#define TLS_WITH(more) \
	"{\"listen\": [{\"unix\": \"/x\", \"tls\": {\"ca\": \"/a\", \"cert\": \"/b\", \"key\": \"/c\", " \
	more "}}], " ALL_MAY "}"

static void tls_of_a_listener(void **state)
{
	struct daemon_config c = good(TLS_WITH("\"name\": \"fpga1.lab\""));

	(void)state;
	assert_string_equal(c.listen[0].tls->name, "fpga1.lab");
	config_done(&c);
	bad(TLS_WITH("\"name\": \"\""), 1, "\"name\" must be", "host name");
	bad(TLS_WITH("\"nome\": \"x\""), 1, "\"nome\"", "\"crl\" and \"name\"");
}

/* One that could but refuse everybody. */
static void nobody_may(void **state)
{
	(void)state;
	bad("{\"listen\": [{\"tcp\": \"127.0.0.1:1\", \"clear\": true}]}", 1, "listen[0]",
	    "{\"principal\": \"tcp:127.0.0.1\", \"see\": [\"0000:b1:00.0\"], \"allow\": [\"mmio-read\"");
	bad("{\"listen\": [{\"tcp\": \"[::1]:1\", \"clear\": true}]}", 1, "\"tcp:::1\"", "listen[0]");
	bad("{\"listen\": [{\"tcp\": \"0.0.0.0:1\", \"clear\": true, \"public\": true}]}", 1,
	    "\"tcp:10.0.0.7\"", "the address that the program's machine has");
	bad("{\"listen\": [{\"vsock\": 8447}]}", 1, "\"vsock:4\"", "\"vsock:2\" is the host");
	bad("{\"listen\": [{\"unix\": \"/x\"}], \"policy\": [{\"principal\": \"vsock:4\", \"see\": [\"*\"], "
	    "\"allow\": [\"*\"]}]}", 1, "\"unix:1000\"", "id -u");
	bad("{\"listen\": [{\"unix\": \"/x\", \"principal\": \"vsock:9\"}]}", 1, "listen[0]", "\"vsock:9\"");
}

static void rules(void **state)
{
	(void)state;
	bad("{" UNIX_ALONE ", \"policy\": []}", 1, "\"policy\"", "something in it");
	bad("{" UNIX_ALONE ", \"policy\": [{}]}", 3, "\"principal\": \"unix:1000\"",
	    "\"allow\": [\"mmio-read\"");
	bad("{" UNIX_ALONE ", \"policy\": [{\"principal\": \"unix:bob\", \"see\": [], \"allow\": []}]}", 1,
	    "unix:bob", "id -u");
	bad("{" UNIX_ALONE ", \"policy\": [{\"principal\": \"tcp:::ffff:10.0.0.7\", \"see\": [], "
	    "\"allow\": []}]}", 1, "tcp:::ffff:10.0.0.7", "name the IPv4 address");
	bad("{" UNIX_ALONE ", \"policy\": [{\"principal\": \"*\", \"see\": [\"b1\"], \"allow\": []}]}", 1,
	    "\"b1\"", "guid:");
	bad("{" UNIX_ALONE ", \"policy\": [{\"principal\": \"*\", \"see\": [7], \"allow\": []}]}", 1,
	    "\"see\"[0]", "text");
	bad("{" UNIX_ALONE ", \"policy\": [{\"principal\": \"*\", \"see\": [], \"allow\": [\"read\"]}]}", 1,
	    "\"read\"", "\"mmio-read\"");
}

static void limits(void **state)
{
	(void)state;
	bad("{" UNIX_ALONE ", \"limits\": {\"connections\": 0}}", 1, "\"connections\"", "from 1 to 4096");
	bad("{" UNIX_ALONE ", \"limits\": {\"connections\": \"8\"}}", 1, "\"connections\"", "whole number");
	bad("{" UNIX_ALONE ", \"limits\": {\"buffer_bytes\": -1}}", 1, "\"buffer_bytes\"", "from 0");
	bad("{" UNIX_ALONE ", \"limits\": {\"watch_bytes\": \"all\"}}", 1, "\"watch_bytes\"", "whole number");
	bad("{" UNIX_ALONE ", \"limits\": {\"events\": 257}}", 1, "\"events\"", "from 1 to 256");
	bad("{" UNIX_ALONE ", \"limits\": 4}", 1, "limits", "{...}");
	bad("{" UNIX_ALONE ", \"limits\": {\"worker_bytes\": 4096}}", 1, "worker_bytes", "67108864");
}

/* Whom workers become must be there, and be nobody. */
static void worker_user(void **state)
{
	struct daemon_config c;
	char *problems = NULL;

	(void)state;
	bad("{" UNIX_ALONE ", \"worker_user\": \"nobody-here\"}", 1, "\"nobody-here\"", "name one");
	bad("{" UNIX_ALONE ", \"worker_user\": \"root\"}", 1, "\"root\"", "leave it away");
	bad("{" UNIX_ALONE ", \"worker_user\": 7}", 1, "\"worker_user\"", "");
	assert_int_equal(config_default(&c), 0);
	assert_true(c.worker_uid && c.worker_gid);
	config_done(&c);
	assert_int_equal(config_parse_text("{" UNIX_ALONE "}", strlen("{" UNIX_ALONE "}"), &c, &problems), 0);
	assert_true(c.worker_uid && c.worker_gid);
	config_done(&c);
}

static void plugins(void **state)
{
	(void)state;
	bad("{" UNIX_ALONE ", \"plugins\": {}}", 1, "plugins", "\"configurations\"");
	bad("{" UNIX_ALONE ", \"plugins\": {\"plugins\": [\"t\"], \"configurations\": {\"t\": {\"plugin\": "
	    "\"libtcp-opae.so\"}}}}", 1, "libtcp-opae.so", "remove it");
	bad("{" UNIX_ALONE ", \"plugins\": {\"configs\": [\"t\"], \"configurations\": {\"t\": {\"opae\": "
	    "{\"plugin\": [{\"module\": \"/usr/lib/opae/libvsock-opae.so\"}]}}}}}", 1,
	    "libvsock-opae.so", "remove it");
}

/* Not without end, however much is wrong. */
static void many_mistakes(void **state)
{
	char text[4096] = "{" UNIX_ALONE, *problems;
	size_t used = strlen(text), lines = 0;
	struct daemon_config c;

	(void)state;
	for (int i = 0; i < 100; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", \"wrong%d\": 0", i);
	snprintf(text + used, sizeof(text) - used, "}");
	assert_int_equal(config_parse_text(text, strlen(text), &c, &problems), -EINVAL);
	for (const char *at = problems; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 16);
	free(problems);
}

static void files(void **state)
{
	char path[] = "/tmp/opae-test-opaed.XXXXXX", *problems;
	static const char text[] = "{\"listen\": 5}";
	struct daemon_config c;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(config_read_file(path, &c, &problems), -EINVAL);
	assert_ptr_equal(strstr(problems, path), problems);
	free(problems);
	close(fd);
	unlink(path);
	assert_int_equal(config_read_file(path, &c, &problems), -ENOENT);
	assert_non_null(strstr(problems, path));
	free(problems);
	assert_true(config_read_file("/dev", &c, &problems) < 0);
	assert_non_null(strstr(problems, "/dev"));
	free(problems);
}

static void metrics(void **state)
{
	struct daemon_config c = good("{" UNIX_ALONE ", \"metrics\": {\"tcp\": \"[::1]:9447\"}}");

	(void)state;
	assert_true(c.has_metrics);
	assert_int_equal(c.metrics.address.port, 9447);
	config_done(&c);
	c = good("{" UNIX_ALONE ", \"metrics\": {\"unix\": \"/m.sock\", \"mode\": \"0660\"}}");
	assert_int_equal(c.metrics.address.kind, ADDRESS_UNIX);
	assert_int_equal(c.metrics.mode, 0660);
	config_done(&c);
	c = good("{" UNIX_ALONE "}");
	assert_false(c.has_metrics);
	config_done(&c);
	bad("{" UNIX_ALONE ", \"metrics\": {\"tcp\": \"10.0.0.1:9447\"}}", 1, "10.0.0.1:9447", "127.0.0.1");
	bad("{" UNIX_ALONE ", \"metrics\": {\"tcp\": \"localhost:9447\"}}", 1, "localhost", "127.0.0.1:9447");
	bad("{" UNIX_ALONE ", \"metrics\": {}}", 1, "metrics", "\"unix\": PATH");
	bad("{" UNIX_ALONE ", \"metrics\": {\"unix\": \"/run/x.sock\"}}", 1, "listen[0]", "give another");
}

/* The addresses of cards are those that the plugin gives them. */
static void cards(void **state)
{
	static const char text[] =
		"{" UNIX_ALONE ", \"plugins\": {\"plugins\": [\"v\"], \"configurations\": {\"v\": {"
		"\"plugin\": \"libv-opae.so\", \"enabled\": true,"
		" \"configuration\": {\"sockets\": [\"/a.sock\","
		" {\"path\": \"/b.sock\", \"address\": \"b1:00.1\"}, {\"path\": \"/c.sock\"}, 7,"
		" \"d.sock\", {\"path\": \"/e.sock\", \"address\": \"nowhere\"}]}}}}}";
	struct daemon_config c;
	char *problems;

	(void)state;
	assert_int_equal(config_parse_text(text, strlen(text), &c, &problems), 0);
	assert_int_equal(c.num_cards, 3);
	assert_string_equal(c.cards[0].path, "/a.sock");
	assert_int_equal(c.cards[0].address.segment, 0x8000);
	assert_string_equal(c.cards[1].path, "/b.sock");
	assert_int_equal(c.cards[1].address.bus, 0xb1);
	assert_int_equal(c.cards[1].address.function, 1);
	assert_int_equal(c.cards[2].address.segment, 0x8002);
	config_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything), cmocka_unit_test(little),	 cmocka_unit_test(nothing),
		cmocka_unit_test(no_json),    cmocka_unit_test(keys),	 cmocka_unit_test(listeners),
		cmocka_unit_test(tls_of_a_listener), cmocka_unit_test(rdma),
		cmocka_unit_test(nobody_may), cmocka_unit_test(rules),	 cmocka_unit_test(limits),
		cmocka_unit_test(plugins),    cmocka_unit_test(many_mistakes), cmocka_unit_test(files),
		cmocka_unit_test(metrics),
		cmocka_unit_test(cards),
		cmocka_unit_test(worker_user),
	};

	return RUN(tests);
}
