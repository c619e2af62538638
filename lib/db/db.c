/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <sqlite3.h>

#include "base_check.h"
#include "db_vfs.h"

#define APPLICATION_ID 0x434c5631 /* "CLV1" */
#define META_CHANGE    100u
#define PAGE_BYTES     4096u /* as the pragma below says */
#define FOLD_PAGES     2000  /* of the log, before it is folded */
#define HEAP_MAX       (256ll << 20)

/* One slot of the mark file; two are written in turn, so that a torn write leaves the other. */
struct mark {
	uint64_t change;
	uint64_t inverse; /* ~change */
};

#define MARK_STRIDE 512 /* a disk sector each */

enum statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_META_GET,
	STATEMENT_META_PUT,
	STATEMENT_VALUE_GET,
	STATEMENT_VALUE_PUT,
	STATEMENT_VALUE_DELETE,
	STATEMENT_VALUE_DELETE_KIND,
	STATEMENT_VALUE_LIST,
	STATEMENT_NODE_GET,
	STATEMENT_NODE_PUT,
	STATEMENT_NODE_DELETE,
	STATEMENT_BLOB_PUT,
	STATEMENT_BLOB_GET,
	STATEMENT_BLOB_SIZE,
	STATEMENT_BLOB_DELETE,
	STATEMENT_COUNT
};

_Static_assert(STATEMENT_COUNT <= DB_STATEMENTS_MAX, "statements fit");

#define ROLE_STATE    (1u << DB_ROLE_STATE)
#define ROLE_SEGMENTS (1u << DB_ROLE_SEGMENTS)
#define ROLE_BOTH     (ROLE_STATE | ROLE_SEGMENTS)

static const struct {
	unsigned roles;
	const char *name;
	const char *sql;
} schema[] = {
    {ROLE_SEGMENTS, "blob",
     "CREATE TABLE blob(stream INTEGER NOT NULL,cursor INTEGER NOT NULL,body BLOB NOT NULL,"
     "PRIMARY KEY(stream,cursor))"                                                             },
    {ROLE_BOTH,     "meta",  "CREATE TABLE meta(number INTEGER PRIMARY KEY,body BLOB NOT NULL)"},
    {ROLE_STATE,    "node",
     "CREATE TABLE node(depth INTEGER NOT NULL,prefix BLOB NOT NULL,body BLOB NOT NULL,"
     "PRIMARY KEY(depth,prefix)) WITHOUT ROWID"                                                },
    {ROLE_STATE,    "value",
     "CREATE TABLE value(kind INTEGER NOT NULL,id BLOB NOT NULL,body BLOB NOT NULL,"
     "PRIMARY KEY(kind,id))"                                                                   },
};

#define SCHEMA_COUNT (sizeof(schema) / sizeof(schema[0]))

static const struct {
	unsigned roles;
	const char *sql;
} statements[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = {ROLE_BOTH,     "BEGIN IMMEDIATE"                                                                           },
    [STATEMENT_COMMIT] = {ROLE_BOTH,     "COMMIT"                                                                                    },
    [STATEMENT_ROLLBACK] = {ROLE_BOTH,     "ROLLBACK"                                                                                  },
    [STATEMENT_META_GET] = {ROLE_BOTH,     "SELECT body FROM meta WHERE number=?1"                                                     },
    [STATEMENT_META_PUT] = {ROLE_BOTH,     "REPLACE INTO meta(number,body) VALUES(?1,?2)"                                              },
    [STATEMENT_VALUE_GET] = {ROLE_STATE,    "SELECT body FROM value WHERE kind=?1 AND id=?2"                                            },
    [STATEMENT_VALUE_PUT] = {ROLE_STATE,    "INSERT INTO value(kind,id,body) VALUES(?1,?2,?3) "
                                         "ON CONFLICT(kind,id) DO UPDATE SET body=excluded.body"},
    [STATEMENT_VALUE_DELETE] = {ROLE_STATE,    "DELETE FROM value WHERE kind=?1 AND id=?2"                                                 },
    [STATEMENT_VALUE_DELETE_KIND] = {ROLE_STATE,    "DELETE FROM value WHERE kind=?1"                                                           },
    [STATEMENT_VALUE_LIST] = {ROLE_STATE,    "SELECT id FROM value WHERE kind=?1 AND id>?2 "
                                          "ORDER BY id LIMIT ?3"                                },
    [STATEMENT_NODE_GET] = {ROLE_STATE,    "SELECT body FROM node WHERE depth=?1 AND prefix=?2"                                        },
    [STATEMENT_NODE_PUT] = {ROLE_STATE,    "REPLACE INTO node(depth,prefix,body) VALUES(?1,?2,?3)"                                     },
    [STATEMENT_NODE_DELETE] = {ROLE_STATE,    "DELETE FROM node WHERE depth=?1 AND prefix=?2"                                             },
    [STATEMENT_BLOB_PUT] = {ROLE_SEGMENTS, "INSERT INTO blob(stream,cursor,body) VALUES(?1,?2,?3)"                                     },
    [STATEMENT_BLOB_GET] = {ROLE_SEGMENTS, "SELECT body,cursor FROM blob WHERE stream=?1 "
                                           "AND cursor>=?2 ORDER BY cursor LIMIT 1"          },
    [STATEMENT_BLOB_SIZE] = {ROLE_SEGMENTS, "SELECT total(length(body)) FROM blob "
                                            "WHERE stream=?1 AND cursor<?2"                  },
    [STATEMENT_BLOB_DELETE] = {ROLE_SEGMENTS, "DELETE FROM blob WHERE stream=?1 AND cursor<?2"                                            },
};

/* ---- from SQLite's codes to ours ---- */

static enum status fail(struct db *db, enum status status, const char *trouble)
{
	db->trouble = trouble;
	return status;
}

static enum status status_of(struct db *db, int code)
{
	if (db->files->is_broken)
		return fail(db, STATUS_IO, "a write or sync to the disk failed: start again");
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return STATUS_OK;
	case SQLITE_FULL:
		return fail(db, STATUS_BUSY, "no space left on the disk: make room");
	case SQLITE_TOOBIG:
		return fail(db, STATUS_CORRUPT, "a damaged length in the database file");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* our statements are fixed: only another schema makes them fail */
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		return fail(db, STATUS_CORRUPT, "the database file is damaged: restore a backup");
	case SQLITE_NOMEM:
		return fail(db, STATUS_IO, "out of memory");
	default:
		return fail(db, STATUS_IO, "the database file cannot be read or written");
	}
}

static sqlite3 *handle_of(const struct db *db)
{
	return db->handle;
}

/* begin_statement gives a prepared statement without bindings; finish_statement always follows. */
static sqlite3_stmt *begin_statement(struct db *db, enum statement which)
{
	CHECK(db->statements[which] != NULL);
	return db->statements[which];
}

static void finish_statement(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

/* run steps a statement that gives no rows. */
static enum status run(struct db *db, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	finish_statement(statement);
	if (code == SQLITE_ROW)
		return fail(db, STATUS_CORRUPT, "the database file is damaged: restore a backup");
	return status_of(db, code);
}

static int bind_bytes(sqlite3_stmt *statement, int at, struct bytes bytes)
{
	/* An empty blob is not NULL. */
	return sqlite3_bind_blob64(statement, at, bytes.len != 0 ? bytes.data : (const uint8_t *)"",
	                           bytes.len, SQLITE_STATIC);
}

/* take_blob appends column 0 of the one row that the statement gives. */
static enum status take_blob(struct db *db, sqlite3_stmt *statement, struct buffer *ret_bytes,
                             sqlite3_int64 *ret_second)
{
	int code = sqlite3_step(statement);
	enum status status = status_of(db, code);

	if (status == STATUS_OK && code == SQLITE_DONE)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK) {
		const void *data = sqlite3_column_blob(statement, 0);
		int len = sqlite3_column_bytes(statement, 0);

		if (sqlite3_column_type(statement, 0) != SQLITE_BLOB || (len > 0 && data == NULL))
			status = fail(db, STATUS_CORRUPT, "a value of the wrong type");
		else
			status = buffer_put(ret_bytes, bytes_of(data, (size_t)len));
		if (ret_second != NULL)
			*ret_second = sqlite3_column_int64(statement, 1);
	}
	finish_statement(statement);
	return status;
}

/* ---- opening ---- */

static enum status execute(struct db *db, const char *sql)
{
	return status_of(db, sqlite3_exec(handle_of(db), sql, NULL, NULL, NULL));
}

static enum status take_number(struct db *db, const char *sql, sqlite3_int64 *ret_number)
{
	sqlite3_stmt *statement = NULL;
	enum status status =
	    status_of(db, sqlite3_prepare_v2(handle_of(db), sql, -1, &statement, NULL));

	if (status == STATUS_OK) {
		int code = sqlite3_step(statement);

		status = code == SQLITE_ROW ? STATUS_OK : status_of(db, code);
		if (status == STATUS_OK)
			*ret_number = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return status;
}

static enum status create_schema(struct db *db)
{
	enum status status = execute(db, "BEGIN IMMEDIATE");

	for (size_t i = 0; status == STATUS_OK && i < SCHEMA_COUNT; i++)
		if (schema[i].roles & (1u << db->role))
			status = execute(db, schema[i].sql);
	if (status == STATUS_OK)
		status = execute(db, "COMMIT");
	return status;
}

/* check_schema: the file has our tables, letter by letter, and no other table, view or trigger.
 * SQLite's own indexes for primary keys have no SQL text. */
static enum status check_schema(struct db *db)
{
	static const char bad[] =
	    "the file has other tables than ours: not a store of this version";
	sqlite3_stmt *statement = NULL;
	size_t at = 0;
	int code = sqlite3_prepare_v2(handle_of(db),
	                              "SELECT name,sql FROM sqlite_schema WHERE type<>'index' "
	                              "OR sql IS NOT NULL ORDER BY name",
	                              -1, &statement, NULL);
	enum status status = status_of(db, code);

	while (status == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		const char *sql = (const char *)sqlite3_column_text(statement, 1);

		while (at < SCHEMA_COUNT && (schema[at].roles & (1u << db->role)) == 0)
			at++;
		if (at == SCHEMA_COUNT || name == NULL || sql == NULL ||
		    strcmp(name, schema[at].name) != 0 || strcmp(sql, schema[at].sql) != 0)
			status = fail(db, STATUS_CORRUPT, bad);
		at++;
	}
	if (status == STATUS_OK)
		status = status_of(db, code);
	sqlite3_finalize(statement);
	while (at < SCHEMA_COUNT && (schema[at].roles & (1u << db->role)) == 0)
		at++;
	if (status == STATUS_OK && at != SCHEMA_COUNT)
		status = fail(db, STATUS_CORRUPT, bad);
	return status;
}

static void configure(struct db *db)
{
	sqlite3 *handle = handle_of(db);

	sqlite3_hard_heap_limit64(HEAP_MAX);
	sqlite3_extended_result_codes(handle, 1);
	sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, DB_BLOB_MAX);
	sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

static enum status switch_log_on(struct db *db)
{
	sqlite3_stmt *statement = NULL;
	enum status status = status_of(
	    db, sqlite3_prepare_v2(handle_of(db), "PRAGMA journal_mode=WAL", -1, &statement, NULL));

	if (status == STATUS_OK) {
		int code = sqlite3_step(statement);
		const char *mode =
		    code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;

		status = status_of(db, code);
		if (status == STATUS_OK && (mode == NULL || strcmp(mode, "wal") != 0))
			status = fail(db, STATUS_CORRUPT, "the write-ahead log cannot be used");
	}
	sqlite3_finalize(statement);
	return status;
}

/* SQLite writes to the database file only when it folds the log. */
static void fold_after(struct db *db, int pages)
{
	(void)sqlite3_wal_autocheckpoint(handle_of(db), pages);
}

/* SQLite then says that the disk is full, as one that is does. */
static enum status bound_pages(struct db *db)
{
	char text[64];

	snprintf(text, sizeof(text), "PRAGMA max_page_count=%llu",
	         (unsigned long long)(db->files->main_max / PAGE_BYTES));
	return execute(db, text);
}

unsigned db_fill(struct db *db)
{
	uint64_t max = db->files == NULL ? 0 : db->files->main_max;
	sqlite3_int64 pages = 0, unused = 0;

	if (max == 0 || take_number(db, "PRAGMA page_count", &pages) != STATUS_OK ||
	    take_number(db, "PRAGMA freelist_count", &unused) != STATUS_OK || unused > pages)
		return 0;
	return (unsigned)((uint64_t)(pages - unused) * PAGE_BYTES * 100 / (max - DB_RESERVE(max)));
}

static enum status set_up(struct db *db)
{
	sqlite3_int64 application = 0, tables = 0;
	enum status status;

	configure(db);
	status = execute(db, "PRAGMA locking_mode=EXCLUSIVE;PRAGMA cell_size_check=ON;"
	                     "PRAGMA page_size=4096;PRAGMA mmap_size=0;PRAGMA temp_store=MEMORY;"
	                     "PRAGMA cache_size=-16384");
	if (status == STATUS_OK)
		status = switch_log_on(db);
	if (status == STATUS_OK)
		status = execute(db, "PRAGMA synchronous=FULL");
	if (status == STATUS_OK && db->files->main_max != 0)
		status = bound_pages(db);
	if (status == STATUS_OK)
		fold_after(db, FOLD_PAGES);
	if (status == STATUS_OK)
		status = take_number(db, "PRAGMA application_id", &application);
	if (status == STATUS_OK)
		status = take_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (status == STATUS_OK && application == 0 && tables == 0) {
		status = create_schema(db);
		if (status == STATUS_OK)
			status = execute(db, "PRAGMA application_id=1129076273");
	} else if (status == STATUS_OK && application != APPLICATION_ID) {
		status = fail(db, STATUS_CORRUPT, "the file is not a store of ours");
	}
	_Static_assert(APPLICATION_ID == 1129076273, "the pragma above takes no expression");
	return status == STATUS_OK ? check_schema(db) : status;
}

static enum status prepare_all(struct db *db)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_stmt *statement = NULL;
		enum status status;

		if ((statements[i].roles & (1u << db->role)) == 0)
			continue;
		status =
		    status_of(db, sqlite3_prepare_v3(handle_of(db), statements[i].sql, -1,
		                                     SQLITE_PREPARE_PERSISTENT, &statement, NULL));
		if (status != STATUS_OK)
			return status;
		db->statements[i] = statement;
	}
	return STATUS_OK;
}

/* ---- the mark ---- */

static enum status read_mark(struct db *db, uint64_t *ret_change)
{
	uint64_t best = 0;

	for (int i = 0; i < 2; i++) {
		struct mark mark = {0};
		size_t got;

		if (db_file_read(db->files, DB_FILE_MARK, &mark, sizeof(mark), i * MARK_STRIDE,
		                 &got) != STATUS_OK)
			return fail(db, STATUS_IO, "the mark file cannot be read");
		if (got == sizeof(mark) && mark.inverse == ~mark.change && mark.change > best)
			best = mark.change;
	}
	*ret_change = best;
	return STATUS_OK;
}

static enum status write_mark(struct db *db)
{
	struct mark mark = {.change = db->change, .inverse = ~db->change};

	return db_file_write(db->files, DB_FILE_MARK, &mark, sizeof(mark),
	                     (off_t)(db->change % 2) * MARK_STRIDE);
}

static enum status check_mark(struct db *db)
{
	uint8_t bytes[8] = {0};
	struct buffer change = BUFFER_OF_ARRAY(bytes);
	uint64_t mark;
	enum status status = db_meta_get(db, META_CHANGE, &change);

	if (status == STATUS_OK && change.len != sizeof(bytes))
		return fail(db, STATUS_CORRUPT, "a value of the wrong length");
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	db->change = load_le64(bytes);
	status = read_mark(db, &mark);
	if (status == STATUS_OK && mark > db->change)
		return fail(
		    db, STATUS_CORRUPT,
		    "the database lacks changes that were acknowledged: its write-ahead log "
		    "is damaged or it is an old copy; restore both or remove the .mark file");
	return status;
}

enum status db_open(struct db_files *files, enum db_role role, struct db *db)
{
	sqlite3 *handle = NULL;
	enum status status;
	int code;

	*db = (struct db){.files = files, .role = role, .trouble = "no trouble"};
	status = db_vfs_attach(role, files);
	if (status != STATUS_OK)
		return fail(db, status, "a database of this role is open already");
	code = sqlite3_open_v2(
	    db_vfs_name(role), &handle,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_PRIVATECACHE, DB_VFS_NAME);
	db->handle = handle;
	status = status_of(db, code);
	if (status == STATUS_OK)
		status = set_up(db);
	if (status == STATUS_OK)
		status = prepare_all(db);
	if (status == STATUS_OK)
		status = check_mark(db);
	if (status != STATUS_OK) {
		const char *trouble = db->trouble;

		db_close(db);
		db->trouble = trouble;
	}
	return status;
}

void db_close(struct db *db)
{
	if (db->files == NULL)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(db->statements[i]);
		db->statements[i] = NULL;
	}
	sqlite3_close(handle_of(db));
	db_vfs_detach(db->role);
	*db = (struct db){.trouble = "closed"};
}

bool db_is_broken(const struct db *db)
{
	return db->files == NULL || db->files->is_broken;
}

/* ---- batches ---- */

enum status db_begin(struct db *db)
{
	enum status status;

	CHECK(!db->in_batch);
	db->files->is_full = false;
	status = run(db, begin_statement(db, STATEMENT_BEGIN));
	db->in_batch = status == STATUS_OK;
	return status;
}

void db_rollback(struct db *db)
{
	if (!db->in_batch)
		return;
	db->in_batch = false;
	/* SQLite has rolled back already after some failures; then this one is an error of no harm.
	 */
	if (sqlite3_get_autocommit(handle_of(db)) == 0 &&
	    run(db, begin_statement(db, STATEMENT_ROLLBACK)) != STATUS_OK)
		db->files->is_broken = true;
}

enum status db_commit(struct db *db)
{
	uint8_t change[8];
	enum status status;

	CHECK(db->in_batch);
	store_le64(change, db->change + 1);
	status = db_meta_put(db, META_CHANGE, BYTES_OF_ARRAY(change));
	if (status == STATUS_OK)
		status = run(db, begin_statement(db, STATEMENT_COMMIT));
	if (status != STATUS_OK) {
		const char *trouble = db->trouble;

		db_rollback(db);
		db->trouble = trouble;
		return status;
	}
	db->in_batch = false;
	db->change++;
	status = write_mark(db);
	/* No room for 16 bytes that were written before: the file is not what it was. */
	if (status == STATUS_BUSY && db->change > 2)
		db->files->is_broken = true;
	return db->files->is_broken ? fail(db, STATUS_IO, "a write to the disk failed: start again")
	                            : STATUS_OK;
}

enum status db_fold(struct db *db)
{
	CHECK(!db->in_batch);
	return status_of(db, sqlite3_wal_checkpoint_v2(handle_of(db), NULL,
	                                               SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

enum status db_hold(struct db *db)
{
	enum status status = db->in_batch ? STATUS_BUSY : db_fold(db);

	if (status == STATUS_OK)
		fold_after(db, 0);
	return status;
}

void db_release(struct db *db)
{
	fold_after(db, FOLD_PAGES);
}

static uint64_t len_of(const struct db *db, enum db_file file)
{
	off_t len = db->files->io->size(db->files->fds[file]);

	return len > 0 ? (uint64_t)len : 0;
}

uint64_t db_held_len(const struct db *db)
{
	return len_of(db, DB_FILE_MAIN);
}

enum status db_held_read(struct db *db, uint64_t at, size_t len, struct buffer *ret_bytes)
{
	uint64_t whole = db_held_len(db);
	size_t got = 0;
	enum status status;

	if (at >= whole)
		return STATUS_OK;
	if (len > whole - at)
		len = (size_t)(whole - at);
	if (len > ret_bytes->cap - ret_bytes->len)
		return STATUS_TOO_LARGE;
	status = db_file_read(db->files, DB_FILE_MAIN, ret_bytes->data + ret_bytes->len, len,
	                      (off_t)at, &got);
	if (status == STATUS_OK && got != len)
		status = STATUS_IO;
	if (status == STATUS_OK)
		ret_bytes->len += len;
	return status;
}

bool db_held_too_long(const struct db *db)
{
	return len_of(db, DB_FILE_WAL) > db->files->held_log_max;
}

enum status db_verify(struct db *db)
{
	sqlite3_stmt *statement = NULL;
	enum status status =
	    status_of(db, sqlite3_prepare_v2(handle_of(db), "PRAGMA integrity_check(1)", -1,
	                                     &statement, NULL));

	if (status == STATUS_OK) {
		int code = sqlite3_step(statement);
		const char *text =
		    code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;

		status = status_of(db, code);
		if (status == STATUS_OK && (text == NULL || strcmp(text, "ok") != 0))
			status = fail(db, STATUS_CORRUPT, "the database file is damaged");
	}
	sqlite3_finalize(statement);
	return status;
}

/* ---- tables ---- */

enum status db_meta_get(struct db *db, uint32_t number, struct buffer *ret_value)
{
	sqlite3_stmt *statement = begin_statement(db, STATEMENT_META_GET);

	sqlite3_bind_int64(statement, 1, number);
	return take_blob(db, statement, ret_value, NULL);
}

enum status db_meta_put(struct db *db, uint32_t number, struct bytes value)
{
	sqlite3_stmt *statement = begin_statement(db, STATEMENT_META_PUT);

	CHECK(db->in_batch && value.len <= DB_META_MAX);
	sqlite3_bind_int64(statement, 1, number);
	bind_bytes(statement, 2, value);
	return run(db, statement);
}

static sqlite3_stmt *keyed(struct db *db, enum statement which, uint32_t number,
                           const uint8_t id[DB_ID_LEN])
{
	sqlite3_stmt *statement = begin_statement(db, which);

	sqlite3_bind_int64(statement, 1, number);
	bind_bytes(statement, 2, bytes_of(id, DB_ID_LEN));
	return statement;
}

enum status db_value_get(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN],
                         struct buffer *ret_value)
{
	return take_blob(db, keyed(db, STATEMENT_VALUE_GET, kind, id), ret_value, NULL);
}

enum status db_value_put(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN],
                         struct bytes value)
{
	sqlite3_stmt *statement = keyed(db, STATEMENT_VALUE_PUT, kind, id);

	CHECK(db->in_batch && value.len < DB_BLOB_MAX);
	bind_bytes(statement, 3, value);
	return run(db, statement);
}

/* run_delete is NOT_FOUND when nothing was deleted. */
static enum status run_delete(struct db *db, sqlite3_stmt *statement)
{
	enum status status;

	CHECK(db->in_batch);
	status = run(db, statement);
	if (status == STATUS_OK && sqlite3_changes(handle_of(db)) != 1)
		return STATUS_NOT_FOUND;
	return status;
}

enum status db_value_delete(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN])
{
	return run_delete(db, keyed(db, STATEMENT_VALUE_DELETE, kind, id));
}

enum status db_value_delete_kind(struct db *db, uint32_t kind)
{
	sqlite3_stmt *statement = begin_statement(db, STATEMENT_VALUE_DELETE_KIND);

	CHECK(db->in_batch);
	sqlite3_bind_int64(statement, 1, kind);
	return run(db, statement);
}

enum status db_value_list(struct db *db, uint32_t kind, const uint8_t *after, uint32_t max,
                          struct buffer *ret_ids, bool *ret_more)
{
	sqlite3_stmt *statement = begin_statement(db, STATEMENT_VALUE_LIST);
	size_t before = ret_ids->len;
	enum status status = STATUS_OK;
	uint32_t count = 0;
	bool more = false;
	int code = SQLITE_DONE;

	sqlite3_bind_int64(statement, 1, kind);
	bind_bytes(statement, 2, bytes_of(after, after != NULL ? DB_ID_LEN : 0));
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)max + 1);
	while (status == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		const void *id = sqlite3_column_blob(statement, 0);

		if (count == max) {
			more = true;
			continue;
		}
		count++;
		if (id == NULL || sqlite3_column_bytes(statement, 0) != DB_ID_LEN)
			status = fail(db, STATUS_CORRUPT, "an id of the wrong length");
		else
			status = buffer_put(ret_ids, bytes_of(id, DB_ID_LEN));
	}
	if (status == STATUS_OK)
		status = status_of(db, code);
	finish_statement(statement);
	if (status != STATUS_OK)
		ret_ids->len = before;
	else
		*ret_more = more;
	return status;
}

enum status db_node_get(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN],
                        struct buffer *ret_node)
{
	return take_blob(db, keyed(db, STATEMENT_NODE_GET, depth, prefix), ret_node, NULL);
}

enum status db_node_put(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN],
                        struct bytes node)
{
	sqlite3_stmt *statement = keyed(db, STATEMENT_NODE_PUT, depth, prefix);

	CHECK(db->in_batch && node.len <= DB_NODE_MAX);
	bind_bytes(statement, 3, node);
	return run(db, statement);
}

enum status db_node_delete(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN])
{
	return run_delete(db, keyed(db, STATEMENT_NODE_DELETE, depth, prefix));
}

static sqlite3_stmt *streamed(struct db *db, enum statement which, uint32_t stream, uint64_t cursor)
{
	sqlite3_stmt *statement = begin_statement(db, which);

	sqlite3_bind_int64(statement, 1, stream);
	sqlite3_bind_int64(statement, 2, cursor > INT64_MAX ? INT64_MAX : (sqlite3_int64)cursor);
	return statement;
}

enum status db_blob_put(struct db *db, uint32_t stream, uint64_t cursor, struct bytes blob)
{
	sqlite3_stmt *statement = streamed(db, STATEMENT_BLOB_PUT, stream, cursor);

	CHECK(db->in_batch && blob.len < DB_BLOB_MAX);
	bind_bytes(statement, 3, blob);
	return run(db, statement);
}

enum status db_blob_get(struct db *db, uint32_t stream, uint64_t cursor, struct buffer *ret_blob,
                        uint64_t *ret_cursor)
{
	sqlite3_int64 found = 0;
	enum status status =
	    take_blob(db, streamed(db, STATEMENT_BLOB_GET, stream, cursor), ret_blob, &found);

	if (status == STATUS_OK)
		*ret_cursor = (uint64_t)found;
	return status;
}

enum status db_blob_delete_before(struct db *db, uint32_t stream, uint64_t cursor,
                                  uint64_t *ret_bytes)
{
	sqlite3_stmt *statement = streamed(db, STATEMENT_BLOB_SIZE, stream, cursor);
	int code = sqlite3_step(statement);
	enum status status = status_of(db, code);
	double bytes = status == STATUS_OK ? sqlite3_column_double(statement, 0) : 0;

	CHECK(db->in_batch);
	finish_statement(statement);
	if (status == STATUS_OK)
		status = run(db, streamed(db, STATEMENT_BLOB_DELETE, stream, cursor));
	if (status == STATUS_OK)
		*ret_bytes = (uint64_t)bytes;
	return status;
}
