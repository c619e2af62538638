/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_tcti.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <tss2/tss2_tcti.h>
#include <unistd.h>

#include "base_bytes.h"

#define RESPONSE_MAX  4096u /* the TPM's own bound (TPM_PT_MAX_RESPONSE_SIZE) */
#define TIME_LIMIT_MS 60000 /* making a key takes a hardware TPM seconds */
#define MAGIC         UINT64_C(0x434c56544350554d)
#define HEADER_LEN    10u /* tag 2, size 4, response code 4 */

struct tpm_tcti {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: ESYS sees only this */
	int fd;
	uint8_t response[RESPONSE_MAX];
	size_t response_len;
};

static struct tpm_tcti *tcti_of(TSS2_TCTI_CONTEXT *context)
{
	return (struct tpm_tcti *)(void *)context;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
	struct tpm_tcti *tcti = tcti_of(context);
	size_t done = 0;

	tcti->response_len = 0;
	while (done < size) {
		ssize_t put = write(tcti->fd, command + done, size - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return TSS2_TCTI_RC_IO_ERROR;
		done += (size_t)put;
	}
	return TSS2_RC_SUCCESS;
}

/* read_more appends what the TPM sends next. */
static bool read_more(struct tpm_tcti *tcti)
{
	struct pollfd fd = {.fd = tcti->fd, .events = POLLIN};
	ssize_t got;
	int ready;

	do {
		ready = poll(&fd, 1, TIME_LIMIT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return false;
	/* As much as there may be: a device gives its response in one read. */
	do {
		got = read(tcti->fd, tcti->response + tcti->response_len,
		           sizeof(tcti->response) - tcti->response_len);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	tcti->response_len += (size_t)got;
	return true;
}

static size_t announced_len(const struct tpm_tcti *tcti)
{
	const uint8_t *size = tcti->response + 2;

	return (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
	struct tpm_tcti *tcti = tcti_of(context);

	(void)timeout;
	while (tcti->response_len < HEADER_LEN || tcti->response_len < announced_len(tcti)) {
		if (tcti->response_len >= HEADER_LEN &&
		    announced_len(tcti) > sizeof(tcti->response))
			return TSS2_TCTI_RC_MALFORMED_RESPONSE;
		if (!read_more(tcti))
			return TSS2_TCTI_RC_IO_ERROR;
	}
	if (tcti->response_len != announced_len(tcti))
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	if (response == NULL) {
		*size = tcti->response_len;
		return TSS2_RC_SUCCESS;
	}
	if (*size < tcti->response_len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, tcti->response, tcti->response_len);
	*size = tcti->response_len;
	explicit_bzero(tcti->response, sizeof(tcti->response));
	tcti->response_len = 0;
	return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *context)
{
	struct tpm_tcti *tcti = tcti_of(context);

	close(tcti->fd);
	tcti->fd = -1;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
	(void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
                            size_t *count)
{
	(void)context;
	(void)handles;
	(void)count;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
	(void)context;
	return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void *tpm_tcti_open(int fd)
{
	struct tpm_tcti *tcti = calloc(1, sizeof(*tcti));

	if (tcti == NULL) {
		close(fd);
		return NULL;
	}
	*tcti = (struct tpm_tcti){
	    .common = {.magic = MAGIC,
	               .version = 1,
	               .transmit = transmit,
	               .receive = receive,
	               .finalize = finalize,
	               .cancel = cancel,
	               .getPollHandles = poll_handles,
	               .setLocality = set_locality},
	    .fd = fd
        };
	return tcti;
}

int tpm_tcti_descriptor(const void *tcti)
{
	return tcti != NULL ? ((const struct tpm_tcti *)tcti)->fd : -1;
}

void tpm_tcti_close(void *tcti)
{
	if (tcti == NULL)
		return;
	finalize(tcti);
	free(tcti);
}
