/* swtpm: starts and stops a software TPM (the program swtpm) for workstation mode and tests.
 *
 * One folder per TPM holds its state, its sockets and its log, all private to the user. The TPM
 * ends with its starter (parent death signal). Its secrets are as safe as that folder: evidence
 * says that it is software. Starts other programs, so never linked into a process of
 * proc/topology.def. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SWTPM_H
#define SWTPM_H

#include <sys/types.h>

#include "base_bytes.h"

#define SWTPM_PATH_MAX  96 /* of the folder: a socket's whole path has 107 bytes */
#define SWTPM_WHERE_MAX 128

struct swtpm {
	pid_t pid;
	char folder[SWTPM_PATH_MAX + 1];
	char where[SWTPM_WHERE_MAX]; /* what tpm_open takes: "swtpm:path=..." */
	const char *trouble;         /* what the last failure was; never NULL */
};

/* swtpm_start makes `folder` (an absolute path) where needed and starts a TPM on it: as after
 * power-on, PCRs zero. BUSY when another process has this folder's TPM, and still has it five
 * seconds later; NOT_FOUND when the program swtpm is not installed. */
MUST_USE enum status swtpm_start(const char *folder, struct swtpm *ret_swtpm);
/* swtpm_stop ends it, as a power cut does: who wants it orderly sends TPM2_Shutdown before. */
void swtpm_stop(struct swtpm *swtpm);

#endif
