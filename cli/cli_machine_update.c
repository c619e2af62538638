/* claviger machine update: an operator stages the appliance's next image from afar. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "authz_update.h"
#include "cli_authority.h"
#include "cli_change.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "efi.h"
#include "keys.h"
#include "secret.h"

#define IMAGE_MAX  (CALL_UPDATE_PIECES_MAX * CALL_UPDATE_PIECE_BYTES)
#define PAUSE_MS   500
#define PATIENCE_S 300 /* without a step forward */

struct update {
	struct cli_call *call;
	struct cli_server_options options;
	struct cli_server server;
	struct buffer image, order;
	uint8_t order_hash[32];
	struct authz_update_answer said;
};

static struct bytes piece_of(const struct update *update, uint32_t index)
{
	return bytes_of(update->image.data + (size_t)index * CALL_UPDATE_PIECE_BYTES,
	                update_piece_len((uint32_t)update->image.len, index));
}

/* read_image reads an image and says no to what no machine would take. */
static int read_image(struct update *update, const char *path)
{
	char message[CLI_PATH_MAX + 256];
	const char *what = NULL, *action = NULL;
	uint8_t hash[EFI_HASH_LEN];
	uint32_t code = CALL_UPDATE_FINE;

	if (cli_file_read(path, IMAGE_MAX, &update->image, message, sizeof(message)) != STATUS_OK) {
		cli_complain(update->call, "%s", message);
		return CLI_UNSURE;
	}
	if (efi_image_hash(buffer_bytes(&update->image), hash) != STATUS_OK)
		code = CALL_UPDATE_NO_IMAGE;
	else if (!efi_image_is_signed(buffer_bytes(&update->image)))
		code = CALL_UPDATE_UNSIGNED;
	if (!update_code_text(code, &what, &action))
		return CLI_YES;
	cli_complain(update->call, "%s: %u: %s; %s", path, (unsigned)code, what, action);
	return CLI_NO;
}

/* make_order writes down what is to come: the image's pieces by their hashes, and approvals. */
static int make_order(struct update *update, const char *approvals_path)
{
	static uint8_t hashes_space[AUTHZ_UPDATE_HASHES_MAX],
	    space[AUTHZ_UPDATE_HASHES_MAX + AUTHZ_UPDATE_APPROVALS_MAX + 64];
	static struct approval_file file;
	struct buffer hashes = BUFFER_OF_ARRAY(hashes_space), approvals;
	struct authz_update_order order = {.len = (uint32_t)update->image.len};
	char message[CLI_PATH_MAX + 256];
	struct bytes whole;
	const char *why;
	int result = cli_approvals_read(update->call, approvals_path, &file);

	if (result != CLI_YES)
		return result;
	why = cli_approvals_judge(&file);
	if (why != NULL) {
		cli_complain(update->call, "%s: %s", approvals_path, why);
		return CLI_NO;
	}
	if (cli_file_read(approvals_path, AUTHZ_UPDATE_APPROVALS_MAX, &approvals, message,
	                  sizeof(message)) != STATUS_OK) {
		cli_complain(update->call, "%s", message);
		return CLI_UNSURE;
	}
	for (uint32_t i = 0; piece_of(update, i).len != 0; i++) {
		struct bytes piece = piece_of(update, i);

		keys_sha256(&piece, 1, hashes.data + hashes.len);
		hashes.len += 32;
	}
	order.hashes = buffer_bytes(&hashes);
	order.approvals = buffer_bytes(&approvals);
	update->order = BUFFER_OF_ARRAY(space);
	if (authz_update_order_put(&order, &update->order) != STATUS_OK)
		return cli_usage(update->call, "image and approvals are too large");
	free(approvals.data);
	whole = buffer_bytes(&update->order);
	keys_sha256(&whole, 1, update->order_hash);
	return CLI_YES;
}

static int take_answer(struct update *update, struct bytes bytes)
{
	if (authz_update_answer_take(bytes, &update->said) == STATUS_OK)
		return CLI_YES;
	cli_complain(update->call, "the answer is not one about an update");
	return CLI_UNSURE;
}

static int ask_state(struct update *update)
{
	static const uint8_t none[32];
	struct keys_sign_key key;
	struct bytes answer;
	int result = cli_key_read(update->call, update->options.operator_file, &key);

	if (result == CLI_YES)
		result = cli_query(&update->server, &key, AUTHZ_QUERY_UPDATE, none, none, &answer);
	SECRET_WIPE(key);
	return result == CLI_YES ? take_answer(update, answer) : result;
}

static int send_piece(struct update *update)
{
	static uint8_t space[CALL_UPDATE_PIECE_BYTES + 128];
	struct authz_update_piece piece = {.index = update->said.next,
	                                   .bytes = piece_of(update, update->said.next)};
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct bytes answer;
	int result;

	memcpy(piece.order, update->order_hash, sizeof(piece.order));
	if (authz_update_piece_put(&piece, &out) != STATUS_OK)
		return CLI_UNSURE;
	result = cli_server_ask(&update->server, CALL_CHANGE_UPDATE, buffer_bytes(&out), &answer);
	return result == CLI_YES ? take_answer(update, answer) : result;
}

static bool is_ours(const struct update *update)
{
	return memcmp(update->said.order, update->order_hash, sizeof(update->order_hash)) == 0;
}

/* follow sends what lacks until the machine has decided. */
static int follow(struct update *update)
{
	unsigned waited_ms = 0;
	uint32_t had = 0, state = 0;
	int result = ask_state(update);

	while (result == CLI_YES && waited_ms < PATIENCE_S * 1000) {
		const struct authz_update_answer *said = &update->said;

		if (said->have != had || said->state != state)
			waited_ms = 0;
		had = said->have;
		state = said->state;
		if (is_ours(update) && (state == CALL_UPDATE_STAGED || state == CALL_UPDATE_IDLE))
			return CLI_YES;
		if (is_ours(update) && state == CALL_UPDATE_TAKING && said->next < said->count) {
			if (!update->call->json)
				fprintf(stderr, "\r%u of %u ", (unsigned)said->have,
				        (unsigned)said->count);
			result = send_piece(update);
			continue;
		}
		(void)poll(NULL, 0, PAUSE_MS);
		waited_ms += PAUSE_MS;
		result = ask_state(update);
	}
	if (result == CLI_YES)
		cli_complain(update->call, "the machine does not go on; try again");
	return result == CLI_YES ? CLI_UNSURE : result;
}

static const char *state_text(uint32_t state)
{
	static const char *const texts[CALL_UPDATE_STATE_COUNT] = {
	    [CALL_UPDATE_IDLE] = "none",        [CALL_UPDATE_READING] = "reading",
	    [CALL_UPDATE_TAKING] = "taking",    [CALL_UPDATE_CHECKING] = "checking",
	    [CALL_UPDATE_CHECKED] = "measured", [CALL_UPDATE_STAGED] = "staged",
	};

	return state < CALL_UPDATE_STATE_COUNT && texts[state] != NULL ? texts[state] : "unknown";
}

/* show says how it stands; CLI_NO where an update was refused. */
static int show(const struct update *update)
{
	const struct authz_update_answer *said = &update->said;
	const char *what = "", *action = "";
	bool refused = update_code_text(said->code, &what, &action);

	if (update->call->json)
		cli_answer("{\"state\":\"%s\",\"code\":%u,\"have\":%u,\"count\":%u,\"text\":\"%s\","
		           "\"do\":\"%s\"}\n",
		           state_text(said->state), (unsigned)said->code, (unsigned)said->have,
		           (unsigned)said->count, what, action);
	else if (refused)
		printf("%u: %s; %s\n", (unsigned)said->code, what, action);
	else if (said->state == CALL_UPDATE_STAGED)
		printf("staged: the next start tries it (claviger machine restart)\n");
	else
		printf("%s %u of %u\n", state_text(said->state), (unsigned)said->have,
		       (unsigned)said->count);
	return refused ? CLI_NO : CLI_YES;
}

static int stage(struct update *update, const char *approvals)
{
	struct cli_call *call = update->call;
	int result = read_image(update, call->arguments[0]);

	if (result == CLI_YES)
		result = make_order(update, approvals);
	if (result == CLI_YES)
		result = cli_server_open(&update->server, call, &update->options);
	if (result == CLI_YES)
		result = cli_operator_install(&update->server, update->options.operator_file,
		                              AUTHZ_COMMAND_UPDATE, buffer_bytes(&update->order));
	if (result == CLI_YES)
		result = follow(update);
	return result;
}

static int run_update(struct cli_call *call)
{
	static struct update update;
	const char *approvals = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(update.options),
	    {"--operator",  &update.options.operator_file, NULL},
	    {"--approvals", &approvals,                    NULL},
	};
	int result;

	update.call = call;
	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (update.options.operator_file == NULL || call->count > 1 ||
	    (call->count == 1) != (approvals != NULL))
		return cli_usage(call,
		                 "takes the image and --approvals FILE, or neither to see how "
		                 "an update stands; and --operator FILE");
	keys_open();
	if (call->count == 1) {
		result = stage(&update, approvals);
	} else {
		result = cli_server_open(&update.server, call, &update.options);
		if (result == CLI_YES)
			result = ask_state(&update);
	}
	if (result != CLI_YES)
		return result;
	result = show(&update);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

const struct cli_command cli_machine_update = {
    .name = "machine update",
    .arguments = "--operator FILE [--approvals FILE IMAGE]",
    .sentence = "as operator, stage the appliance's next image, to be tried at the next start",
    .run = run_update,
    .help =
        "IMAGE is a release's claviger-signed.efi, signed with a key of this machine's db; "
        "APPROVALS\n"
        "what `claviger image approve` wrote for it, with those of what runs now still in it. The\n"
        "machine takes the image piece by piece (run it again after a break: what came, stays),\n"
        "reads it back, measures it, and looks whether release and site approved it and no floor\n"
        "lies above it. A refusal has a number; what starts next is then what runs now. An image\n"
        "that was staged before, or kept beside it, makes room as soon as another is ordered.\n"
        "\n"
        "The next start tries it once (claviger machine restart). It stays as soon as it has made\n"
        "a signature or heard an operator; if it does not come so far, the start behind it is the\n"
        "former image's again.\n"
        "Without IMAGE: how an update stands. Raising the floor is a step of its own.\n",
};
