/* SPDX-License-Identifier: Apache-2.0 */
#include "api_metrics.h"

#include "base_version.h"

static const uint32_t sign_bounds_us[API_METRICS_BUCKETS] = {
    50,   100,   200,   300,   500,    750,    1000,    2000,
    5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
static const uint32_t check_bounds_us[API_METRICS_BUCKETS] = {
    1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 300, 500, 1000, 2000};

void api_metrics_init(struct api_metrics *metrics)
{
	*metrics = (struct api_metrics){.tpm_writes_left = UINT64_MAX};
	metrics->sign_duration.bounds_us = sign_bounds_us;
	metrics->check_duration.bounds_us = check_bounds_us;
}

void api_metrics_observe(struct api_histogram *histogram, uint64_t duration_ns)
{
	size_t bucket = 0;

	while (bucket < API_METRICS_BUCKETS &&
	       duration_ns > (uint64_t)histogram->bounds_us[bucket] * 1000)
		bucket++;
	histogram->counts[bucket]++;
	histogram->sum_ns += duration_ns;
	histogram->count++;
}

static void put_head(struct api_text *text, const char *name, const char *type, const char *help)
{
	text_put(text, "# HELP ");
	text_put(text, name);
	text_put(text, " ");
	text_put(text, help);
	text_put(text, "\n# TYPE ");
	text_put(text, name);
	text_put(text, " ");
	text_put(text, type);
	text_put(text, "\n");
}

static void put_value(struct api_text *text, const char *name, const char *labels, uint64_t value)
{
	text_put(text, name);
	text_put(text, labels);
	text_put(text, " ");
	text_put_u64(text, value);
	text_put(text, "\n");
}

static void put_single(struct api_text *text, const char *name, const char *type, const char *help,
                       uint64_t value)
{
	put_head(text, name, type, help);
	put_value(text, name, "", value);
}

static const char *result_word(enum call_result result)
{
	unsigned http = call_result_http(result);

	if (result == CALL_RESULT_SIGNED)
		return "signed";
	if (http == 200)
		return "allowed";
	return http < 500 ? "refused" : "failed";
}

static void put_results(struct api_text *text, const char *name, const char *help,
                        const uint64_t *counts)
{
	put_head(text, name, "counter", help);
	for (unsigned i = 0; i < CALL_RESULT_COUNT; i++) {
		if (counts[i] == 0 && i != CALL_RESULT_SIGNED)
			continue;
		text_put(text, name);
		text_put(text, "{result=\"");
		text_put(text, result_word((enum call_result)i));
		text_put(text, "\",code=\"");
		text_put(text, call_result_code((enum call_result)i));
		text_put(text, "\"} ");
		text_put_u64(text, counts[i]);
		text_put(text, "\n");
	}
}

static void put_seconds(struct api_text *text, uint64_t ns)
{
	char digits[16];

	text_put_u64(text, ns / 1000000000);
	snprintf(digits, sizeof(digits), ".%09u", (unsigned)(ns % 1000000000));
	text_put(text, digits);
}

static void put_histogram(struct api_text *text, const char *name, const char *help,
                          const struct api_histogram *histogram)
{
	uint64_t below = 0;

	put_head(text, name, "histogram", help);
	for (size_t i = 0; i < API_METRICS_BUCKETS; i++) {
		below += histogram->counts[i];
		text_put(text, name);
		text_put(text, "_bucket{le=\"");
		put_seconds(text, (uint64_t)histogram->bounds_us[i] * 1000);
		text_put(text, "\"} ");
		text_put_u64(text, below);
		text_put(text, "\n");
	}
	text_put(text, name);
	put_value(text, "_bucket", "{le=\"+Inf\"}", histogram->count);
	text_put(text, name);
	text_put(text, "_sum ");
	put_seconds(text, histogram->sum_ns);
	text_put(text, "\n");
	text_put(text, name);
	put_value(text, "_count", "", histogram->count);
}

/* As far as the signer has told it. */
static void put_time(const struct call_time *time, struct api_text *text)
{
	if (time->state == 0)
		return;
	put_single(text, "claviger_time_low_seconds", "gauge",
	           "earliest time that it may be, in seconds since 1970", time->low_s);
	put_single(text, "claviger_time_high_seconds", "gauge",
	           "latest time that it may be, in seconds since 1970", time->high_s);
	put_single(text, "claviger_time_known", "gauge",
	           "0 when grants with an end or a window are refused: no proof of the time",
	           time->state != CALL_TIME_UNKNOWN);
	put_single(text, "claviger_time_proven", "gauge",
	           "1 when time was proven in this boot, or the system's clock is believed",
	           time->state == CALL_TIME_PROVEN);
	if (time->is_site == 1 && time->state == CALL_TIME_PROVEN)
		put_single(text, "claviger_time_proof_age_seconds", "gauge",
		           "since the site's time keys last proved the time", time->age_s);
}

static void put_gauges(const struct api_metrics *m, struct api_text *text)
{
	put_single(text, "claviger_unsealed", "gauge", "1 once the signer has its master key",
	           m->unsealed);
	put_single(text, "claviger_tls_certificate_expires_seconds", "gauge",
	           "when the certificate of this server ends, in seconds since 1970",
	           m->certificate_expires);
	put_single(text, "claviger_connections_open", "gauge", "open connections",
	           m->connections_open);
	put_single(text, "claviger_handshakes_open", "gauge",
	           "connections whose TLS handshake is not over", m->handshakes_open);
	put_single(text, "claviger_exchanges_busy", "gauge", "requests being read or answered",
	           m->exchanges_busy);
	put_single(text, "claviger_questions_open", "gauge",
	           "requests that wait for signer or authority", m->questions_open);
}

static void put_counters(const struct api_metrics *m, struct api_text *text)
{
	put_single(text, "claviger_connections_total", "counter", "accepted connections",
	           m->connections_total);
	put_single(text, "claviger_connections_refused_total", "counter",
	           "connections closed at once: too many are open", m->connections_refused);
	put_single(text, "claviger_connections_evicted_total", "counter",
	           "idle connections closed to make room", m->connections_evicted);
	put_single(text, "claviger_handshakes_failed_total", "counter",
	           "TLS handshakes that failed", m->handshakes_failed);
	put_single(text, "claviger_timeouts_total", "counter", "connections closed for slowness",
	           m->timeouts);
	put_single(text, "claviger_questions_lost_total", "counter",
	           "requests without an answer in time", m->questions_lost);
	put_single(text, "claviger_overloads_total", "counter", "requests refused for overload",
	           m->overloads);
	put_single(text, "claviger_tpm_nv_writes_total", "counter",
	           "writes to the TPM's memory in this boot", m->tpm_writes);
	put_single(text, "claviger_tpm_nv_busy_total", "counter",
	           "times that the TPM put a write off in this boot", m->tpm_busy);
	if (m->tpm_writes_left != UINT64_MAX)
		put_single(text, "claviger_tpm_nv_writes_left", "gauge",
		           "writes that the budget has left; 8 and below are a reserve",
		           m->tpm_writes_left);
	if (m->state_fill == 0 && m->receipts_fill == 0)
		return;
	put_head(text, "claviger_store_fill_percent", "gauge",
	         "how full the store is; from 100 on what gives power is refused");
	put_value(text, "claviger_store_fill_percent", "{part=\"state\"}", m->state_fill);
	put_value(text, "claviger_store_fill_percent", "{part=\"receipts\"}", m->receipts_fill);
}

void api_metrics_put(const struct api_metrics *metrics, struct api_text *text)
{
	put_head(text, "claviger_build_info", "gauge", "version of this program");
	text_put(text, "claviger_build_info{version=\"" CLAVIGER_VERSION "\"} 1\n");
	put_results(text, "claviger_sign_requests_total", "signing requests by how they ended",
	            metrics->signs);
	put_results(text, "claviger_check_requests_total", "dry runs by how they ended",
	            metrics->checks);
	put_histogram(text, "claviger_sign_duration_seconds",
	              "from the whole request to the whole response", &metrics->sign_duration);
	put_histogram(text, "claviger_policy_check_duration_seconds",
	              "policy checks of one request, as the signer measured them",
	              &metrics->check_duration);
	put_head(text, "claviger_http_responses_total", "counter", "responses by status class");
	for (unsigned i = 1; i < 6; i++) {
		char labels[24];

		snprintf(labels, sizeof(labels), "{class=\"%uxx\"}", i);
		put_value(text, "claviger_http_responses_total", labels, metrics->responses[i]);
	}
	put_gauges(metrics, text);
	put_time(&metrics->time, text);
	put_counters(metrics, text);
}
