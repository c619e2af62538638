/* claviger serve: the whole signer on this machine, in workstation mode: a software TPM, the
 * supervisor and its processes, until a signal comes. The supervisor does the work; this command
 * makes the folder, starts TPM and supervisor, and writes what clients need. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authz_passkey.h"
#include "base_encode.h"
#include "cli_certificate.h"
#include "cli_commands.h"
#include "cli_config.h"
#include "cli_dev.h"
#include "cli_home.h"
#include "cli_notify.h"
#include "cli_serve.h"
#include "proc_topology.h"
#include "secret.h"
#include "swtpm.h"

#define READY_MAX_MS    60000
#define LIST_MAX        400 /* of a setting: the supervisor takes 479, our own operator included */
#define DEFAULT_LISTEN  "127.0.0.1:8200"
#define DEFAULT_METRICS "127.0.0.1:9200"

static volatile sig_atomic_t stop_signal, reload_signal;

/* A terminal that goes away ends what it started; without one SIGHUP means: read again. */
static void note_signal(int signal)
{
	if (signal == SIGHUP && !isatty(STDIN_FILENO))
		reload_signal = signal;
	else
		stop_signal = signal;
}

static int make_folder(const struct cli_call *call, const char *path)
{
	char part[CLI_PATH_MAX];
	struct stat info;

	for (size_t i = 1;; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0700) != 0 && errno != EEXIST) {
			cli_complain(call, "cannot make %s: %s", part, strerror(errno));
			return CLI_UNSURE;
		}
		if (path[i] != '\0')
			continue;
		if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
			return CLI_YES;
		cli_complain(call, "%s is not a folder; choose another with --state", path);
		return CLI_UNSURE;
	}
}

static int choose_state(const struct cli_call *call, const char *option,
                        char ret_path[CLI_PATH_MAX])
{
	const char *home = getenv("HOME");
	char folder[CLI_PATH_MAX];
	int len;

	if (option != NULL && option[0] == '/')
		len = snprintf(folder, sizeof(folder), "%s", option);
	else if (option != NULL && getcwd(ret_path, CLI_PATH_MAX) != NULL)
		len = snprintf(folder, sizeof(folder), "%.500s/%.500s", ret_path, option);
	else if (geteuid() == 0)
		len = snprintf(folder, sizeof(folder), "/var/lib/claviger");
	else
		len = snprintf(folder, sizeof(folder), "%s/.local/share/claviger",
		               home != NULL ? home : "");
	if (len <= 0 || len > SWTPM_PATH_MAX - 4)
		return cli_usage(call,
		                 "the state folder's path is longer than %d bytes (a socket of "
		                 "the software TPM lies in it); choose another with --state",
		                 SWTPM_PATH_MAX - 4);
	snprintf(ret_path, CLI_PATH_MAX, "%s", folder);
	return make_folder(call, ret_path);
}

/* One signer on one folder: the lock lives as long as this process. */
static int lock_state(const struct cli_call *call, const char *state)
{
	char path[CLI_PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", state);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return CLI_YES;
	if (fd < 0)
		cli_complain(call, "cannot write %s: %s; choose another folder with --state", path,
		             strerror(errno));
	else
		cli_complain(call, "%s is in use by another `claviger serve`", state);
	return CLI_UNSURE;
}

bool cli_serve_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	char host[64];
	const char *end;
	uint64_t port;

	if (len == 0 || len >= sizeof(host))
		return false;
	end = colon + 1;
	if (!cli_take_number(&end, &port) || *end != '\0' || port < 1 || port > 65535)
		return false;
	memset(ret_address, 0, sizeof(*ret_address));
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*ret_len = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* check_address says early and in words what the bridge would only log: an address that another
 * program listens on. Until the bridge's own bind it may still be taken. */
static int check_address(const struct cli_call *call, const char *option, const char *text)
{
	struct sockaddr_storage address;
	socklen_t len;
	int fd, yes = 1;
	bool bound;

	if (!cli_serve_address(text, &address, &len)) /* check_settings has said so */
		return CLI_USAGE;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	        bind(fd, (const struct sockaddr *)&address, len) == 0;
	if (!bound)
		cli_complain(call, "cannot listen on %s: %s; choose another with %s", text,
		             strerror(errno), option);
	if (fd >= 0)
		close(fd);
	return bound ? CLI_YES : CLI_UNSURE;
}

/* The first start makes the operator's key; its public half is the supervisor's setting. */
static int find_operator(const struct cli_call *call, const char *state, char ret_public[64])
{
	char path[CLI_PATH_MAX + 32];
	struct keys_sign_key key;
	int result;

	snprintf(path, sizeof(path), "%s/operator.json", state);
	if (access(path, F_OK) == 0) {
		result = cli_key_read(call, path, &key);
	} else {
		keys_sign_random(&key);
		result = cli_key_write(call, path, &key);
	}
	if (result == CLI_YES &&
	    base58_encode(bytes_of(keys_sign_public(&key), 32), ret_public, 64) != STATUS_OK)
		result = CLI_UNSURE;
	SECRET_WIPE(key);
	return result;
}

static bool find_program(char ret_path[CLI_PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", ret_path, CLI_PATH_MAX - 32);

	if (len <= 0)
		return false;
	ret_path[len] = '\0';
	snprintf(strrchr(ret_path, '/'), 32, "/claviger-supervisor");
	return access(ret_path, X_OK) == 0;
}

static const char *const ceiling_names[CLI_SERVE_CEILINGS] = {
    "client_signatures_second",
    "client_wallets_minute",
    "client_lamports_hour",
};

/* Becomes the supervisor. Settings are name=value words. */
static _Noreturn void exec_supervisor(const struct cli_serve *serve, const char *operators,
                                      const char *where, int ready_fd, pid_t parent)
{
	char program[CLI_PATH_MAX], words[32][CLI_PATH_MAX + 64];
	char *arguments[33];
	size_t count = 0;

	/* When this command dies without a word, the signer stops in order, and the next can start.
	 */
	if (!find_program(program) || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
		_exit(127);
	snprintf(words[count++], sizeof(words[0]), "%s", program);
	snprintf(words[count++], sizeof(words[0]), "state_dir=%s/store", serve->state);
	snprintf(words[count++], sizeof(words[0]), "tpm=%s", where);
	snprintf(words[count++], sizeof(words[0]), "start=%s",
	         serve->is_genesis ? "genesis" : "unseal");
	snprintf(words[count++], sizeof(words[0]), "listen=%s", serve->listen);
	snprintf(words[count++], sizeof(words[0]), "metrics_listen=%s", serve->metrics);
	if (serve->operator_listen != NULL)
		snprintf(words[count++], sizeof(words[0]), "operator_listen=%s",
		         serve->operator_listen);
	snprintf(words[count++], sizeof(words[0]), "operators=%s%s%s", operators,
	         serve->operators != NULL ? "," : "",
	         serve->operators != NULL ? serve->operators : "");
	snprintf(words[count++], sizeof(words[0]), "tls_certificate=%s/tls.pem", serve->state);
	snprintf(words[count++], sizeof(words[0]), "ready_fd=%d", ready_fd);
	if (serve->verifiers != NULL)
		snprintf(words[count++], sizeof(words[0]), "verifiers=%s", serve->verifiers);
	for (size_t i = 0; i < CLI_SERVE_CEILINGS; i++)
		if (serve->ceilings[i] != NULL)
			snprintf(words[count++], sizeof(words[0]), "%s=%s", ceiling_names[i],
			         serve->ceilings[i]);
	if (serve->tls_name != NULL)
		snprintf(words[count++], sizeof(words[0]), "tls_name=%s", serve->tls_name);
	snprintf(words[count++], sizeof(words[0]), "rp_id=%s", serve->rp_id);
	snprintf(words[count++], sizeof(words[0]), "origins=%s", serve->origins);
	if (serve->store_max != NULL)
		snprintf(words[count++], sizeof(words[0]), "store_max_mb=%s", serve->store_max);
	if (serve->policy_engine != NULL)
		snprintf(words[count++], sizeof(words[0]), "policy_engine=%s",
		         serve->policy_engine);
	if (serve->inputs_keep != NULL)
		snprintf(words[count++], sizeof(words[0]), "inputs_keep_mb=%s", serve->inputs_keep);
	if (serve->receipts_keep != NULL)
		snprintf(words[count++], sizeof(words[0]), "receipts_keep_days=%s",
		         serve->receipts_keep);
	if (serve->bound_exports)
		snprintf(words[count++], sizeof(words[0]), "bound_exports=yes");
	if (serve->echo)
		snprintf(words[count++], sizeof(words[0]), "echo=yes");
	if (serve->spare_tpm)
		snprintf(words[count++], sizeof(words[0]), "spare_tpm=yes");
	if (serve->time_keys != NULL)
		snprintf(words[count++], sizeof(words[0]), "time_keys=%s", serve->time_keys);
	if (serve->time_unproven != NULL)
		snprintf(words[count++], sizeof(words[0]), "time_unproven_max=%s",
		         serve->time_unproven);
	if (serve->accept_time)
		snprintf(words[count++], sizeof(words[0]), "accept_time=yes");
	for (size_t i = 0; i < count; i++)
		arguments[i] = words[i];
	arguments[count] = NULL;
	/* Its log lines go where ours do; standard output stays ours. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execv(program, arguments);
	_exit(127);
}

/* Waits for the supervisor's byte on `fd`; false when it ended first or a signal came. With
 * `patient` as long as it takes: a person is waited for. */
static bool await_ready(int fd, bool patient)
{
	char byte;

	for (int left_ms = READY_MAX_MS; left_ms > 0 && stop_signal == 0;
	     left_ms -= patient ? 0 : 100) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

		if (poll(&poll_fd, 1, 100) > 0)
			return read(fd, &byte, 1) == 1;
	}
	return false;
}

/* is_live asks /livez, which says no when the signer has left questions lying. */
static bool is_live(const char *metrics)
{
	static const char request[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
	                              "Connection: close\r\n\r\n";
	static const char good[] = "HTTP/1.1 200 ";
	struct timeval limit = {.tv_sec = 1};
	struct sockaddr_storage address;
	char head[sizeof(good)] = "";
	socklen_t len;
	bool live;
	int fd;

	if (!cli_serve_address(metrics, &address, &len))
		return false;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	live = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	       connect(fd, (const struct sockaddr *)&address, len) == 0 &&
	       send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1 &&
	       recv(fd, head, sizeof(good) - 1, MSG_WAITALL) == sizeof(good) - 1 &&
	       strcmp(head, good) == 0;
	if (fd >= 0)
		close(fd);
	return live;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A failed reload leaves everything as it was. */
static void reload(const struct cli_call *call, const struct cli_serve *serve)
{
	cli_notify_reloading();
	if (cli_certificate_renew(call, serve) == CLI_YES && serve->tls_certificate != NULL) {
		kill(serve->supervisor, SIGHUP);
		(void)poll(NULL, 0, 500); /* the bridge looks at least every 100 ms */
		(void)cli_certificate_pin(call, serve);
	}
	cli_notify("READY=1");
}

/* watch is what this command does while the signer works. */
static void watch(const struct cli_call *call, const struct cli_serve *serve, int64_t *next_ms)
{
	unsigned pause_ms = cli_notify_pause_ms();

	if (reload_signal != 0) {
		reload_signal = 0;
		reload(call, serve);
	}
	if (pause_ms != 0 && now_ms() >= *next_ms) {
		if (is_live(serve->metrics))
			cli_notify("WATCHDOG=1");
		*next_ms = now_ms() + pause_ms;
	}
	(void)poll(NULL, 0, 100);
}

static int wait_for_end(const struct cli_call *call, const struct cli_serve *serve)
{
	int64_t next_ms = 0;
	int status = 0;
	bool told = false;

	for (;;) {
		pid_t pid = waitpid(serve->supervisor, &status, told ? 0 : WNOHANG);

		if (pid == serve->supervisor)
			break;
		if (pid < 0 && errno != EINTR)
			return CLI_UNSURE;
		if (stop_signal != 0 && !told) {
			cli_notify("STOPPING=1\nSTATUS=answering what was asked");
			kill(serve->supervisor, SIGTERM);
			told = true;
		} else if (!told) {
			watch(call, serve, &next_ms);
		}
	}
	return told && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_YES : CLI_UNSURE;
}

int cli_serve_relying(const struct cli_call *call, struct cli_serve *serve)
{
	const char *port, *expected;

	serve->listen = cli_config_choose(CLI_SERVE_LISTEN, serve->listen, DEFAULT_LISTEN);
	port = strrchr(serve->listen, ':');
	serve->rp_id = cli_config_choose(CLI_SERVE_RP_ID, serve->rp_id, "localhost");
	snprintf(serve->origins_space, sizeof(serve->origins_space), "https://%.253s%.8s",
	         serve->rp_id, port != NULL && strcmp(port, ":443") != 0 ? port : "");
	serve->origins = cli_config_choose(CLI_SERVE_ORIGINS, serve->origins, serve->origins_space);
	expected = cli_config_relying(serve->rp_id, serve->origins);
	if (expected == NULL)
		return CLI_YES;
	cli_complain(call, "rp_id %s, origins %s: expected %s", serve->rp_id, serve->origins,
	             expected);
	return CLI_USAGE;
}

static int run_signer(const struct cli_call *call, struct cli_serve *serve)
{
	char operators[64], path[CLI_PATH_MAX + 32];
	struct sigaction action = {.sa_handler = note_signal};
	struct swtpm tpm;
	enum status status;
	pid_t parent;
	int ready[2], result;

	keys_open();
	result = lock_state(call, serve->state);
	if (result == CLI_YES)
		result = check_address(call, "--listen", serve->listen);
	if (result == CLI_YES)
		result = check_address(call, "--metrics", serve->metrics);
	if (result == CLI_YES && serve->operator_listen != NULL)
		result = check_address(call, "--operator-listen", serve->operator_listen);
	if (result == CLI_YES)
		result = cli_serve_relying(call, serve);
	if (result == CLI_YES)
		result = find_operator(call, serve->state, operators);
	if (result != CLI_YES)
		return result;
	snprintf(path, sizeof(path), "%s/store", serve->state);
	result = make_folder(call, path);
	if (result == CLI_YES)
		result = cli_serve_genesis(call, serve);
	if (result == CLI_YES)
		result = cli_certificate_prepare(call, serve);
	if (result != CLI_YES)
		return result;
	snprintf(path, sizeof(path), "%s/tpm", serve->state);
	status = swtpm_start(path, &tpm);
	if (status != STATUS_OK) {
		cli_complain(call, "the software TPM does not start: %s", tpm.trouble);
		return CLI_UNSURE;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	fflush(NULL);
	if (pipe(ready) != 0)
		return CLI_UNSURE;
	parent = getpid();
	serve->supervisor = fork();
	if (serve->supervisor == 0) {
		close(ready[0]);
		exec_supervisor(serve, operators, tpm.where, ready[1], parent);
	}
	close(ready[1]);
	if (serve->supervisor < 0 ||
	    !await_ready(ready[0], serve->is_genesis && serve->recover != NULL)) {
		if (stop_signal == 0)
			cli_complain(
			    call,
			    "the signer did not start: the log's lines of level error say why");
		stop_signal = SIGTERM;
		result = CLI_UNSURE;
	}
	if (stop_signal == 0)
		result = cli_serve_genesis_over(call, serve);
	if (stop_signal == 0 && result == CLI_YES)
		result = cli_certificate_pin(call, serve);
	if (stop_signal == 0 && result == CLI_YES && serve->dev)
		result = cli_dev_prepare(call, serve);
	if (stop_signal == 0 && result == CLI_YES) {
		cli_answer(call->json ? "{\"ready\":true}\n" : "ready\n");
		fflush(cli_answer_file());
		cli_notify("READY=1\nSTATUS=serving");
	}
	if (result != CLI_YES)
		stop_signal = SIGTERM;
	if (serve->supervisor > 0) {
		int ended = wait_for_end(call, serve);

		result = result == CLI_YES ? ended : result;
	}
	swtpm_stop(&tpm);
	return result;
}

/* Everything that has a rule, before anything starts. */
static int check_settings(const struct cli_call *call, const struct cli_serve *serve)
{
	const char *const options[CLI_SETTING_COUNT] = {
	    [CLI_SERVE_LISTEN] = serve->listen,
	    [CLI_SERVE_METRICS] = serve->metrics,
	    [CLI_SERVE_OPERATOR_LISTEN] = serve->operator_listen,
	    [CLI_SERVE_VERIFIERS] = serve->verifiers,
	    [CLI_SERVE_TLS_NAME] = serve->tls_name,
	    [CLI_SERVE_RECOVERY] = serve->recovery,
	};
	int result = CLI_YES;

	for (enum cli_setting i = 0; i < CLI_SETTING_COUNT && result == CLI_YES; i++)
		result = cli_config_judge(call, i, options[i]);
	return result;
}

/* A throw-away signer takes nothing that says where the real one is. */
static int run_dev(const struct cli_call *call, struct cli_serve *serve)
{
	int result;

	if (serve->recovery != NULL || serve->recover != NULL)
		return cli_usage(call, "--recovery and --recover are for a signer that stays: "
		                       "name its folder with --state");
	result = cli_dev_folder(call, serve);
	if (result == CLI_YES)
		result = run_signer(call, serve);
	cli_dev_clean(serve);
	return result;
}

static int run_serve(struct cli_call *call)
{
	struct cli_serve serve = {.listen = NULL};
	const char *state = NULL;
	const struct cli_option options[] = {
	    {"--state",           &state,                 NULL                },
	    {"--listen",          &serve.listen,          NULL                },
	    {"--metrics",         &serve.metrics,         NULL                },
	    {"--operator-listen", &serve.operator_listen, NULL                },
	    {"--verifiers",       &serve.verifiers,       NULL                },
	    {"--tls-name",        &serve.tls_name,        NULL                },
	    {"--tls-certificate", &serve.tls_certificate, NULL                },
	    {"--rp-id",           &serve.rp_id,           NULL                },
	    {"--origins",         &serve.origins,         NULL                },
	    {"--recovery",        &serve.recovery,        NULL                },
	    {"--recover",         &serve.recover,         NULL                },
	    {"--accept-time",     NULL,                   &serve.accept_time  },
	    {"--bound-exports",   NULL,                   &serve.bound_exports},
	    {"--echo",            NULL,                   &serve.echo         },
	    {"--spare-tpm",       NULL,                   &serve.spare_tpm    },
	    {"--dev",             NULL,                   &serve.dev          },
	};
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_config_load(call);
	if (result == CLI_YES)
		result = check_settings(call, &serve);
	if (result != CLI_YES)
		return result;
	serve.verifiers = cli_config_choose(CLI_SERVE_VERIFIERS, serve.verifiers, NULL);
	serve.tls_name = cli_config_choose(CLI_SERVE_TLS_NAME, serve.tls_name, NULL);
	serve.tls_certificate =
	    cli_config_choose(CLI_SERVE_TLS_CERTIFICATE, serve.tls_certificate, NULL);
	for (unsigned i = 0; i < CLI_SERVE_CEILINGS; i++)
		serve.ceilings[i] = cli_config_choose(
		    (enum cli_setting)(CLI_SERVE_CLIENT_SIGNATURES + i), NULL, NULL);
	if (serve.dev && state == NULL)
		return run_dev(call, &serve);
	serve.listen = cli_config_choose(CLI_SERVE_LISTEN, serve.listen, DEFAULT_LISTEN);
	serve.metrics = cli_config_choose(CLI_SERVE_METRICS, serve.metrics, DEFAULT_METRICS);
	serve.operator_listen =
	    cli_config_choose(CLI_SERVE_OPERATOR_LISTEN, serve.operator_listen, NULL);
	serve.operators = cli_config_choose(CLI_SERVE_OPERATORS, NULL, NULL);
	serve.recovery = cli_config_choose(CLI_SERVE_RECOVERY, serve.recovery, NULL);
	serve.time_keys = cli_config_choose(CLI_SERVE_TIME_KEYS, NULL, NULL);
	serve.time_unproven = cli_config_choose(CLI_SERVE_TIME_UNPROVEN, NULL, NULL);
	serve.store_max = cli_config_choose(CLI_SERVE_STORE_MAX, NULL, NULL);
	serve.policy_engine = cli_config_choose(CLI_SERVE_POLICY_ENGINE, NULL, NULL);
	serve.inputs_keep = cli_config_choose(CLI_SERVE_INPUTS_KEEP, NULL, NULL);
	serve.receipts_keep = cli_config_choose(CLI_SERVE_RECEIPTS_KEEP, NULL, NULL);
	if (result == CLI_YES && serve.accept_time && serve.time_keys != NULL)
		result = cli_usage(call, "--accept-time is for a signer that goes by this "
		                         "machine's clock: this one has time_keys");
	if (result == CLI_YES)
		result = choose_state(call, cli_config_choose(CLI_SERVE_STATE, state, NULL),
		                      serve.state);
	return result == CLI_YES ? run_signer(call, &serve) : result;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .arguments = "[--state DIR] [--listen ADDR:PORT] [--metrics ADDR:PORT] "
                 "[--operator-listen ADDR:PORT] [--verifiers N] "
                 "[--tls-name NAME[,NAME]] [--tls-certificate FILE] [--rp-id DOMAIN] "
                 "[--origins URL[,URL]] [--recovery KEY] [--recover ESCROW] [--bound-exports] "
                 "[--accept-time] [--dev]",
    .sentence = "run the signer on this machine, with a software TPM",
    .run = run_serve,
    .help =
        "Runs until SIGINT or SIGTERM; prints `ready` when it serves. Log lines go to standard\n"
        "error, one line of JSON each. SIGHUP reads --tls-certificate again. Under systemd it\n"
        "is a service of Type=notify, with a watchdog that looks at the signer itself.\n\n"
        "--state DIR     where everything is kept (default ~/.local/share/claviger, as root\n"
        "                /var/lib/claviger): the store, the software TPM, ca.pem for clients,\n"
        "                operator.json, the operator's key\n"
        "--listen        HTTPS for bots and users (default 127.0.0.1:8200)\n"
        "--metrics       /livez, /readyz and /metrics (default 127.0.0.1:9200)\n"
        "--operator-listen   `claviger machine` for operators, by certificates of their keys\n"
        "                (default: not offered)\n"
        "--verifiers N   how many processes check policies at the same time (default 3)\n"
        "--tls-name      names and addresses of this host in the certificate (default localhost;\n"
        "                127.0.0.1 and ::1 are always in it). With other names than at the start\n"
        "                before it is made anew: who pinned it takes the new ca.pem\n"
        "--tls-certificate FILE   the chain that your own CA made for `claviger tls csr`, in "
        "PEM,\n"
        "                this server's certificate first; without it the certificate is "
        "self-signed\n"
        "--rp-id         the domain that passkeys are for (default localhost): changing it later\n"
        "                leaves the passkeys of before without effect\n"
        "--origins       pages that may ask for passkeys (default https://DOMAIN and the port of\n"
        "                --listen)\n"
        "--recovery KEY  at the first start: seal a copy of the node share to this key (claviger\n"
        "                key escape makes one), against the loss of this machine. Whoever has "
        "that\n"
        "                key and a backup has everything. The first start fixes it: a later one\n"
        "                refuses another key, and one for a signer that was made without\n"
        "--recover ESCROW   in the place of a lost machine: the first start waits for the node\n"
        "                share that the backup's `escrow` names (claviger recover share), and\n"
        "                takes no other one. The backup's two databases lie in `store` below\n"
        "                --state already (docs/recovery.md)\n"
        "--bound-exports   passkeys that sign an export must be bound to their device\n"
        "--accept-time   believe the system clock after a jump of more than an hour\n"
        "--dev           a throw-away signer on free ports with a wallet, a client and a grant "
        "for\n"
        "                SOL transfers to anyone (1 SOL each, 10 SOL in total); prints what a bot\n"
        "                needs as `export NAME=value`, then `ready`; with --json as JSON lines\n"
        "--echo          offer /api/v1/echo, the null call of `make bench`\n"
        "--spare-tpm     spend the software TPM's writes as those of hardware, which wears out: "
        "to see\n"
        "                what changes take then (P15 of `make bench`)\n\n"
        "Settings may stand in the configuration file too (claviger config check --help).\n",
};
