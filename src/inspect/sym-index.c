/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbols of one source, read once into two sorted indices, by address and
 * by name. Files are untrusted: libelf checks offsets, everything it hands out
 * is checked again here, counts and sizes have ceilings.
 */
#include "inspect/sym-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYM_MAX	      (4u << 20)
#define SYM_NAMES_MAX (256u << 20)
#define SYM_NAME_MAX  1024u
#define SYM_MAP_MAX   (64 << 20)
#define SYM_IMAGE_MAX (64 << 20)
#define SYM_LOOK_BACK 32u
#define SYM_REACH     (1u << 20) /* how far a symbol without size may cover */

static int sym_add_name(struct sym_index *tab, const char *name, size_t len, uint32_t *off)
{
	if (tab->names_len + len + 1 > SYM_NAMES_MAX)
		return -E2BIG;
	if (tab->names_len + len + 1 > tab->names_cap) {
		size_t cap = (tab->names_cap + len + 4096) * 2;
		char *names = realloc(tab->names, cap);

		if (!names)
			return -ENOMEM;
		tab->names = names;
		tab->names_cap = cap;
	}
	*off = (uint32_t)tab->names_len;
	memcpy(tab->names + tab->names_len, name, len);
	tab->names[tab->names_len + len] = '\0';
	tab->names_len += len + 1;
	return 0;
}

int sym_index_add(struct sym_index *tab, const struct sym_entry *from, const char *name, size_t len)
{
	struct sym_entry entry = *from;
	int ret;

	if (!len || len > SYM_NAME_MAX)
		return 0;
	if (tab->nr == SYM_MAX)
		return -E2BIG;
	if (tab->nr == tab->cap) {
		size_t cap = tab->cap ? tab->cap * 2 : 256;
		struct sym_entry *sym = realloc(tab->sym, cap * sizeof(*sym));

		if (!sym)
			return -ENOMEM;
		tab->sym = sym;
		tab->cap = cap;
	}
	ret = sym_add_name(tab, name, len, &entry.name);
	if (!ret)
		tab->sym[tab->nr++] = entry;
	return ret;
}

static int sym_compare_addr(const void *a, const void *b)
{
	const struct sym_entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	/* of equals the one that came first in the file is shown */
	return x->name > y->name ? -1 : x->name < y->name;
}

static const char *sym_name(const struct sym_index *tab, size_t index)
{
	return tab->names + tab->sym[index].name;
}

static int sym_compare_name(const void *a, const void *b, void *ctx)
{
	const struct sym_index *tab = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int ret = strcmp(sym_name(tab, x), sym_name(tab, y));

	if (ret)
		return ret;
	/* the best of several of one name comes first */
	if (tab->sym[x].rank != tab->sym[y].rank)
		return tab->sym[x].rank > tab->sym[y].rank ? -1 : 1;
	return x < y ? -1 : x > y;
}

int sym_index_sort(struct sym_index *tab)
{
	size_t i;

	if (!tab->nr)
		return 0;
	qsort(tab->sym, tab->nr, sizeof(*tab->sym), sym_compare_addr);
	tab->by_name = malloc(tab->nr * sizeof(*tab->by_name));
	if (!tab->by_name)
		return -ENOMEM;
	for (i = 0; i < tab->nr; i++)
		tab->by_name[i] = (uint32_t)i;
	qsort_r(tab->by_name, tab->nr, sizeof(*tab->by_name), sym_compare_name, tab);
	return 0;
}

static uint8_t sym_rank(unsigned int type, unsigned int bind, uint64_t size)
{
	unsigned int rank = 0;

	if (type == STT_FUNC)
		rank += 8;
	else if (type == STT_OBJECT)
		rank += 4;
	if (bind == STB_GLOBAL)
		rank += 2;
	return (uint8_t)(rank + (size ? 1 : 0));
}

static int sym_add_elf(struct sym_index *tab, const GElf_Sym *esym, const char *name)
{
	unsigned int type = GELF_ST_TYPE(esym->st_info);
	struct sym_entry entry = {
		.addr = esym->st_value,
		.size = esym->st_size,
		.rank = sym_rank(type, GELF_ST_BIND(esym->st_info), esym->st_size),
		.absolute = esym->st_shndx == SHN_ABS,
	};

	if (esym->st_shndx == SHN_UNDEF || type == STT_FILE || type == STT_SECTION ||
	    type == STT_TLS)
		return 0;
	/* the sections of a module lie wherever there was room: only one is known of */
	if (tab->text_shndx && esym->st_shndx != tab->text_shndx)
		return 0;
	return sym_index_add(tab, &entry, name, strnlen(name, SYM_NAME_MAX + 1));
}

static int sym_read_symtab(struct sym_index *tab, Elf_Scn *scn, const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t nr, i;
	int ret = 0;

	if (!data || !shdr->sh_entsize)
		return 0;
	nr = data->d_size / shdr->sh_entsize;
	for (i = 1; i < nr && i <= SYM_MAX && !ret; i++) {
		const char *name;
		GElf_Sym esym;

		if (!gelf_getsym(data, (int)i, &esym))
			break;
		name = elf_strptr(tab->elf, shdr->sh_link, esym.st_name);
		if (name)
			ret = sym_add_elf(tab, &esym, name);
	}
	return ret;
}

static void sym_read_section(struct sym_index *tab, size_t strndx, Elf_Scn *scn,
			     const GElf_Shdr *shdr)
{
	struct sym_sect *sect = &tab->sect[tab->nr_sects];
	const char *name;

	if (tab->text_shndx && elf_ndxscn(scn) != tab->text_shndx)
		return;
	if (!(shdr->sh_flags & SHF_ALLOC) || !shdr->sh_size || tab->nr_sects == SYM_SECTIONS)
		return;
	name = elf_strptr(tab->elf, strndx, shdr->sh_name);
	if (!name)
		return;
	sect->addr = shdr->sh_addr;
	sect->len = shdr->sh_size;
	snprintf(sect->name, sizeof(sect->name), "%s", name);
	tab->nr_sects++;
}

/* A file that is not linked yet, as a kernel module is: the number of its .text. */
static void sym_read_rel(struct sym_index *tab, size_t strndx)
{
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr shdr;

	tab->dwarf_tried = true; /* its debug information wants relocating first */
	tab->text_shndx = UINT32_MAX;
	while ((scn = elf_nextscn(tab->elf, scn))) {
		name = gelf_getshdr(scn, &shdr) ? elf_strptr(tab->elf, strndx, shdr.sh_name) : NULL;
		if (name && strcmp(name, ".text") == 0) {
			tab->text_shndx = (uint32_t)elf_ndxscn(scn);
			return;
		}
	}
}

static void sym_read_segments(struct sym_index *tab)
{
	size_t nr = 0, i;
	GElf_Phdr phdr;

	elf_getphdrnum(tab->elf, &nr);
	for (i = 0; i < nr && tab->nr_segs < SYM_SEGMENTS; i++) {
		if (!gelf_getphdr(tab->elf, (int)i, &phdr) || phdr.p_type != PT_LOAD)
			continue;
		tab->seg[tab->nr_segs++] = (struct sym_seg){ .vaddr = phdr.p_vaddr,
							     .paddr = phdr.p_paddr,
							     .len = phdr.p_memsz };
	}
}

/*
 * Never mapped: a file cut short while we look would be a SIGBUS. Small ones
 * are read at once, big ones (vmlinux with debug information) piece by piece.
 */
static Elf *sym_begin_elf(struct sym_index *tab, off_t size)
{
	ssize_t got;

	if (size > SYM_IMAGE_MAX)
		return elf_begin(tab->fd, ELF_C_READ, NULL);
	tab->image = malloc((size_t)size);
	if (!tab->image)
		return NULL;
	got = pread(tab->fd, tab->image, (size_t)size, 0);
	return got > 0 ? elf_memory(tab->image, (size_t)got) : NULL;
}

static int sym_read_elf(struct sym_index *tab, const char *path, off_t size, struct err *err)
{
	size_t strndx = 0;
	Elf_Scn *scn = NULL;
	GElf_Ehdr ehdr;
	GElf_Shdr shdr;
	int ret = 0;

	tab->elf = sym_begin_elf(tab, size);
	if (!tab->elf || elf_kind(tab->elf) != ELF_K_ELF || !gelf_getehdr(tab->elf, &ehdr))
		return err_set(err, ENOEXEC, "%s: damaged ELF file", path);
	tab->word = gelf_getclass(tab->elf) == ELFCLASS32 ? 4 : 8;
	elf_getshdrstrndx(tab->elf, &strndx);
	if (ehdr.e_type == ET_REL)
		sym_read_rel(tab, strndx);
	sym_read_segments(tab);
	while (!ret && (scn = elf_nextscn(tab->elf, scn))) {
		if (!gelf_getshdr(scn, &shdr))
			continue;
		sym_read_section(tab, strndx, scn, &shdr);
		if (shdr.sh_type == SHT_SYMTAB)
			ret = sym_read_symtab(tab, scn, &shdr);
	}
	return ret ? err_sys(err, -ret, "%s: symbols", path) : 0;
}

static int sym_read_map(struct sym_index *tab, const char *path, off_t size, struct err *err)
{
	ssize_t got;
	char *text;
	int ret;

	if (size > SYM_MAP_MAX)
		return err_set(err, ENOEXEC, "%s: neither an ELF file nor a System.map", path);
	text = malloc((size_t)size + 1);
	if (!text)
		return err_set(err, ENOMEM, "%s: out of memory", path);
	got = pread(tab->fd, text, (size_t)size, 0);
	text[got > 0 ? got : 0] = '\0';
	ret = got < 0 ? err_sys(err, errno, "%s", path) : sym_map_parse(tab, text, path, err);
	free(text);
	return ret;
}

static int sym_read(struct sym_index *tab, const char *path, struct err *err)
{
	char magic[SELFMAG];
	struct stat sb;

	/* A FIFO or a device under this name must not hold us up. */
	tab->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (tab->fd < 0 || fstat(tab->fd, &sb) < 0)
		return err_sys(err, errno, "%s", path);
	if (!S_ISREG(sb.st_mode))
		return err_set(err, ENOEXEC, "%s: not a regular file", path);
	if (pread(tab->fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    !memcmp(magic, ELFMAG, SELFMAG))
		return sym_read_elf(tab, path, sb.st_size, err);
	return sym_read_map(tab, path, sb.st_size, err);
}

struct sym_index *sym_index_new(void)
{
	struct sym_index *tab = calloc(1, sizeof(*tab));

	if (!tab)
		return NULL;
	tab->word = 8;
	tab->fd = -1;
	return tab;
}

int sym_index_open(const char *path, struct sym_index **out, struct err *err)
{
	struct sym_index *tab = sym_index_new();
	int ret;

	*out = NULL;
	if (!tab)
		return err_set(err, ENOMEM, "%s: out of memory", path);
	elf_version(EV_CURRENT);
	ret = sym_read(tab, path, err);
	if (!ret) {
		ret = sym_index_sort(tab);
		if (ret)
			err_set(err, ENOMEM, "%s: out of memory", path);
	}
	if (ret) {
		sym_index_close(tab);
		return ret;
	}
	*out = tab;
	return 0;
}

void sym_index_close(struct sym_index *tab)
{
	if (!tab)
		return;
	sym_dwarf_close(tab);
	if (tab->elf)
		elf_end(tab->elf);
	free(tab->image);
	if (tab->fd >= 0)
		close(tab->fd);
	free(tab->by_name);
	free(tab->names);
	free(tab->sym);
	free(tab);
}

static const struct sym_sect *sym_sect_at(const struct sym_index *tab, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < tab->nr_sects; i++) {
		if (addr >= tab->sect[i].addr && addr - tab->sect[i].addr < tab->sect[i].len)
			return &tab->sect[i];
	}
	return NULL;
}

/* Does a symbol without size reach ADDR? Within its section, and not for ever. */
static bool sym_reaches(const struct sym_index *tab, const struct sym_entry *sym, uint64_t addr)
{
	if (addr - sym->addr > SYM_REACH)
		return false;
	return !tab->nr_sects || sym_sect_at(tab, sym->addr) == sym_sect_at(tab, addr);
}

/* Index of the last symbol at or below ADDR, or -1. */
static ssize_t sym_below(const struct sym_index *tab, uint64_t addr)
{
	size_t lo = 0, hi = tab->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tab->sym[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (ssize_t)lo - 1;
}

const char *sym_index_find(const struct sym_index *tab, uint64_t addr, bool moved, uint64_t *off)
{
	ssize_t first, best = -1, i;
	bool nearest = true;

	first = sym_below(tab, addr);
	/* One whose size covers ADDR beats a nearer label within it. */
	for (i = first; i >= 0 && first - i < (ssize_t)SYM_LOOK_BACK; i--) {
		const struct sym_entry *sym = &tab->sym[i];

		if (sym->absolute || (moved && sym->module))
			continue;
		if (sym->size && addr - sym->addr < sym->size) {
			best = i;
			break;
		}
		if (nearest && !sym->size && sym_reaches(tab, sym, addr))
			best = i;
		nearest = false;
	}
	if (best < 0)
		return NULL;
	if (off)
		*off = addr - tab->sym[best].addr;
	return sym_name(tab, (size_t)best);
}

/* Position in by_name of the first symbol that is not below NAME. */
static size_t sym_lower_bound(const struct sym_index *tab, const char *name)
{
	size_t lo = 0, hi = tab->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(sym_name(tab, tab->by_name[mid]), name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct sym_entry *sym_index_lookup(const struct sym_index *tab, const char *name)
{
	size_t i;

	if (!tab->nr)
		return NULL;
	i = sym_lower_bound(tab, name);
	if (i == tab->nr || strcmp(sym_name(tab, tab->by_name[i]), name))
		return NULL;
	return &tab->sym[tab->by_name[i]];
}

const char *sym_index_section(const struct sym_index *tab, uint64_t addr)
{
	const struct sym_sect *sect = sym_sect_at(tab, addr);

	return sect ? sect->name : NULL;
}

bool sym_index_each(const struct sym_index *tab, const char *prefix, sym_index_fn fn, void *ctx)
{
	size_t len = strlen(prefix), i;

	if (!tab->nr)
		return true;
	for (i = sym_lower_bound(tab, prefix); i < tab->nr; i++) {
		const struct sym_entry *sym = &tab->sym[tab->by_name[i]];

		if (strncmp(tab->names + sym->name, prefix, len))
			return true;
		if (!fn(ctx, tab->names + sym->name, sym))
			return false;
	}
	return true;
}
