/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory and registers as an ELF64 core file: see dump.h. */
#include "ctl/dump.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "base/io.h"
#include "ctl/dump-linux.h"

#define DUMP_CHUNK 65536

/* Header and name of a note; the status follows at an offset that is no multiple of 8. */
struct dump_note {
	Elf64_Nhdr hdr;
	char name[8];
};

#define DUMP_NOTE_LEN (sizeof(struct dump_note) + sizeof(struct elf_prstatus))

static int dump_put(int fd, const void *data, size_t len, struct err *err)
{
	int ret = io_write_all(fd, data, len);

	return ret ? err_sys(err, -ret, "dump") : 0;
}

/* The order of struct user_regs_struct. */
static void dump_status(const struct x86_state *st, unsigned int vcpu, struct elf_prstatus *out)
{
	const uint64_t *gpr = st->gpr;
	uint64_t regs[] = {
		gpr[X86_R15],
		gpr[X86_R14],
		gpr[X86_R13],
		gpr[X86_R12],
		gpr[X86_RBP],
		gpr[X86_RBX],
		gpr[X86_R11],
		gpr[X86_R10],
		gpr[X86_R9],
		gpr[X86_R8],
		gpr[X86_RAX],
		gpr[X86_RCX],
		gpr[X86_RDX],
		gpr[X86_RSI],
		gpr[X86_RDI],
		UINT64_MAX,
		st->rip,
		st->seg[X86_CS].sel,
		st->rflags,
		gpr[X86_RSP],
		st->seg[X86_SS].sel,
		st->seg[X86_FS].base,
		st->seg[X86_GS].base,
		st->seg[X86_DS].sel,
		st->seg[X86_ES].sel,
		st->seg[X86_FS].sel,
		st->seg[X86_GS].sel,
	};

	_Static_assert(sizeof(regs) == sizeof(out->pr_reg), "one for each of the kernel's");
	out->pr_pid = (int)vcpu + 1;
	memcpy(&out->pr_reg, regs, sizeof(regs));
}

/* The guest's own note, as it is. */
static int dump_guest_note(const struct vm_view *view, const struct dump_linux *guest, int fd,
			   struct err *err)
{
	uint8_t data[256];
	uint64_t off;
	size_t len;
	int ret = 0;

	for (off = 0; off < guest->note_len && !ret; off += len) {
		len = guest->note_len - off < sizeof(data) ? (size_t)(guest->note_len - off)
							   : sizeof(data);
		if (view_read(view, guest->note_gpa + off, data, len) != len)
			return err_set(err, EFAULT, "dump: guest memory ends early");
		ret = dump_put(fd, data, len, err);
	}
	return ret;
}

static int dump_notes(const struct vm_view *view, int fd, struct err *err)
{
	struct dump_note note = { .hdr = { .n_namesz = sizeof("CORE"),
					   .n_descsz = sizeof(struct elf_prstatus),
					   .n_type = NT_PRSTATUS },
				  .name = "CORE" };
	struct elf_prstatus status;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < view->nr_vcpus && ret == 0; i++) {
		memset(&status, 0, sizeof(status));
		dump_status(&view->vcpu[i].state, i, &status);
		ret = dump_put(fd, &note, sizeof(note), err);
		if (ret == 0)
			ret = dump_put(fd, &status, sizeof(status), err);
	}
	return ret;
}

/* A kernel's image once more, at its virtual address: within one region, else not at all. */
static bool dump_text(const struct vm_view *view, const struct dump_linux *guest, uint64_t off,
		      Elf64_Phdr *out)
{
	uint32_t i;

	for (i = 0; i < view->nr_regions; i++) {
		const struct sample_region *reg = &view->region[i];
		uint64_t at = guest->text_gpa - reg->gpa;

		if (guest->text_len && at < reg->len && guest->text_len <= reg->len - at) {
			*out = (Elf64_Phdr){ .p_type = PT_LOAD,
					     .p_flags = PF_R | PF_W | PF_X,
					     .p_offset = off + at,
					     .p_vaddr = guest->text_gva,
					     .p_paddr = guest->text_gpa,
					     .p_filesz = guest->text_len,
					     .p_memsz = guest->text_len };
			return true;
		}
		off += reg->len;
	}
	return false;
}

static int dump_headers(const struct vm_view *view, const struct dump_linux *guest, int fd,
			struct err *err)
{
	bool has_text = dump_text(view, guest, 0, &(Elf64_Phdr){ 0 });
	unsigned int nr = view->nr_regions + 1 + has_text;
	uint64_t off = sizeof(Elf64_Ehdr) + nr * sizeof(Elf64_Phdr);
	uint64_t notes = (uint64_t)view->nr_vcpus * DUMP_NOTE_LEN + guest->note_len;
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)nr,
	};
	Elf64_Phdr phdr = { .p_type = PT_NOTE, .p_offset = off, .p_filesz = notes };
	uint32_t i;
	int ret;

	ret = dump_put(fd, &ehdr, sizeof(ehdr), err);
	if (ret == 0)
		ret = dump_put(fd, &phdr, sizeof(phdr), err);
	off += notes;
	if (ret == 0 && dump_text(view, guest, off, &phdr))
		ret = dump_put(fd, &phdr, sizeof(phdr), err);
	for (i = 0; i < view->nr_regions && ret == 0; i++) {
		phdr = (Elf64_Phdr){ .p_type = PT_LOAD,
				     .p_flags = PF_R | PF_W | PF_X,
				     .p_offset = off,
				     .p_vaddr = guest->direct_map
							? guest->direct_map + view->region[i].gpa
							: 0,
				     .p_paddr = view->region[i].gpa,
				     .p_filesz = view->region[i].len,
				     .p_memsz = view->region[i].len };
		off += view->region[i].len;
		ret = dump_put(fd, &phdr, sizeof(phdr), err);
	}
	return ret;
}

/* Through view_read(), so that breakpoints of ours do not show; zero pages become holes. */
static int dump_region(const struct vm_view *view, const struct sample_region *reg, int fd,
		       struct err *err)
{
	static const uint8_t zero[DUMP_CHUNK];
	uint8_t data[DUMP_CHUNK];
	uint64_t off;
	size_t len;
	int ret = 0;

	for (off = 0; off < reg->len && ret == 0; off += len) {
		len = reg->len - off < sizeof(data) ? (size_t)(reg->len - off) : sizeof(data);
		if (view_read(view, reg->gpa + off, data, len) != len)
			return err_set(err, EFAULT, "dump: guest memory ends early");
		if (memcmp(data, zero, len) != 0)
			ret = dump_put(fd, data, len, err);
		else if (lseek(fd, (off_t)len, SEEK_CUR) < 0)
			ret = dump_put(fd, data, len, err); /* a pipe */
	}
	return ret;
}

int dump_write(const struct vm_view *view, int fd, struct err *err)
{
	struct dump_linux guest;
	off_t end;
	uint32_t i;
	int ret;

	dump_linux_find(view, &guest);
	ret = dump_headers(view, &guest, fd, err);
	if (ret == 0)
		ret = dump_notes(view, fd, err);
	if (ret == 0)
		ret = dump_guest_note(view, &guest, fd, err);
	for (i = 0; i < view->nr_regions && ret == 0; i++)
		ret = dump_region(view, &view->region[i], fd, err);
	if (ret < 0)
		return ret;
	end = lseek(fd, 0, SEEK_CUR); /* the last pages may be a hole */
	if (end >= 0 && ftruncate(fd, end) != 0 && errno != EINVAL)
		return err_sys(err, errno, "dump");
	return 0;
}
