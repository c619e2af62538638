#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""solana-keychain's Python Vault client, unmodified, against a signer: signs, and hears why not.

usage: vault.py   (environment: what `claviger serve --dev` prints, BLOCKHASH, RECIPIENT; clients.mjs starts it)
"""
import asyncio
import base64
import os
import ssl

import httpx
from solana_keychain import SignerError
from solana_keychain.vault import VaultSigner, VaultSignerConfig
from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction


async def main():
    tls = ssl.create_default_context(cafile=os.environ["CLAVIGER_CA"])
    async with httpx.AsyncClient(verify=tls) as client:
        signer = VaultSigner(VaultSignerConfig(
            api_base_url=os.environ["CLAVIGER_SERVER"], token=os.environ["CLAVIGER_TOKEN"],
            key_name=os.environ["CLAVIGER_WALLET"], public_key=os.environ["CLAVIGER_ADDRESS"], http_client=client))
        print("available", await signer.is_available())
        for lamports in (1_000_007, 2_000_000_000):
            pay = transfer(TransferParams(from_pubkey=signer.pubkey, lamports=lamports,
                                          to_pubkey=Pubkey.from_string(os.environ["RECIPIENT"])))
            message = MessageV0.try_compile(signer.pubkey, [pay], [], Hash.from_string(os.environ["BLOCKHASH"]))
            try:
                transaction = VersionedTransaction.populate(message, [Signature.default()])
                await signer.sign_transaction(transaction)
                print("wire vault", base64.b64encode(bytes(transaction)).decode())
            except SignerError as error:
                print("refused", error.code.value, error._detail)  # kept from logs; a person sees it so


asyncio.run(main())
