/* SPDX-License-Identifier: BSD-3-Clause */
/* opae cert, in a build without OpenSSL. */
#include <stdio.h>

#include "opae.h"

int cmd_cert(int argc, char *argv[])
{
	(void)argc, (void)argv;
	fprintf(stderr, "opae: cert: this opae was built without TLS; install libssl-dev 3.0 or newer, and "
			"build it with `meson setup -Dtls=enabled`\n");
	return EXIT_FAILED;
}
