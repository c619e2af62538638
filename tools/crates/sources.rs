// SPDX-License-Identifier: Apache-2.0
// Empty: this package only names the crates whose C sources tools/deps unpacks.
