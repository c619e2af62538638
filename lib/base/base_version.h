/* base_version: the version of this source. The packages of the SDKs say it once more, as their
 * tools want it; tests/structure compares. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define CLAVIGER_VERSION "0.1.0"

#endif
