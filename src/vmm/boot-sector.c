/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector: the first 512 bytes of a file at 0x7c00, entered in real mode
 * with DL naming the disk. There is no BIOS behind it: every interrupt vector
 * leads to a stub that says "not supported" the way a BIOS would.
 */
#include <errno.h>
#include <string.h>

#include "vmm/boot.h"

#define SECTOR_LEN	 512u
#define SECTOR_SIGNATURE 510u
#define SECTOR_AT	 0x7c00
#define SECTOR_DISK	 0x80
#define SECTOR_STUB_SEG	 0xf000
#define SECTOR_STUB_OFF	 0xff00
#define SECTOR_VECTORS	 256

static bool sector_probe(const struct boot_file *image)
{
	return boot_file_has(image, 0, SECTOR_LEN) && image->data[SECTOR_SIGNATURE] == 0x55 &&
	       image->data[SECTOR_SIGNATURE + 1] == 0xaa;
}

/* AH = 0x86 and carry set in the caller's flags: "function not supported". */
static int sector_place_vectors(struct boot_ctx *ctx, struct err *err)
{
	static const uint8_t stub[] = {
		0x55,			/* push bp */
		0x89, 0xe5,		/* mov bp, sp */
		0x80, 0x4e, 0x06, 0x01, /* or byte [bp + 6], 1 */
		0x5d,			/* pop bp */
		0xb4, 0x86,		/* mov ah, 0x86 */
		0xcf,			/* iret */
	};
	uint16_t vector[SECTOR_VECTORS][2];
	unsigned int i;
	int ret;

	for (i = 0; i < SECTOR_VECTORS; i++) {
		vector[i][0] = SECTOR_STUB_OFF;
		vector[i][1] = SECTOR_STUB_SEG;
	}
	ret = boot_place(ctx, (SECTOR_STUB_SEG << 4) + SECTOR_STUB_OFF, stub, sizeof(stub),
			 "interrupt stub", err);
	if (!ret)
		ret = boot_place(ctx, 0, vector, sizeof(vector), "interrupt vectors", err);
	return ret;
}

static int sector_load(struct boot_ctx *ctx, struct x86_state *st, struct err *err)
{
	int ret = boot_check_no_initrd(ctx, err);

	if (!ret && !boot_file_has(&ctx->image, 0, SECTOR_LEN))
		ret = err_set(err, ENOEXEC, "a boot sector has 512 bytes, this file %llu",
			      (unsigned long long)ctx->image.len);
	if (!ret && !sector_probe(&ctx->image))
		ret = err_set(err, ENOEXEC, "no boot signature (55 aa at the end of 512 bytes)");
	if (!ret)
		ret = boot_place(ctx, SECTOR_AT, ctx->image.data, SECTOR_LEN, "boot sector", err);
	if (!ret)
		ret = sector_place_vectors(ctx, err);
	if (ret)
		return ret;
	boot_state_real(st, 0, SECTOR_AT);
	st->gpr[X86_RSP] = SECTOR_AT;
	st->gpr[X86_RDX] = SECTOR_DISK;
	strcpy(ctx->note, ctx->image.len > SECTOR_LEN
				  ? "first sector only: BIOS services and disks come later"
				  : "BIOS services come later: int 10h, 13h, ... report failure");
	return 0;
}

const struct loader_ops boot_sector_ops = {
	.name = "sector",
	.probe = sector_probe,
	.load = sector_load,
};
