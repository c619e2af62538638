/* Prints the QR code of its argument as the command line does; tests/people/qr.mjs reads it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_qr.h"

int main(int argc, char **argv)
{
	static struct cli_qr qr;

	if (argc != 2 || cli_qr_make(bytes_of_text(argv[1]), &qr) != STATUS_OK)
		return 1;
	cli_qr_print(&qr, stdout);
	return 0;
}
