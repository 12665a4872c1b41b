/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists of symbols as text: System.map, nm(1), /proc/kallsyms. One that was read
 * without privilege is full of zeroes, and Debian's System.map is one line that
 * says where the real one is: both are refused rather than believed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/sym-priv.h"

/*
 * One line of a System.map, "ffffffff80100000 T name", or of /proc/kallsyms, which
 * adds a tab and "[module]". False where it is none.
 */
static bool sym_map_line(const char *line, struct sym_entry *entry, const char **name, size_t *len)
{
	char *end;

	memset(entry, 0, sizeof(*entry));
	errno = 0;
	entry->addr = strtoull(line, &end, 16);
	if (end == line || end - line > 16 || errno || *end != ' ' || !end[1] || end[2] != ' ')
		return false;
	entry->rank = end[1] == 'T' ? 10 : end[1] == 't' ? 8 : end[1] < 'a' ? 2 : 0;
	entry->absolute = end[1] == 'A' || end[1] == 'a';
	*name = end + 3;
	*len = strcspn(*name, " \t\r\n");
	entry->module = strncmp(*name + *len, "\t[", 2) == 0;
	return *len > 0;
}

/* Does it say where anything is? */
static int sym_map_check(const struct sym_index *tab, const char *path, struct err *err)
{
	size_t i;

	if (tab->nr == 1 && tab->sym[0].addr == UINT64_MAX)
		return err_set(err, ENOEXEC,
			       "%s: only says that the real one is in the kernel's debug package",
			       path);
	for (i = 0; i < tab->nr; i++) {
		if (tab->sym[i].addr)
			return 0;
	}
	if (tab->nr < 2)
		return 0;
	return err_set(err, ENOEXEC, "%s: all addresses are 0: it was read without privilege",
		       path);
}

int sym_map_parse(struct sym_index *tab, char *text, const char *path, struct err *err)
{
	char *line = text, *next;
	int ret = 0;

	for (; *line && !ret; line = next) {
		struct sym_entry entry;
		const char *name;
		size_t len;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (sym_map_line(line, &entry, &name, &len))
			ret = sym_index_add(tab, &entry, name, len);
		else if (!tab->nr)
			return err_set(err, ENOEXEC, "%s: neither an ELF file nor a System.map",
				       path);
	}
	return ret ? err_sys(err, -ret, "%s: symbols", path) : sym_map_check(tab, path, err);
}
