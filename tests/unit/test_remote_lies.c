/* SPDX-License-Identifier: BSD-3-Clause */
/* The plain calls of a client whose server does not keep to the protocol, or falls silent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/props-host.h"
#include "tests/unit/served-host.h"
#include "wire/codec.h"
#include "wire/ops.h"
#include "wire/props.h"

#define DEVICE 0xd0u
#define HANDLE 0x77u

/* What the server says to everything but HELLO, ENUMERATE, OPEN and CLOSE: the test's. */
typedef void (*lie_fn)(struct rpc_link *link, const struct rpc_frame *f);
static _Atomic(lie_fn) lie;
static atomic_bool enough; /* a lie that goes on ends */
static atomic_uint pieces; /* of a bitstream that came */

static struct served_host host;
static opae_api_adapter_table far;
static struct rpc_client *client;
static fpga_token token;
static fpga_handle handle;

/* ---- the server ---- */

static unsigned char room[WIRE_FRAME_MAX];
static struct wire_writer out; /* the body of the next reply: the server's thread alone */

static struct wire_writer *body(void)
{
	wire_writer_init(&out, room, sizeof(room), NULL);
	return &out;
}

static int reply(struct rpc_link *link, const struct rpc_frame *f, uint32_t result, uint32_t flags)
{
	struct wire_head head = { .op = f->head.op, .flags = WIRE_REPLY | flags, .id = f->head.id,
				  .object = f->head.object, .budget = result };

	return rpc_link_send(link, &head, out.at, out.len, NULL, 0, clock_deadline(20 * NS_PER_S));
}

static void push(struct rpc_link *link, enum wire_op op, uint64_t object)
{
	struct wire_head head = { .op = (uint16_t)op, .flags = WIRE_ONE_WAY, .object = object };

	rpc_link_send(link, &head, out.at, out.len, NULL, 0, clock_deadline(20 * NS_PER_S));
}

static void hello(void)
{
	wire_put_u16(body(), WIRE_VERSION);
	wire_put_u64(&out, 0);
	wire_put_u32(&out, WIRE_FRAME_MAX);
	wire_put_u32(&out, WIRE_CALLS_MAX);
	wire_put_text(&out, "liar");
	wire_put_text(&out, "nowhere");
	wire_put_text(&out, "nobody");
}

static void put_device(void)
{
	const struct opae_props p = { .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_OBJECT_ID,
				      .objtype = FPGA_DEVICE,
				      .object_id = DEVICE };

	wire_put_u64(&out, 0);
	wire_put_props(&out, &p);
}

static void answer(void *ctx, struct rpc_link *link, const struct rpc_frame *f)
{
	lie_fn fn = atomic_load(&lie);

	(void)ctx;
	body();
	switch (f->head.op) {
	case WIRE_HELLO:
		hello();
		break;
	case WIRE_ENUMERATE:
		wire_put_u64(&out, DEVICE);
		put_device();
		break;
	case WIRE_OPEN:
		wire_put_u64(&out, HANDLE);
		put_device();
		break;
	case WIRE_RECONF_DATA:
		atomic_fetch_add(&pieces, 1);
		/* fall through */
	default:
		if (fn && f->head.op != WIRE_CLOSE) {
			fn(link, f);
			return;
		}
	}
	if (f->head.id)
		reply(link, f, FPGA_OK, 0);
}

/* ---- around a test ---- */

static void start(int64_t timeout_ns)
{
	uint32_t n = 0;

	atomic_store(&lie, NULL);
	atomic_store(&enough, false);
	atomic_store(&pieces, 0);
	host = (struct served_host){ .lie = answer };
	served_host_start(&host);
	client = served_client(&host, 1, timeout_ns, &far);
	assert_int_equal(far.enumerate(far.instance, NULL, 0, &token, 1, &n), FPGA_OK);
	assert_int_equal(n, 1);
	assert_int_equal(far.fpgaOpen(token, &handle, 0), FPGA_OK);
	host_detail[0] = '\0';
}

static int up(void **state)
{
	(void)state;
	start(20 * NS_PER_S);
	return 0;
}

static int up_impatient(void **state)
{
	(void)state;
	start(2 * NS_PER_S);
	return 0;
}

static int down(void **state)
{
	(void)state;
	atomic_store(&enough, true);
	far.fpgaClose(handle);
	far.fpgaDestroyToken(&token);
	rpc_client_free(client);
	served_host_end(&host);
	return 0;
}

#define assert_reason(text)                                                                        \
	do {                                                                                       \
		if (strncmp(host_detail, "far0: ", 6) || !strstr(host_detail, text))               \
			fail_msg("the reason is \"%s\"", host_detail);                             \
	} while (0)

/* Bodies are put together by the test's thread, and sent as they are. */
static struct {
	unsigned char at[4096];
	size_t len;
	uint32_t result;
} said;

static void say_it(struct rpc_link *link, const struct rpc_frame *f)
{
	memcpy(body()->at, said.at, said.len);
	out.len = said.len;
	if (f->head.id)
		reply(link, f, said.result, 0);
}

static struct wire_writer words;

/* What is put into `words` from here to the next call is the answer. */
static struct wire_writer *answer_with(uint32_t result)
{
	said.result = result;
	wire_writer_init(&words, said.at, sizeof(said.at), NULL);
	return &words;
}

static void now(void)
{
	assert_false(words.bad);
	said.len = words.len;
	atomic_store(&lie, say_it);
}

/* ---- results and reasons ---- */

static void results_that_there_are_not(void **state)
{
	uint64_t v = 9;

	(void)state;
	wire_put_text(answer_with(99), "why");
	now();
	assert_int_equal(far.fpgaReadError(token, 0, &v), FPGA_EXCEPTION);
	assert_reason("makes no sense");
	answer_with(UINT32_MAX);
	now();
	assert_int_equal(far.fpgaReadError(token, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(v, 9);
}

static void odd_reasons_are_made_plain(void **state)
{
	(void)state;
	wire_put_text(answer_with(FPGA_BUSY), "one\ntwo\x1b[31m");
	now();
	assert_int_equal(far.fpgaClearAllErrors(token), FPGA_BUSY);
	assert_reason("one two [31m");
	answer_with(FPGA_NO_ACCESS);
	now();
	assert_int_equal(far.fpgaClearAllErrors(token), FPGA_NO_ACCESS);
	assert_reason("gave no reason");
}

static void answers_that_are_too_short(void **state)
{
	struct fpga_error_info info = { .name = "before" };
	uint64_t v = 9, low = 9, n = 9;
	uint32_t size = 9;
	fpga_object o;

	(void)state;
	wire_put_u64(answer_with(FPGA_OK), 5);
	wire_put_u32(&words, FPGA_OBJECT_ATTRIBUTE);
	now();
	assert_int_equal(far.fpgaTokenGetObject(token, "x", &o, 0), FPGA_OK);
	answer_with(FPGA_OK);
	wire_put_u8(&words, 1);
	now();
	assert_int_equal(far.fpgaReadError(token, 0, &v), FPGA_EXCEPTION);
	assert_reason("too short");
	assert_int_equal(far.fpgaGetErrorInfo(token, 0, &info), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaGetUserClock(handle, &v, &low, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaGetNumMetrics(handle, &n), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaObjectRead64(o, &v, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaObjectGetSize(o, &size, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaDestroyObject(&o), FPGA_OK);
	assert_string_equal(info.name, "before");
	assert_true(v == 9 && low == 9 && n == 9 && size == 9);
}

static void error_names_that_are_too_long(void **state)
{
	struct fpga_error_info info = { .name = "before" };
	char name[FPGA_ERROR_NAME_MAX + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[FPGA_ERROR_NAME_MAX] = '\0';
	wire_put_text(answer_with(FPGA_OK), name);
	wire_put_u8(&words, 1);
	now();
	assert_int_equal(far.fpgaGetErrorInfo(token, 0, &info), FPGA_EXCEPTION);
	assert_string_equal(info.name, "before");
	wire_put_text(answer_with(FPGA_OK), name + 1);
	wire_put_u8(&words, 200);
	now();
	assert_int_equal(far.fpgaGetErrorInfo(token, 0, &info), FPGA_OK);
	assert_string_equal(info.name, name + 1);
	assert_true(info.can_clear);
}

/* ---- objects ---- */

static void types_of_objects_that_there_are_not(void **state)
{
	static const uint32_t types[] = { 0, 3, 4, UINT32_MAX };
	fpga_object o = NULL;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		wire_put_u64(answer_with(FPGA_OK), 5);
		wire_put_u32(&words, types[i]);
		now();
		assert_int_equal(far.fpgaHandleGetObject(handle, "x", &o, 0), FPGA_EXCEPTION);
		assert_null(o);
	}
}

static void more_or_less_of_an_attribute(void **state)
{
	unsigned char got[64];
	fpga_object o;

	(void)state;
	wire_put_u64(answer_with(FPGA_OK), 5);
	wire_put_u32(&words, FPGA_OBJECT_ATTRIBUTE);
	now();
	assert_int_equal(far.fpgaTokenGetObject(token, "x", &o, 0), FPGA_OK);
	memset(got, 0x77, sizeof(got));
	wire_put_bytes(answer_with(FPGA_OK), "0123456789", 10);
	now();
	assert_int_equal(far.fpgaObjectRead(o, got, 0, 9, 0), FPGA_EXCEPTION);
	assert_int_equal(got[9], 0x77);
	assert_int_equal(far.fpgaObjectRead(o, got, 0, 11, 0), FPGA_EXCEPTION);
	assert_int_equal(got[10], 0x77);
	wire_put_u32(answer_with(FPGA_OK), 10); /* says so, and brings none */
	now();
	assert_int_equal(far.fpgaObjectRead(o, got, 0, 10, 0), FPGA_EXCEPTION);
	wire_put_u32(answer_with(FPGA_OK), UINT32_MAX);
	wire_put_u64(&words, 0);
	now();
	assert_int_equal(far.fpgaObjectRead(o, got, 0, 10, 0), FPGA_EXCEPTION);
	assert_int_equal(got[10], 0x77);
	assert_int_equal(far.fpgaDestroyObject(&o), FPGA_OK);
}

/* ---- metrics ---- */

static void put_info(const char *name, uint32_t kind)
{
	static const uint8_t guid[16];

	wire_put_u64(&words, 1);
	wire_put_guid(&words, guid);
	wire_put_text(&words, name);
	wire_put_text(&words, "");
	wire_put_text(&words, name);
	wire_put_text(&words, "");
	wire_put_u32(&words, kind);
	wire_put_u32(&words, kind);
}

static void more_metrics_than_there_is_room(void **state)
{
	fpga_metric_info *info = malloc(sizeof(*info)); /* whose end is watched over */
	uint64_t n = 1;

	(void)state;
	assert_non_null(info);
	answer_with(FPGA_OK);
	for (int i = 0; i < 30; i++)
		put_info("m", 77);
	now();
	assert_int_equal(far.fpgaGetMetricsInfo(handle, info, &n), FPGA_OK);
	assert_int_equal(n, 1);
	assert_int_equal(info->metric_datatype, FPGA_METRIC_DATATYPE_UNKNOWN);
	assert_int_equal(info->metric_type, FPGA_METRIC_TYPE_UNKNOWN);
	n = 0;
	assert_int_equal(far.fpgaGetMetricsInfo(handle, info, &n), FPGA_OK);
	assert_int_equal(n, 0);
	free(info);
}

static void texts_without_an_end(void **state)
{
	char text[FPGA_METRIC_STR_SIZE + 1];
	fpga_metric_info info;
	uint64_t n = 1;

	(void)state;
	memset(text, 't', sizeof(text));
	text[FPGA_METRIC_STR_SIZE] = '\0';
	answer_with(FPGA_OK);
	put_info(text, 0); /* one byte more than fits */
	now();
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_EXCEPTION);
	assert_int_equal(n, 1);
	answer_with(FPGA_OK);
	put_info(text + 1, 0);
	now();
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_OK);
	assert_string_equal(info.metric_name, text + 1);
	answer_with(FPGA_OK);
	put_info("m", 0);
	said.at[24] = 0xff; /* the first text's length: past the end */
	said.at[25] = 0xff;
	now();
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_EXCEPTION);
	answer_with(FPGA_OK);
	put_info("mm", 0);
	said.at[26] = 0xc3; /* a character of which the second half is missing */
	now();
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_EXCEPTION);
}

static void more_or_less_values_than_asked_for(void **state)
{
	fpga_metric m[3];
	uint64_t nums[] = { 1, 2 };

	(void)state;
	memset(m, 0x77, sizeof(m));
	for (uint32_t n = 0; n < 5; n++) {
		answer_with(FPGA_OK);
		for (uint32_t i = 0; i < n; i++) {
			wire_put_u64(&words, i);
			wire_put_u64(&words, i);
			wire_put_u8(&words, 1);
		}
		now();
		assert_int_equal(far.fpgaGetMetricsByIndex(handle, nums, 2, m),
				 n == 2 ? FPGA_OK : FPGA_EXCEPTION);
		assert_int_equal(((unsigned char *)&m[2])[0], 0x77);
	}
}

static void limits_that_are_cut_short(void **state)
{
	metric_threshold t;
	uint32_t n = 1;

	(void)state;
	wire_put_text(answer_with(FPGA_OK), "metric");
	for (int i = 0; i < 6; i++) {
		wire_put_text(&words, "limit");
		wire_put_u32(&words, 1);
		wire_put_u64(&words, 0);
	}
	now();
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, &t, &n), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaGetMetricsThresholdInfo(handle, NULL, &n), FPGA_EXCEPTION);
	assert_int_equal(n, 1);
}

static void never_the_last(struct rpc_link *link, const struct rpc_frame *f)
{
	if (f->head.op != WIRE_METRIC_INFO)
		return;
	memcpy(body()->at, said.at, said.len);
	out.len = said.len;
	while (!atomic_load(&enough) && !reply(link, f, FPGA_OK, WIRE_MORE))
		;
}

static void an_answer_without_end(void **state)
{
	fpga_metric_info info;
	uint64_t n = 1;

	(void)state;
	answer_with(FPGA_OK);
	put_info("m", 0);
	now();
	atomic_store(&lie, never_the_last);
	assert_int_equal(far.fpgaGetMetricsInfo(handle, &info, &n), FPGA_EXCEPTION);
	assert_reason("no answer to METRIC_INFO within 2000 ms");
}

/* One value in several frames where there is no such thing. */
static void in_pieces(struct rpc_link *link, const struct rpc_frame *f)
{
	wire_put_u64(body(), 1);
	reply(link, f, FPGA_OK, WIRE_MORE);
	reply(link, f, FPGA_OK, 0);
}

static void pieces_of_what_has_none(void **state)
{
	uint64_t v = 9;

	(void)state;
	atomic_store(&lie, in_pieces);
	assert_int_equal(far.fpgaReadError(token, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(v, 9);
}

/* ---- reconfiguration ---- */

static void breaks_off(struct rpc_link *link, const struct rpc_frame *f)
{
	body();
	if (f->head.op == WIRE_RECONF_BEGIN)
		reply(link, f, FPGA_OK, 0);
	else if (atomic_load(&pieces) == 3)
		rpc_link_break(link, -ECANCELED);
}

static void a_cut_in_the_middle_of_a_bitstream(void **state)
{
	size_t len = 200u << 16; /* more than sockets hold */
	uint8_t *b = calloc(1, len);
	uint64_t v;

	(void)state;
	assert_non_null(b);
	atomic_store(&lie, breaks_off);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, len, 0), FPGA_EXCEPTION);
	assert_reason("the connection is lost");
	assert_in_range(atomic_load(&pieces), 3, 100); /* of 200; some had come along with the third */
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, len, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaGetNumMetrics(handle, &v), FPGA_EXCEPTION);
	free(b);
}

static void takes_no_more(struct rpc_link *link, const struct rpc_frame *f)
{
	body();
	if (f->head.op == WIRE_RECONF_DATA)
		wire_put_text(&out, "the disk is full");
	if (f->head.id)
		reply(link, f, f->head.op == WIRE_RECONF_DATA ? FPGA_NO_MEMORY : FPGA_OK, 0);
}

static void a_refused_piece_ends_the_stream(void **state)
{
	size_t len = 200u << 16;
	uint8_t *b = calloc(1, len);

	(void)state;
	assert_non_null(b);
	atomic_store(&lie, takes_no_more);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, len, 0), FPGA_NO_MEMORY);
	assert_reason("the disk is full");
	assert_int_equal(atomic_load(&pieces), 4); /* one of four is answered */
	free(b);
}

static void falls_silent(struct rpc_link *link, const struct rpc_frame *f)
{
	body();
	if (f->head.op == WIRE_RECONF_BEGIN)
		reply(link, f, FPGA_OK, 0);
}

static void a_server_that_falls_silent(void **state)
{
	uint8_t b[10] = { 0 };

	(void)state;
	atomic_store(&lie, falls_silent);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, sizeof(b), 0), FPGA_EXCEPTION);
	assert_reason("no answer to RECONF_RUN within 4000 ms");
}

/* Longer than a call without a sign of life may take. */
static void takes_long(struct rpc_link *link, const struct rpc_frame *f)
{
	body();
	for (int i = 0; f->head.op == WIRE_RECONF_RUN && i < 60 && !atomic_load(&enough); i++) {
		wire_put_u64(body(), 10);
		wire_put_u64(&out, 10);
		push(link, WIRE_PROGRESS, HANDLE);
		clock_sleep_ns(100 * NS_PER_MS);
		body();
	}
	if (f->head.id)
		reply(link, f, FPGA_OK, 0);
}

static void signs_of_life_give_time(void **state)
{
	uint8_t b[10] = { 0 };

	(void)state;
	atomic_store(&lie, takes_long);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, sizeof(b), 0), FPGA_OK);
	assert_int_equal(atomic_load(&pieces), 1);
}

static void half_a_sign(struct rpc_link *link, const struct rpc_frame *f)
{
	wire_put_u64(body(), 1);
	push(link, WIRE_PROGRESS, HANDLE);
	if (f->head.id)
		reply(link, f, FPGA_OK, 0);
}

static void a_sign_that_makes_no_sense(void **state)
{
	uint8_t b[10] = { 0 };

	(void)state;
	atomic_store(&lie, half_a_sign);
	assert_int_equal(far.fpgaReconfigureSlot(handle, 0, b, sizeof(b), 0), FPGA_EXCEPTION);
	assert_reason("does not keep to the protocol");
}

#define IMPATIENT(t) cmocka_unit_test_setup_teardown(t, up_impatient, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(results_that_there_are_not),
		RIGGED(odd_reasons_are_made_plain),
		RIGGED(answers_that_are_too_short),
		RIGGED(error_names_that_are_too_long),
		RIGGED(types_of_objects_that_there_are_not),
		RIGGED(more_or_less_of_an_attribute),
		RIGGED(more_metrics_than_there_is_room),
		RIGGED(texts_without_an_end),
		RIGGED(more_or_less_values_than_asked_for),
		RIGGED(limits_that_are_cut_short),
		IMPATIENT(an_answer_without_end),
		RIGGED(pieces_of_what_has_none),
		RIGGED(a_cut_in_the_middle_of_a_bitstream),
		RIGGED(a_refused_piece_ends_the_stream),
		IMPATIENT(a_server_that_falls_silent),
		IMPATIENT(signs_of_life_give_time),
		RIGGED(a_sign_that_makes_no_sense),
	};

	return RUN(tests);
}
