/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_tables.h"

#include "base_encode.h"
#include "cli_json.h"

struct loading {
	struct cli_tables tables;
	size_t room;
	struct cli_table_entry next;
	const char *trouble; /* what is wrong; `where` has the name that it is wrong about */
	char where[64];
};

static enum status trouble(struct loading *l, const char *what, struct bytes where)
{
	size_t len = where.len < sizeof(l->where) - 1 ? where.len : sizeof(l->where) - 1;

	l->trouble = what;
	/* Only what a name or index may hold is shown again. */
	for (size_t i = 0; i < len; i++)
		l->where[i] =
		    where.data[i] > 0x20 && where.data[i] < 0x7f ? (char)where.data[i] : '?';
	l->where[len] = '\0';
	return STATUS_MALFORMED;
}

/* take_index takes a decimal 0..255 written without leading zeros. */
static bool take_index(struct bytes name, uint8_t *ret_index)
{
	unsigned value = 0;

	if (name.len == 0 || name.len > 3 || (name.data[0] == '0' && name.len > 1))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < '0' || name.data[i] > '9')
			return false;
		value = value * 10 + (unsigned)(name.data[i] - '0');
	}
	*ret_index = (uint8_t)value;
	return value <= UINT8_MAX;
}

static enum status take_entry(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct loading *l = context;
	struct bytes address;

	if (!take_index(name, &l->next.index))
		return trouble(l, "not an index from 0 to 255", name);
	if (!cli_json_text(value, &address) ||
	    base58_decode_32(address, l->next.address) != STATUS_OK)
		return trouble(l, "not an address at index", name);
	if (l->tables.count == l->room) {
		size_t room = l->room * 2 + 1024;
		void *more = realloc(l->tables.entries, room * sizeof(l->next));

		if (more == NULL)
			return STATUS_TOO_LARGE;
		l->tables.entries = more;
		l->room = room;
	}
	l->tables.entries[l->tables.count++] = l->next;
	return STATUS_OK;
}

static enum status take_table(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct loading *l = context;

	if (base58_decode_32(name, l->next.table) != STATUS_OK)
		return trouble(l, "not a table's address", name);
	if (!cli_json_is_object(value))
		return trouble(l, "not an object of indexes at", name);
	return cli_json_each(value, take_entry, l);
}

static int compare(const void *a, const void *b)
{
	const struct cli_table_entry *left = a, *right = b;

	/* Table and index lie one after the other. */
	return memcmp(left->table, right->table, offsetof(struct cli_table_entry, address));
}

static enum status sort(struct loading *l)
{
	struct cli_table_entry *entries = l->tables.entries;

	if (l->tables.count == 0)
		return STATUS_OK;
	qsort(entries, l->tables.count, sizeof(entries[0]), compare);
	for (size_t i = 1; i < l->tables.count; i++) {
		char text[BASE58_LEN(32) + 1];

		if (compare(&entries[i - 1], &entries[i]) != 0)
			continue;
		if (base58_encode(bytes_of(entries[i].table, 32), text, sizeof(text)) != STATUS_OK)
			text[0] = '\0';
		return trouble(l, "an index is given twice in table", bytes_of_text(text));
	}
	return STATUS_OK;
}

enum status cli_tables_open(const char *path, struct cli_tables *ret_tables, char *ret_message,
                            size_t message_cap)
{
	struct loading l = {0};
	struct cli_json_file file;
	enum status status = cli_json_open(path, &file, ret_message, message_cap);

	if (status != STATUS_OK)
		return status;
	if (!cli_json_is_object(file.root))
		status = trouble(&l, "not an object of tables:", bytes_of_text(path));
	else
		status = cli_json_each(file.root, take_table, &l);
	if (status == STATUS_OK)
		status = sort(&l);
	cli_json_close(&file);
	if (status == STATUS_OK) {
		*ret_tables = l.tables;
		return STATUS_OK;
	}
	free(l.tables.entries);
	snprintf(ret_message, message_cap, "%s: %s %s", path,
	         l.trouble != NULL ? l.trouble : "out of memory", l.where);
	return status;
}

void cli_tables_close(struct cli_tables *tables)
{
	free(tables->entries);
	*tables = (struct cli_tables){0};
}

const uint8_t *cli_tables_find(const struct cli_tables *tables, const uint8_t table[32],
                               uint8_t index)
{
	struct cli_table_entry wanted = {.index = index};
	const struct cli_table_entry *found;

	if (tables->count == 0)
		return NULL;
	memcpy(wanted.table, table, sizeof(wanted.table));
	found = bsearch(&wanted, tables->entries, tables->count, sizeof(wanted), compare);
	return found == NULL ? NULL : found->address;
}
