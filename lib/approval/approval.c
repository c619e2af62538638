/* SPDX-License-Identifier: Apache-2.0 */
#include "approval.h"

#include "base_check.h"
#include "cbor_reader.h"
#include "cbor_writer.h"

#define FILE_VERSION            2
#define MANIFEST_VERSION        3
#define SEALED_VERSION          3
#define STEP_VERSION            1
#define MANIFEST_PAIRS          12
#define SEALED_PAIRS            11
/* Keys 10, 11 and 12, each with a head of two bytes and 64 bytes; key 11, the same, 32 bytes. */
#define MANIFEST_SIGNATURES_LEN (3 * (1 + 2 + 64))
#define SEALED_SUM_LEN          (1 + 2 + 32)

/* item_of cuts the zeros behind the one item in a file or region. The item may end in zeros of its
 * own (a signature): no more than that are tried. */
static enum status item_of(struct bytes bytes, struct bytes *ret_item)
{
	struct bytes item = bytes;

	while (item.len > 0 && item.data[item.len - 1] == 0)
		item.len--;
	for (size_t zeros = 0; zeros <= 64 && item.len <= bytes.len; zeros++, item.len++) {
		if (cbor_check(item) != STATUS_OK)
			continue;
		*ret_item = item;
		return STATUS_OK;
	}
	return STATUS_MALFORMED;
}

static void take_version(struct cbor_reader *r, uint64_t version)
{
	cbor_take_key(r, 1);
	if (cbor_take_uint(r, UINT32_MAX) != version)
		cbor_fail(r, STATUS_UNSUPPORTED);
}

static void put_version(struct cbor_writer *w, uint64_t version)
{
	cbor_put_uint_at(w, 1, version);
}

static void put_name(struct cbor_writer *w, uint64_t key, const struct approval_name *name)
{
	cbor_put_text_at(w, key, bytes_of(name->text, name->len));
}

static void take_name(struct cbor_reader *r, uint64_t key, struct approval_name *ret_name)
{
	struct bytes text;

	text = cbor_take_text_at(r, key, APPROVAL_NAME_MAX);
	ret_name->len = (uint8_t)text.len;
	if (text.len != 0)
		memcpy(ret_name->text, text.data, text.len);
}

static void put_level(struct cbor_writer *w, uint64_t key, uint8_t level)
{
	cbor_put_uint_at(w, key, level);
}

/* Levels begin at 1: 0 is below every floor that was ever raised. */
static uint8_t take_level(struct cbor_reader *r, uint64_t key)
{
	uint8_t level;

	level = (uint8_t)cbor_take_uint_at(r, key, APPROVAL_LEVEL_MAX);
	if (level == 0)
		cbor_fail(r, STATUS_MALFORMED);
	return level;
}

static void put_pcrs(struct cbor_writer *w, uint64_t key, const uint8_t (*pcrs)[32], size_t count)
{
	cbor_put_key(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes_n(w, pcrs[i], 32);
	cbor_put_end(w);
}

static void take_pcrs(struct cbor_reader *r, uint64_t key, uint8_t (*ret_pcrs)[32], size_t count)
{
	cbor_take_key(r, key);
	if (cbor_take_array(r, count) != count)
		cbor_fail(r, STATUS_MALFORMED);
	for (size_t i = 0; i < count; i++)
		cbor_take_bytes_n(r, ret_pcrs[i], 32);
	cbor_take_end(r);
}

/* ---- approvals ---- */

static void put_release(struct cbor_writer *w, const struct approval_release *release)
{
	cbor_put_map(w, 5);
	cbor_put_bytes_n_at(w, 1, release->key, APPROVAL_KEY_LEN);
	put_name(w, 2, &release->name);
	put_level(w, 3, release->level);
	put_pcrs(w, 4, release->pcrs, APPROVAL_RELEASE_PCRS);
	cbor_put_bytes_n_at(w, 5, release->signature, 64);
	cbor_put_end(w);
}

static void take_release(struct cbor_reader *r, struct approval_release *release)
{
	cbor_take_map(r, 5);
	cbor_take_bytes_n_at(r, 1, release->key, APPROVAL_KEY_LEN);
	take_name(r, 2, &release->name);
	release->level = take_level(r, 3);
	take_pcrs(r, 4, release->pcrs, APPROVAL_RELEASE_PCRS);
	cbor_take_bytes_n_at(r, 5, release->signature, 64);
	cbor_take_end(r);
}

static void put_site(struct cbor_writer *w, const struct approval_site *site)
{
	cbor_put_map(w, 6);
	cbor_put_bytes_n_at(w, 1, site->key, APPROVAL_KEY_LEN);
	cbor_put_bytes_n_at(w, 2, site->release_key, APPROVAL_KEY_LEN);
	put_name(w, 3, &site->name);
	put_level(w, 4, site->level);
	put_pcrs(w, 5, site->pcrs, APPROVAL_SITE_PCRS);
	cbor_put_bytes_n_at(w, 6, site->signature, 64);
	cbor_put_end(w);
}

static void take_site(struct cbor_reader *r, struct approval_site *site)
{
	cbor_take_map(r, 6);
	cbor_take_bytes_n_at(r, 1, site->key, APPROVAL_KEY_LEN);
	cbor_take_bytes_n_at(r, 2, site->release_key, APPROVAL_KEY_LEN);
	take_name(r, 3, &site->name);
	site->level = take_level(r, 4);
	take_pcrs(r, 5, site->pcrs, APPROVAL_SITE_PCRS);
	cbor_take_bytes_n_at(r, 6, site->signature, 64);
	cbor_take_end(r);
}

static void put_delegate(struct cbor_writer *w, const struct approval_delegate *delegate)
{
	cbor_put_map(w, 3);
	cbor_put_bytes_n_at(w, 1, delegate->release_key, APPROVAL_KEY_LEN);
	put_level(w, 2, delegate->level);
	cbor_put_bytes_n_at(w, 3, delegate->signature, 64);
	cbor_put_end(w);
}

static void take_delegate(struct cbor_reader *r, struct approval_delegate *delegate)
{
	cbor_take_map(r, 3);
	cbor_take_bytes_n_at(r, 1, delegate->release_key, APPROVAL_KEY_LEN);
	delegate->level = take_level(r, 2);
	cbor_take_bytes_n_at(r, 3, delegate->signature, 64);
	cbor_take_end(r);
}

static void put_appointment(struct cbor_writer *w, const struct approval_appointment *appointment)
{
	cbor_put_map(w, 4);
	cbor_put_bool_at(w, 1, appointment->is_site);
	cbor_put_bytes_n_at(w, 2, appointment->key, APPROVAL_KEY_LEN);
	put_level(w, 3, appointment->level);
	cbor_put_bytes_n_at(w, 4, appointment->signature, 64);
	cbor_put_end(w);
}

static void take_appointment(struct cbor_reader *r, struct approval_appointment *appointment)
{
	cbor_take_map(r, 4);
	appointment->is_site = cbor_take_bool_at(r, 1);
	cbor_take_bytes_n_at(r, 2, appointment->key, APPROVAL_KEY_LEN);
	appointment->level = take_level(r, 3);
	cbor_take_bytes_n_at(r, 4, appointment->signature, 64);
	cbor_take_end(r);
}

static void put_recovery(struct cbor_writer *w, const struct approval_recovery *recovery)
{
	cbor_put_map(w, 5);
	cbor_put_bytes_n_at(w, 1, recovery->checkpoint, 32);
	cbor_put_bytes_n_at(w, 2, recovery->anchor, 32);
	cbor_put_bytes_n_at(w, 3, recovery->genesis, 32);
	cbor_put_uint_at(w, 4, recovery->boots);
	cbor_put_bytes_n_at(w, 5, recovery->signature, 64);
	cbor_put_end(w);
}

static void take_recovery(struct cbor_reader *r, struct approval_recovery *recovery)
{
	cbor_take_map(r, 5);
	cbor_take_bytes_n_at(r, 1, recovery->checkpoint, 32);
	cbor_take_bytes_n_at(r, 2, recovery->anchor, 32);
	cbor_take_bytes_n_at(r, 3, recovery->genesis, 32);
	recovery->boots = cbor_take_uint_at(r, 4, UINT64_MAX);
	cbor_take_bytes_n_at(r, 5, recovery->signature, 64);
	cbor_take_end(r);
}

enum status approval_file_put(const struct approval_file *file, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(file->release_count <= APPROVAL_RELEASES_MAX &&
	      file->site_count <= APPROVAL_SITES_MAX &&
	      file->delegate_count <= APPROVAL_DELEGATES_MAX &&
	      file->appointed_count <= APPROVAL_APPOINTED_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, file->has_recovery ? 9 : 8);
	put_version(&w, FILE_VERSION);
	cbor_put_bytes_n_at(&w, 2, file->scope.site_root, APPROVAL_KEY_LEN);
	cbor_put_bytes_n_at(&w, 3, file->scope.release_root, APPROVAL_KEY_LEN);
	cbor_put_bytes_n_at(&w, 4, file->scope.genesis, 32);
	cbor_put_key(&w, 5);
	cbor_put_array(&w, file->release_count);
	for (size_t i = 0; i < file->release_count; i++)
		put_release(&w, &file->releases[i]);
	cbor_put_end(&w);
	cbor_put_key(&w, 6);
	cbor_put_array(&w, file->site_count);
	for (size_t i = 0; i < file->site_count; i++)
		put_site(&w, &file->sites[i]);
	cbor_put_end(&w);
	cbor_put_key(&w, 7);
	cbor_put_array(&w, file->delegate_count);
	for (size_t i = 0; i < file->delegate_count; i++)
		put_delegate(&w, &file->delegates[i]);
	cbor_put_end(&w);
	cbor_put_key(&w, 8);
	cbor_put_array(&w, file->appointed_count);
	for (size_t i = 0; i < file->appointed_count; i++)
		put_appointment(&w, &file->appointed[i]);
	cbor_put_end(&w);
	if (file->has_recovery) {
		cbor_put_key(&w, 9);
		put_recovery(&w, &file->recovery);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* taken is a reader's end: of what it may say only another version is of interest. */
static enum status taken(struct cbor_reader *r)
{
	enum status status = cbor_done(r);

	return status == STATUS_OK || status == STATUS_UNSUPPORTED ? status : STATUS_MALFORMED;
}

enum status approval_file_take(struct bytes bytes, struct approval_file *ret_file)
{
	struct cbor_reader r;
	struct bytes item;
	enum status status = item_of(bytes, &item);

	memset(ret_file, 0, sizeof(*ret_file));
	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, item);
	cbor_take_map(&r, 9);
	take_version(&r, FILE_VERSION);
	cbor_take_bytes_n_at(&r, 2, ret_file->scope.site_root, APPROVAL_KEY_LEN);
	cbor_take_bytes_n_at(&r, 3, ret_file->scope.release_root, APPROVAL_KEY_LEN);
	cbor_take_bytes_n_at(&r, 4, ret_file->scope.genesis, 32);
	cbor_take_key(&r, 5);
	ret_file->release_count = cbor_take_array(&r, APPROVAL_RELEASES_MAX);
	for (size_t i = 0; i < ret_file->release_count; i++)
		take_release(&r, &ret_file->releases[i]);
	cbor_take_end(&r);
	cbor_take_key(&r, 6);
	ret_file->site_count = cbor_take_array(&r, APPROVAL_SITES_MAX);
	for (size_t i = 0; i < ret_file->site_count; i++)
		take_site(&r, &ret_file->sites[i]);
	cbor_take_end(&r);
	cbor_take_key(&r, 7);
	ret_file->delegate_count = cbor_take_array(&r, APPROVAL_DELEGATES_MAX);
	for (size_t i = 0; i < ret_file->delegate_count; i++)
		take_delegate(&r, &ret_file->delegates[i]);
	cbor_take_end(&r);
	cbor_take_key(&r, 8);
	ret_file->appointed_count = cbor_take_array(&r, APPROVAL_APPOINTED_MAX);
	for (size_t i = 0; i < ret_file->appointed_count; i++)
		take_appointment(&r, &ret_file->appointed[i]);
	cbor_take_end(&r);
	ret_file->has_recovery = cbor_take_key_if(&r, 9);
	if (ret_file->has_recovery)
		take_recovery(&r, &ret_file->recovery);
	cbor_take_end(&r);
	status = taken(&r);
	if (status != STATUS_OK)
		memset(ret_file, 0, sizeof(*ret_file));
	return status;
}

/* ---- keys of attended mode ---- */

static void put_approvers(struct cbor_writer *w, uint64_t key,
                          const uint8_t (*approvers)[APPROVAL_KEY_LEN], size_t count)
{
	CHECK(count <= APPROVAL_APPROVERS_MAX);
	cbor_put_key(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes_n(w, approvers[i], APPROVAL_KEY_LEN);
	cbor_put_end(w);
}

static uint8_t take_approvers(struct cbor_reader *r, uint64_t key,
                              uint8_t (*ret_approvers)[APPROVAL_KEY_LEN])
{
	size_t count;

	cbor_take_key(r, key);
	count = cbor_take_array(r, APPROVAL_APPROVERS_MAX);
	for (size_t i = 0; i < count; i++)
		cbor_take_bytes_n(r, ret_approvers[i], APPROVAL_KEY_LEN);
	cbor_take_end(r);
	return (uint8_t)count;
}

/* ---- manifest ---- */

enum status approval_manifest_put(const struct approval_manifest *manifest, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, MANIFEST_PAIRS - (manifest->is_recovery ? 0 : 1));
	put_version(&w, MANIFEST_VERSION);
	cbor_put_bytes_n_at(&w, 2, manifest->site_root, APPROVAL_KEY_LEN);
	cbor_put_bytes_n_at(&w, 3, manifest->release_root, APPROVAL_KEY_LEN);
	cbor_put_bool_at(&w, 4, manifest->is_single);
	put_approvers(&w, 5, manifest->approvers, manifest->approver_count);
	cbor_put_bytes_n_at(&w, 6, manifest->escrow, 32);
	cbor_put_bytes_n_at(&w, 7, manifest->recovery, manifest->has_recovery ? 32 : 0);
	cbor_put_bytes_n_at(&w, 8, manifest->id, sizeof(manifest->id));
	if (manifest->is_recovery)
		cbor_put_bytes_n_at(&w, 9, manifest->share, 32);
	cbor_put_bytes_n_at(&w, 10, manifest->first_release, 64);
	cbor_put_bytes_n_at(&w, 11, manifest->first_site, 64);
	cbor_put_bytes_n_at(&w, 12, manifest->signature, 64);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status approval_manifest_take(struct bytes bytes, struct approval_manifest *ret_manifest)
{
	struct approval_manifest manifest = {.is_single = false};
	struct bytes item, recovery;
	struct cbor_reader r;
	enum status status = item_of(bytes, &item);

	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, item);
	cbor_take_map(&r, MANIFEST_PAIRS);
	take_version(&r, MANIFEST_VERSION);
	cbor_take_bytes_n_at(&r, 2, manifest.site_root, APPROVAL_KEY_LEN);
	cbor_take_bytes_n_at(&r, 3, manifest.release_root, APPROVAL_KEY_LEN);
	manifest.is_single = cbor_take_bool_at(&r, 4);
	manifest.approver_count = take_approvers(&r, 5, manifest.approvers);
	cbor_take_bytes_n_at(&r, 6, manifest.escrow, 32);
	recovery = cbor_take_bytes_at(&r, 7, 32);
	manifest.has_recovery = recovery.len == 32;
	if (recovery.len != 0 && recovery.len != 32)
		cbor_fail(&r, STATUS_MALFORMED);
	else if (recovery.len != 0)
		memcpy(manifest.recovery, recovery.data, 32);
	cbor_take_bytes_n_at(&r, 8, manifest.id, sizeof(manifest.id));
	manifest.is_recovery = cbor_take_key_if(&r, 9);
	if (manifest.is_recovery)
		cbor_take_bytes_n(&r, manifest.share, 32);
	cbor_take_bytes_n_at(&r, 10, manifest.first_release, 64);
	cbor_take_bytes_n_at(&r, 11, manifest.first_site, 64);
	cbor_take_bytes_n_at(&r, 12, manifest.signature, 64);
	cbor_take_end(&r);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_manifest = manifest;
	return status;
}

void approval_manifest_digest(const struct approval_manifest *manifest, uint8_t ret_digest[32])
{
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	CHECK(approval_manifest_put(manifest, &out) == STATUS_OK);
	keys_sha256_label("claviger/genesis/v2", bytes_of(raw, out.len - MANIFEST_SIGNATURES_LEN),
	                  ret_digest);
}

void approval_scope_of(const struct approval_manifest *manifest, struct approval_scope *ret_scope)
{
	memcpy(ret_scope->site_root, manifest->site_root, APPROVAL_KEY_LEN);
	memcpy(ret_scope->release_root, manifest->release_root, APPROVAL_KEY_LEN);
	approval_manifest_digest(manifest, ret_scope->genesis);
}

/* ---- sealed share ---- */

static void sum_of(struct bytes item, uint8_t ret_sum[32])
{
	struct bytes body = bytes_of(item.data, item.len - SEALED_SUM_LEN);

	keys_sha256(&body, 1, ret_sum);
}

enum status approval_sealed_put(const struct approval_sealed *sealed, struct buffer *out)
{
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer manifest = BUFFER_OF_ARRAY(raw);
	struct cbor_writer w;
	size_t start = out->len;
	enum status status = approval_manifest_put(&sealed->manifest, &manifest);

	if (status != STATUS_OK)
		return status;
	cbor_writer_init(&w, out);
	cbor_put_map(&w, SEALED_PAIRS);
	put_version(&w, SEALED_VERSION);
	cbor_put_bytes_n_at(&w, 2, sealed->primary, sizeof(sealed->primary));
	cbor_put_bytes_n_at(&w, 3, raw, manifest.len);
	for (size_t i = 0; i < APPROVAL_HALF_COUNT; i++) {
		const struct approval_object *half = &sealed->halves[i];

		CHECK(half->public_len <= sizeof(half->public_area) &&
		      half->private_len <= sizeof(half->private_area));
		cbor_put_bytes_n_at(&w, 4 + 2 * i, half->public_area, half->public_len);
		cbor_put_bytes_n_at(&w, 5 + 2 * i, half->private_area, half->private_len);
	}
	cbor_put_bytes_n_at(&w, 8, sealed->release_base, APPROVAL_BASE_LEN);
	cbor_put_bytes_n_at(&w, 9, sealed->site_base, APPROVAL_BASE_LEN);
	cbor_put_uint_at(&w, 10, sealed->first_counter);
	cbor_put_bytes_n_at(&w, 11, (const uint8_t[32]){0}, 32);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	if (status == STATUS_OK)
		sum_of(bytes_of(out->data + start, out->len - start), out->data + out->len - 32);
	return status;
}

static uint16_t take_area(struct cbor_reader *r, uint64_t key, uint8_t *area, size_t cap)
{
	struct bytes area_bytes;

	area_bytes = cbor_take_bytes_at(r, key, cap);
	if (area_bytes.len == 0)
		cbor_fail(r, STATUS_MALFORMED);
	else
		memcpy(area, area_bytes.data, area_bytes.len);
	return (uint16_t)area_bytes.len;
}

/* take_inner takes the manifest, without zeros behind it. */
static void take_inner(struct cbor_reader *r, uint64_t key, struct approval_manifest *ret_manifest)
{
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer again = BUFFER_OF_ARRAY(raw);
	struct bytes bytes;
	enum status status;

	bytes = cbor_take_bytes_at(r, key, sizeof(raw));
	status = bytes.len == 0 ? STATUS_MALFORMED : approval_manifest_take(bytes, ret_manifest);
	if (status == STATUS_OK && (approval_manifest_put(ret_manifest, &again) != STATUS_OK ||
	                            !bytes_equal(buffer_bytes(&again), bytes)))
		status = STATUS_MALFORMED;
	if (status != STATUS_OK)
		cbor_fail(r, status);
}

enum status approval_sealed_take(struct bytes bytes, struct approval_sealed *ret_sealed)
{
	struct approval_sealed sealed = {.first_counter = 0};
	struct cbor_reader r;
	struct bytes item;
	uint8_t sum[32], said[32];
	enum status status = item_of(bytes, &item);

	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, item);
	cbor_take_map(&r, 13); /* what version 2 had, so that its version is what is told */
	take_version(&r, SEALED_VERSION);
	cbor_take_bytes_n_at(&r, 2, sealed.primary, sizeof(sealed.primary));
	take_inner(&r, 3, &sealed.manifest);
	for (size_t i = 0; i < APPROVAL_HALF_COUNT; i++) {
		struct approval_object *half = &sealed.halves[i];

		half->public_len =
		    take_area(&r, 4 + 2 * i, half->public_area, sizeof(half->public_area));
		half->private_len =
		    take_area(&r, 5 + 2 * i, half->private_area, sizeof(half->private_area));
	}
	cbor_take_bytes_n_at(&r, 8, sealed.release_base, APPROVAL_BASE_LEN);
	cbor_take_bytes_n_at(&r, 9, sealed.site_base, APPROVAL_BASE_LEN);
	sealed.first_counter = cbor_take_uint_at(&r, 10, UINT64_MAX);
	cbor_take_bytes_n_at(&r, 11, said, 32);
	cbor_take_end(&r);
	status = taken(&r);
	if (status != STATUS_OK)
		return status;
	sum_of(item, sum);
	if (memcmp(sum, said, sizeof(sum)) != 0)
		return STATUS_CORRUPT;
	approval_scope_of(&sealed.manifest, &sealed.scope);
	*ret_sealed = sealed;
	return STATUS_OK;
}

/* ---- floor steps ---- */

enum status approval_step_put(const struct approval_step *step, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 5);
	put_version(&w, STEP_VERSION);
	cbor_put_bool_at(&w, 2, step->is_site);
	cbor_put_bytes_n_at(&w, 3, step->key, APPROVAL_KEY_LEN);
	put_level(&w, 4, step->from);
	cbor_put_bytes_n_at(&w, 5, step->signature, 64);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status approval_step_take(struct bytes bytes, struct approval_step *ret_step)
{
	struct approval_step step = {.is_site = false};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 5);
	take_version(&r, STEP_VERSION);
	step.is_site = cbor_take_bool_at(&r, 2);
	cbor_take_bytes_n_at(&r, 3, step.key, APPROVAL_KEY_LEN);
	cbor_take_key(&r, 4);
	/* From 255 there is no step: the counter's last byte would begin anew at 0. */
	step.from = (uint8_t)cbor_take_uint(&r, APPROVAL_LEVEL_MAX - 1);
	cbor_take_bytes_n_at(&r, 5, step.signature, 64);
	cbor_take_end(&r);
	if (cbor_done(&r) != STATUS_OK)
		return STATUS_MALFORMED;
	*ret_step = step;
	return STATUS_OK;
}
