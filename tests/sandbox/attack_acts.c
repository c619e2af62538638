/* SPDX-License-Identifier: Apache-2.0 */
#include "attack_acts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static bool open_read(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool open_write(void)
{
	return open("/tmp/claviger-attack", O_WRONLY | O_CREAT | O_TRUNC, 0600) >= 0;
}

static bool open_proc(void)
{
	return open("/proc/self/mem", O_RDWR) >= 0;
}

static bool open_device(void)
{
	return open("/dev/null", O_RDWR) >= 0;
}

static bool make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool make_listener(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 1) == 0;
}

static bool exec_shell(void)
{
	char *const args[] = {NULL};

	execve("/bin/true", args, args);
	return false;
}

/* Executing memory: needs no path. */
static bool exec_memory(void)
{
	return syscall(SYS_memfd_create, "x", 0) >= 0;
}

static bool make_child(void)
{
	pid_t pid = (pid_t)syscall(SYS_fork);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool make_clone(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool trace_parent(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) == 0;
}

static bool trace_me(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool read_memory_of_parent(void)
{
	static char byte;
	struct iovec local = {&byte, 1}, remote = {&byte, 1};

	return process_vm_readv(getppid(), &local, 1, &remote, 1, 0) >= 0;
}

static bool signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool map_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	            0) != MAP_FAILED;
}

static bool make_executable(void)
{
	static _Alignas(4096) char page[4096];

	return mprotect(page, sizeof(page), PROT_READ | PROT_EXEC) == 0;
}

static bool attach_shared_memory(void)
{
	return shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0;
}

static bool make_pipe(void)
{
	int fds[2];

	return pipe(fds) == 0;
}

static bool copy_descriptor(void)
{
	return dup(STDERR_FILENO) >= 0;
}

static bool enter_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0 || unshare(CLONE_NEWNS) == 0;
}

static bool mount_something(void)
{
	return mount("none", "/", "tmpfs", 0, NULL) == 0;
}

static bool become_root(void)
{
	return setuid(0) == 0;
}

static bool become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) == 0;
}

static bool raise_limit(void)
{
	struct rlimit all = {1 << 20, 1 << 20};

	return setrlimit(RLIMIT_CORE, &all) == 0 || setrlimit(RLIMIT_NPROC, &all) == 0;
}

static bool make_ring(void)
{
	static char parameters[120];

	return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool load_bpf(void)
{
	static char attributes[120];

	return syscall(SYS_bpf, 5, attributes, sizeof(attributes)) >= 0;
}

static bool add_key(void)
{
	return syscall(SYS_add_key, "user", "x", "y", 1, -3) >= 0;
}

static bool change_directory(void)
{
	return chdir("/etc") == 0;
}

static bool remove_file(void)
{
	return unlink("/tmp/claviger-attack-none") == 0 || errno == ENOENT;
}

static bool call_32_bit(void)
{
	long result = 20; /* getpid of the 32-bit table */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return result > 0;
}

const struct attack_act attack_acts[] = {
    {"open_read",             open_read            },
    {"open_write",            open_write           },
    {"open_proc",             open_proc            },
    {"open_device",           open_device          },
    {"make_socket",           make_socket          },
    {"make_unix_socket",      make_unix_socket     },
    {"make_listener",         make_listener        },
    {"exec_shell",            exec_shell           },
    {"exec_memory",           exec_memory          },
    {"make_child",            make_child           },
    {"make_clone",            make_clone           },
    {"trace_parent",          trace_parent         },
    {"trace_me",              trace_me             },
    {"read_memory_of_parent", read_memory_of_parent},
    {"signal_parent",         signal_parent        },
    {"map_executable",        map_executable       },
    {"make_executable",       make_executable      },
    {"attach_shared_memory",  attach_shared_memory },
    {"make_pipe",             make_pipe            },
    {"copy_descriptor",       copy_descriptor      },
    {"enter_namespace",       enter_namespace      },
    {"mount_something",       mount_something      },
    {"become_root",           become_root          },
    {"become_dumpable",       become_dumpable      },
    {"raise_limit",           raise_limit          },
    {"make_ring",             make_ring            },
    {"load_bpf",              load_bpf             },
    {"add_key",               add_key              },
    {"change_directory",      change_directory     },
    {"remove_file",           remove_file          },
    {"call_32_bit",           call_32_bit          },
};
const size_t attack_act_count = sizeof(attack_acts) / sizeof(attack_acts[0]);
