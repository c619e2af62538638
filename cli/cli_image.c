/* claviger image keys|predict: the keys under which a machine starts the appliance's image, and
 * what its firmware will measure of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_home.h"
#include "efi.h"
#include "keys_platform.h"
#include "secret.h"

#define FILE_OWNER "owner" /* the GUID that stands beside each certificate in the firmware */

static const char *const key_names[] = {"PK", "KEK", "db"};

#define KEY_COUNT (sizeof(key_names) / sizeof(key_names[0]))

/* ---- keys ---- */

static int write_one(const struct cli_call *call, const char *folder, const char *name,
                     const char *ending, struct bytes content, bool secret)
{
	char path[CLI_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, ending);
	return cli_home_create(call, path, content, secret);
}

static int make_one(const struct cli_call *call, const char *folder, const char *name,
                    const char *site, const struct efi_guid *owner)
{
	uint8_t pem_space[KEYS_PLATFORM_PEM_MAX], der_space[KEYS_PLATFORM_CERTIFICATE_MAX];
	uint8_t certificate_space[KEYS_PLATFORM_PEM_MAX];
	uint8_t list_space[KEYS_PLATFORM_CERTIFICATE_MAX + EFI_LIST_OVERHEAD];
	struct buffer pem = BUFFER_OF_ARRAY(pem_space), der = BUFFER_OF_ARRAY(der_space);
	struct buffer certificate = BUFFER_OF_ARRAY(certificate_space);
	struct buffer list = BUFFER_OF_ARRAY(list_space);
	char common[KEYS_PLATFORM_NAME_MAX + 1];
	int result = CLI_UNSURE;

	snprintf(common, sizeof(common), "%s %s", site, name);
	if (keys_platform_make(common, (uint64_t)time(NULL), &pem, &der, &certificate) !=
	        STATUS_OK ||
	    efi_list_put(owner, buffer_bytes(&der), &list) != STATUS_OK)
		cli_complain(call, "the key %s could not be made", name);
	else
		result = write_one(call, folder, name, ".key", buffer_bytes(&pem), true);
	SECRET_WIPE(pem_space);
	if (result == CLI_YES)
		result = write_one(call, folder, name, ".pem", buffer_bytes(&certificate), false);
	if (result == CLI_YES)
		result = write_one(call, folder, name, ".cer", buffer_bytes(&der), false);
	if (result == CLI_YES)
		result = write_one(call, folder, name, ".esl", buffer_bytes(&list), false);
	return result;
}

static bool is_inside_git(const char *folder)
{
	char path[PATH_MAX + 8], *slash;

	if (realpath(folder, path) == NULL)
		return false;
	for (;;) {
		size_t len = strlen(path);

		snprintf(path + len, sizeof(path) - len, "/.git");
		if (access(path, F_OK) == 0)
			return true;
		path[len] = '\0';
		slash = strrchr(path, '/');
		if (slash == NULL || slash == path)
			return false;
		*slash = '\0';
	}
}

static int run_keys(struct cli_call *call)
{
	const char *site = "Claviger";
	const struct cli_option options[] = {
	    {"--name", &site, NULL},
	};
	char owner[EFI_GUID_TEXT + 1], line[EFI_GUID_TEXT + 2];
	const char *folder;
	struct efi_guid guid;
	int result = CLI_YES;

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the folder to make");
	if (strlen(site) == 0 || strlen(site) > KEYS_PLATFORM_NAME_MAX - 4)
		return cli_usage(call, "--name takes 1 to %d bytes", KEYS_PLATFORM_NAME_MAX - 4);
	folder = call->arguments[0];
	if (mkdir(folder, 0700) != 0) {
		cli_complain(call, "cannot make %s: %s%s", folder, strerror(errno),
		             errno == EEXIST ? "; keys are never replaced" : "");
		return CLI_UNSURE;
	}
	if (is_inside_git(folder)) {
		(void)rmdir(folder);
		cli_complain(call, "%s lies in a git repository: private keys do not belong there",
		             folder);
		return CLI_NO;
	}
	keys_open();
	keys_random(guid.bytes, sizeof(guid.bytes));
	guid.bytes[7] = (uint8_t)((guid.bytes[7] & 0x0f) | 0x40); /* version 4 (RFC 9562) */
	guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3f) | 0x80);
	efi_guid_text(&guid, owner);
	for (size_t i = 0; result == CLI_YES && i < KEY_COUNT; i++)
		result = make_one(call, folder, key_names[i], site, &guid);
	snprintf(line, sizeof(line), "%s\n", owner);
	if (result == CLI_YES)
		result = write_one(call, folder, FILE_OWNER, "", bytes_of_text(line), false);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer_texts(call, "folder", folder, "owner", owner, NULL);
	else
		printf("%s: PK, KEK, db, each as .key (secret), .pem, .cer and .esl; owner %s\n"
		       "Keep the .key files off every machine that serves.\n",
		       folder, owner);
	return cli_finish(call, CLI_YES);
}

/* ---- predict ---- */

/* PCRs that approvals of an image name, in the order of the file. Those that are not predicted here
 * stay zero: the kernel's own EFI program measures nothing when its boot entry has no options. */
static const unsigned predicted[] = {4, 7, 9, 11, 12, 13, 14};

#define PREDICTED_COUNT (sizeof(predicted) / sizeof(predicted[0]))
#define PCR_COUNT       24

struct prediction {
	uint8_t image[EFI_HASH_LEN]; /* Authenticode */
	uint8_t pcrs[PCR_COUNT][EFI_HASH_LEN];
	bool has_policy; /* PCR 7 is known */
};

static int read_one(const struct cli_call *call, const char *folder, const char *name, size_t cap,
                    struct buffer *ret_file)
{
	char path[CLI_PATH_MAX + 32], message[CLI_PATH_MAX + 256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (cli_file_read(path, cap, ret_file, message, sizeof(message)) == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s", message);
	return CLI_UNSURE;
}

static int predict_policy(const struct cli_call *call, const char *folder,
                          struct prediction *prediction)
{
	struct buffer lists[KEY_COUNT], certificate, owner;
	struct efi_policy policy;
	int result = CLI_YES;

	for (size_t i = 0; result == CLI_YES && i < KEY_COUNT; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%s.esl", key_names[i]);
		result = read_one(call, folder, name, EFI_CERTIFICATE_MAX + EFI_LIST_OVERHEAD,
		                  &lists[i]);
	}
	if (result == CLI_YES)
		result = read_one(call, folder, "db.cer", EFI_CERTIFICATE_MAX, &certificate);
	if (result == CLI_YES)
		result = read_one(call, folder, FILE_OWNER, EFI_GUID_TEXT + 1, &owner);
	if (result != CLI_YES)
		return result;
	policy = (struct efi_policy){.pk = buffer_bytes(&lists[0]),
	                             .kek = buffer_bytes(&lists[1]),
	                             .db = buffer_bytes(&lists[2]),
	                             .certificate = buffer_bytes(&certificate)};
	if (owner.len != EFI_GUID_TEXT + 1 || owner.data[EFI_GUID_TEXT] != '\n' ||
	    efi_guid_take(bytes_of(owner.data, EFI_GUID_TEXT), &policy.owner) != STATUS_OK ||
	    efi_predict_policy(&policy, prediction->pcrs[7]) != STATUS_OK) {
		cli_complain(call, "%s is not a folder of `claviger image keys`", folder);
		return CLI_UNSURE;
	}
	prediction->has_policy = true;
	return CLI_YES;
}

static void print_json(const struct prediction *prediction)
{
	char text[HEX_LEN(EFI_HASH_LEN) + 1];
	const char *comma = "";

	hex_encode(BYTES_OF_ARRAY(prediction->image), text);
	cli_answer("{\"image\":\"%s\",\"sha256\":{", text);
	for (size_t i = 0; i < PREDICTED_COUNT; i++) {
		if (predicted[i] == 7 && !prediction->has_policy)
			continue;
		hex_encode(BYTES_OF_ARRAY(prediction->pcrs[predicted[i]]), text);
		cli_answer("%s\"%u\":\"%s\"", comma, predicted[i], text);
		comma = ",";
	}
	cli_answer("}}\n");
}

static void print_text(const struct prediction *prediction)
{
	char text[HEX_LEN(EFI_HASH_LEN) + 1];

	hex_encode(BYTES_OF_ARRAY(prediction->image), text);
	printf("Authenticode SHA-256  %s\n", text);
	for (size_t i = 0; i < PREDICTED_COUNT; i++) {
		if (predicted[i] == 7 && !prediction->has_policy)
			continue;
		hex_encode(BYTES_OF_ARRAY(prediction->pcrs[predicted[i]]), text);
		printf("PCR %-2u                %s\n", predicted[i], text);
	}
}

static int run_predict(struct cli_call *call)
{
	const char *folder = NULL;
	const struct cli_option options[] = {
	    {"--keys", &folder, NULL},
	};
	struct prediction prediction = {0};
	char message[CLI_PATH_MAX + 256];
	struct buffer file;
	int result = CLI_YES;

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the image");
	if (cli_file_read(call->arguments[0], EFI_IMAGE_MAX, &file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (efi_image_hash(buffer_bytes(&file), prediction.image) != STATUS_OK) {
		cli_complain(call, "%s is not an EFI program for x86-64", call->arguments[0]);
		return CLI_NO;
	}
	efi_predict_code(prediction.image, prediction.pcrs[4]);
	if (folder != NULL)
		result = predict_policy(call, folder, &prediction);
	if (result != CLI_YES)
		return result;
	if (call->json)
		print_json(&prediction);
	else
		print_text(&prediction);
	return cli_finish(call, CLI_YES);
}

static const char keys_help[] =
    "Makes the folder DIR with three RSA-2048 keys and their certificates: PK owns the machine's\n"
    "Secure Boot settings, KEK may change which keys start images, db starts images. Enrol "
    "PK.cer,\n"
    "KEK.cer and db.cer (or the .esl files) in the firmware's setup; sign images with db.key.\n"
    "\n"
    "A folder that is there, or that lies in a git repository, is refused.\n";

static const char predict_help[] =
    "Prints what a machine's TPM will hold when the firmware starts the image FILE as its first\n"
    "boot option: PCR 4 (the program), 9 (its options), 11, 12, 13, 14 before the share is\n"
    "unsealed, and with --keys, the folder of `claviger image keys`, PCR 7 (Secure Boot on, these\n"
    "keys, an empty dbx). Quotes of a running signer show PCR 11 capped and PCR 13 extended.\n"
    "With --json: the form of pcrs.json.\n";

const struct cli_command cli_image_keys = {
    .name = "image keys",
    .arguments = "[--name NAME] DIR",
    .sentence = "make the keys under which a machine starts images (PK, KEK, db)",
    .run = run_keys,
    .help = keys_help,
};

const struct cli_command cli_image_predict = {
    .name = "image predict",
    .arguments = "[--keys DIR] FILE",
    .sentence = "say which PCRs a machine will have that starts this image",
    .run = run_predict,
    .help = predict_help,
};
