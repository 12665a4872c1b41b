/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of tests in the forms that build systems read: TAP as they come, JUnit at the end. */
#ifndef VITRINE_FARM_REPORT_H
#define VITRINE_FARM_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

enum report_verdict { REPORT_PASS, REPORT_FAIL, REPORT_SKIP };

/* One test's result. Texts may be anything a guest can say. */
struct report_case {
	const char *name;
	enum report_verdict verdict;
	double seconds;
	const char *why;    /* of FAIL and SKIP */
	const char *detail; /* the end of what was said, or "" */
};

/* TAP version 13: the plan, then result NUMBER (from 1). */
void report_tap_plan(FILE *out, size_t nr);
void report_tap_case(FILE *out, size_t number, const struct report_case *result);
/* All NR results as one JUnit test suite. */
int report_junit(const char *path, const struct report_case *results, size_t nr, double seconds,
		 struct err *err);

#endif
