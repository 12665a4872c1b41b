/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug files split from their programs: found where gdb finds them, by build ID
 * or by the name and checksum that the program keeps (.gnu_debuglink). What a
 * program names is only believed where both are parts of the same build.
 */
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/sym-priv.h"

#define DEBUG_ROOT    "/usr/lib/debug"
#define DEBUG_ID_MAX  64
#define DEBUG_CRC_MAX (256 << 20) /* of larger files only the build ID is compared */

struct debug_id {
	uint8_t byte[DEBUG_ID_MAX];
	size_t len;
};

/* --- what the program says --- */

static bool debug_note_id(Elf_Data *data, struct debug_id *id)
{
	size_t off = 0, name, desc;
	GElf_Nhdr note;

	while ((off = gelf_getnote(data, off, &note, &name, &desc)) != 0) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) ||
		    memcmp((char *)data->d_buf + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)))
			continue;
		if (note.n_descsz < 2 || note.n_descsz > DEBUG_ID_MAX)
			return false;
		id->len = note.n_descsz;
		memcpy(id->byte, (char *)data->d_buf + desc, id->len);
		return true;
	}
	return false;
}

static Elf_Data *debug_section(Elf *elf, const char *want, uint32_t type, Elf_Scn **from)
{
	size_t strndx = 0;
	const char *name;
	GElf_Shdr shdr;

	elf_getshdrstrndx(elf, &strndx);
	while ((*from = elf_nextscn(elf, *from))) {
		if (!gelf_getshdr(*from, &shdr) || shdr.sh_type != type)
			continue;
		name = elf_strptr(elf, strndx, shdr.sh_name);
		if (!want || (name && strcmp(name, want) == 0))
			return elf_getdata(*from, NULL);
	}
	return NULL;
}

static bool debug_build_id(Elf *elf, struct debug_id *id)
{
	Elf_Scn *scn = NULL;
	Elf_Data *data;

	while ((data = debug_section(elf, NULL, SHT_NOTE, &scn)) || scn) {
		if (data && debug_note_id(data, id))
			return true;
	}
	return false;
}

/* The name of the debug file, without folders, and its CRC-32. */
static const char *debug_link(Elf *elf, uint32_t *crc)
{
	Elf_Scn *scn = NULL;
	Elf_Data *data = debug_section(elf, ".gnu_debuglink", SHT_PROGBITS, &scn);
	const char *name;
	size_t len;

	if (!data || !data->d_buf)
		return NULL;
	name = data->d_buf;
	len = strnlen(name, data->d_size);
	if (!len || len > NAME_MAX || (len + 4) / 4 * 4 + 4 > data->d_size || strchr(name, '/'))
		return NULL;
	memcpy(crc, name + (len + 4) / 4 * 4, 4);
	return name;
}

/* --- whether a file is it --- */

static uint32_t debug_crc_step(uint32_t crc, const uint8_t *data, size_t len)
{
	static uint32_t table[256];
	uint32_t i, k, val;

	for (i = 0; !table[255] && i < 256; i++) {
		for (val = i, k = 0; k < 8; k++)
			val = val >> 1 ^ (val & 1 ? 0xedb88320 : 0);
		table[i] = val;
	}
	while (len--)
		crc = table[(crc ^ *data++) & 0xff] ^ crc >> 8;
	return crc;
}

static bool debug_crc_is(int fd, uint32_t want)
{
	uint8_t data[65536];
	uint32_t crc = ~0u;
	struct stat sb;
	off_t off = 0;
	ssize_t got;

	if (fstat(fd, &sb) || sb.st_size > DEBUG_CRC_MAX)
		return false;
	while ((got = pread(fd, data, sizeof(data), off)) > 0) {
		crc = debug_crc_step(crc, data, (size_t)got);
		off += got;
	}
	return ~crc == want;
}

static struct sym_index *debug_try(const char *path, const struct debug_id *id, const uint32_t *crc)
{
	struct debug_id other = { .len = 0 };
	struct sym_index *tab;

	if (access(path, R_OK) || sym_index_open(path, &tab, NULL))
		return NULL;
	if (tab->elf && id->len && debug_build_id(tab->elf, &other)) {
		if (other.len == id->len && memcmp(other.byte, id->byte, id->len) == 0)
			return tab;
	} else if (tab->elf && crc && debug_crc_is(tab->fd, *crc)) {
		return tab;
	}
	sym_index_close(tab);
	return NULL;
}

/* --- where it may be --- */

static struct sym_index *debug_by_id(const struct debug_id *id)
{
	char path[sizeof(DEBUG_ROOT) + DEBUG_ID_MAX * 2 + 32];
	size_t i, n;

	n = (size_t)snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%02x/", id->byte[0]);
	for (i = 1; i < id->len; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "%02x", id->byte[i]);
	snprintf(path + n, sizeof(path) - n, ".debug");
	return debug_try(path, id, NULL);
}

/* Beside the program, in .debug beside it, and where packages put them. */
static struct sym_index *debug_by_link(const char *program, const char *name,
				       const struct debug_id *id, uint32_t crc)
{
	static const char *const place[][2] = { { "", "" }, { "", ".debug/" }, { DEBUG_ROOT, "" } };
	const char *slash = strrchr(program, '/');
	int dir = slash ? (int)(slash - program + 1) : 0, n;
	struct sym_index *tab = NULL;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(place) / sizeof(place[0]) && !tab; i++) {
		n = snprintf(path, sizeof(path), "%s%.*s%s%s", place[i][0], dir, program,
			     place[i][1], name);
		if (n > 0 && (size_t)n < sizeof(path) && strcmp(path, program))
			tab = debug_try(path, id, &crc);
	}
	return tab;
}

static bool debug_has_own(const struct sym_index *tab)
{
	Elf_Scn *scn = NULL;

	return tab->nr && debug_section(tab->elf, ".debug_info", SHT_PROGBITS, &scn);
}

struct sym_index *sym_debug_open(const struct sym_index *tab, const char *path)
{
	struct debug_id id = { .len = 0 };
	struct sym_index *debug = NULL;
	const char *name;
	uint32_t crc = 0;

	if (!tab->elf || debug_has_own(tab))
		return NULL;
	if (debug_build_id(tab->elf, &id))
		debug = debug_by_id(&id);
	name = debug ? NULL : debug_link(tab->elf, &crc);
	return name ? debug_by_link(path, name, &id, crc) : debug;
}
