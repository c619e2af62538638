/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing: so that a static library of a folder with one file (the one with main) can exist. */
extern const int empty_translation_unit;
