/* proc_filter: the seccomp filter of this executable; made by the build from NAME.seccomp. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_FILTER_H
#define PROC_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

extern const struct sock_filter proc_filter[];
extern const size_t proc_filter_count;

#endif
