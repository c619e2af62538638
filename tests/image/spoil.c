/* The first program of images that begin badly: it does what appliance.py wrote over `script`, then
 * goes on as the image does. Words of it, each with a blank behind: a command for the TPM in hex,
 * or "sys" to leave a folder mounted that the image mounts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define SUPERVISOR "/bin/claviger-supervisor"

static volatile char script[1024] = "script:";

static void ask_tpm(int tpm, const char *hex)
{
	unsigned char command[256], answer[4096];
	size_t len = 0;
	unsigned byte;

	while (len < sizeof(command) && sscanf(hex + 2 * len, "%2x", &byte) == 1)
		command[len++] = (unsigned char)byte;
	if (write(tpm, command, len) == (ssize_t)len && read(tpm, answer, sizeof(answer)) >= 10)
		printf("{\"event\":\"spoil\",\"rc\":%d}\n", answer[8] << 8 | answer[9]);
}

int main(void)
{
	static char *const arguments[] = {SUPERVISOR, NULL}, *const none[] = {NULL};
	char words[sizeof(script)], *rest = NULL;
	int console, tpm;

	for (size_t i = 0; i < sizeof(words); i++)
		words[i] = script[i];
	mount("none", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	dup2(console, STDOUT_FILENO);
	dup2(console, STDERR_FILENO);
	tpm = open("/dev/tpm0", O_RDWR | O_CLOEXEC);
	for (char *word = strtok_r(words + strlen("script:"), " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		if (strcmp(word, "sys") == 0)
			mount("none", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
		else
			ask_tpm(tpm, word);
	close(tpm);
	fflush(stdout);
	umount2("/dev", MNT_DETACH);
	execve(SUPERVISOR, arguments, none);
	return 1;
}
