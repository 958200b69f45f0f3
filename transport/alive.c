/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/alive.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/sys.h"

#define SILENT_NS (6 * NS_PER_S)   /* no answer for so long: gone */
/*
 * The kernel asks an idle peer all the time (see listen.c): silence from before there was data counts up to
 * this. Else data that is sent shortly before keepalive gives up would make the wait begin anew.
 */
#define ASKED_NS (5 * NS_PER_S)
#define LOOKS_APART (4 * NS_PER_S) /* of looks that are further apart the earlier says nothing */

/*
 * Has what was sent last no answer yet? Data is answered by an ACK behind it; where the peer's window is
 * shut, probes are sent, which the kernel counts until one is answered.
 */
static bool unanswered(const struct tcp_info *info)
{
	return info->tcpi_unacked ? info->tcpi_last_ack_recv > info->tcpi_last_data_sent :
				    info->tcpi_probes != 0;
}

int alive_look(struct alive *a, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int64_t now = clock_now_ns(), heard, since;
	int waits = 0;

	if (sys_ioctl(fd, SIOCOUTQ, &waits) || !waits ||
	    sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) || !unanswered(&info)) {
		atomic_store(&a->since, 0);
		atomic_store(&a->looked, now);
		return waits > 0;
	}
	since = atomic_load(&a->since);
	heard = now - (int64_t)info.tcpi_last_ack_recv * NS_PER_MS;
	if (!since || now - atomic_load(&a->looked) > LOOKS_APART)
		since = now - ASKED_NS;
	if (heard > since)
		since = heard;
	atomic_store(&a->since, since);
	atomic_store(&a->looked, now);
	return now - since < SILENT_NS ? 1 : -EHOSTDOWN;
}
