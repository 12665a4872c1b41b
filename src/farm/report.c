/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of tests in the forms that build systems read: see report.h. */
#include "farm/report.h"

#include <errno.h>
#include <string.h>

void report_tap_plan(FILE *out, size_t nr)
{
	fprintf(out, "TAP version 13\n1..%zu\n", nr);
}

/* A line of its own for each of TEXT's, none of them taken for a result. */
static void report_tap_text(FILE *out, const char *text)
{
	bool begin = true;

	for (; *text; text++) {
		if (begin)
			fputs("#   ", out);
		begin = *text == '\n';
		if (*text == '\n' || *text == '\t' || (unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	if (!begin)
		fputc('\n', out);
}

/* '#' and newlines mean something to TAP. */
static void report_tap_word(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc(*text == '#' || (unsigned char)*text < ' ' ? '.' : *text, out);
}

void report_tap_case(FILE *out, size_t number, const struct report_case *result)
{
	fprintf(out, "%s %zu - ", result->verdict == REPORT_FAIL ? "not ok" : "ok", number);
	report_tap_word(out, result->name);
	if (result->verdict == REPORT_SKIP) {
		fputs(" # SKIP ", out);
		report_tap_word(out, result->why);
		fputc('\n', out);
	} else {
		fprintf(out, "\n# %.2f s\n", result->seconds);
	}
	if (result->verdict == REPORT_FAIL) {
		report_tap_text(out, result->why);
		report_tap_text(out, result->detail);
	}
	fflush(out);
}

static void report_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default: /* control characters are not allowed at all; bytes may not be UTF-8 */
			if (*text == '\n' || *text == '\t' || (*text >= ' ' && *text < 0x7f))
				fputc(*text, out);
			else
				fputc('?', out);
		}
	}
}

static void report_junit_case(FILE *out, const struct report_case *result)
{
	fputs("  <testcase name=\"", out);
	report_xml(out, result->name);
	fprintf(out, "\" time=\"%.3f\">", result->seconds);
	if (result->verdict != REPORT_PASS) {
		fprintf(out, "\n    <%s message=\"",
			result->verdict == REPORT_SKIP ? "skipped" : "failure");
		report_xml(out, result->why);
		fputs("\">", out);
		report_xml(out, result->detail);
		fprintf(out, "</%s>\n  ", result->verdict == REPORT_SKIP ? "skipped" : "failure");
	}
	fputs("</testcase>\n", out);
}

int report_junit(const char *path, const struct report_case *results, size_t nr, double seconds,
		 struct err *err)
{
	size_t count[3] = { 0 }, i;
	FILE *out = fopen(path, "we");
	bool bad;

	if (!out)
		return err_sys(err, errno, "%s", path);
	for (i = 0; i < nr; i++)
		count[results[i].verdict]++;
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"vitrine\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" "
		"time=\"%.3f\">\n",
		nr, count[REPORT_FAIL], count[REPORT_SKIP], seconds);
	for (i = 0; i < nr; i++)
		report_junit_case(out, &results[i]);
	fputs("</testsuite>\n", out);
	bad = ferror(out) != 0;
	if (fclose(out) != 0 || bad)
		return err_sys(err, EIO, "%s", path);
	return 0;
}
