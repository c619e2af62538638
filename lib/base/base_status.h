/* base_status: how a function says that the world was not as it must be.
 *
 * Three kinds of trouble have three shapes (CONTRIBUTING.md):
 *   the world was wrong  -> enum status, zero is OK, outputs untouched on failure;
 *   a decision           -> struct verdict (base_verdict.h), zeroed memory denies;
 *   we were wrong        -> CHECK (base_check.h), which ends the process.
 * The list is short on purpose: detail belongs to the place that can explain it to a person. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#define MUST_USE __attribute__((warn_unused_result))

enum status {
	STATUS_OK = 0,
	STATUS_MALFORMED,   /* bytes do not follow their format */
	STATUS_TOO_LARGE,   /* a bound of base_limits.h was passed */
	STATUS_REFUSED,     /* well-formed, and not allowed */
	STATUS_NOT_FOUND,   /* proven absent */
	STATUS_CONFLICT,    /* the state is no longer the one the request was made for */
	STATUS_EXPIRED,     /* its time is over, or not yet come */
	STATUS_BUSY,        /* try again later: a ring, a budget or a queue is full */
	STATUS_IO,          /* a device, file or peer failed */
	STATUS_CORRUPT,     /* stored or sealed data fails its check */
	STATUS_CRYPTO,      /* a cryptographic primitive refused */
	STATUS_UNSUPPORTED, /* known and not offered here */
	STATUS_COUNT
};

#endif
