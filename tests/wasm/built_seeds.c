/* built_seeds: writes the random module of a seed, to be compiled ahead of time (built_differ.c).
 *
 * usage: built_seeds SEED OUT.wasm
 *   SEED 0, 25, 26, 27: those of wasm_random.h that are not random */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base_check.h"
#include "wasm_random.h"

int main(int argc, char **argv)
{
	FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
	struct bytes module;
	uint64_t seed;

	CHECK(out != NULL);
	seed = strtoull(argv[1], NULL, 10);
	if (seed == 0)
		module = wasm_edges_make();
	else if (seed == 25)
		module = wasm_bulk_make();
	else if (seed == 26)
		module = wasm_circle_make();
	else if (seed == 27)
		module = wasm_start_make();
	else
		module = wasm_random_make(seed);
	CHECK(fwrite(module.data, 1, module.len, out) == module.len);
	return fclose(out) == 0 ? 0 : 1;
}
