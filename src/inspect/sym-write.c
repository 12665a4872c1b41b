/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols as an ELF file without contents, for debuggers that read no System.map:
 * one section of code and one of data, each as long as its symbols reach.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "inspect/sym-priv.h"

enum { WRITE_NULL, WRITE_TEXT, WRITE_DATA, WRITE_SYMTAB, WRITE_STRTAB, WRITE_SHSTRTAB, WRITE_NR };

static const char write_names[] = "\0.text\0.data\0.symtab\0.strtab\0.shstrtab";

struct write_elf {
	const struct sym_table *tab;
	const struct sym_part *part;
	struct buf syms, names;
	uint64_t low[2], high[2]; /* of code and data */
};

static bool write_one(void *ctx, const char *name, const struct sym_entry *entry)
{
	struct write_elf *we = ctx;
	unsigned int data = entry->rank < 8;
	Elf64_Sym sym = {
		.st_name = (Elf64_Word)we->names.len,
		.st_info = ELF64_ST_INFO(entry->rank & 2 ? STB_GLOBAL : STB_LOCAL,
					 data ? STT_OBJECT : STT_FUNC),
		.st_shndx = (Elf64_Section)(entry->absolute ? SHN_ABS : WRITE_TEXT + data),
		.st_size = entry->size,
	};

	if (!sym_place(we->tab, we->part, entry, &sym.st_value))
		return true;
	if (!entry->absolute && sym.st_value < we->low[data])
		we->low[data] = sym.st_value;
	if (!entry->absolute && sym.st_value >= we->high[data])
		we->high[data] = sym.st_value + (sym.st_size ? sym.st_size : 1);
	buf_add(&we->syms, &sym, sizeof(sym));
	buf_add(&we->names, name, strlen(name) + 1);
	return !we->syms.failed && !we->names.failed;
}

static int write_all(int fd, const void *data, size_t len, struct err *err)
{
	int ret = io_write_all(fd, data, len);

	return ret ? err_sys(err, -ret, "symbols") : 0;
}

static void write_sections(const struct write_elf *we, Elf64_Shdr *sec)
{
	uint64_t off = sizeof(Elf64_Ehdr);
	unsigned int i;

	for (i = 0; i < 2; i++)
		sec[WRITE_TEXT + i] = (Elf64_Shdr){
			.sh_name = i ? 7 : 1,
			.sh_type = SHT_NOBITS,
			.sh_flags = SHF_ALLOC | (i ? SHF_WRITE : SHF_EXECINSTR),
			.sh_addr = we->high[i] ? we->low[i] : 0,
			.sh_offset = off,
			.sh_size = we->high[i] ? we->high[i] - we->low[i] : 0,
			.sh_addralign = 1,
		};
	/* Where the locals end is not told: readers take each symbol's own word for it. */
	sec[WRITE_SYMTAB] = (Elf64_Shdr){ .sh_name = 13,
					  .sh_type = SHT_SYMTAB,
					  .sh_offset = off,
					  .sh_size = we->syms.len,
					  .sh_link = WRITE_STRTAB,
					  .sh_info = 1,
					  .sh_addralign = 8,
					  .sh_entsize = sizeof(Elf64_Sym) };
	off += we->syms.len;
	sec[WRITE_STRTAB] = (Elf64_Shdr){ .sh_name = 21,
					  .sh_type = SHT_STRTAB,
					  .sh_offset = off,
					  .sh_size = we->names.len,
					  .sh_addralign = 1 };
	off += we->names.len;
	sec[WRITE_SHSTRTAB] = (Elf64_Shdr){ .sh_name = 29,
					    .sh_type = SHT_STRTAB,
					    .sh_offset = off,
					    .sh_size = sizeof(write_names),
					    .sh_addralign = 1 };
}

static int write_file(const struct write_elf *we, int fd, struct err *err)
{
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(Elf64_Ehdr) + we->syms.len + we->names.len + sizeof(write_names),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = WRITE_NR,
		.e_shstrndx = WRITE_SHSTRTAB,
	};
	Elf64_Shdr sec[WRITE_NR] = { { 0 } };
	int ret;

	write_sections(we, sec);
	ret = write_all(fd, &ehdr, sizeof(ehdr), err);
	if (!ret)
		ret = write_all(fd, we->syms.data, we->syms.len, err);
	if (!ret)
		ret = write_all(fd, we->names.data, we->names.len, err);
	if (!ret)
		ret = write_all(fd, write_names, sizeof(write_names), err);
	return ret ? ret : write_all(fd, sec, sizeof(sec), err);
}

int sym_write_elf(const struct sym_table *tab, unsigned int n, int fd, struct err *err)
{
	struct write_elf we = { .tab = tab, .low = { UINT64_MAX, UINT64_MAX } };
	const struct sym_index *index;
	const Elf64_Sym none = { 0 };
	int ret;

	if (!tab || n >= tab->nr || !sym_part_best(&tab->part[n]))
		return err_set(err, ENOENT, "symbols: nothing is known yet");
	we.part = &tab->part[n];
	index = sym_part_best(we.part);
	buf_init(&we.syms, 0);
	buf_init(&we.names, 0);
	buf_add(&we.syms, &none, sizeof(none));
	buf_addc(&we.names, '\0');
	sym_index_each(index, "", write_one, &we);
	ret = we.syms.failed || we.names.failed ? err_set(err, ENOMEM, "symbols: out of memory")
						: write_file(&we, fd, err);
	buf_free(&we.syms);
	buf_free(&we.names);
	return ret;
}
