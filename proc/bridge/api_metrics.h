/* api_metrics: counters of this process, as Prometheus text. No wallet, client or token ever
 * becomes a label. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api_text.h"
#include "call_result.h"
#include "call_time.h"

#define API_METRICS_BUCKETS 16

struct api_histogram {
	const uint32_t *bounds_us; /* API_METRICS_BUCKETS, rising */
	uint64_t counts[API_METRICS_BUCKETS + 1];
	uint64_t sum_ns;
	uint64_t count;
};

struct api_metrics {
	uint64_t signs[CALL_RESULT_COUNT];   /* signing requests by how they ended */
	uint64_t checks[CALL_RESULT_COUNT];  /* dry runs */
	uint64_t responses[6];               /* by hundred of the HTTP status */
	struct api_histogram sign_duration;  /* from whole request to whole response */
	struct api_histogram check_duration; /* the signer's figure for its policy checks */
	uint64_t connections_open;
	uint64_t connections_total;
	uint64_t connections_refused; /* over the cap */
	uint64_t connections_evicted; /* idle ones that made room */
	uint64_t handshakes_open;     /* connections whose handshake is not over */
	uint64_t handshakes_failed;
	uint64_t timeouts; /* too slow: header, body, reading the response */
	uint64_t exchanges_busy;
	uint64_t questions_open; /* asked of other processes and not answered */
	uint64_t questions_lost; /* not answered in time, or their process ended */
	uint64_t overloads;
	uint64_t certificate_expires;                   /* seconds since 1970 */
	uint64_t tpm_writes, tpm_busy, tpm_writes_left; /* left: UINT64_MAX, no bound */
	struct call_time time;                          /* state 0: not told yet */
	uint64_t state_fill, receipts_fill; /* hundredths of the store; 0: it has no bound */
	bool unsealed;
};

void api_metrics_init(struct api_metrics *metrics);
void api_metrics_observe(struct api_histogram *histogram, uint64_t duration_ns);
/* api_metrics_put writes all of them. */
void api_metrics_put(const struct api_metrics *metrics, struct api_text *text);

#endif
