/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommand table, nothing else. */
#include <stdio.h>

int main(void)
{
	return 0;
}
