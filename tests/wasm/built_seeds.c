/* built_seeds: writes the random module of a seed, to be compiled ahead of time (built_differ.c).
 *
 * usage: built_seeds SEED OUT.wasm
 *   SEED 0: the module of memory's edges */
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
	module = seed == 0 ? wasm_edges_make() : wasm_random_make(seed);
	CHECK(fwrite(module.data, 1, module.len, out) == module.len);
	return fclose(out) == 0 ? 0 : 1;
}
