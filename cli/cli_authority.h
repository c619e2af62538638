/* cli_authority: keys of release, site and approvers as files, and what they sign.
 *
 * Private keys are PEM (RFC 5915, also PKCS #8), public ones PEM (RFC 5480): openssl reads and
 * makes both. Escrow and recovery keys are X25519, in base58, as `claviger key escape` prints. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_AUTHORITY_H
#define CLI_AUTHORITY_H

#include "approval.h"
#include "cli_home.h"

/* Each returns an exit status after complaining; the caller wipes private keys. */
int cli_authority_read(const struct cli_call *call, const char *path,
                       struct keys_p256_key *ret_key);
/* cli_authority_read_public takes a public key, or the public half of a private one. */
int cli_authority_read_public(const struct cli_call *call, const char *path,
                              uint8_t ret_public[APPROVAL_KEY_LEN]);
/* cli_authority_write writes `path` and `path`.pub; refuses to replace either. */
int cli_authority_write(const struct cli_call *call, const char *path,
                        const struct keys_p256_key *key);
/* cli_authority_text is how a public key is shown: the first 16 hex digits of its SHA-256. */
void cli_authority_text(const uint8_t public_key[APPROVAL_KEY_LEN], char ret_text[17]);

/* cli_approvals_read reads a file of approvals. */
int cli_approvals_read(const struct cli_call *call, const char *path,
                       struct approval_file *ret_file);
/* cli_approvals_judge says why a machine that is given this file would not start again; NULL: it
 * may (the TPM alone knows what runs there). */
const char *cli_approvals_judge(const struct approval_file *file);
int cli_approvals_write(const struct cli_call *call, const char *path,
                        const struct approval_file *file);
/* cli_approve_* sign; the structs are complete but for key and signature. Appointments and
 * delegations are the roots'. */
enum status cli_approve_release(const struct keys_p256_key *release,
                                const struct approval_scope *scope,
                                struct approval_release *approval);
enum status cli_approve_site(const struct keys_p256_key *site, const struct approval_scope *scope,
                             struct approval_site *approval);
enum status cli_approve_delegate(const struct keys_p256_key *site_root,
                                 const struct approval_scope *scope,
                                 struct approval_delegate *approval);
enum status cli_appoint(const struct keys_p256_key *root, const struct approval_scope *scope,
                        struct approval_appointment *appointment);
/* cli_appoint_add signs an appointment and puts it in the place of an older one of that key; CLI_NO
 * after complaining when the file is full. */
int cli_appoint_add(const struct cli_call *call, const struct keys_p256_key *root,
                    struct approval_file *file, const struct approval_appointment *appointment);
/* cli_manifest_sign completes a genesis manifest. */
enum status cli_manifest_sign(const struct keys_p256_key *site_root,
                              struct approval_manifest *manifest);

/* cli_tpm_told puts into a manifest what the command line says of the loss of machines, each NULL
 * when it says nothing: `recovery`, the key that gets a copy of the node share, and `recover`, the
 * `escrow` of the machine in whose place this one is. CLI_NO for one that has no share to give. */
int cli_tpm_told(const struct cli_call *call, const char *recovery, const char *recover,
                 struct approval_manifest *ret_told);

/* cli_tpm_single makes everything that one person needs who holds all keys: keys, a signed manifest
 * that says what was told, and approvals (level 1) for the PCRs given, below `folder`; files of the
 * unsealer go to `state`, in the place of what is there. Keys that are there are kept. `serve` runs
 * it at its first start. */
int cli_tpm_single(const struct cli_call *call, const char *folder, const char *state,
                   const struct approval_manifest *told,
                   const uint8_t release_pcrs[APPROVAL_RELEASE_PCRS][32],
                   const uint8_t site_pcrs[APPROVAL_SITE_PCRS][32]);

/* cli_tpm_judge says whether the genesis with this manifest was told what is told now: CLI_NO after
 * complaining when it was told something else, or nothing. Genesis alone fixes these. */
int cli_tpm_judge(const struct cli_call *call, const struct approval_manifest *manifest,
                  const struct approval_manifest *told);

#endif
