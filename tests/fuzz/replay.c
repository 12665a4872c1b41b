/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for a fuzzer: gives a fuzz target every file named on the command line, and a few
 * mutations of each that are the same every time.  For `make check`; to fuzz in earnest, build
 * the target without this file and with clang -fsanitize=fuzzer,address,undefined.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_MAX	 (1u << 20)
#define REPLAY_MUTATIONS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t replay_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A copy of the exact size, so that the address sanitizer sees a read one byte too far. */
static void replay_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return;
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void replay_mutations(uint8_t *data, size_t size)
{
	uint32_t seed = (uint32_t)size;
	size_t at, cut;
	uint8_t was;
	int i;

	for (i = 0; size && i < REPLAY_MUTATIONS; i++) {
		at = replay_random(&seed) % size;
		was = data[at];
		data[at] = (uint8_t)(i & 1 ? replay_random(&seed) : was ^ 1u << (i / 2 % 8));
		cut = i % 8 == 7 ? replay_random(&seed) % size : size;
		replay_one(data, cut);
		data[at] = was;
	}
}

int main(int argc, char **argv)
{
	static uint8_t data[REPLAY_MAX];
	size_t size;
	FILE *f;
	int i;

	for (i = 1; i < argc; i++) {
		f = fopen(argv[i], "rb");
		if (!f) {
			perror(argv[i]);
			return 1;
		}
		size = fread(data, 1, sizeof(data), f);
		fclose(f);
		replay_one(data, size);
		replay_mutations(data, size);
	}
	printf("%d inputs\n", argc - 1);
	return argc < 2;
}
