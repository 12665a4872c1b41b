/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction decoding in the guest's mode. */
#include "inspect/insn.h"

#ifdef HAVE_ZYDIS

/* 16 bits: the protected mode's set, which holds all that real mode has. */
static void insn_decoder_init(ZydisDecoder *dec, unsigned int bits)
{
	if (bits == 64)
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (bits == 32)
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(dec, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
}

bool insn_decode(const uint8_t *bytes, size_t len, uint64_t addr, unsigned int bits,
		 struct insn *out)
{
	ZydisDecoder dec;

	insn_decoder_init(&dec, bits);
	out->addr = addr;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&dec, bytes, len, &out->zy, out->op));
}

#else

/* An object file may not be empty. */
typedef int insn_unused;

#endif
