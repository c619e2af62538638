# What bots and people hold in their hands: the SDKs, the peers' clients, the API as its document says it.
script_test(people_sdk GROUP people TIMEOUT 120 COMMAND node tests/people/sdk.mjs)
