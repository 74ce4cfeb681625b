DROP TABLE signing_keys, refresh_tokens, sessions, accounts, sign_ups;
