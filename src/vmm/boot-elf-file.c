/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files: see boot-elf-file.h. Headers are copied out of the mapping before they are judged. */
#include "vmm/boot-elf-file.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What both classes have, widened. */
struct elf_header {
	uint16_t type, machine;
	uint64_t ph_off;
	unsigned int nr_ph, ph_size;
};

bool elf_is(const struct boot_file *file)
{
	return boot_file_has(file, 0, EI_NIDENT) && !memcmp(file->data, ELFMAG, SELFMAG);
}

static void elf_header_32(const uint8_t *data, struct elf_file *elf, struct elf_header *head)
{
	Elf32_Ehdr eh;

	memcpy(&eh, data, sizeof(eh));
	*head = (struct elf_header){ eh.e_type, eh.e_machine, eh.e_phoff, eh.e_phnum,
				     eh.e_phentsize };
	elf->entry = eh.e_entry;
	elf->sh_off = eh.e_shoff;
	elf->nr_sh = eh.e_shnum;
	elf->sh_size = eh.e_shentsize;
	elf->sh_strings = eh.e_shstrndx;
}

static void elf_header_64(const uint8_t *data, struct elf_file *elf, struct elf_header *head)
{
	Elf64_Ehdr eh;

	memcpy(&eh, data, sizeof(eh));
	*head = (struct elf_header){ eh.e_type, eh.e_machine, eh.e_phoff, eh.e_phnum,
				     eh.e_phentsize };
	elf->entry = eh.e_entry;
	elf->sh_off = eh.e_shoff;
	elf->nr_sh = eh.e_shnum;
	elf->sh_size = eh.e_shentsize;
	elf->sh_strings = eh.e_shstrndx;
}

static int elf_read_header(const struct boot_file *file, struct elf_file *elf,
			   struct elf_header *head, struct err *err)
{
	uint8_t class, order;

	if (!elf_is(file))
		return err_set(err, ENOEXEC, "not an ELF file");
	class = file->data[EI_CLASS];
	order = file->data[EI_DATA];
	if ((class != ELFCLASS32 && class != ELFCLASS64) || order != ELFDATA2LSB)
		return err_set(err, ENOEXEC,
			       "an ELF file, but not a little-endian 32- or 64-bit one");
	elf->is64 = class == ELFCLASS64;
	if (!boot_file_has(file, 0, elf->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return err_set(err, ENOEXEC, "truncated: the ELF header is cut off");
	if (elf->is64)
		elf_header_64(file->data, elf, head);
	else
		elf_header_32(file->data, elf, head);
	return 0;
}

/* A class that does not fit its machine (x32) goes by the class. */
static int elf_check_header(const struct elf_file *elf, const struct elf_header *head,
			    struct err *err)
{
	unsigned int size = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (head->machine != EM_386 && head->machine != EM_X86_64)
		return err_set(err, ENOEXEC, "an ELF file for another processor (machine %u)",
			       head->machine);
	if (head->type == ET_REL)
		return err_set(err, ENOEXEC, "an ELF object file: link it first");
	if (head->type != ET_EXEC && head->type != ET_DYN)
		return err_set(err, ENOEXEC, "an ELF file, but not an executable (type %u)",
			       head->type);
	if (!head->nr_ph)
		return err_set(err, ENOEXEC,
			       "an ELF file without program headers: nothing to load");
	if (head->ph_size != size)
		return err_set(err, ENOEXEC, "ELF program headers of %u bytes, %u expected",
			       head->ph_size, size);
	return 0;
}

static void elf_segment_read(const struct boot_file *file, const struct elf_file *elf, uint64_t off,
			     struct elf_segment *seg)
{
	Elf32_Phdr ph32;
	Elf64_Phdr ph64;

	if (elf->is64) {
		memcpy(&ph64, file->data + off, sizeof(ph64));
		*seg = (struct elf_segment){ ph64.p_type,  ph64.p_offset, ph64.p_filesz,
					     ph64.p_memsz, ph64.p_vaddr,  ph64.p_paddr };
	} else {
		memcpy(&ph32, file->data + off, sizeof(ph32));
		*seg = (struct elf_segment){ ph32.p_type,  ph32.p_offset, ph32.p_filesz,
					     ph32.p_memsz, ph32.p_vaddr,  ph32.p_paddr };
	}
}

static int elf_check_segment(const struct boot_file *file, const struct elf_segment *seg,
			     unsigned int index, struct err *err)
{
	if (seg->type == PT_INTERP)
		return err_set(err, ENOEXEC, "a dynamically linked program, not a kernel");
	if (seg->type != PT_LOAD)
		return 0;
	if (!boot_file_has(file, seg->off, seg->file_len))
		return err_set(
			err, ENOEXEC,
			"truncated: segment %u is bytes 0x%llx (+0x%llx) of a file of 0x%llx",
			index, (unsigned long long)seg->off, (unsigned long long)seg->file_len,
			(unsigned long long)file->len);
	if (seg->file_len > seg->mem_len)
		return err_set(err, ENOEXEC, "segment %u: more bytes in the file than in memory",
			       index);
	return 0;
}

static int elf_read_segments(const struct boot_file *file, struct elf_file *elf,
			     const struct elf_header *head, struct err *err)
{
	struct elf_segment seg;
	unsigned int i;
	int ret;

	if (!boot_file_has(file, head->ph_off, (uint64_t)head->nr_ph * head->ph_size))
		return err_set(err, ENOEXEC, "truncated: the ELF program headers are cut off");
	for (i = 0; i < head->nr_ph; i++) {
		elf_segment_read(file, elf, head->ph_off + (uint64_t)i * head->ph_size, &seg);
		ret = elf_check_segment(file, &seg, i, err);
		if (ret)
			return ret;
		if (seg.type != PT_NOTE && (seg.type != PT_LOAD || !seg.mem_len))
			continue;
		if (elf->nr_segments == ELF_MAX_SEGMENTS)
			return err_set(err, ENOEXEC, "more than %d ELF segments", ELF_MAX_SEGMENTS);
		elf->segment[elf->nr_segments++] = seg;
	}
	return 0;
}

int elf_open(const struct boot_file *file, struct elf_file *elf, struct err *err)
{
	struct elf_header head = { .type = ET_NONE };
	int ret;

	memset(elf, 0, sizeof(*elf));
	ret = elf_read_header(file, elf, &head, err);
	if (!ret)
		ret = elf_check_header(elf, &head, err);
	if (!ret)
		ret = elf_read_segments(file, elf, &head, err);
	return ret;
}

int elf_place(struct boot_ctx *ctx, const struct elf_file *elf, struct err *err)
{
	const struct elf_segment *seg;
	unsigned int i, nr = 0;
	char what[40];
	int ret;

	for (i = 0; i < elf->nr_segments; i++) {
		seg = &elf->segment[i];
		if (seg->type != PT_LOAD)
			continue;
		snprintf(what, sizeof(what), "kernel segment %u", nr++);
		ret = boot_place_part(ctx, seg->paddr, &ctx->image, seg->off, seg->file_len,
				      seg->mem_len, what, err);
		if (ret)
			return ret;
	}
	if (!nr)
		return err_set(err, ENOEXEC, "an ELF file with nothing to load");
	snprintf(ctx->symbols, sizeof(ctx->symbols), "%s", ctx->image.path);
	return 0;
}

uint64_t elf_to_physical(const struct elf_file *elf, uint64_t va)
{
	const struct elf_segment *seg;
	unsigned int i;

	for (i = 0; i < elf->nr_segments; i++) {
		seg = &elf->segment[i];
		if (seg->type == PT_LOAD && va - seg->vaddr < seg->mem_len)
			return seg->paddr + (va - seg->vaddr);
	}
	return va;
}

bool elf_section(const struct boot_file *file, const struct elf_file *elf, unsigned int index,
		 struct elf_section *out)
{
	unsigned int size = elf->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	Elf32_Shdr sh32;
	Elf64_Shdr sh64;
	uint64_t off;

	if (index >= elf->nr_sh || elf->sh_size != size ||
	    __builtin_add_overflow(elf->sh_off, (uint64_t)index * size, &off) ||
	    !boot_file_has(file, off, size))
		return false;
	if (elf->is64) {
		memcpy(&sh64, file->data + off, sizeof(sh64));
		*out = (struct elf_section){ sh64.sh_type, sh64.sh_offset, sh64.sh_size, off };
	} else {
		memcpy(&sh32, file->data + off, sizeof(sh32));
		*out = (struct elf_section){ sh32.sh_type, sh32.sh_offset, sh32.sh_size, off };
	}
	return out->type == SHT_NOBITS || boot_file_has(file, out->off, out->len);
}

static uint64_t elf_align4(uint64_t len)
{
	return (len + 3) & ~3ull;
}

static const uint8_t *elf_note_in(const struct boot_file *file, const struct elf_segment *seg,
				  const char *name, uint32_t name_len, uint32_t type, uint32_t *len)
{
	uint64_t off = seg->off, end = seg->off + seg->file_len, desc, next;
	Elf64_Nhdr note;

	/* lengths are 32 bits wide, so that sums of them do not wrap */
	while (end - off >= sizeof(note)) {
		memcpy(&note, file->data + off, sizeof(note));
		off += sizeof(note);
		desc = off + elf_align4(note.n_namesz);
		next = desc + elf_align4(note.n_descsz);
		if (desc > end || note.n_descsz > end - desc)
			return NULL;
		if (note.n_type == type && note.n_namesz == name_len &&
		    !memcmp(file->data + off, name, name_len)) {
			*len = note.n_descsz;
			return file->data + desc;
		}
		if (next >= end)
			return NULL;
		off = next;
	}
	return NULL;
}

const uint8_t *elf_note(const struct boot_file *file, const struct elf_file *elf, const char *name,
			uint32_t name_len, uint32_t type, uint32_t *len)
{
	const struct elf_segment *seg;
	const uint8_t *desc = NULL;
	unsigned int i;

	for (i = 0; i < elf->nr_segments && !desc; i++) {
		seg = &elf->segment[i];
		if (seg->type == PT_NOTE && boot_file_has(file, seg->off, seg->file_len))
			desc = elf_note_in(file, seg, name, name_len, type, len);
	}
	return desc;
}
