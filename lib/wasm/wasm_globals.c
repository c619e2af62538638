/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_globals.h"

#include <stdio.h>

#include "base_check.h"

#define SECTION_EXPORT 7
#define EXPORT_GLOBAL  3
#define NAME_LEN       4

static size_t put_leb(uint8_t *at, uint32_t value)
{
	size_t len = 0;

	do {
		at[len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value != 0);
	return len;
}

/* The entries for all mutable globals: at most 8 bytes each. */
static size_t put_entries(const struct wasm_summary *summary, uint8_t *at)
{
	size_t len = 0;

	for (uint32_t i = 0; i < summary->mutable_globals; i++) {
		char name[NAME_LEN + 1];

		CHECK(summary->mutable_global[i] < WASM_GLOBALS_MAX);
		snprintf(name, sizeof(name), "g%03u", summary->mutable_global[i] % 1000u);
		at[len++] = NAME_LEN;
		memcpy(at + len, name, NAME_LEN);
		len += NAME_LEN;
		at[len++] = EXPORT_GLOBAL;
		len += put_leb(at + len, summary->mutable_global[i]);
	}
	return len;
}

/* Bytes of the export count as the module spells it, which may be padded. */
static uint32_t count_bytes(struct bytes module, const struct wasm_summary *summary)
{
	uint32_t len = 1;

	while ((module.data[summary->export_section.off + len - 1] & 0x80) != 0)
		len++;
	return len;
}

enum status wasm_globals_export(struct bytes module, const struct wasm_summary *summary,
                                struct buffer *ret_module)
{
	const struct wasm_range old = summary->export_section;
	const uint32_t skipped = count_bytes(module, summary), rest = old.off + old.len;
	uint8_t entries[8 * WASM_MUTABLE_GLOBALS_MAX], count[5], head[6] = {SECTION_EXPORT};
	size_t entries_len = put_entries(summary, entries);
	size_t count_len = put_leb(count, summary->export_count + summary->mutable_globals);
	uint32_t contents = (uint32_t)(count_len + old.len - skipped + entries_len);
	size_t head_len = 1 + put_leb(head + 1, contents);
	const struct bytes parts[] = {
	    {module.data,                     summary->export_section_start},
	    {head,	                    head_len                     },
	    {count,	                   count_len                    },
	    {module.data + old.off + skipped, old.len - skipped            },
	    {entries,	                 entries_len                  },
	    {module.data + rest,              module.len - rest            },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		enum status s = buffer_put(ret_module, parts[i]);

		if (s != STATUS_OK)
			return s;
	}
	return STATUS_OK;
}
