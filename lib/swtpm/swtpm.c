/* SPDX-License-Identifier: Apache-2.0 */
#include "swtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "base_lock.h"

#define SOCKET_NAME    "tpm.sock"
#define START_TRIES    3000 /* a machine with other work takes its time */
#define START_PAUSE_US 10000
#define ARGUMENT_MAX   (SWTPM_PATH_MAX + 64)
#define EXIT_NO_SWTPM  127

/* Not looked for in PATH: what is started here answers for keys. */
static const char *const programs[] = {"/usr/local/bin/swtpm", "/usr/bin/swtpm"};

/* take_folder locks the folder; the descriptor is inherited by swtpm, so the lock lives as long. */
static enum status take_folder(struct swtpm *swtpm, int *ret_lock)
{
	struct stat st;
	int lock;

	if (mkdir(swtpm->folder, 0700) != 0 && errno != EEXIST) {
		swtpm->trouble = "the software TPM's folder cannot be made";
		return STATUS_IO;
	}
	lock = open(swtpm->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lock < 0 || fstat(lock, &st) != 0 || st.st_uid != geteuid() ||
	    fchmod(lock, 0700) != 0) {
		swtpm->trouble = "the software TPM's folder is not a folder of this user";
		if (lock >= 0)
			close(lock);
		return STATUS_IO;
	}
	if (lock_await(lock) != STATUS_OK) {
		swtpm->trouble = "another process uses this software TPM";
		close(lock);
		return STATUS_BUSY;
	}
	(void)unlinkat(lock, SOCKET_NAME, 0);
	(void)unlinkat(lock, SOCKET_NAME ".ctrl", 0);
	*ret_lock = lock;
	return STATUS_OK;
}

static _Noreturn void run_swtpm(const char *folder, int lock, pid_t parent)
{
	char state[ARGUMENT_MAX], server[ARGUMENT_MAX], control[ARGUMENT_MAX], log[ARGUMENT_MAX];
	char *const arguments[] = {"swtpm",    "socket",  "--tpm2",        "--tpmstate", state,
	                           "--server", server,    "--ctrl",        control,      "--log",
	                           log,        "--flags", "startup-clear", NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(state, sizeof(state), "dir=%s,mode=0600", folder);
	snprintf(server, sizeof(server), "type=unixio,path=%s/" SOCKET_NAME ",mode=0600", folder);
	snprintf(control, sizeof(control), "type=unixio,path=%s/" SOCKET_NAME ".ctrl,mode=0600",
	         folder);
	snprintf(log, sizeof(log), "file=%s/swtpm.log,truncate", folder);
	/* Its own group: a Ctrl-C at the terminal is for us, and we end it after our shutdown. */
	setpgid(0, 0);
	if (null < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    fcntl(lock, F_SETFD, 0) != 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		execv(programs[i], arguments);
	_exit(errno == ENOENT ? EXIT_NO_SWTPM : 1);
}

static bool accepts(const char *folder, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool up;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
	up = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return up;
}

static enum status wait_until_up(struct swtpm *swtpm)
{
	for (int i = 0; i < START_TRIES; i++) {
		int exit_status;

		if (waitpid(swtpm->pid, &exit_status, WNOHANG) == swtpm->pid) {
			bool missing =
			    WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == EXIT_NO_SWTPM;

			swtpm->pid = 0;
			swtpm->trouble =
			    missing
			        ? "the program swtpm is not installed (Debian: apt install swtpm)"
			        : "swtpm ended at its start: see swtpm.log in "
			          "its folder";
			return missing ? STATUS_NOT_FOUND : STATUS_IO;
		}
		if (accepts(swtpm->folder, SOCKET_NAME ".ctrl") &&
		    accepts(swtpm->folder, SOCKET_NAME))
			return STATUS_OK;
		usleep(START_PAUSE_US);
	}
	swtpm->trouble = "swtpm did not open its socket in time";
	swtpm_stop(swtpm);
	return STATUS_IO;
}

enum status swtpm_start(const char *folder, struct swtpm *ret_swtpm)
{
	struct swtpm *swtpm = ret_swtpm;
	pid_t parent = getpid();
	enum status status;
	int lock;

	*swtpm = (struct swtpm){.trouble = "no trouble"};
	if (folder[0] != '/' || strlen(folder) > SWTPM_PATH_MAX || strpbrk(folder, ",=") != NULL) {
		swtpm->trouble = "the software TPM's folder must be an absolute path of at most 96 "
		                 "bytes without , and =";
		return STATUS_MALFORMED;
	}
	memcpy(swtpm->folder, folder, strlen(folder) + 1);
	snprintf(swtpm->where, sizeof(swtpm->where), "swtpm:path=%s/" SOCKET_NAME, folder);
	status = take_folder(swtpm, &lock);
	if (status != STATUS_OK)
		return status;
	swtpm->pid = fork();
	if (swtpm->pid == 0)
		run_swtpm(swtpm->folder, lock, parent);
	close(lock);
	if (swtpm->pid < 0) {
		swtpm->pid = 0;
		swtpm->trouble = "no process can be started";
		return STATUS_IO;
	}
	return wait_until_up(swtpm);
}

void swtpm_stop(struct swtpm *swtpm)
{
	if (swtpm->pid <= 0)
		return;
	kill(swtpm->pid, SIGKILL);
	while (waitpid(swtpm->pid, NULL, 0) < 0 && errno == EINTR)
		;
	swtpm->pid = 0;
}
