/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests as tests: what is to run, and what shall come of it. A file NAME.test
 * holds [test NAME] sections (or none: then it is one test); an image without
 * such a file beside it shall end with status 0.
 */
#ifndef VITRINE_FARM_TESTSPEC_H
#define VITRINE_FARM_TESTSPEC_H

#include "base/buf.h"
#include "farm/guest.h"

#define TESTSPEC_TIMEOUT_S 60
#define TESTSPEC_MAX	   4096

struct testspec {
	char *name; /* "folder/file:section" as results name it */
	char *skip; /* why it is not run, or NULL */
	struct guest guest;
	unsigned int timeout_s; /* 0: as usual, TESTSPEC_TIMEOUT_S */
	int status;
	struct words expect; /* texts the guest says, in this order */
	struct words reject; /* texts it does not say */
	char *output;	     /* a file with all that it says, or NULL */
};

struct testspecs {
	struct testspec **spec;
	size_t nr;
};

/* The tests of TEXT appended to OUT; PREFIX begins their names, DIR their paths, IMAGE (may be
 * NULL) is what runs where none is named. -EINVAL with the line, -ENOMEM. */
int testspec_parse(const char *text, size_t len, const char *prefix, const char *dir,
		   const char *image, struct testspecs *out, struct err *err);
/* The tests at PATH: a .test file, an image, or a folder with any of them. */
int testspec_load(const char *path, struct testspecs *out, struct err *err);
void testspec_free(struct testspecs *specs);

/* Whether a guest that ended with STATUS and said SAID did right; else the reason in WHY. */
bool testspec_judge(const struct testspec *spec, int status, const struct buf *said,
		    struct buf *why);

#endif
