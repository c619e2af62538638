/* setup: finds the appliance's data disk and its site manifest, and gives the machine its address.
 * Talks to: nobody; what it found goes into the site memfd (proc_site.h), which the supervisor
 * seals when this has ended. Opens: block devices and the network's sockets in phase 1, nothing
 * after. Keeps CAP_NET_ADMIN, and may use it for three ioctls. If compromised: other settings than
 * the manifest says, which the signer notices and halts; service denied. If it fails: no start. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "disk.h"
#include "log_line.h"
#include "net_lease.h"
#include "proc_boot.h"
#include "proc_site.h"
#include "proc_start.h"
#include "site.h"

#define DISKS_MAX     16
#define DISK_TRIES    50
#define DISK_PAUSE_MS 100

static struct {
	char path[64];
	int fd;
} disks[DISKS_MAX];
static size_t disk_count;
static struct net_card net;
static enum status net_status;
static struct site_manifest manifest;

/* ---- phase 1 ---- */

/* Disks and partitions, as the kernel names them; too small ones are not ours. */
static void open_disks(struct proc *proc)
{
	DIR *folder = opendir("/sys/class/block");
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL && disk_count < DISKS_MAX) {
		char *path = disks[disk_count].path;
		uint64_t bytes;
		int len = snprintf(path, sizeof(disks[0].path), "/dev/%s", entry->d_name);

		if (entry->d_name[0] == '.' || len >= (int)sizeof(disks[0].path) ||
		    disk_open(path, &disks[disk_count].fd, &bytes) != STATUS_OK)
			continue;
		proc_keep_descriptor(proc, disks[disk_count].fd);
		disk_count++;
	}
	if (folder != NULL)
		closedir(folder);
}

static enum status setup_open(struct proc *proc)
{
	for (int i = 0; i < DISK_TRIES && disk_count == 0; i++) {
		open_disks(proc);
		if (disk_count == 0) {
			struct timespec pause = {0, DISK_PAUSE_MS * 1000000};

			(void)nanosleep(&pause, NULL);
		}
	}
	net_status = net_card_open(&net);
	if (net_status == STATUS_OK) {
		proc_keep_descriptor(proc, net.socket);
		proc_keep_descriptor(proc, net.dhcp);
	} else if (net.socket > 0) {
		proc_keep_descriptor(proc, net.socket);
	}
	proc->capabilities = UINT64_C(1) << CAP_NET_ADMIN;
	return STATUS_OK;
}

/* ---- the manifest ---- */

/* The disk is the one that begins with a manifest; of several, none. */
static int find_disk(struct proc_site *site, int *ret_code)
{
	static uint8_t space[DISK_ITEM_MAX];
	int found = -1;

	*ret_code = BOOT_NO_DISK;
	for (size_t i = 0; i < disk_count; i++) {
		struct disk_file file = disk_file_item(disks[i].fd, DISK_SITE);
		struct buffer item = BUFFER_OF_ARRAY(space);
		struct site_manifest taken;

		if (disk_file_read(&file, sizeof(space), &item) != STATUS_OK ||
		    site_take(buffer_bytes(&item), &taken) != STATUS_OK)
			continue;
		if (found >= 0) {
			*ret_code = BOOT_TWO_DISKS;
			return -1;
		}
		found = (int)i;
		manifest = taken;
		memcpy(site->manifest, item.data, item.len);
		site->manifest_len = (uint32_t)item.len;
	}
	return found;
}

static void __attribute__((format(printf, 3, 4)))
put_setting(struct proc_site *site, const char *name, const char *format, ...)
{
	struct proc_start_setting *setting = &site->settings[site->setting_count];
	va_list list;
	int len;

	CHECK(site->setting_count++ < PROC_SITE_SETTINGS);
	snprintf(setting->name, sizeof(setting->name), "%s", name);
	va_start(list, format);
	len = vsnprintf(setting->value, sizeof(setting->value), format, list);
	va_end(list);
	CHECK(len >= 0 && (size_t)len < sizeof(setting->value));
}

/* Genesis where it was prepared and no share is sealed yet, or one that genesis did not finish. */
static bool is_new(int fd)
{
	static uint8_t genesis_space[DISK_ITEM_MAX], share_space[DISK_ITEM_MAX];
	struct disk_file genesis = disk_file_item(fd, DISK_GENESIS);
	struct disk_file share = disk_file_item(fd, DISK_SEALED_SHARE);
	struct buffer prepared = BUFFER_OF_ARRAY(genesis_space);
	struct buffer sealed = BUFFER_OF_ARRAY(share_space);

	return disk_file_read(&share, sealed.cap, &sealed) == STATUS_OK &&
	       disk_file_read(&genesis, prepared.cap, &prepared) == STATUS_OK &&
	       prepared.len != 0 && disk_share_is_begun(buffer_bytes(&sealed));
}

static void put_settings(struct proc_site *site, const char *disk, int disk_fd,
                         const uint8_t address[4])
{
	char list[SITE_TEXT_MAX];

	put_setting(site, "state_dir", "%s", disk);
	put_setting(site, "start", "%s", is_new(disk_fd) ? "genesis" : "unseal");
	put_setting(site, "listen", "*:%u", manifest.port);
	if (manifest.metrics_port != 0)
		put_setting(site, "metrics_listen", "*:%u", manifest.metrics_port);
	if (manifest.operator_port != 0)
		put_setting(site, "operator_listen", "*:%u", manifest.operator_port);
	if (manifest.verifiers != 0)
		put_setting(site, "verifiers", "%u", manifest.verifiers);
	site_operators(&manifest, list);
	put_setting(site, "operators", "%s", list);
	site_time_keys(&manifest, list);
	put_setting(site, "time_keys", "%s", list);
	if (manifest.unproven_max_s != 0)
		put_setting(site, "time_unproven_max", "%llu",
		            (unsigned long long)manifest.unproven_max_s);
	if (manifest.rp_id[0] != '\0')
		put_setting(site, "rp_id", "%s", manifest.rp_id);
	site_origins(&manifest, list);
	if (manifest.origin_count != 0)
		put_setting(site, "origins", "%s", list);
	if (manifest.bound_exports)
		put_setting(site, "bound_exports", "yes");
	if (manifest.interpreter)
		put_setting(site, "policy_engine", "interpreter");
	site_tls_names(&manifest, address, list);
	put_setting(site, "tls_name", "%s", list);
}

_Static_assert(SITE_TEXT_MAX <= PROC_SETTING_VALUE_MAX, "a list fits a setting");

/* ---- the address ---- */

static void log_address(const struct net_dhcp_lease *lease, bool is_static)
{
	struct log_line line;
	char text[32];

	log_begin(&line, LOG_INFO, "network.address");
	log_text(&line, "card", net.name);
	snprintf(text, sizeof(text), "%u.%u.%u.%u", lease->address[0], lease->address[1],
	         lease->address[2], lease->address[3]);
	log_text(&line, "address", text);
	log_text(&line, "from", is_static ? "manifest" : "dhcp");
	log_number(&line, "lease_s", lease->lease_s);
	log_end(&line);
}

static int set_address(struct net_dhcp_lease *lease)
{
	bool is_static = manifest.network.is_static;

	if (net_status != STATUS_OK)
		return BOOT_NO_CARD;
	if (is_static) {
		uint32_t mask = ~UINT32_C(0) << (32 - manifest.network.prefix);

		for (int i = 0; i < 4; i++)
			lease->mask[i] = (uint8_t)(mask >> (24 - 8 * i));
		memcpy(lease->address, manifest.network.address, 4);
		memcpy(lease->router, manifest.network.router, 4);
	} else if (!net_lease_search(&net, proc_stopping, lease)) {
		return BOOT_NO_LEASE;
	}
	if (net_card_set(&net, lease->address, lease->mask, lease->router) != STATUS_OK)
		return BOOT_ADDRESS;
	log_address(lease, is_static);
	return 0;
}

static int setup_run(struct proc *proc)
{
	struct proc_site *site = proc->site_memory;
	struct net_dhcp_lease lease = {0};
	struct timespec now;
	int code, disk;

	CHECK(site != NULL);
	disk = find_disk(site, &code);
	if (disk < 0)
		return proc_boot_failed(code);
	code = set_address(&lease);
	if (code != 0)
		return proc_boot_failed(code);
	put_settings(site, disks[disk].path, disks[disk].fd, lease.address);
	memcpy(site->address, lease.address, sizeof(site->address));
	memcpy(site->mask, lease.mask, sizeof(site->mask));
	memcpy(site->router, lease.router, sizeof(site->router));
	memcpy(site->server, lease.server, sizeof(site->server));
	site->lease_s = lease.lease_s;
	clock_gettime(CLOCK_MONOTONIC, &now);
	site->lease_got_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	site->magic = PROC_SITE_MAGIC;
	proc_report_ready(proc);
	return 0;
}

const struct proc_body proc_body = {.open = setup_open, .serve = setup_run};
