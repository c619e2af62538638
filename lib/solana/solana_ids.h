/* solana_ids: addresses of the programs whose rules this module itself must know. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOLANA_IDS_H
#define SOLANA_IDS_H

#include <stdint.h>

extern const uint8_t solana_id_system[32];         /* 11111111111111111111111111111111 */
extern const uint8_t solana_id_compute_budget[32]; /* ComputeBudget111111111111111111111111111111 */
extern const uint8_t solana_id_token[32];          /* TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA */
extern const uint8_t solana_id_token_2022[32];     /* TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb */
extern const uint8_t
    solana_id_associated_token[32];           /* ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL */
extern const uint8_t solana_id_ed25519[32];   /* Ed25519SigVerify111111111111111111111111111 */
extern const uint8_t solana_id_secp256k1[32]; /* KeccakSecp256k11111111111111111111111111111 */
extern const uint8_t solana_id_secp256r1[32]; /* Secp256r1SigVerify1111111111111111111111111 */

#endif
