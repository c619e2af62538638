/* The appliance: this program is process 1, the only user space is ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "log_line.h"
#include "proc_boot.h"
#include "proc_site.h"
#include "supervisor.h"

#define DESCRIPTORS_MAX 65536
#define FAILED_PAUSE_S  10 /* a person reads the console before the next try begins */

static const struct {
	const char *kind, *place;
	unsigned long flags;
	const char *data;
} mounts[] = {
    {"devtmpfs",   "/dev",                 MS_NOSUID | MS_NOEXEC,            "mode=0755"},
    {"proc",       "/proc",                MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2"},
    {"sysfs",      "/sys",                 MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL       },
    {"securityfs", "/sys/kernel/security", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL       },
};

void supervisor_deafen(int fd)
{
	struct termios console;

	if (tcgetattr(fd, &console) != 0)
		return; /* no terminal */
	console.c_iflag = 0;
	console.c_lflag = 0;
	console.c_cflag = (console.c_cflag & ~(tcflag_t)(CREAD | CRTSCTS)) | CLOCAL;
	(void)cfsetspeed(&console, B115200);
	(void)tcsetattr(fd, TCSANOW, &console);
}

static bool take_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);
	bool taken = fd >= 0 && dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
	             dup2(fd, STDERR_FILENO) >= 0;

	supervisor_deafen(STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return taken;
}

enum status supervisor_machine_begin(struct supervisor *supervisor)
{
	/* Each process lowers it to its own row's number. */
	const struct rlimit descriptors = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};

	(void)supervisor;
	if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0)
		return STATUS_IO;
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		if (mount("none", mounts[i].place, mounts[i].kind, mounts[i].flags,
		          mounts[i].data) != 0)
			return STATUS_IO;
		if (i == 0 && !take_console())
			return STATUS_IO;
	}
	return STATUS_OK;
}

static bool take_site(struct supervisor *supervisor)
{
	const struct proc_site *site;
	bool taken;

	if (fcntl(supervisor->site_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return false;
	site = mmap(NULL, PROC_SITE_BYTES, PROT_READ, MAP_SHARED, supervisor->site_fd, 0);
	if (site == MAP_FAILED)
		return false;
	taken = proc_site_check(site);
	for (uint32_t i = 0; taken && i < site->setting_count; i++) {
		const struct proc_start_setting *setting = &site->settings[i];

		taken = supervisor_set(supervisor, setting->name, setting->value);
		supervisor->is_genesis |=
		    strcmp(setting->name, "start") == 0 && strcmp(setting->value, "genesis") == 0;
	}
	(void)munmap((void *)(uintptr_t)site, PROC_SITE_BYTES);
	return taken;
}

int supervisor_machine_setup(struct supervisor *supervisor)
{
	struct supervisor_child *child = &supervisor->children[supervisor->child_count];
	int status = 0;

	supervisor->site_fd = memfd_create("claviger-site", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (supervisor->site_fd < 0 || ftruncate(supervisor->site_fd, PROC_SITE_BYTES) != 0 ||
	    fcntl(supervisor->site_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0 ||
	    !supervisor_set(supervisor, "mode", "appliance") ||
	    !supervisor_set(supervisor, "tpm", "device:/dev/tpmrm0") ||
	    supervisor_child_make(supervisor, PROC_setup, 0) != STATUS_OK ||
	    supervisor_spawn(supervisor, child) != STATUS_OK)
		return BOOT_MOUNT;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->state = CHILD_DONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	return WIFEXITED(status) && take_site(supervisor) ? 0 : BOOT_MOUNT;
}

void supervisor_machine_end(int code, bool off)
{
	const char *what = "", *action = "";
	struct timespec pause = {code != 0 ? FAILED_PAUSE_S : 0, 0};
	struct log_line line;

	(void)proc_boot_text(code, &what, &action);
	log_begin(&line, code == 0 ? LOG_INFO : LOG_ERROR, "machine.ends");
	log_text(&line, "then", off ? "off" : "restart");
	log_number(&line, "code", code);
	log_text(&line, "what", what);
	log_text(&line, "do", action);
	log_end(&line);
	(void)nanosleep(&pause, NULL);
	(void)reboot(off ? RB_POWER_OFF : RB_AUTOBOOT);
	_exit(1);
}
