"""Stripe's own Python SDK, unmodified, against the stub: does it believe that it talks to Stripe?

`scripts/conformance` starts the stub and runs this; GATEWAY_URL, GATEWAY_KEY, CONTROL_URL and CONTROL_TOKEN say where
the stub is. With a word as its argument it runs only the scenarios that have the word in their names. The same ones
for the SDK in JavaScript are in ../node.
"""

import sys

sys.dont_write_bytecode = True  # Or a cache of the modules would appear beside them.

import harness
from payments import Payments
from protocol import Protocol

sys.exit(harness.run([Payments, Protocol], *sys.argv[1:]))
