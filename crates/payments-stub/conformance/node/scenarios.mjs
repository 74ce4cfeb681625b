// Stripe's own Node SDK, unmodified, against the stub: does it believe that it talks to Stripe?
//
// `scripts/conformance` starts the stub and runs this; GATEWAY_URL, GATEWAY_KEY, CONTROL_URL and CONTROL_TOKEN say
// where the stub is, CONFORMANCE_NODE_MODULES where the SDK is. With a word as its argument it runs only the scenarios
// that have the word in their names. The same ones for the SDK in Python are in ../python.

import { run } from './harness.mjs';
import { payments } from './payments.mjs';
import { protocol } from './protocol.mjs';

process.exitCode = await run({ ...payments, ...protocol }, process.argv[2]);
